package onnx

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// TestJoinedAxes holds that however a graph joins the batch with other axes, turns them and
// takes them apart again, each number gets to its place: of any batch, and of one that the
// graph fixes.
func TestJoinedAxes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		const open = -1
		rows := rapid.IntRange(1, 4).Draw(r, "rows")
		fixed := rapid.Bool().Draw(r, "fixed")
		axes := []int{open} // as a reader has them: apart
		for range rapid.IntRange(2, 3).Draw(r, "axes") {
			axes = append(axes, rapid.SampledFrom([]int{2, 3, 4, 6}).Draw(r, "length"))
		}
		size := func(of []int) (n int, batch bool) {
			n = 1
			for _, d := range of {
				if d == open {
					batch = true
				} else {
					n *= d
				}
			}
			return n, batch
		}
		whole := func(list []int) tensor.Shape {
			var s tensor.Shape
			for _, d := range list {
				if d == open {
					d = rows
				}
				s = append(s, d)
			}
			return s
		}
		shape := whole(axes)
		x := tensor.New(tensor.Float32, shape...)
		for i := range x.Len() {
			x.SetFlat(i, float64(i+1))
		}
		want := x
		infoShape := slices.Clone(axes)
		infoShape[0] = 0
		if fixed {
			infoShape[0] = rows
		}
		graph := [][]byte{bytesField(11, info("x", infoShape...)), aNode("Shape", "x", "shape"), bytesField(5, int64s("first", 0)), aNode("Gather", "shape first", "N")}
		last, n := "x", 0
		node := func(op, in string, attrs ...[]byte) {
			n++
			next := fmt.Sprint("v", n)
			graph = append(graph, aNode(op, last+" "+in, next, attrs...))
			last = next
		}
		groups := slices.Repeat([]int{1}, len(axes))
		reshape := func() {
			var parts []string
			var to []int
			at := 0
			for i, g := range groups {
				d, batch := size(axes[at : at+g])
				at += g
				name := fmt.Sprintf("d%d_%d", n, i)
				if graph = append(graph, bytesField(5, int64s(name, d))); batch {
					graph = append(graph, aNode("Mul", name+" N", name+"N"))
					name += "N"
					d *= rows
				}
				parts, to = append(parts, name), append(to, d)
			}
			name := fmt.Sprintf("to%d", n)
			graph = append(graph, aNode("Concat", strings.Join(parts, " "), name, append(textField(1, "axis"), append(intField(3, 0), intField(20, 2)...)...)))
			node("Reshape", name)
			y, err := want.Reshape(to...)
			if err != nil {
				r.Fatal(err)
			}
			want = y
		}
		for range rapid.IntRange(1, 5).Draw(r, "steps") {
			// Some axes are cut in two, and neighbours joined.
			for i := 0; i < len(axes); i++ {
				if d := axes[i]; d == 4 || d == 6 {
					if rapid.IntRange(0, 2).Draw(r, "cut") == 0 {
						axes = slices.Insert(axes, i, 2)
						axes[i+1] = d / 2
					}
				}
			}
			groups = nil
			for left := len(axes); left > 0; {
				g := rapid.IntRange(1, min(left, 3)).Draw(r, "joined")
				groups, left = append(groups, g), left-g
			}
			if len(groups) > maxAxes || len(axes) > maxAxes {
				r.Skip("too many axes")
			}
			reshape()
			// What the batch is not part of is one axis from here on.
			var merged, sizes []int
			at := 0
			for _, g := range groups {
				part := axes[at : at+g]
				at += g
				if d, batch := size(part); !batch {
					part = []int{d}
				}
				merged, sizes = append(merged, part...), append(sizes, len(part))
			}
			axes, groups = merged, sizes
			perm := rapid.Permutation(natural(len(groups))).Draw(r, "perm")
			if len(perm) > 1 {
				node("Transpose", "", intsAttr("perm", perm...))
				y, err := format.Permute(perm...)([]*tensor.Tensor{want})
				if err != nil {
					r.Fatal(err)
				}
				want = y
			}
			var turned, of []int
			for _, g := range perm {
				begin := 0
				for _, s := range groups[:g] {
					begin += s
				}
				turned, of = append(turned, axes[begin:begin+groups[g]]...), append(of, groups[g])
			}
			axes, groups = turned, of
		}
		if len(axes) < 2 {
			r.Skip("one axis is left")
		}
		groups = slices.Repeat([]int{1}, len(axes))
		reshape()
		out := make([]int, len(axes))
		graph = append(graph, aNode("Neg", last, "y"), bytesField(12, info("y", out...)))
		m, err := parseModel(aModel(17, graph...))
		if err != nil {
			r.Fatal(err)
		}
		f := &format.File{}
		c, b, err := blueprint(m, f, "", format.Options{})
		if err != nil {
			if fixed { // what lies where may not be told by lengths that are the same
				r.Skip(err)
			}
			r.Fatal(err)
		}
		if c.whole {
			r.Skip("one sample")
		}
		f.Blueprint = func(format.Options) (*format.Blueprint, error) { return b, nil }
		net, _, err := f.Import(format.Options{})
		if err != nil {
			r.Fatal(err)
		}
		in, err := format.Permute(c.orders[net.Data.Inputs[0].Name]...)([]*tensor.Tensor{x})
		if err != nil {
			r.Fatal(err)
		}
		got := predicted(t, net, []*tensor.Tensor{in})[0]
		order := c.orders["output:y"]
		if fixed && order[0] >= len(want.Shape()) {
			r.Skip("another place of the batch")
		}
		if want, err = format.Permute(order...)([]*tensor.Tensor{want}); err != nil {
			r.Fatal(err)
		}
		if got.Len() != want.Len() {
			r.Fatalf("shape %v, want %v", got.Shape(), want.Shape())
		}
		for i := range want.Len() {
			if got.Flat(i) != -want.Flat(i) {
				r.Fatalf("element %d is %g, want %g", i, got.Flat(i), -want.Flat(i))
			}
		}
	})
}
