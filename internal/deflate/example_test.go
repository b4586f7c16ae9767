package deflate_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/nadir-ml/nadir/internal/deflate"
)

func ExampleReader() {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	fmt.Fprint(w, "pictures of digits")
	w.Close()

	r, err := deflate.NewReader(&z)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := io.ReadAll(r)
	fmt.Printf("%s, %v\n", text, err)
	// Output: pictures of digits, <nil>
}
