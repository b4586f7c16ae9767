package torch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// fixtures are the paths of all PyTorch files in the shared folder, those in an archive
// unpacked.
func fixtures(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, kind := range []string{"pytorch-zip", "pytorch-legacy"} {
		err := filepath.WalkDir(shared.Dir(t, "models", kind), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && filepath.Ext(path) != ".json" {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.Open(shared.File(t, "models/pytorch-pickle-matrix/gopickle-testdata.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return paths
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.Base(h.Name))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
}

func load(t *testing.T, path string) (*File, map[string]*tensor.Tensor) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	all, err := f.All()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]*tensor.Tensor{}
	for _, n := range all {
		m[n.Name] = n.Tensor
	}
	return f, m
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	paths := fixtures(t)
	if len(paths) != 62 {
		t.Errorf("%d files, want 62", len(paths))
	}
	// What the writers of the 50 single tensors put into each type.
	values := map[string]string{
		"bfloat16": "bfloat16[4]{1.20312 -3.40625 5.59375 -7.8125}", "float16": "float16[4]{1.2002 -3.40039 5.60156 -7.80078}",
		"float32": "float32[4]{1.2 -3.4 5.6 -7.8}", "float64": "float64[4]{1.2 -3.4 5.6 -7.8}",
		"int8": "int8[4]{1 -2 3 -4}", "int16": "int16[4]{1 -2 3 -4}", "int32": "int32[4]{1 -2 3 -4}", "int64": "int64[4]{1 -2 3 -4}",
		"uint8": "uint8[4]{1 10 100 255}", "bool": "bool[4]{1 0 1 0}",
	}
	counts := map[string]int{"mnist.pt": 20, "batch_norm2d.pt": 5, "conv2d.pt": 3, "key_remap.pt": 3, "linear.pt": 3, "fortran_tensor_3d.pth": 1,
		"test.pt": 1, "squeeze.pth": 7, "pnet.pt": 13, "rnet.pt": 16, "resnet20-12fca82f.th": 97, "resnet32-d509ac18.th": 157}
	for _, path := range paths {
		name := filepath.Base(path)
		f, all := load(t, path)
		if dt, ok := strings.CutPrefix(name, "tensor_"); ok {
			dt, _, _ = strings.Cut(dt, "_")
			if got := all["tensor"].String(); got != values[dt] {
				t.Errorf("%s: got %s, want %s", name, got, values[dt])
			}
			if zipped := strings.HasSuffix(name, "_zip.pt"); zipped != (f.Format() == Zip) {
				t.Errorf("%s is of format %v", name, f.Format())
			}
			continue
		}
		if len(all) != counts[name] {
			t.Errorf("%s: %d tensors, want %d", name, len(all), counts[name])
		}
	}

	_, fortran := load(t, shared.File(t, "models/pytorch-zip/candle/fortran_tensor_3d.pth"))
	for i, v := range tensor.Data[int64](fortran["tensor_fortran"]) {
		if v != int64(i+1) {
			t.Errorf("fortran_tensor_3d.pth: element %d is %d, want %d", i, v, i+1)
		}
	}
	resnet, weights := load(t, shared.File(t, "models/pytorch-legacy/resnet20-cifar10/resnet20-12fca82f.th"))
	text := strings.Join(resnet.Warnings(), "\n")
	for _, want := range []string{`entry "state_dict"`, `"best_prec1" (float)`, `"module." was taken off`} {
		if !strings.Contains(text, want) {
			t.Errorf("warnings %q do not say %s", text, want)
		}
	}
	if w := weights["layer3.2.conv2.weight"]; w == nil || !w.Shape().Equal(tensor.Shape{64, 64, 3, 3}) {
		t.Errorf("layer3.2.conv2.weight is %v", w)
	}
}

// script makes files in the folder that is its first argument, and prints what PyTorch
// finds in them and in its other arguments, the first of which it reads with weights_only: path, name, type, shape and bytes.
const script = `
import sys, json, warnings, argparse
try: import torch
except ImportError: sys.exit(77)
import torch.nn as nn
warnings.simplefilter('ignore')
torch.manual_seed(1)
d = sys.argv[1]
def flat(o, p=''):
    if isinstance(o, nn.Module): o = o.state_dict()
    if isinstance(o, torch.Tensor): return {p or 'tensor': o}
    r = {}
    if isinstance(o, dict):
        for k in ['state_dict', 'model_state_dict', 'model']:
            if k in o and not p and not isinstance(o[k], torch.Tensor): return flat(o[k])
    items = o.items() if isinstance(o, dict) else enumerate(o) if isinstance(o, (list, tuple)) else []
    for k, v in items: r.update(flat(v, (p + '.' if p else '') + str(k)))
    return r
def put(path, o):
    for k, t in flat(o).items():
        t = t.detach().contiguous().cpu()
        b = bytes(t.flatten().view(torch.uint8).tolist()) if t.numel() and t.dim() else bytes(t.reshape(1).view(torch.uint8).tolist()) if t.numel() else b''
        print(json.dumps({'path': path, 'name': k, 'dtype': str(t.dtype)[6:], 'shape': list(t.shape), 'data': b.hex()}))
net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.PReLU(3), nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), nn.LSTM(4, 3))
opt = torch.optim.Adam(net[3].parameters())
net[3][1](torch.randn(4, 12)).sum().backward(); opt.step()
x = torch.arange(120.).reshape(2, 3, 4, 5)
views = {'permuted': x.permute(3, 1, 0, 2), 'cut': x[:, 1:, ::2, 3], 'expanded': torch.ones(3, 1).expand(3, 4), 'scalar': x[1, 2, 3, 4],
  'last': x.to(memory_format=torch.channels_last), 'empty': torch.empty(0, 3), 'parameter': nn.Parameter(x[0]), 'tied': x, 'flipped': x[0, 0].t(), 'one': x[:1, :, :1].transpose(0, 2)}
types = {str(t)[6:]: (torch.arange(-6, 6).reshape(3, 4) % 120).to(t).t() for t in [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64,
  torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]}
files = {'net': net, 'state': net.state_dict(), 'parallel': nn.DataParallel(net).state_dict(), 'views': views, 'types': types, 'list': [x, (x[0],)], 'single': x[0, 0].t(),
  'checkpoint': {'epoch': 3, 'model_state_dict': net.state_dict(), 'optimizer_state_dict': opt.state_dict(), 'loss': 0.5, 'args': argparse.Namespace(lr=1e-3)},
  'large': {'w': torch.randn(300, 400).t()}}
for name, o in files.items():
    for new in [True, False]:
        for proto in ([2] if name == 'large' else [1, 2, 3, 4, 5] if name == 'types' else [2, 4]):
            path = '%s/%s-%d-%s.pt' % (d, name, proto, 'zip' if new else 'legacy')
            torch.save(o, path, pickle_protocol=proto, _use_new_zipfile_serialization=new)
            put(path, torch.load(path))
torch.jit.script(net[:4]).save(d + '/script.pt')
put(d + '/script.pt', dict(torch.jit.load(d + '/script.pt').state_dict()))
torch.jit.trace(net[:4], torch.randn(2, 1, 4, 4)).save(d + '/trace.pt')
put(d + '/trace.pt', dict(torch.jit.load(d + '/trace.pt').state_dict()))
put(sys.argv[2], torch.load(sys.argv[2], weights_only=True))
for path in sys.argv[3:]:
    o = torch.load(path, map_location='cpu')
    put(path, o)
`

// noTorch is the script's exit status where PyTorch is not installed.
const noTorch = 77

// PyTorch reads the same from every file as this package: from its own, from the fixtures
// and from what this package wrote.
func TestTorch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours := filepath.Join(dir, "ours.pt")
	var tensors []Named
	for i, dt := range writable {
		for _, shape := range [][]int{{}, {3}, {2, 0, 3}, {2, 3, 4}} {
			v := tensor.New(dt, shape...)
			for k := range v.Len() {
				v.SetFlat(k, float64((k+i)%2))
			}
			tensors = append(tensors, Named{fmt.Sprintf("%v.%d é", dt, shape), v})
		}
	}
	tensors = append(tensors, Named{"large", tensor.New(tensor.Float32, 70000)})
	var b bytes.Buffer
	if err := Write(&b, tensors); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ours, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	found := false
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		out.Reset()
		stderr.Reset()
		cmd := exec.Command(python, append([]string{"-c", script, dir, ours}, fixtures(t)...)...)
		cmd.Stdout, cmd.Stderr = &out, &stderr
		err := cmd.Run()
		if err == nil {
			found = true
			break
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() != noTorch {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
	}
	if !found {
		t.Skip("no python3 here imports torch")
	}
	type line struct {
		Path, Name, DType, Data string
		Shape                   []int
	}
	want := map[string][]line{}
	for dec := json.NewDecoder(&out); dec.More(); {
		var l line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		want[l.Path] = append(want[l.Path], l)
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		f, err := Open(path)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		all, err := f.All()
		f.Close()
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		byName := func(lines []line) map[string]line {
			m := map[string]line{}
			for _, l := range lines {
				m[strings.TrimPrefix(l.Name, "module.")] = line{DType: l.DType, Data: l.Data, Shape: l.Shape}
			}
			return m
		}
		var got []line
		for _, n := range all {
			got = append(got, line{Name: n.Name, DType: n.Tensor.DType().String(), Data: fmt.Sprintf("%x", n.Tensor.Bytes()), Shape: append([]int{}, n.Tensor.Shape()...)})
		}
		if len(got) != len(want[path]) {
			t.Errorf("%s: %d tensors, want %d", filepath.Base(path), len(got), len(want[path]))
		}
		if diff := cmp.Diff(byName(want[path]), byName(got)); diff != "" {
			t.Errorf("%s: %.500s", filepath.Base(path), diff)
		}
	}
	if len(want) < 62+40 {
		t.Errorf("only %d files were compared", len(want))
	}
	if w := want[ours]; len(w) != len(tensors) {
		t.Errorf("PyTorch reads %d tensors from what this package wrote, want %d", len(w), len(tensors))
	}
}
