package svgtest_test

import (
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/internal/svg/svgtest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	wrap := func(body string) string { return `<svg viewBox="0 0 10 10">` + body + `</svg>` }
	for _, c := range []struct{ doc, want string }{
		{wrap(`<line x1="0" y1="0" x2="10" y2="10"/>`), ""},
		{wrap(`<line x1="0" y1="0" x2="10" y2="11"/>`), "outside"},
		{wrap(`<rect x="5" y="5" width="6" height="1"/>`), "outside"},
		{wrap(`<polyline points="1,1 2,-1"/>`), "outside"},
		{wrap(`<circle cx="NaN" cy="1" r="1"/>`), "not finite"},
		{wrap(`<polyline points="1,+Inf"/>`), "not finite"},
		{wrap(`<text x="wide" y="1">a</text>`), "no number"},
		{wrap(`<text x="1" y="1">a & b</text>`), "well-formed"},
		{`<p>1</p>`, "no svg"},
		{``, "no svg"},
	} {
		err := svgtest.Check([]byte(c.doc))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.doc, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.doc, err, c.want)
		}
	}
}
