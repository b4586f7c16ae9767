package torch

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"testing"

	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// A net is weights by PyTorch's names, and just enough arithmetic to see that they are the
// right ones. Images are (C, H, W).
type net map[string]*tensor.Tensor

type image struct {
	c, h, w int
	v       []float32
}

func (n net) floats(name string) []float32 {
	if t := n[name]; t != nil {
		return t.Float32s()
	}
	return nil
}

// conv is a 3x3 convolution with a kernel (out, in, 3, 3).
func (n net) conv(name string, x image, stride, pad int) image {
	k, bias := n.floats(name+".weight"), n.floats(name+".bias")
	y := image{c: n[name+".weight"].Shape()[0], h: (x.h+2*pad-3)/stride + 1, w: (x.w+2*pad-3)/stride + 1}
	y.v = make([]float32, y.c*y.h*y.w)
	for o := range y.c {
		for i := range x.c {
			for r := range y.h {
				for c := range y.w {
					sum := y.v[(o*y.h+r)*y.w+c]
					if i == 0 && bias != nil {
						sum += bias[o]
					}
					for kr := range 3 {
						for kc := range 3 {
							if a, b := r*stride+kr-pad, c*stride+kc-pad; a >= 0 && a < x.h && b >= 0 && b < x.w {
								sum += x.v[(i*x.h+a)*x.w+b] * k[((o*x.c+i)*3+kr)*3+kc]
							}
						}
					}
					y.v[(o*y.h+r)*y.w+c] = sum
				}
			}
		}
	}
	return y
}

// norm is batch normalization of channels, with PyTorch's epsilon.
func (n net) norm(name string, x image) image {
	mean, variance := n.floats(name+".running_mean"), n.floats(name+".running_var")
	gamma, beta := n.floats(name+".weight"), n.floats(name+".bias")
	size := x.h * x.w
	for i, v := range x.v {
		c := i / size
		x.v[i] = (v-mean[c])/float32(math.Sqrt(float64(variance[c])+1e-5))*gamma[c] + beta[c]
	}
	return x
}

func relu(x image) image {
	for i, v := range x.v {
		x.v[i] = max(0, v)
	}
	return x
}

// linear is a layer with a kernel (out, in).
func (n net) linear(name string, x image) image {
	k, bias := n.floats(name+".weight"), n.floats(name+".bias")
	y := image{len(bias), 1, 1, append([]float32(nil), bias...)}
	for o := range y.v {
		for i, v := range x.v {
			y.v[o] += v * k[o*len(x.v)+i]
		}
	}
	return y
}

func unzip(t *testing.T, name string, skip, size int) []byte {
	t.Helper()
	f, err := os.Open(shared.File(t, "data", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, skip+size)
	if _, err := io.ReadFull(z, b); err != nil {
		t.Fatal(err)
	}
	return b[skip:]
}

func expected(t *testing.T, path, key string) [][]float32 {
	t.Helper()
	b, err := os.ReadFile(shared.File(t, path))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	var want [][]float32
	if err := json.Unmarshal(all[key], &want); err != nil || len(want) != 8 {
		t.Fatalf("%s: %d rows, %v", path, len(want), err)
	}
	return want
}

func near(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if d := math.Abs(float64(got[i] - w)); !(d <= 1e-4+1e-3*math.Abs(float64(w))) {
			t.Errorf("%s: output %d is %v, want %v", name, i, got[i], w)
		}
	}
}

// The convolutional net of the zip fixture gives the recorded outputs for the first digits
// of MNIST's test set.
func TestMNIST(t *testing.T) {
	t.Parallel()
	_, weights := load(t, shared.File(t, "models/pytorch-zip/burn-mnist/mnist.pt"))
	n := net(weights)
	pixels := unzip(t, "mnist/t10k-images-idx3-ubyte.gz", 16, 8*28*28)
	for k, want := range expected(t, "models/pytorch-zip/burn-mnist/expected.json", "output_first_8") {
		x := image{1, 28, 28, make([]float32, 28*28)}
		for i := range x.v {
			x.v[i] = (float32(pixels[k*28*28+i])/255 - 0.1307) / 0.3081
		}
		for _, name := range []string{"conv1", "conv2", "conv3"} {
			x = relu(n.conv(name, x, 1, 0))
		}
		x = n.norm("norm1", x)
		x = n.norm("norm2", n.linear("fc2", relu(n.linear("fc1", x))))
		sum := 0.0
		for _, v := range x.v {
			sum += math.Exp(float64(v))
		}
		for i := range x.v {
			x.v[i] -= float32(math.Log(sum))
		}
		near(t, fmt.Sprintf("digit %d", k), x.v, want)
	}
}

// The residual nets of the legacy fixtures (He et al. 2015, CIFAR-10) give the recorded
// logits.
func TestResNet(t *testing.T) {
	t.Parallel()
	const side = 32
	pixels := unzip(t, "cifar10/test_batch_first1000.bin.gz", 0, 2*(1+3*side*side))
	for _, tc := range []struct {
		file   string
		blocks int
	}{{"resnet20-cifar10/resnet20-12fca82f.th", 3}, {"resnet32-cifar10/resnet32-d509ac18.th", 5}} {
		_, weights := load(t, shared.File(t, "models/pytorch-legacy", tc.file))
		n := net(weights)
		want := expected(t, "models/pytorch-legacy/"+tc.file[:len("resnet20-cifar10")]+"/expected.json", "logits_first_8")
		for k := range 2 {
			x := image{3, side, side, make([]float32, 3*side*side)}
			for i := range x.v {
				c := i / (side * side)
				mean, sigma := [3]float32{.485, .456, .406}, [3]float32{.229, .224, .225}
				x.v[i] = (float32(pixels[k*(1+3*side*side)+1+i])/255 - mean[c]) / sigma[c]
			}
			x = relu(n.norm("bn1", n.conv("conv1", x, 1, 1)))
			for stage := range 3 {
				for block := range tc.blocks {
					at, stride := fmt.Sprintf("layer%d.%d.", stage+1, block), 1
					if stage > 0 && block == 0 {
						stride = 2
					}
					y := relu(n.norm(at+"bn1", n.conv(at+"conv1", x, stride, 1)))
					y = n.norm(at+"bn2", n.conv(at+"conv2", y, 1, 1))
					// The shortcut skips pixels, and puts as many zero channels before as after.
					before := (y.c - x.c) / 2
					for c := range x.c {
						for r := range y.h {
							for col := range y.w {
								y.v[((c+before)*y.h+r)*y.w+col] += x.v[(c*x.h+r*stride)*x.w+col*stride]
							}
						}
					}
					x = relu(y)
				}
			}
			pooled := image{x.c, 1, 1, make([]float32, x.c)}
			for i, v := range x.v {
				pooled.v[i/(x.h*x.w)] += v / float32(x.h*x.w)
			}
			near(t, fmt.Sprintf("%s: image %d", tc.file, k), n.linear("linear", pooled).v, want[k])
		}
	}
}
