// Package backend says what runs a graph: a [Backend] compiles it to a
// [Plan], and the plan runs it any number of times.
//
// Mode (train or infer), batch size and freezing belong to the graph that is
// compiled, never to the plan: compiling again takes milliseconds.
package backend

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// A Backend turns graphs into plans.
type Backend interface {
	// Name is "cpu" or the like, with the kernel family where there are several.
	Name() string
	// Compile lays out everything a run needs. It fails with the graph's own
	// errors, joined, or where a parameter of the graph is missing from the
	// options' state or has another shape or type.
	Compile(g *graph.Builder, o Options) (Plan, error)
}

// Options say what a plan is compiled for.
type Options struct {
	// Float is the precision: tensor.Float32 (also when zero) or tensor.Float64.
	Float tensor.DType
	// Products is what the operands of matrix products are rounded to first:
	// tensor.BFloat16, with Float32 alone, or nothing (also when zero). They are
	// added up in Float all the same, and parameters keep all their digits.
	Products tensor.DType
	// State finds a parameter's storage by name. The plan reads and updates it
	// in place; it must stay the same tensor as long as the plan is used.
	State func(name string) *tensor.Tensor
	// Frozen, where it is not nil, says that no parameter changes as long as a plan of
	// these options is used; a graph with updates is then an error. Plans keep there what they lay
	// out of parameters, which takes about as much memory again as those have, and
	// results have the same bytes as without.
	Frozen *Frozen
	// Threads is how many cores a run may use, the caller's included; 0 means
	// all. Results are the same bytes for any number.
	Threads int
}

// Inputs are what a run is given.
type Inputs struct {
	// Values holds a tensor for every input of the graph, by name. A float
	// input takes the plan's precision.
	Values map[string]*tensor.Tensor
	// Seed and Step key all random numbers of the run.
	Seed, Step uint64
}

// A Plan is a compiled graph. Its methods must not be called concurrently.
type Plan interface {
	// Run computes the outputs and the updates. It allocates nothing. It fails
	// where the context is done, or an input is missing or does not fit; then
	// no parameter was changed.
	Run(ctx context.Context, in Inputs) error
	// Output is the result of that name of the last run, or nil where there is
	// none. It is overwritten by the next run.
	Output(name string) *tensor.Tensor
	// Steps runs the plan one op at a time and yields each result. Leaving the
	// loop leaves the parameters untouched: updates come last, all together.
	Steps(ctx context.Context, in Inputs) iter.Seq2[Event, error]
	// Dump writes the plan as stable text.
	Dump(w io.Writer) error
	// Close gives back what the plan holds beyond memory.
	Close() error
}

// An Event is one op of a plan that has just run.
type Event struct {
	Op    string         // name in the op table
	Path  string         // layer that made it
	Value *tensor.Tensor // its result, valid until the next event
}

// A Profiled plan can say where its time goes.
type Profiled interface {
	Plan
	// Profile begins anew to time every instruction of the runs that follow,
	// or ends it.
	Profile(on bool)
	// Costs lists the instructions in the order they run in.
	Costs() []Cost
	// Arena is the memory of all intermediate results, in bytes.
	Arena() int
}

// A Cost is what one instruction of a plan took. Instructions differ between
// backends; the ops of one are those of the graph that it computes.
type Cost struct {
	Op    string        // what it does
	Path  string        // layer that made it
	Flops float64       // of matrix products; 0 of anything else
	Best  time.Duration // of the runs so far
	Total time.Duration
}
