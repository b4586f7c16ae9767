package graph

import "maps"

// Rewrite copies what the outputs, updates, guards and bounds of src need into a new
// graph. f is called for every op with its inputs in the new graph and returns
// what stands in its place; returning the zero Node keeps the op as it is.
// Names, paths and random streams are kept.
func Rewrite(src *Builder, f func(dst *Builder, x Node, in []Node) Node) *Builder {
	live := src.Live()
	dst := New()
	dst.nodes, dst.memo = make([]entry, 0, src.Len()), make(map[memoKey]int32, src.Len())
	dst.errs = append(dst.errs, src.errs...)
	maps.Copy(dst.streams, src.streams) // f's own draws are streams of their own
	to := make([]Node, src.Len())
	for x := range src.Nodes() {
		if !live[x.id] {
			continue
		}
		in := x.Ins()
		for i := range in {
			in[i] = to[in[i].id]
		}
		dst.path = x.Path()
		switch y := f(dst, x, in); {
		case y.Valid():
			to[x.id] = y
		default:
			y = dst.add(x.Op(), x.Attr(), x.Type(), in)
			if name := x.Name(); name != "" {
				dst.names[name] = y
			}
			to[x.id] = y
		}
	}
	dst.path = ""
	for _, x := range src.inputs {
		if live[x.id] {
			dst.inputs = append(dst.inputs, to[x.id])
		}
	}
	for _, x := range src.params {
		if live[x.id] {
			dst.params = append(dst.params, to[x.id])
		}
	}
	for _, o := range src.outputs {
		dst.outputs = append(dst.outputs, Named{o.Name, to[o.Node.id]})
	}
	for _, u := range src.updates {
		dst.updates = append(dst.updates, Assign{to[u.Param.id], to[u.Next.id]})
	}
	for _, x := range src.guards {
		dst.guards = append(dst.guards, to[x.id])
	}
	for _, x := range src.bounds {
		dst.bounds = append(dst.bounds, to[x.id])
	}
	return dst
}

// Live reports for every node whether an output, an update, a guard or a bound depends
// on it.
func (b *Builder) Live() []bool {
	var ends []Node
	for _, o := range b.outputs {
		ends = append(ends, o.Node)
	}
	for _, u := range b.updates {
		ends = append(ends, u.Param, u.Next)
	}
	return b.Needed(append(append(ends, b.guards...), b.bounds...)...)
}

// Needed reports for every node whether one of those depends on it or is it.
func (b *Builder) Needed(by ...Node) []bool {
	needed := make([]bool, len(b.nodes))
	for _, x := range by {
		needed[x.id] = true
	}
	for i := len(b.nodes) - 1; i >= 0; i-- {
		if needed[i] {
			for _, j := range b.nodes[i].in {
				needed[j] = true
			}
		}
	}
	return needed
}

// CopyLeaves puts a copy in the place of every input, parameter or constant, and
// of every reshape of one, that is an output or the next value of a parameter.
// A backend then may write parameters in place and hand out results that later
// runs alone overwrite.
func (b *Builder) CopyLeaves() {
	own := func(x Node) Node {
		root := x
		for root.Op().Name == "reshape" {
			root = root.In(0)
		}
		if root.NumIn() > 0 || root.Op().Name != "input" && root.Op().Name != "param" && root.Op().Name != "const" {
			return x
		}
		axes := make([]int, x.Rank())
		for i := range axes {
			axes[i] = i
		}
		return x.Transpose(axes...)
	}
	for i, o := range b.outputs {
		b.outputs[i].Node = own(o.Node)
	}
	for i, u := range b.updates {
		b.updates[i].Next = own(u.Next)
	}
}
