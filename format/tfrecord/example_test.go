package tfrecord_test

import (
	"bytes"
	"fmt"
	"io"
	"log"

	"github.com/nadir-ml/nadir/format/tfrecord"
)

func ExampleReader() {
	e := tfrecord.Example{
		{Name: "image", Kind: tfrecord.Floats, Floats: []float32{0, 0.5, 1}},
		{Name: "label", Kind: tfrecord.Ints, Ints: []int64{7}},
	}
	file := tfrecord.Append(nil, e.Append(nil))

	r := tfrecord.NewReader(bytes.NewReader(file), int64(len(file)))
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		e, err := tfrecord.ParseExample(b)
		if err != nil {
			log.Fatal(err)
		}
		for _, f := range e {
			fmt.Println(f.Name, f.Kind, f.Floats, f.Ints)
		}
	}
	// Output:
	// image float_list [0 0.5 1] []
	// label int64_list [] [7]
}
