package graph

import (
	"fmt"
	"io"
)

// Dump writes the graph as stable text, a node a line: number, type, op,
// inputs, attribute, path.
func (b *Builder) Dump(w io.Writer) error {
	for x := range b.Nodes() {
		if _, err := fmt.Fprintf(w, "%%%d = %s", x.ID(), x.Op().Name); err != nil {
			return err
		}
		for _, in := range x.Ins() {
			fmt.Fprintf(w, " %%%d", in.ID())
		}
		switch a := x.Attr().(type) {
		case nil:
		case leafAttr:
			fmt.Fprintf(w, " %q", a.Name)
		case constAttr:
			fmt.Fprintf(w, " %v", a.V)
		case dims:
			fmt.Fprintf(w, " %v", a.slice())
		default:
			fmt.Fprintf(w, " %+v", a)
		}
		fmt.Fprintf(w, " : %v", x.Type())
		if p := x.Path(); p != "" {
			fmt.Fprintf(w, " @ %s", p)
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	for _, o := range b.outputs {
		if _, err := fmt.Fprintf(w, "output %q = %%%d\n", o.Name, o.Node.ID()); err != nil {
			return err
		}
	}
	for _, u := range b.updates {
		if _, err := fmt.Fprintf(w, "update %q = %%%d\n", u.Param.Name(), u.Next.ID()); err != nil {
			return err
		}
	}
	for _, x := range b.guards {
		if _, err := fmt.Fprintf(w, "guard %%%d\n", x.ID()); err != nil {
			return err
		}
	}
	for _, x := range b.bounds {
		if _, err := fmt.Fprintf(w, "bound %%%d\n", x.ID()); err != nil {
			return err
		}
	}
	return nil
}
