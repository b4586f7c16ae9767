package plot

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/svg/svgtest"
)

// flow is a net of n layers whose outputs keep their spread and whose gradients
// shrink.
func flow(n int) Signal {
	s := Signal{Title: "deep.yaml: vanishing"}
	for i := range n {
		s.Layers = append(s.Layers, fmt.Sprintf("dense_%d", i))
		s.Forward = append(s.Forward, 0.12+0.01*math.Sin(float64(i)))
		s.Backward = append(s.Backward, math.Pow(0.5, float64(n-1-i)))
	}
	return s
}

func TestSignalGolden(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Signal{"signal.svg": flow(9), "signal-deep.svg": flow(50)} {
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestSignalNeverBreaks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		value := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), 1e-320, 1e308, -1}))
		s := Signal{Title: rapid.String().Draw(t, "title"),
			Layers:  rapid.SliceOfN(rapid.String(), n, n).Draw(t, "layers"),
			Forward: rapid.SliceOfN(value, n, n).Draw(t, "forward"), Backward: rapid.SliceOfN(value, n, n).Draw(t, "backward")}
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if err := svgtest.Check(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSignalErrors(t *testing.T) {
	t.Parallel()
	s := flow(3)
	s.Backward = s.Backward[:2]
	if err := s.SVG(&bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "3 layers") {
		t.Errorf("%v", err)
	}
}
