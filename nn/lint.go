package nn

import (
	"fmt"

	"github.com/nadir-ml/nadir/act"
)

// Lint says what in a model does no harm and no good: a bias before a batch
// normalization, which takes the mean off again (Ioffe and Szegedy, ICML 2015,
// section 3.2).
func Lint(m Model) []string {
	layers, ok := m.(Sequential)
	if !ok {
		return nil
	}
	names, err := namesOf(layers)
	if err != nil {
		return nil
	}
	f := &folding{layers: layers, names: names}
	var out []string
	for i, l := range layers {
		switch l := l.(type) {
		case Block:
			out = append(out, Lint(l.Layers)...)
		case Residual:
			out = append(out, Lint(l.Layers)...)
		case BatchNorm:
			j := f.beside(i, -1)
			if j < 0 {
				continue
			}
			h, ok := hostOf(f.layers[j])
			if ok && !h.noBias && (h.act == nil || h.act == act.Activation(act.Linear{})) {
				out = append(out, fmt.Sprintf("the bias of %s has no effect, as %s takes the mean off again: use_bias: false saves %d parameters", names[j], names[i], h.units))
			}
		}
	}
	return out
}
