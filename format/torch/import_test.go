package torch_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/format"
	_ "github.com/nadir-ml/nadir/format/caffe" // Caffe's nets
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/tensor"
)

// cifar is the test images of CIFAR-10 that are here, normalized as PyTorch's examples do
// it, and their labels.
func cifar(t *testing.T) (*tensor.Tensor, []uint8) {
	t.Helper()
	s, err := sets.OpenPath(shared.Dir(t, "data", "cifar10"), sets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := s.Test.Len()
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	b := data.NewBatch(s.Test.Schema(), n)
	if err := s.Test.Read(b, rows); err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Float32, b.X[0].Shape()...)
	mean, std := [3]float32{0.485, 0.456, 0.406}, [3]float32{0.229, 0.224, 0.225}
	for i, v := range b.X[0].Uint8s() {
		x.Float32s()[i] = (float32(v)/255 - mean[i%3]) / std[i%3]
	}
	labels := make([]uint8, n)
	for i, l := range b.Y[0].Int32s() {
		labels[i] = uint8(l)
	}
	return x, labels
}

// A checkpoint of a net that has a name here is read into it: every weight has its
// place, and it finds as many classes as PyTorch, to the image.
func TestNamedArchitectures(t *testing.T) {
	t.Parallel()
	x, labels := cifar(t)
	for arch, file := range map[string]string{
		"resnet20-cifar": "resnet20-cifar10/resnet20-12fca82f.th",
		"resnet32-cifar": "resnet32-cifar10/resnet32-d509ac18.th",
	} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			var want struct {
				Accuracy float64     `json:"accuracy_first_1000"`
				Logits   [][]float64 `json:"logits_first_8"`
			}
			formattest.Expected(t, "pytorch-legacy/"+filepath.Dir(file), &want)
			net, err := models.New(arch)
			if err != nil {
				t.Fatal(err)
			}
			in := []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape{32, 32, 3}}}
			m, r := formattest.Import(t, shared.File(t, "models", "pytorch-legacy", file), format.Options{Net: net, Inputs: in})
			if len(r.Skipped) > 0 {
				t.Errorf("left out: %q", r.Skipped)
			}
			formattest.Near(t, formattest.Predict(t, m, x.Rows(0, 8)), slices.Concat(want.Logits...)...)
			if got := formattest.Accuracy(t, m, x, labels); got != want.Accuracy {
				t.Errorf("accuracy %v on %d images, want %v", got, len(labels), want.Accuracy)
			}
		})
	}
}

// A net that flattens channels first is described with a Permute before it, or without:
// then the rows of the kernel behind are put into the order of channels last.
func TestChannelsFirst(t *testing.T) {
	t.Parallel()
	conv := func(name string, filters int) nn.Layer {
		return nn.Conv2D{Filters: filters, Kernel: tensor.Shape{3}, Act: act.ReLU{}, Name: name}
	}
	body := nn.Sequential{conv("conv1", 8), conv("conv2", 16), conv("conv3", 24), nn.BatchNorm{Epsilon: 1e-5, Name: "norm1"}}
	head := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 32, Act: act.ReLU{}, Name: "fc1"}, nn.Dense{Units: 10, Name: "fc2"}, nn.BatchNorm{Epsilon: 1e-5, Name: "norm2"}}
	in := []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape{28, 28, 1}}}
	digits, labels := formattest.Images(t, "mnist", "t10k")
	x := tensor.New(tensor.Float32, digits.Shape()...)
	for i, v := range digits.Float32s() {
		x.Float32s()[i] = (v - 0.1307) / 0.3081
	}
	path := shared.File(t, "models/pytorch-zip/burn-mnist/mnist.pt")
	m, _ := formattest.Import(t, path, format.Options{Net: slices.Concat(body, nn.Sequential{nn.Permute{Dims: []int{3, 1, 2}}}, head), Inputs: in})
	var want struct {
		Accuracy float64 `json:"accuracy_t10k"`
	}
	formattest.Expected(t, "pytorch-zip/burn-mnist", &want)
	if got := formattest.Accuracy(t, m, x, labels); got != want.Accuracy {
		t.Errorf("accuracy %v, want %v", got, want.Accuracy)
	}
	last, _ := formattest.Import(t, path, format.Options{Net: slices.Concat(body, head), Inputs: in})
	y, z := formattest.Predict(t, m, x.Rows(0, 50)), formattest.Predict(t, last, x.Rows(0, 50))
	for i := range y.Len() {
		if d := math.Abs(y.Flat(i) - z.Flat(i)); !(d <= 1e-4*max(1, math.Abs(y.Flat(i)))) {
			t.Fatalf("output %d is %v, want %v", i, z.Flat(i), y.Flat(i))
		}
	}
}

// facenet-pytorch's nets for faces are Caffe's, turned so that they take pictures as they
// are: both find the same, Caffe's on pictures with rows and columns exchanged.
func TestMTCNN(t *testing.T) {
	t.Parallel()
	for arch, files := range map[string][2]string{
		"mtcnn-pnet": {"pnet.pt", "mtcnn-det1/det1.caffemodel"},
		"mtcnn-rnet": {"rnet.pt", "mtcnn-det2/det2.caffemodel"},
	} {
		net, err := models.New(arch)
		if err != nil {
			t.Fatal(err)
		}
		ins, _ := net.Ports()
		m, r := formattest.Import(t, shared.File(t, "models/pytorch-legacy/mtcnn", files[0]),
			format.Options{Net: net, Inputs: []data.Field{{Name: "input", DType: tensor.Float32, Shape: ins[0].Shape}}})
		if len(r.Skipped) > 0 {
			t.Errorf("%s: left out %q", arch, r.Skipped)
		}
		old, _ := formattest.Import(t, shared.File(t, "models/caffe", files[1]), format.Options{})
		x := formattest.Rows(2, -1, append([]int{3}, ins[0].Shape...)...)
		turned, err := format.Permute(0, 2, 1, 3)([]*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		got, err := formattest.TryAll(m, x)
		if err != nil {
			t.Fatal(err)
		}
		want, err := formattest.TryAll(old, turned)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(want, func(a, b *tensor.Tensor) int { return a.Len() - b.Len() })
		for i := range 3 {
			// Logits of no face and face here, Caffe's are probabilities.
			a, b := got[0].Flat(2*i), got[0].Flat(2*i+1)
			if p := 1 / (1 + math.Exp(a-b)); math.Abs(p-want[0].Flat(2*i+1)) > 1e-5 {
				t.Errorf("%s: picture %d is a face with %v, want %v", arch, i, p, want[0].Flat(2*i+1))
			}
		}
		for i := range want[1].Len() {
			if d := math.Abs(got[1].Flat(i) - want[1].Flat(i)); !(d <= 1e-5) {
				t.Errorf("%s: box %d is %v, want %v", arch, i, got[1].Flat(i), want[1].Flat(i))
			}
		}
	}
}

// Every file of PyTorch opens as a file of weights, whose tensors are read in the shapes
// that were listed.
func TestInspect(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"pytorch-zip/*/*.pt*", "pytorch-legacy/*/*.pt*", "pytorch-legacy/*/*.th"} {
		paths, err := filepath.Glob(filepath.Join(shared.Dir(t, "models"), pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			if err := formattest.Use(path, format.Options{}); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if _, err := format.OpenFile(filepath.Join(t.TempDir(), "none.pt")); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}
