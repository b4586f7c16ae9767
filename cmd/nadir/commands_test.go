package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/format/npy"
	st "github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/tensor"
)

// commands are what scripts can do beside what testscript has.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// exits CODE COMMAND … runs a command that ends with that code, and without
	// the marks of a crash.
	"exits": func(ts *testscript.TestScript, _ bool, args []string) {
		code := 0
		if err := ts.Exec(args[1], args[2:]...); err != nil {
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok {
				ts.Fatalf("%v", err)
			}
			code = exit.ExitCode()
		}
		if strconv.Itoa(code) != args[0] {
			ts.Fatalf("exit code %d, want %s", code, args[0])
		}
		for _, mark := range []string{"panic:", "goroutine ", "runtime error"} {
			if strings.Contains(ts.ReadFile("stderr"), mark) {
				ts.Fatalf("stderr has %q", mark)
			}
		}
	},
	// make KIND PATH makes a file or folder that a script cannot hold as text.
	"make": func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) < 2 || makers[args[0]] == nil {
			ts.Fatalf("usage: make KIND PATH")
		}
		ts.Check(makers[args[0]](ts.MkAbs(args[1])))
	},
	// cut PATH N leaves the first N bytes, or all but the last −N.
	"cut": func(ts *testscript.TestScript, _ bool, args []string) {
		text := ts.ReadFile(args[0])
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		if n < 0 {
			n += len(text)
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text[:n]), 0o644))
	},
	// flip PATH changes the last byte.
	"flip": func(ts *testscript.TestScript, _ bool, args []string) {
		text := []byte(ts.ReadFile(args[0]))
		text[len(text)-1] ^= 1
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
	},
	// serve DIR serves a folder on this machine; its address is $URL.
	"serve": func(ts *testscript.TestScript, _ bool, args []string) {
		s := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
		ts.Defer(s.Close)
		ts.Setenv("URL", s.URL)
	},
	// hashed PATH FILE writes size and hash of FILE where PATH has SIZE and HASH.
	"hashed": func(ts *testscript.TestScript, _ bool, args []string) {
		text := ts.ReadFile(args[1])
		filled := strings.NewReplacer("SIZE", strconv.Itoa(len(text)), "HASH", fmt.Sprintf("%x", sha256.Sum256([]byte(text)))).Replace(ts.ReadFile(args[0]))
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(filled), 0o644))
	},
	// replace PATH OLD NEW replaces all of OLD.
	"replace": func(ts *testscript.TestScript, _ bool, args []string) {
		text := ts.ReadFile(args[0])
		if !strings.Contains(text, args[1]) {
			ts.Fatalf("%s holds no %q", args[0], args[1])
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
	},
	// lock PATH holds the lock on a file until the script's end.
	"lock": func(ts *testscript.TestScript, _ bool, args []string) {
		l, err := ckpt.Acquire(ts.MkAbs(args[0]))
		ts.Check(err)
		ts.Defer(func() { _ = l.Release() })
	},
}

var makers = map[string]func(path string) error{
	"empty": func(path string) error { return os.WriteFile(path, nil, 0o644) },
	// configurations beyond the limits
	"deep.yaml": func(path string) error {
		return write(path, "model: ", strings.Repeat("[", 100), strings.Repeat("]", 100))
	},
	"big.yaml":   func(path string) error { return write(path, "# ", strings.Repeat("x", 1<<20), "\n") },
	"alias.yaml": func(path string) error { return write(path, "a: &a 1\nmodel: [", strings.Repeat("*a, ", 1200), "1]\n") },
	// a table of 60 rows in three classes, and one of numbers
	"csv": func(path string) error {
		var b bytes.Buffer
		b.WriteString("x,y,w,label\n")
		for i := range 60 {
			fmt.Fprintf(&b, "%g,%g,%d,%c\n", float64(i*37%60)/60, float64(i*i%23)/23, 1+i%2, 'a'+rune(i%3))
		}
		return os.WriteFile(path, b.Bytes(), 0o644)
	},
	"numbers": func(path string) error {
		var b bytes.Buffer
		b.WriteString("x,y,z\n")
		for i := range 60 {
			x, y := float64(i*37%60)/60, float64(i*i%23)/23
			fmt.Fprintf(&b, "%g,%g,%g\n", x, y, 3*x-y+0.5)
		}
		return os.WriteFile(path, b.Bytes(), 0o644)
	},
	// 30 images of 4×4, with labels 0 to 2 beside them
	"idx": func(path string) error {
		x := binary.BigEndian.AppendUint32(nil, 0x803)
		y := binary.BigEndian.AppendUint32(nil, 0x801)
		for _, n := range []uint32{30, 4, 4} {
			x = binary.BigEndian.AppendUint32(x, n)
		}
		y = binary.BigEndian.AppendUint32(y, 30)
		for i := range 30 {
			y = append(y, byte(i%3))
			for j := range 16 {
				x = append(x, byte(80*(i%3)+j))
			}
		}
		if err := os.WriteFile(path, x, 0o644); err != nil {
			return err
		}
		return os.WriteFile(strings.NewReplacer("images", "labels", "idx3", "idx1").Replace(path), y, 0o644)
	},
	// folders of pictures: two classes, one of them, or two sizes
	"pictures":       func(path string) error { return pictures(path, []string{"cat", "dog"}, 8, 8) },
	"one-class":      func(path string) error { return pictures(path, []string{"cat"}, 8, 8) },
	"mixed-pictures": func(path string) error { return pictures(path, []string{"cat", "dog"}, 8, 9) },
	// two inputs and two targets
	"npz": func(path string) error {
		a, b := tensor.New(tensor.Float32, 40, 3), tensor.New(tensor.Float32, 40, 2)
		z, v := tensor.New(tensor.Float32, 40, 2), tensor.New(tensor.Int32, 40)
		for i := range 40 {
			for j := range 3 {
				a.SetFlat(3*i+j, float64(i*(j+3)%17)/17)
			}
			for j := range 2 {
				b.SetFlat(2*i+j, float64(i*(j+5)%13)/13)
				z.SetFlat(2*i+j, a.Flat(3*i+j)-b.Flat(2*i+j))
			}
			v.SetFlat(i, float64(i%3))
		}
		var out bytes.Buffer
		if err := npy.WriteArchive(&out, func(yield func(string, *tensor.Tensor) bool) {
			_ = yield("a", a) && yield("b", b) && yield("z", z) && yield("v", v)
		}); err != nil {
			return err
		}
		return os.WriteFile(path, out.Bytes(), 0o644)
	},
	// Sentences of 5 words, 1 to 6, each tagged with whether the one before it is even.
	"tags": func(path string) error {
		x, y := tensor.New(tensor.Int32, 200, 5), tensor.New(tensor.Uint8, 200, 5)
		for i := range x.Len() {
			x.SetFlat(i, float64(1+i*i*7%101%6))
			if i%5 > 0 && int(x.Flat(i-1))%2 == 0 {
				y.SetFlat(i, 1)
			}
		}
		var out bytes.Buffer
		if err := npy.WriteArchive(&out, func(yield func(string, *tensor.Tensor) bool) {
			_ = yield("x_train", x) && yield("y_train", y) && yield("x_test", x.Rows(0, 50)) && yield("y_test", y.Rows(0, 50))
		}); err != nil {
			return err
		}
		return os.WriteFile(path, out.Bytes(), 0o644)
	},
	// a model file whose header says that it is longer than any memory
	"huge-header": func(path string) error {
		return os.WriteFile(path, append(binary.LittleEndian.AppendUint64(nil, 1<<62), "{}"...), 0o644)
	},
	"overlap": func(path string) error {
		return safetensors(path, `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12)
	},
	"overflow": func(path string) error {
		return safetensors(path, `{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}`, 0)
	},
	"bare": func(path string) error {
		return safetensors(path, `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	},
	// A net of two dense layers, 2-3-1, as PyTorch has it, and a counter.
	// A dense layer that tells from its sum which of three numbers stood where.
	"color-weights": func(path string) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		err = st.Write(f, []st.Named{{Name: "dense.weight", Tensor: tensor.Of([]float32{1, 10, 100}, 1, 3)}, {Name: "dense.bias", Tensor: tensor.Of([]float32{0}, 1)}}, nil)
		return errors.Join(err, f.Close())
	},
	// One pixel: red 3, green 5, blue 7; four of them; one of a shade; with alpha; of 16 bits.
	"color-pictures": func(dir string) error {
		pixel := color.NRGBA{3, 5, 7, 255}
		one, four, thin := image.NewNRGBA(image.Rect(0, 0, 1, 1)), image.NewNRGBA(image.Rect(0, 0, 2, 2)), image.NewNRGBA(image.Rect(0, 0, 1, 1))
		one.Set(0, 0, pixel)
		for i := range 4 {
			four.Set(i%2, i/2, pixel)
		}
		thin.SetNRGBA(0, 0, color.NRGBA{3, 5, 7, 100})
		gray, deep := image.NewGray(image.Rect(0, 0, 1, 1)), image.NewNRGBA64(image.Rect(0, 0, 1, 1))
		gray.SetGray(0, 0, color.Gray{4})
		deep.Set(0, 0, color.NRGBA64{3<<8 | 9, 5<<8 | 9, 7<<8 | 9, 0xffff})
		errs := []error{os.Mkdir(dir, 0o755)}
		for name, m := range map[string]image.Image{"one.png": one, "four.png": four, "gray.png": gray, "alpha.png": thin, "deep.png": deep} {
			var b bytes.Buffer
			errs = append(errs, png.Encode(&b, m), os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644))
		}
		return errors.Join(errs...)
	},
	// A mean image as Caffe has them: channels first, 2×2, means 1, 2 and 3.
	"mean-image": func(path string) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		return errors.Join(npy.Write(f, tensor.Of([]float64{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}, 3, 2, 2)), f.Close())
	},
	"torch-weights": func(path string) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		err = st.Write(f, []st.Named{
			{Name: "fc1.weight", Tensor: tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)},
			{Name: "fc1.bias", Tensor: tensor.Of([]float32{1, 1, 1}, 3)},
			{Name: "fc2.weight", Tensor: tensor.Of([]float32{1, 1, 1}, 1, 3)},
			{Name: "fc2.bias", Tensor: tensor.Of([]float32{0}, 1)},
			{Name: "steps", Tensor: tensor.Of([]int64{7})},
		}, nil)
		return errors.Join(err, f.Close())
	},
	// The same net as a checkpoint of TensorFlow, with what an optimizer keeps.
	"tf-checkpoint": func(path string) error {
		index, err := os.Create(path + ".index")
		if err != nil {
			return err
		}
		values, err := os.Create(path + ".data-00000-of-00001")
		if err != nil {
			return err
		}
		err = bundle.Write(index, values, []bundle.Named{
			{Name: "hidden/kernel", Tensor: tensor.Of([]float32{1, 3, 5, 2, 4, 6}, 2, 3)},
			{Name: "hidden/bias", Tensor: tensor.Of([]float32{1, 1, 1}, 3)},
			{Name: "hidden/kernel/Adam", Tensor: tensor.New(tensor.Float32, 2, 3)},
			{Name: "out/kernel", Tensor: tensor.Of([]float32{1, 1, 1}, 3, 1)},
			{Name: "out/bias", Tensor: tensor.Of([]float32{0}, 1)},
			{Name: "step", Tensor: tensor.Of([]int64{7})},
		})
		return errors.Join(err, index.Close(), values.Close())
	},
	// The same net as Keras 2 saves it.
	"keras-model": func(path string) error {
		return kerasModel(path, `{"class_name": "Dense", "config": {"name": "hidden", "batch_input_shape": [null, 2], "units": 3, "activation": "relu"}},
			{"class_name": "Dense", "config": {"name": "out", "units": 1, "activation": "linear"}}`)
	},
	"keras-lambda": func(path string) error {
		return kerasModel(path, `{"class_name": "Lambda", "config": {"name": "f", "batch_input_shape": [null, 2], "function": ["4wEAAAAA", null, null]}}`)
	},
	"gz": func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(text); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.WriteFile(path+".gz", b.Bytes(), 0o644)
	},
}

func write(path string, parts ...string) error {
	return os.WriteFile(path, []byte(strings.Join(parts, "")), 0o644)
}

func safetensors(path, header string, size int) error {
	out := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	return os.WriteFile(path, append(out, make([]byte, size)...), 0o644)
}

func pictures(path string, classes []string, size, last int) error {
	for c, class := range classes {
		dir := filepath.Join(path, class)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for i := range 10 {
			n := size
			if c == len(classes)-1 && i == 9 {
				n = last
			}
			m := image.NewGray(image.Rect(0, 0, n, n))
			for p := range m.Pix {
				m.Pix[p] = color.Gray{Y: uint8(100*c + 7*i + p%9)}.Y
			}
			var b bytes.Buffer
			if err := png.Encode(&b, m); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.png", i)), b.Bytes(), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// kerasModel writes an .h5 file of a net of two dense layers, 2-3-1, under the given layers
// of a configuration.
func kerasModel(path, layers string) error {
	root := &hdf5.Node{}
	root.Set("model_config", `{"class_name": "Sequential", "config": {"name": "s", "layers": [`+layers+`]}}`)
	root.Set("keras_version", "2.4.0")
	root.Set("backend", "tensorflow")
	top := root.Group("model_weights")
	top.Set("layer_names", hdf5.Fixed{"hidden", "out"})
	for name, ts := range map[string][2]*tensor.Tensor{
		"hidden": {tensor.Of([]float32{1, 3, 5, 2, 4, 6}, 2, 3), tensor.Of([]float32{1, 1, 1}, 3)},
		"out":    {tensor.Of([]float32{1, 1, 1}, 3, 1), tensor.Of([]float32{0}, 1)},
	} {
		g := top.Group(name)
		g.Set("weight_names", hdf5.Fixed{name + "/kernel:0", name + "/bias:0"})
		g.Put(name+"/kernel:0", ts[0])
		g.Put(name+"/bias:0", ts[1])
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(hdf5.Write(f, root), f.Close())
}
