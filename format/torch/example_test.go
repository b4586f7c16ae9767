package torch_test

import (
	"bytes"
	"fmt"

	"github.com/nadir-ml/nadir/format/torch"
	"github.com/nadir-ml/nadir/tensor"
)

func Example() {
	var b bytes.Buffer
	err := torch.Write(&b, []torch.Named{
		{Name: "fc1.weight", Tensor: tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)},
		{Name: "fc1.bias", Tensor: tensor.New(tensor.Float32, 2)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	f, err := torch.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Format())
	for _, info := range f.Infos() {
		fmt.Println(info.Name, info.DType, info.Shape)
	}
	weight, err := f.Tensor("fc1.weight")
	fmt.Println(weight, err)
	// Output:
	// PyTorch zip
	// fc1.weight float32 [2 3]
	// fc1.bias float32 [2]
	// float32[2 3]{1 2 3 4 5 6} <nil>
}

func ExampleFile_Warnings() {
	// What torch.nn.DataParallel saves.
	var b bytes.Buffer
	err := torch.Write(&b, []torch.Named{{Name: "module.conv1.weight", Tensor: tensor.New(tensor.Float32, 8, 1, 3, 3)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := torch.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Infos()[0].Name)
	fmt.Println(f.Warnings()[0])
	// Output:
	// conv1.weight
	// "module." was taken off every name: the model was wrapped in torch.nn.DataParallel when it was saved
}

func ExampleError() {
	_, err := torch.Read(bytes.NewReader([]byte("\x89HDF\r\n\x1a\n")), 8)
	fmt.Println(err)
	// Output: torch: this is no file of torch.save: it looks like an HDF5 file, such as a Keras .h5 file (at byte 0)
}
