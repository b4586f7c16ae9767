package safetensors_test

import (
	"bytes"
	"fmt"

	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/tensor"
)

func Example() {
	var b bytes.Buffer
	err := safetensors.Write(&b, []safetensors.Named{
		{Name: "logits/kernel", Tensor: tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)},
		{Name: "logits/bias", Tensor: tensor.New(tensor.Float32, 2)},
	}, map[string]string{"labels": `["cat","dog"]`})
	if err != nil {
		fmt.Println(err)
		return
	}

	f, err := safetensors.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, info := range f.Infos() {
		fmt.Println(info.Name, info.DType, info.Shape)
	}
	kernel, err := f.Tensor("logits/kernel")
	fmt.Println(kernel, err)
	fmt.Println(f.Metadata()["labels"])
	// Output:
	// logits/kernel float32 [3 2]
	// logits/bias float32 [2]
	// float32[3 2]{1 2 3 4 5 6} <nil>
	// ["cat","dog"]
}

func ExampleError() {
	_, err := safetensors.Read(bytes.NewReader([]byte("PK\x03\x04")), 4)
	fmt.Println(err)
	// Output: safetensors: this is no safetensors file: it looks like a zip archive, such as a .pt, .keras or .npz file (at byte 0)
}
