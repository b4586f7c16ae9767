package optim

import (
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/spec"
)

// A Convention says whose formula a rule follows where frameworks give one name
// to different formulas.
type Convention uint8

// The conventions.
const (
	Keras   Convention = iota // Keras 3
	PyTorch                   // PyTorch
	Keras2                    // Keras up to 2.10
	TF1                       // TensorFlow 1's own optimizers
	Dozat                     // Dozat's paper on Nadam
)

var conventions = []string{"keras", "torch", "keras2", "tf1", "dozat"}

// String is the convention's name.
func (c Convention) String() string { return conventions[min(c, Dozat)] }

// MarshalText is the convention's name.
func (c Convention) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a convention's name.
func (c *Convention) UnmarshalText(text []byte) error {
	name := string(text)
	if name == "pytorch" {
		name = "torch"
	}
	for i, n := range conventions {
		if n == name {
			*c = Convention(i)
			return nil
		}
	}
	return fmt.Errorf("unknown convention %q; want one of %s", text, strings.Join(conventions, ", "))
}

// check refuses a convention that a rule does not have.
func (c Convention) check(have ...Convention) error {
	names := []string{Keras.String()}
	for _, h := range have {
		if c == h {
			return nil
		}
		names = append(names, h.String())
	}
	if c == Keras {
		return nil
	}
	return spec.Field("convention", "%v has no formula of its own here; want one of %s", c, strings.Join(names, ", "))
}
