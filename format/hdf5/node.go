package hdf5

import (
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// A Node is a group or a dataset to be written. The zero value is an empty
// group. [Write] reports what cannot be written.
type Node struct {
	Name     string         // within its group; the root's is not written
	Attrs    []Value        // in any order
	Children []*Node        // of a group, in any order
	Tensor   *tensor.Tensor // of a dataset
}

// A Value is an attribute to be written: a string, a []string, a [Fixed] or a
// [*tensor.Tensor].
type Value struct {
	Name  string
	Value any
}

// Fixed is a list of texts that are all kept in the length of the longest, as
// Keras writes names. A []string is kept in variable lengths, as h5py does.
type Fixed []string

// Group is the group at a path below the node, such as "model_weights/dense".
// Groups that are not there are made.
func (n *Node) Group(path string) *Node {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		n = n.child(part)
	}
	return n
}

func (n *Node) child(name string) *Node {
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	c := &Node{Name: name}
	n.Children = append(n.Children, c)
	return c
}

// Put makes a dataset at a path below the node, and the groups above it.
func (n *Node) Put(path string, t *tensor.Tensor) {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	n = n.Group(dir)
	n.Children = append(n.Children, &Node{Name: name, Tensor: t})
}

// Set adds an attribute.
func (n *Node) Set(name string, value any) { n.Attrs = append(n.Attrs, Value{name, value}) }
