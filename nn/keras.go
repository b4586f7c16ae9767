package nn

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/tensor"
)

// Keras writes the summary as model.summary() of Keras 2 prints it: 65 columns,
// the fields at columns 1, 30 and 56, each cut before the next.
func (s *Summary) Keras(w io.Writer) error {
	const width = 65
	stops := [...]int{29, 55, 65}
	b := bufio.NewWriter(w)
	row := func(fields ...string) {
		line := []rune{}
		for i, f := range fields {
			if i > 0 {
				line[len(line)-1] = ' '
			}
			line = append(line, []rune(f)...)
			line = line[:min(len(line), stops[i])]
			line = append(line, []rune(strings.Repeat(" ", stops[i]-len(line)))...)
		}
		fmt.Fprintln(b, string(line))
	}
	fmt.Fprintf(b, "Model: %q\n", s.Model)
	fmt.Fprintln(b, strings.Repeat("_", width))
	row("Layer (type)", "Output Shape", "Param #")
	fmt.Fprintln(b, strings.Repeat("=", width))
	for i, r := range s.Rows {
		if i > 0 {
			fmt.Fprintln(b, strings.Repeat("_", width))
		}
		row(fmt.Sprintf("%s (%s)", r.Name, kerasClass(r)), kerasShape(r.Output), strconv.Itoa(r.Params))
	}
	fmt.Fprintln(b, strings.Repeat("=", width))
	fmt.Fprintf(b, "Total params: %s\n", Thousands(s.Params))
	fmt.Fprintf(b, "Trainable params: %s\n", Thousands(s.Trainable))
	fmt.Fprintf(b, "Non-trainable params: %s\n", Thousands(s.Params-s.Trainable))
	fmt.Fprintln(b, strings.Repeat("_", width))
	return b.Flush()
}

// kerasShape is a shape as a Python tuple with the batch's axis unknown.
func kerasShape(s tensor.Shape) string {
	out := "(None,"
	for i, d := range s {
		out += " " + strconv.Itoa(d)
		if i+1 < len(s) {
			out += ","
		}
	}
	return out + ")"
}

// kerasClass is the name of the Keras class that a kind stands for: the kind's
// words run together, with the capitals that Keras gives them.
func kerasClass(r Row) string {
	if a, ok := r.Layer.(Activation); ok && a.Act != nil {
		switch kind := act.Registry.NameOf(a.Act); kind {
		case "relu", "elu", "prelu", "leaky_relu", "softmax", "thresholded_relu":
			return map[string]string{"relu": "ReLU", "elu": "ELU", "prelu": "PReLU", "leaky_relu": "LeakyReLU", "softmax": "Softmax", "thresholded_relu": "ThresholdedReLU"}[kind]
		}
		return "Activation"
	}
	switch r.Kind {
	case "input":
		return "InputLayer"
	case "standardize":
		return "Normalization"
	}
	var b strings.Builder
	for _, w := range strings.Split(r.Kind, "_") {
		switch n := len(w); {
		case w == "lstm" || w == "gru" || w == "rnn":
			w = strings.ToUpper(w)
		case n > 2 && w[n-1] == 'd' && w[n-2] >= '1' && w[n-2] <= '3':
			w = w[:n-1] + "D"
		}
		if w != "" {
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}

// Thousands writes n with commas.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
