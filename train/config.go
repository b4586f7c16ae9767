package train

import (
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/tensor"
)

// Config says what is trained on and how. The zero value of a field is its
// default.
type Config struct {
	// Data says what a row is; most often it is a source's own schema.
	Data data.Schema
	// Loss is that of a model with one output: cross-entropy for class labels
	// and mean squared error for numbers by default.
	Loss loss.Loss
	// Losses gives each output of a model its loss, by the output's name.
	Losses map[string]OutputLoss
	// Optim is the optimizer; Nadam by default.
	Optim optim.Optimizer
	// Schedule is the learning rate of each step; nil keeps the optimizer's.
	Schedule sched.Schedule
	// Metrics are measured beside the loss, where there are several outputs on
	// those that they suit. Nil means those that go with the loss: accuracy, or
	// mae, rmse and r2.
	Metrics []Metric
	// ClassWeight multiplies the loss of the rows of each class in training.
	ClassWeight []float64
	// Mix blends the rows of training batches with each other; by default it does
	// not.
	Mix Mix
	// Accumulate is how many batches make one step of the optimizer; 1 by
	// default.
	Accumulate int
	// Preprocess is applied to every input and saved with the model. Nil
	// divides bytes by 255; an empty one changes nothing.
	Preprocess nn.Sequential
	// Seed determines initial weights, order, dropout and all else random.
	Seed uint64
	// Float is the precision of work; Float32 by default.
	Float tensor.DType
	// Products is what the operands of matrix products are rounded to first:
	// BFloat16, with a Float of Float32, or nothing. Weights, sums and all else stay
	// as they are, and so do convolutions.
	Products tensor.DType
	// Threads is how many cores are used, 0 meaning all. It changes no bit.
	Threads int
	// Frozen says that the parameters no longer change, of a net that evaluates and
	// predicts alone: plans lay weights out once, which takes about as much memory
	// again as those have. It changes no bit. [Net.Changed] allows one change.
	Frozen bool
	// Backend runs the plans; the processor by default.
	Backend backend.Backend
}

// OutputLoss is the loss of one of several outputs and its weight in the sum.
type OutputLoss struct {
	Loss   loss.Loss
	Weight float64 // 0 means 1
}

// DefaultBackend is the backend of a Config that names none: the processor.
func DefaultBackend() backend.Backend { return cpu.New() }
