package torch

import (
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	format.Register(format.Format{Name: "pytorch", Detect: detect, Open: openFormat})
}

// detect knows the zip archive by its pickle, and the older files by the number
// that their first pickle is.
func detect(p *format.Probe) bool {
	if slices.ContainsFunc(p.Entries(), func(n string) bool { return strings.HasSuffix(n, "/data.pkl") || n == "data.pkl" }) {
		return true
	}
	return p.Begins("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") || p.Begins("\x80") && len(p.Head) > 2 && p.Head[1] <= 5
}

func openFormat(path string) (*format.File, error) {
	t, err := Open(path)
	if err != nil {
		return nil, err
	}
	names := map[Format]string{Zip: "pytorch-zip", Legacy: "pytorch-legacy", TorchScript: "torchscript"}
	f := &format.File{Format: names[t.Format()], Warnings: t.Warnings(), Ordered: true, Release: t.Close}
	for _, i := range t.Infos() {
		f.Tensors = append(f.Tensors, format.Tensor{Name: i.Name, DType: i.DType, Shape: i.Shape,
			Read: func() (*tensor.Tensor, error) { return t.Tensor(i.Name) }, Bands: t.bands(i.Name)})
	}
	f.Joined = joined(f.Tensors)
	return f, nil
}
