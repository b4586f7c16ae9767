package pickle_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/format/pickle"
)

func ExampleDecoder() {
	// pickle.dumps({"epoch": 3, "shape": (28, 28)}, protocol=2)
	p := "\x80\x02}q\x00(X\x05\x00\x00\x00epochq\x01K\x03X\x05\x00\x00\x00shapeq\x02K\x1cK\x1c\x86q\x03u."
	d := pickle.NewDecoder(strings.NewReader(p), int64(len(p)))
	v, err := d.Decode()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range v.(*pickle.Dict).Entries {
		fmt.Println(e.Key, e.Value)
	}
	// Output:
	// epoch 3
	// shape [28 28]
}

func ExampleConstructor() {
	// An instance of fractions.Fraction, written by protocol 2.
	p := "\x80\x02cfractions\nFraction\nX\x03\x00\x00\x001/3\x85R."
	d := pickle.NewDecoder(strings.NewReader(p), int64(len(p)))
	d.Find = func(module, name string) (pickle.Constructor, bool) {
		if module == "fractions" && name == "Fraction" {
			return pickle.Inert, true
		}
		return pickle.Standard(module, name)
	}
	v, err := d.Decode()
	if err != nil {
		fmt.Println(err)
		return
	}
	o := v.(*pickle.Object)
	fmt.Println(o.Class, o.Args)
	// Output: fractions.Fraction [1/3]
}

func ExampleError() {
	p := "cos\nsystem\n(S'echo hello'\ntR."
	d := pickle.NewDecoder(strings.NewReader(p), int64(len(p)))
	d.Find = pickle.Standard
	_, err := d.Decode()
	bad, _ := errors.AsType[*pickle.Error](err)
	fmt.Println(bad.Global)
	fmt.Println(err)
	// Output:
	// os.system
	// pickle: it names "os.system", which is not among what may be read; nothing of it was run (at byte 0)
}
