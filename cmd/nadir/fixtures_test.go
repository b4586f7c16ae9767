package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// A fixture is a model that another framework has made, and what the command is to make
// of it.
type fixture struct {
	path string
	keys string // words beside it
	// What is asked: right images of n, the key of expected.json that has outputs for
	// rows, or what inspect lists and summary says.
	right, rows int
	outputs     string
	want        string
	code        int  // exit code of summary
	slow        bool // measured with -v alone: the tests of its format, or TestOtherFrameworks, hold it
}

const (
	unit    = "input.scale=1/255 "
	net     = "input.scale=1/255 input.mean=[0.485,0.456,0.406] input.std=[0.229,0.224,0.225] "
	digits  = "data=mnist "
	softmax = "model=softmax.yaml input=28x28 "
	bare    = "weights without a model"
)

var fixtures = []fixture{
	{path: "caffe/imagenet-mean/ilsvrc_2012_mean.npy", want: bare, code: 2},
	{path: "caffe/lenet-ethereon/lenet_iter_10000.caffemodel", keys: digits + "input.scale=1/256", right: 9914, rows: 10000, slow: true},
	{path: "caffe/mtcnn-det1/det1.caffemodel", want: "6,632 parameters"},
	{path: "caffe/mtcnn-det2/det2.prototxt", want: "100,178 parameters"},
	{path: "caffe-tensorflow-npy/mtcnn/det1.npy", want: bare, code: 2},
	{path: "caffe-tensorflow-npy/mtcnn/det2.npy", want: bare, code: 2},
	{path: "darknet/yolo-fastest-1.1/yolo-fastest-1.1.cfg", want: "346,062 parameters"},
	{path: "keras-h5/fer2013_mini_XCEPTION/fer2013_mini_XCEPTION.102-0.66.hdf5", outputs: "output"},
	{path: "keras-h5/gender_mini_XCEPTION/gender_mini_XCEPTION.21-0.95.hdf5", outputs: "output"},
	{path: "keras-h5/homl2-custom_loss/my_model_with_a_custom_loss.h5", outputs: "output"},
	{path: "keras-h5/homl2-my_keras_model/my_keras_model.h5", outputs: "output"},
	{path: "keras-h5/homl2-my_model_A/my_model_A.h5", keys: "data=fashion-mnist data.classes=0-4,7-9 " + unit, right: 7284, rows: 8000},
	{path: "keras-h5-weights/music_tagger_crnn/music_tagger_crnn_weights_tensorflow.h5", want: bare, code: 2},
	{path: "keras-h5-weights/music_tagger_crnn/music_tagger_crnn_weights_theano.h5", want: bare, code: 2},
	{path: "keras-v3/homl3-my_keras_model/my_keras_model.keras", outputs: "output"},
	{path: "keras-v3/keras-team-nested/pre_pr22362_nested_container.keras", want: "NestedDenseModel", code: 5},
	{path: "keras-v3/mnist-mlp-a/mnist.keras", keys: digits + unit, right: 9771, rows: 10000},
	{path: "keras-weights-h5/ai-med-agh-mnist/model.weights.h5", keys: "model=mlp.yaml input=28x28 " + digits + unit, right: 9756, rows: 10000},
	{path: "numpy/candle/test.npy", want: bare, code: 2},
	{path: "numpy/candle/test.npz", want: bare, code: 2},
	{path: "onnx/keras-tf2-example/example.onnx", want: "3,264 parameters"},
	{path: "onnx/mnist-8/model.onnx", keys: digits + "input.scale=1", right: 9891, rows: 10000},
	{path: "onnx/mnist-external-data/mnist.onnx", keys: digits + unit + "input.mean=0.5 input.std=0.5", right: 9737, rows: 10000},
	{path: "onnx/mnist-opt/opt-mnist.onnx", keys: digits + "input.scale=1", right: 9891, rows: 10000, slow: true},
	{path: "onnx-light/inception_v1/light_inception_v1.onnx", want: "6,998,552 parameters"},
	{path: "onnx-light/resnet50/light_resnet50.onnx", want: "25,610,152 parameters"},
	{path: "onnx-light/squeezenet/light_squeezenet.onnx", want: "1,235,496 parameters"},
	{path: "pytorch-legacy/lpips/squeeze.pth", want: bare, code: 2},
	{path: "pytorch-legacy/mtcnn/pnet.pt", keys: "model=mtcnn-pnet", want: "6,632 parameters"},
	{path: "pytorch-legacy/mtcnn/rnet.pt", keys: "model=mtcnn-rnet", want: "100,178 parameters"},
	{path: "pytorch-legacy/resnet20-cifar10/resnet20-12fca82f.th", keys: "model=resnet20-cifar data=cifar10 " + net, right: 915, rows: 1000, slow: true},
	{path: "pytorch-legacy/resnet32-cifar10/resnet32-d509ac18.th", keys: "model=resnet32-cifar data=cifar10 " + net, right: 928, rows: 1000, slow: true},
	{path: "pytorch-zip/burn-mnist/mnist.pt", keys: "model=conv.yaml input=28x28x1 " + digits + unit + "input.mean=0.1307 input.std=0.3081", right: 9915, rows: 10000, slow: true},
	{path: "pytorch-zip/burn-tests/batch_norm2d.pt", want: bare, code: 2},
	{path: "pytorch-zip/burn-tests/conv2d.pt", want: bare, code: 2},
	{path: "pytorch-zip/burn-tests/key_remap.pt", want: bare, code: 2},
	{path: "pytorch-zip/burn-tests/linear.pt", want: bare, code: 2},
	{path: "pytorch-zip/candle/fortran_tensor_3d.pth", want: bare, code: 2},
	{path: "pytorch-zip/candle/test.pt", want: bare, code: 2},
	// expected.json has 0.9915, which is what PyTorch makes of the .pt file: this one has
	// weights of a longer training, and PyTorch finds 9,917 with them.
	{path: "safetensors/burn-mnist/mnist.safetensors", keys: "model=conv.yaml input=28x28x1 " + digits + unit + "input.mean=0.1307 input.std=0.3081", right: 9917, rows: 10000, slow: true},
	{path: "safetensors/dfdx-mnist/mnist.safetensors", keys: "model=dfdx.yaml input=28x28 " + digits + unit, right: 9849, rows: 10000},
	{path: "tf-frozen-graphdef/miyosuda-mnist-softmax/beginner-graph.pb", keys: digits + unit, right: 9115, rows: 10000},
	{path: "tf-frozen-graphdef/tf2onnx-ae0/frozen.pb", want: "351,504 parameters"},
	{path: "tf-frozen-graphdef/tf2onnx-fc-layers/frozen.pb", keys: digits + unit, right: 9548, rows: 10000},
	{path: "tf-frozen-graphdef/tf2onnx-lstm/frozen.pb", keys: digits + unit, right: 9826, rows: 10000, slow: true},
	{path: "tf-frozen-graphdef/tf2onnx-regression/frozen.pb", outputs: "output"},
	{path: "tf-savedmodel/half_plus_two_tf1", want: "2 parameters"},
	{path: "tf-savedmodel/half_plus_two_tf2", want: "2 parameters"},
	{path: "tf-savedmodel/homl2-my_mnist_model", keys: digits + unit, right: 9491, rows: 10000},
	{path: "tf-savedmodel/lstm_from_sequential", want: "4,641 parameters"},
	{path: "tf-savedmodel/tfjs-times_three_float", want: "1 parameters"},
	{path: "tf1-checkpoint/homl-ch11-my_model_final", keys: digits + unit + "output.node=dnn/outputs/BiasAdd", right: 9807, rows: 10000, slow: true},
	{path: "tf1-checkpoint/homl-ch11-my_new_model_final/my_new_model_final.ckpt", keys: digits + unit + "output.node=dnn/outputs/BiasAdd", right: 9559, rows: 10000, slow: true},
	{path: "tf1-checkpoint/homl-ch11-elu/my_elu_model.ckpt.index", keys: digits + unit, right: 9717, rows: 10000, slow: true},
	{path: "tf1-checkpoint/homl-ch11-selu/my_model_final_selu.ckpt.meta", keys: digits + unit + "input.standardize=train data.val=5000", right: 9722, rows: 10000, slow: true},
	{path: "tf1-checkpoint/homl-ch11-mnist_0_to_4", keys: digits + unit + "data.classes=0-4 output.node=logits/BiasAdd", right: 5026, rows: 5139, slow: true},
	{path: "tf1-checkpoint/homl-ch11-best_mnist_0_to_4", keys: digits + unit + "data.classes=0-4 output.node=logits/BiasAdd", right: 5095, rows: 5139, slow: true},
	{path: "tf1-checkpoint/homl-ch11-transfer-pair/source_0_to_4", keys: digits + unit + "data.classes=0-4 output.node=logits/BiasAdd", right: 5090, rows: 5139, slow: true},
	{path: "tf1-checkpoint/homl-ch11-transfer-pair/target_5_to_9_five_frozen", keys: digits + unit + "data.classes=5-9 output.node=logits/BiasAdd", right: 3458, rows: 4861, slow: true},
	{path: "tf1-checkpoint/homl-ch13-mnist-cnn", keys: digits + unit + "output.node=output/output/BiasAdd", right: 9893, rows: 10000, slow: true},
	{path: "tf1-checkpoint/sugyan-softmax-regression", keys: softmax + digits + unit, right: 9149, rows: 10000},
	{path: "tf1-checkpoint/tf2onnx-regression", want: "2 parameters"},
	{path: "tf1-checkpoint/tfx-taxi-current", want: "tfx-taxi-current: ", code: 5},
	{path: "tf1-checkpoint-v1/serving-half_plus_two/export-00000-of-00001", want: "2 parameters"},
	{path: "tf1-checkpoint-v1/sugyan-2015-simple/simple.ckpt", keys: softmax + digits + unit, right: 9091, rows: 10000},
	{path: "tf2-checkpoint/keras-save_weights", keys: "model=california.yaml input=8", want: "1,231 parameters"},
	{path: "tflite/half_plus_two/model.tflite", want: "0 parameters"},
	{path: "tflite/hello_world/hello_world_float.tflite", want: "321 parameters"},
	{path: "tflite/hello_world/hello_world_int8.tflite", want: "321 parameters"},
	{path: "tflite/mnist_lstm/trained_lstm.tflite", want: "9,530 parameters"},
}

// nets are those that files of bare weights are for.
var nets = map[string]string{
	"softmax.yaml":    "- flatten\n- dense: {units: 10}\n",
	"mlp.yaml":        "- flatten\n- dense: {units: 128, activation: relu}\n- dense: {units: 64, activation: relu}\n- dense: {units: 10}\n",
	"dfdx.yaml":       "- flatten\n- dense: {units: 512, activation: relu}\n- dense: {units: 128, activation: relu}\n- dense: {units: 32, activation: relu}\n- dense: {units: 10}\n",
	"california.yaml": "- dense: {units: 30, activation: relu}\n- dense: {units: 30, activation: relu}\n- dense: {units: 1}\n",
	"conv.yaml": `- conv2d: {filters: 8, kernel_size: 3, activation: relu, name: conv1}
- conv2d: {filters: 16, kernel_size: 3, activation: relu, name: conv2}
- conv2d: {filters: 24, kernel_size: 3, activation: relu, name: conv3}
- batch_normalization: {epsilon: 1e-5, name: norm1}
- flatten
- dense: {units: 32, activation: relu, name: fc1}
- dense: {units: 10, name: fc2}
- batch_normalization: {epsilon: 1e-5, name: norm2}
`,
}

// Every file that another framework made is walked through as a user does it: inspected,
// and measured, predicted with, or summed up. With -v the outcome is a table.
func TestFixtures(t *testing.T) {
	t.Parallel()
	models, data := shared.Dir(t, "models"), shared.Dir(t, "data")
	var err error
	if models, err = filepath.Abs(models); err != nil {
		t.Fatal(err)
	}
	var lock sync.Mutex
	lines := map[string]string{}
	t.Cleanup(func() {
		var b bytes.Buffer
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "fixture\tformat\texpected\tgot")
		for _, f := range fixtures {
			fmt.Fprintln(w, f.path+"\t"+lines[f.path])
		}
		_ = w.Flush()
		t.Log("\n" + b.String())
	})
	dir := t.TempDir()
	for name, text := range nets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(t *testing.T, words ...string) (out, told string, code int) {
		t.Helper()
		c := nadir(t, dir, words...)
		c.Env = append(c.Env, "NADIR_DATA="+data)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		text, err := c.Output()
		return string(text), stderr.String(), exitCode(t, err)
	}
	for _, f := range fixtures {
		t.Run(f.path, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(models, filepath.FromSlash(f.path))
			var listed struct{ Format string }
			out, told, code := run(t, "inspect", path, "--json")
			if err := json.Unmarshal([]byte(out), &listed); err != nil || code != 0 || listed.Format == "" {
				t.Fatalf("inspect: exit code %d, %v: %s", code, err, told)
			}
			note := func(want, got string) {
				lock.Lock()
				defer lock.Unlock()
				lines[f.path] = listed.Format + "\t" + want + "\t" + got
			}
			switch {
			case f.slow && !testing.Verbose():
				note(fmt.Sprintf("%d of %d", f.right, f.rows), "measured with -v")
			case f.rows > 0:
				out, told, code := run(t, append([]string{"eval", path, "--json"}, strings.Fields(f.keys)...)...)
				var got struct{ N, Correct int }
				if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
					t.Fatalf("eval %s: exit code %d: %s", f.keys, code, told)
				}
				note(fmt.Sprintf("%d of %d", f.right, f.rows), fmt.Sprintf("%d of %d", got.Correct, got.N))
				if got.N != f.rows || got.Correct != f.right {
					t.Errorf("%d of %d are right, want %d of %d", got.Correct, got.N, f.right, f.rows)
				}
			case f.outputs != "":
				x, want := recorded(t, filepath.Join(filepath.Dir(path), "expected.json"), f.outputs)
				rows := filepath.Join(t.TempDir(), "x.npy")
				file, err := os.Create(rows)
				if err == nil {
					err = npy.Write(file, x)
				}
				if err != nil || file.Close() != nil {
					t.Fatal(err)
				}
				out, told, code := run(t, "predict", path, rows, "--json")
				if code != 0 {
					t.Fatalf("predict: exit code %d: %s", code, told)
				}
				var got []float64
				for line := range strings.Lines(out) {
					var row struct{ P, Output []float64 }
					if err := json.Unmarshal([]byte(line), &row); err != nil {
						t.Fatal(err)
					}
					got = append(got, append(row.P, row.Output...)...)
				}
				if len(got) != len(want) {
					t.Fatalf("%d numbers, want %d", len(got), len(want))
				}
				worst := 0.0
				for i, w := range want {
					d := math.Abs(got[i] - w)
					worst = max(worst, d)
					if !(d <= 1e-4+1e-3*math.Abs(w)) {
						t.Errorf("number %d is %g, want %g", i, got[i], w)
					}
				}
				note(fmt.Sprintf("%d outputs", len(want)), fmt.Sprintf("all, at most %.1e apart", worst))
			default:
				out, told, code := run(t, append([]string{"summary", path}, strings.Fields(f.keys)...)...)
				got := ""
				for line := range strings.Lines(out + told) {
					if strings.Contains(line, "parameters, ") || strings.HasPrefix(line, "nadir: ") {
						got = strings.TrimSpace(strings.ReplaceAll(line, path, ""))
					}
				}
				note(f.want, got)
				if code != f.code || !strings.Contains(out+told, f.want) {
					t.Errorf("summary: exit code %d, want %d and …%s…: %s%s", code, f.code, f.want, out, told)
				}
			}
		})
	}
}

// recorded is the rows that outputs were recorded for, and the outputs.
func recorded(t *testing.T, path, key string) (*tensor.Tensor, []float64) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var want []float64
	var rows [][]float64
	if err := json.Unmarshal(all[key], &rows); err == nil {
		want = slices.Concat(rows...)
	} else if err := json.Unmarshal(all[key], &want); err != nil {
		t.Fatal(err)
	}
	var listed []float32
	if json.Unmarshal(all["input"], &listed) == nil {
		return tensor.Of(listed, len(listed)), want
	}
	// x = lcg(4,8)*2-1, lcg(i)=((i*7919+13)%1009)/1008 in C order
	var text string
	if err := json.Unmarshal(all["input"], &text); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(text, "x = lcg(")
	text, _, found := strings.Cut(text, ")*2-1")
	if !ok || !found {
		t.Fatalf("input %q", text)
	}
	shape, err := tensor.ParseShape(strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), ",", "x"))
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.New(tensor.Float32, shape...)
	for i := range x.Len() {
		x.SetFlat(i, float64((i*7919+13)%1009)/1008*2-1)
	}
	return x, want
}
