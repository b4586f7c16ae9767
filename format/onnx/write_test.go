package onnx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// zoo are models that have every layer and activation that is written, each in the ways in
// which it is written.
func zoo(t testing.TB) map[string]*format.Model {
	one := func(shape tensor.Shape, layers ...nn.Layer) *format.Model {
		return formattest.Filled(t, loss.MSE{}, nil, nn.Sequential(layers), shape)
	}
	sized := func(n ...int) tensor.Shape { return n }
	image := tensor.Shape{9, 8, 4}
	out := map[string]*format.Model{
		"dense":                      one(sized(5), nn.Dense{Units: 4, Act: act.ELU{}, Name: "hidden1"}, nn.Dense{Units: 3, NoBias: true, Name: "out"}),
		"dense of steps":             one(sized(4, 5), nn.Dense{Units: 3, Act: act.SELU{}}, nn.Dense{Units: 2, NoBias: true}),
		"flattened":                  one(image, nn.Conv2D{Filters: 3, Kernel: sized(3)}, nn.MaxPooling2D{}, nn.Flatten{}, nn.Dropout{Rate: 0.5}, nn.Dense{Units: 4}),
		"flattened, then normalized": one(image, nn.Conv2D{Filters: 3, Kernel: sized(3)}, nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 4}),
		"flattened as it is":         one(sized(3, 4), nn.Flatten{}, nn.Dense{Units: 2}),
		"norms":                      one(sized(6), nn.BatchNorm{NoScale: true}, nn.BatchNorm{NoCenter: true, Epsilon: 1e-4}, nn.LayerNorm{}, nn.LayerNorm{NoScale: true, NoCenter: true}, nn.LayerNorm{NoCenter: true}),
		"norm of images":             one(image, nn.BatchNorm{}, nn.Conv2D{Filters: 2, Kernel: sized(1)}, nn.LayerNorm{}),
		"norm of steps":              one(sized(4, 3), nn.BatchNorm{}, nn.LayerNorm{}),
		"affine":                     one(image, nn.Affine{}, nn.Affine{Axes: []int{1, 2}, NoCenter: true}, nn.Affine{Axes: []int{}}, nn.Conv2D{Filters: 4, Kernel: sized(1)}, nn.Affine{Axes: []int{1, 3}}, nn.Affine{NoScale: true}),
		"conv1d":                     one(sized(9, 4), nn.Conv1D{Filters: 6, Kernel: sized(3), Padding: nn.Causal, Dilation: sized(2), Groups: 2, Act: act.ReLU{}}, nn.Conv1D{Filters: 3, Kernel: sized(2), Strides: sized(2), Padding: nn.Same}, nn.DepthwiseConv1D{Kernel: sized(2), Multiplier: 2}, nn.SeparableConv1D{Filters: 3, Kernel: sized(2)}),
		"conv2d":                     one(image, nn.Conv2D{Filters: 6, Kernel: sized(3, 2), Padding: nn.Same, Strides: sized(2, 1), Groups: 2, Act: act.ReLU{MaxValue: 6}}, nn.Conv2D{Filters: 3, Kernel: sized(2), Padding: nn.Pad(nn.Sides{{1, 0}, {2, 1}}), Dilation: sized(2), NoBias: true}),
		"conv3d":                     one(sized(4, 5, 4, 2), nn.Conv3D{Filters: 3, Kernel: sized(2), Padding: nn.Same}, nn.MaxPooling3D{}, nn.UpSampling3D{}, nn.AveragePooling3D{}, nn.ZeroPadding3D{}, nn.Cropping3D{Cropping: nn.Sides{{1, 0}, {0, 1}, {1, 1}}}, nn.GlobalAveragePooling3D{}),
		"conv3d to maxima":           one(sized(4, 5, 4, 2), nn.Conv3D{Filters: 3, Kernel: sized(2)}, nn.GlobalMaxPooling3D{}),
		"depthwise":                  one(image, nn.DepthwiseConv2D{Kernel: sized(3), Multiplier: 2, Strides: sized(2), Padding: nn.Same, Act: act.Tanh{}}, nn.SeparableConv2D{Filters: 5, Kernel: sized(2, 3), Multiplier: 2, Act: act.ELU{}}),
		"transposed": one(image, nn.Conv2DTranspose{Filters: 4, Kernel: sized(3), Strides: sized(2), Groups: 2}, nn.Conv2DTranspose{Filters: 3, Kernel: sized(2), Strides: sized(3), Padding: nn.Same},
			nn.Conv2DTranspose{Filters: 2, Kernel: sized(3), Padding: nn.Pad(nn.Even(1)), OutputPadding: []int{1}, Strides: sized(2), Act: act.ReLU{}}),
		"transposed 1d":            one(sized(5, 3), nn.Conv1DTranspose{Filters: 4, Kernel: sized(4), Strides: sized(2), Padding: nn.Same}, nn.Conv1DTranspose{Filters: 2, Kernel: sized(2), Dilation: sized(2)}),
		"pools":                    one(image, nn.MaxPooling2D{Size: sized(3), Strides: sized(2), Padding: nn.Same}, nn.AveragePooling2D{Size: sized(2), Strides: sized(1), Padding: nn.Same}, nn.MaxPooling2D{Size: sized(2), Ceil: true}),
		"pools counting":           one(image, nn.AveragePooling2D{Size: sized(3), Strides: sized(2), Padding: nn.Pad(nn.Even(1)), CountPad: true}, nn.AveragePooling2D{Size: sized(3), Strides: sized(2), Padding: nn.Pad(nn.Even(1)), Ceil: true, CountPad: true}),
		"pools, ceil":              one(image, nn.AveragePooling2D{Size: sized(2), Strides: sized(3), Ceil: true}, nn.AveragePooling2D{Ceil: true}),
		"pools 1d":                 one(sized(9, 3), nn.MaxPooling1D{}, nn.AveragePooling1D{Padding: nn.Same, Size: sized(3)}, nn.GlobalMaxPooling1D{}),
		"global, kept":             one(image, nn.Conv2D{Filters: 2, Kernel: sized(2)}, nn.GlobalAveragePooling2D{Keep: true}, nn.GlobalMaxPooling2D{}, nn.Dense{Units: 2}),
		"global, plain":            one(image, nn.GlobalMaxPooling2D{Keep: true}, nn.GlobalAveragePooling2D{}),
		"global steps":             one(sized(4, 3), nn.LSTM{Units: 3, Sequences: true}, nn.GlobalAveragePooling1D{}),
		"padding":                  one(image, nn.ZeroPadding2D{Padding: nn.Sides{{1, 0}, {0, 2}}}, nn.Conv2D{Filters: 2, Kernel: sized(2)}, nn.ZeroPadding2D{}, nn.Cropping2D{Cropping: nn.Sides{{0, 1}, {2, 0}}}, nn.PadAxes{Padding: nn.Sides{{0, 1}, {1, 0}, {1, 2}}}),
		"padding with a number":    one(image, nn.PadAxes{Padding: nn.Sides{{0, 1}, {1, 0}, {0, 0}}, Value: -1.5}, nn.Reverse{Axis: 2}, nn.Conv2D{Filters: 2, Kernel: sized(2)}, nn.Reverse{}, nn.Reverse{Axis: 1}),
		"parts and powers":         one(image, nn.Slice{Axis: 2, Begin: 1, End: 5}, nn.Slice{Begin: 1}, nn.Conv2D{Filters: 4, Kernel: sized(2)}, nn.Slice{End: 3}, nn.Slice{Axis: 1, Begin: 2}, nn.Power{Exponent: 2}),
		"each second place":        one(image, nn.Slice{Axis: 1, Step: 2}, nn.Conv2D{Filters: 4, Kernel: sized(2)}, nn.Slice{Axis: 2, Begin: 1, End: 6, Step: 3}, nn.Slice{Step: 2}),
		"padding 1d":               one(sized(5, 2), nn.ZeroPadding1D{Padding: nn.Sides{{1, 2}}}, nn.Cropping1D{Cropping: nn.Sides{{1, 0}}}),
		"padding by what is there": one(image, nn.PadAxes{Padding: nn.Sides{{2, 1}, {0, 3}, {1, 0}}, Mode: "reflect"}, nn.Conv2D{Filters: 3, Kernel: sized(3)}, nn.PadAxes{Padding: nn.Sides{{0, 2}, {1, 1}, {0, 2}}, Mode: "edge"}, nn.Conv2D{Filters: 2, Kernel: sized(2)}),
		"transposed 3d":            one(sized(3, 4, 2, 2), nn.Conv3DTranspose{Filters: 3, Kernel: sized(2), Strides: sized(1, 2, 1), Padding: nn.Same}, nn.Conv3D{Filters: 2, Kernel: sized(1)}, nn.Conv3DTranspose{Filters: 2, Kernel: sized(2, 1, 3), Groups: 2}),
		"lstm with peepholes":      one(sized(5, 3), nn.LSTM{Units: 4, Sequences: true, Peephole: true}, nn.Bidirectional{Layer: nn.LSTM{Units: 3, Peephole: true, ReturnCell: true}}),
		"lstm and its cell":        one(sized(5, 3), nn.LSTM{Units: 4, ReturnCell: true}),
		"lstm that is cut":         one(sized(5, 3), nn.LSTM{Units: 4, CellClip: 0.1, Sequences: true}, nn.LSTM{Units: 2, CellClip: 0.05, ReturnCell: true, Sequences: true, Backwards: true}, nn.LSTM{Units: 3, CellClip: 0.2, ReturnCell: true, NoBias: true}),
		"lstm of other functions":  one(sized(4, 3), nn.Bidirectional{Layer: nn.LSTM{Units: 2, Act: act.GELU{}, Sequences: true}}, nn.Bidirectional{Layer: nn.LSTM{Units: 2, RecurrentAct: act.HardTanh{}, Act: act.SiLU{}}}),
		"lstm, cells of all steps": one(sized(5, 3), nn.LSTM{Units: 4, ReturnCell: true, Sequences: true, LearnState: true}, nn.LSTM{Units: 2, ReturnCell: true, Sequences: true, Backwards: true, Peephole: true}, nn.Dense{Units: 2}),
		"both ways, cells of all steps": one(sized(4, 3), nn.Bidirectional{Layer: nn.LSTM{Units: 2, ReturnCell: true, Sequences: true, RecurrentAct: act.HardSigmoid{}, LearnState: true}},
			nn.Bidirectional{Layer: nn.LSTM{Units: 2, ReturnCell: true, Sequences: true, NoBias: true}, Merge: "sum"}),
		"lstm and its last cell":           one(sized(5, 3), nn.LSTM{Units: 4, ReturnCell: true, Sequences: true}, nn.Reshape{Shape: []int{5, 8}}, nn.Cropping1D{Cropping: nn.Sides{{4, 0}}}, nn.Slice{Begin: 2}, nn.Dense{Units: 2}),
		"both ways and a last cell":        one(sized(5, 3), nn.Bidirectional{Layer: nn.LSTM{Units: 2, ReturnCell: true, Sequences: true}}, nn.Slice{Axis: 1, End: 1}, nn.Slice{Begin: 4}, nn.Dense{Units: 2}),
		"outputs and a cell that is given": one(sized(5, 3), nn.LSTM{Units: 4, ReturnCell: true, Sequences: true, Backwards: true}, nn.Slice{Axis: 1, Begin: 4}),
		"learned states":                   one(sized(5, 3), nn.LSTM{Units: 4, Sequences: true, LearnState: true}, nn.GRU{Units: 3, LearnState: true, Sequences: true, Backwards: true}, nn.Bidirectional{Layer: nn.SimpleRNN{Units: 2, LearnState: true}}),
		"groups of channels":               one(image, nn.GroupNorm{Groups: 2}, nn.Conv2D{Filters: 6, Kernel: sized(2)}, nn.GroupNorm{Groups: -1, Epsilon: 1e-5}, nn.GroupNorm{Groups: 3, NoScale: true}, nn.Dense{Units: 2}),
		"groups of features":               one(sized(6), nn.GroupNorm{Groups: 2, NoCenter: true}, nn.Dense{Units: 2}),
		"functions":                        one(image, nn.Conv2D{Filters: 4, Kernel: sized(2)}, nn.Elementwise{Function: "sin"}, nn.Elementwise{Function: "abs"}, nn.Elementwise{Function: "log1p"}, nn.Elementwise{Function: "expm1"}, nn.Elementwise{Function: "cos"}, nn.Elementwise{Function: "tan"}, nn.Elementwise{Function: "erf"}, nn.Elementwise{Function: "sinh"}, nn.Elementwise{Function: "cosh"}, nn.Elementwise{Function: "log"}),
		"rounded":                          one(sized(6), nn.Dense{Units: 5}, nn.Rescale{Scale: 3}, nn.Elementwise{Function: "round"}, nn.Elementwise{Function: "sign"}, nn.Dense{Units: 2}, nn.Elementwise{Function: "floor"}, nn.Elementwise{Function: "ceil"}, nn.Elementwise{Function: "not"}),
		"areas":                            one(sized(6), nn.Dense{Units: 5, Act: act.Tanh{}}, nn.Elementwise{Function: "atanh"}),
		"largest":                          one(image, nn.Conv2D{Filters: 3, Kernel: sized(2)}, nn.ArgMax{}, nn.Flatten{}, nn.ArgMax{Last: true}),
		"of the batch":                     one(image, nn.BatchStandardize{Epsilon: 1e-5}, nn.Conv2D{Filters: 3, Kernel: sized(2)}, nn.BatchMean{}),
		"variance of the batch":            one(image, nn.Conv2D{Filters: 3, Kernel: sized(2)}, nn.BatchVariance{}, nn.Dense{Units: 2}),
		"standard vectors":                 one(sized(4), nn.BatchStandardize{}, nn.Dense{Units: 2}),
		"places of the largest":            one(image, nn.Conv2D{Filters: 3, Kernel: sized(2)}, nn.MaxPoolingArgmax2D{Size: sized(2), Strides: sized(1), Columns: true}, nn.Rescale{Scale: 0.01}),
		"places of the largest 1d":         one(sized(5, 3), nn.MaxPoolingArgmax1D{Strides: sized(1)}),
		"places of the largest 3d":         one(sized(3, 4, 2, 2), nn.MaxPoolingArgmax3D{Size: sized(2), Columns: true}),
		"upsampling":                       one(sized(3, 4, 2), nn.UpSampling2D{Size: sized(2, 3)}, nn.UpSampling2D{Interpolation: "bilinear"}),
		"upsampling 1d":                    one(sized(3, 2), nn.UpSampling1D{Size: sized(3)}),
		"shapes":                           one(sized(3, 4, 2), nn.Permute{Dims: []int{3, 1, 2}}, nn.Reshape{Shape: []int{4, -1}}, nn.Permute{Dims: []int{2, 1}}, nn.Flatten{}, nn.RepeatVector{N: 3}, nn.Dense{Units: 2}),
		"permuted":                         one(image, nn.Conv2D{Filters: 3, Kernel: sized(2)}, nn.Permute{Dims: []int{3, 1, 2}}, nn.Dense{Units: 2}),
		"lrn":                              one(image, nn.LocalResponseNorm{Size: 3, Alpha: 0.5}, nn.Conv2D{Filters: 6, Kernel: sized(1)}, nn.LocalResponseNorm{Alpha: 2, Bias: 2}),
		"lstm":                             one(sized(5, 3), nn.LSTM{Units: 4, Sequences: true}, nn.LSTM{Units: 3, RecurrentAct: act.HardSigmoid{Slope: 0.2}, NoBias: true}),
		"gru":                              one(sized(5, 3), nn.GRU{Units: 4, Sequences: true}, nn.GRU{Units: 3, ResetBefore: true}),
		"rnn":                              one(sized(5, 3), nn.SimpleRNN{Units: 4, Sequences: true}, nn.SimpleRNN{Units: 3, Act: act.ReLU{}, Sequences: true}, nn.Dense{Units: 2}),
		"backwards":                        one(sized(5, 3), nn.LSTM{Units: 4, Backwards: true, Sequences: true}, nn.GRU{Units: 3, Backwards: true}),
		"both ways":                        one(sized(5, 3), nn.Bidirectional{Layer: nn.LSTM{Units: 4, Sequences: true}}, nn.Bidirectional{Layer: nn.GRU{Units: 3, Sequences: true}, Merge: "sum"}, nn.Bidirectional{Layer: nn.SimpleRNN{Units: 2}}),
		"both ways, other merges":          one(sized(5, 3), nn.Bidirectional{Layer: nn.GRU{Units: 4, Sequences: true, ResetBefore: true}, Merge: "mul"}, nn.Bidirectional{Layer: nn.LSTM{Units: 3, NoBias: true}, Merge: "ave"}),
		"each step":                        one(sized(3, 6, 5, 2), nn.TimeDistributed{Layer: nn.Conv2D{Filters: 3, Kernel: sized(2)}}, nn.TimeDistributed{Layer: nn.Flatten{}}, nn.TimeDistributed{Layer: nn.Dense{Units: 2, Act: act.ReLU{}}}),
		"residual":                         one(image, nn.Conv2D{Filters: 3, Kernel: sized(2)}, nn.Residual{Layers: nn.Sequential{nn.Conv2D{Filters: 3, Kernel: sized(3), Padding: nn.Same, Act: act.ReLU{}}, nn.BatchNorm{}}}, nn.Block{Name: "head", Layers: nn.Sequential{nn.GlobalAveragePooling2D{}, nn.Dense{Units: 2}}}),
		"noise":                            one(sized(4), nn.Dropout{Rate: 0.3}, nn.AlphaDropout{Rate: 0.1}, nn.GaussianNoise{Stddev: 1}, nn.GaussianDropout{Rate: 0.2}, nn.Dense{Units: 2}),
		"spatial noise":                    one(sized(4, 2), nn.SpatialDropout{Rate: 0.5}, nn.Dense{Units: 2}),
	}
	padded := sized(5, 2)
	for name, l := range map[string]nn.Layer{
		"lstm": nn.LSTM{Units: 3, Sequences: true}, "lstm, last": nn.LSTM{Units: 3, ReturnCell: true}, "lstm, all and cells": nn.LSTM{Units: 2, ReturnCell: true, Sequences: true, Backwards: true, ZeroMasked: true}, "gru": nn.GRU{Units: 3, Sequences: true, LearnState: true},
		"gru, last": nn.GRU{Units: 2, ResetBefore: true, Backwards: true, LearnState: true}, "rnn": nn.SimpleRNN{Units: 2, Sequences: true, ZeroMasked: true}, "both ways": nn.Bidirectional{Layer: nn.LSTM{Units: 2, Sequences: true}}, "both ways, repeated": nn.Bidirectional{Layer: nn.GRU{Units: 2, Sequences: true}, Merge: "sum", Repeat: true},
		"both ways, last": nn.Bidirectional{Layer: nn.LSTM{Units: 2, LearnState: true}}, "lstm that is cut": nn.LSTM{Units: 2, CellClip: 0.1, Sequences: true, ReturnCell: true}, "both ways, other functions": nn.Bidirectional{Layer: nn.LSTM{Units: 2, Act: act.GELU{}, Sequences: true}},
		"lstm that is projected": nn.LSTM{Units: 3, Projection: 2, ProjectionClip: 0.2, Sequences: true, GateClip: 0.5}, "mean": nn.GlobalAveragePooling1D{}, "mean, kept": nn.GlobalAveragePooling1D{Keep: true},
	} {
		out["masked "+name] = one(padded, nn.Masking{Value: -0.25}, nn.Dense{Units: 2}, l)
	}
	out["projected"] = one(padded, nn.LSTM{Units: 3, Projection: 2, ReturnCell: true}, nn.RepeatVector{N: 3}, nn.Bidirectional{Layer: nn.LSTM{Units: 3, Projection: 2}})
	out["cut gates"] = one(padded, nn.LSTM{Units: 3, GateClip: 0.2, Sequences: true}, nn.GRU{Units: 3, GateClip: 0.1, Sequences: true}, nn.GRU{Units: 3, GateClip: 0.1, Sequences: true, ResetBefore: true}, nn.Bidirectional{Layer: nn.SimpleRNN{Units: 2, GateClip: 0.05}})
	out["lengths"] = formattest.Filled(t, loss.MSE{}, nil, nn.Functional{In: []nn.Port{{Name: "steps", Shape: padded}, {Name: "length", Shape: sized(1)}}, Layers: []nn.Entry{
		{Layer: nn.Rescale{Scale: 2, Offset: 2, Name: "n"}, Inputs: []string{"length"}}, {Layer: nn.SequenceMask{Name: "a"}, Inputs: []string{"steps", "n"}}, {Layer: nn.LSTM{Units: 2, Sequences: true, Name: "b"}, Inputs: []string{"a"}},
		{Layer: nn.SequenceMask{Bare: true, Name: "c"}, Inputs: []string{"b", "n"}}, {Layer: nn.GRU{Units: 2, Name: "d"}, Inputs: []string{"c"}}}})
	both := formattest.Filled(t, loss.MSE{}, nil, nn.Functional{In: []nn.Port{{Name: "one", Shape: sized(4)}, {Name: "other", Shape: sized(4)}}, Layers: []nn.Entry{
		{Layer: nn.Embedding{Words: 9, Units: 2, MaskZero: true, Name: "a"}, Inputs: []string{"one"}}, {Layer: nn.Embedding{Words: 9, Units: 2, MaskZero: true, Name: "b"}, Inputs: []string{"other"}},
		{Layer: nn.Concatenate{Masks: "all", Name: "c"}, Inputs: []string{"a", "b"}}, {Layer: nn.SimpleRNN{Units: 2, Name: "d"}, Inputs: []string{"c"}}, {Layer: nn.Concatenate{Axis: 1, Name: "e"}, Inputs: []string{"a", "b"}}, {Layer: nn.GRU{Units: 2, Name: "f"}, Inputs: []string{"e"}},
		{Layer: nn.Add{Masks: "any", Name: "g"}, Inputs: []string{"a", "b"}}, {Layer: nn.GlobalAveragePooling1D{Name: "h"}, Inputs: []string{"g"}}, {Layer: nn.Concatenate{Name: "i"}, Inputs: []string{"d", "f", "h"}}}})
	both.Data.Inputs[0].DType = tensor.Int32
	out["two masks"] = both
	words := one(sized(5), nn.Embedding{Words: 9, Units: 3}, nn.Flatten{}, nn.Dense{Units: 2})
	words.Data.Inputs[0].DType = tensor.Int32
	out["words"] = words
	out["words of floats"] = one(sized(4), nn.Embedding{Words: 9, Units: 3}, nn.GlobalAveragePooling1D{})
	for name, a := range activations() {
		out["act "+name] = one(sized(6), nn.Dense{Units: 8, Act: a}, nn.Activation{Act: a})
		out["act of images "+name] = one(sized(3, 4, 2), nn.Conv2D{Filters: 4, Kernel: sized(2), Act: a}, nn.Conv2D{Filters: 2, Kernel: sized(1)})
	}
	prep := formattest.Filled(t, loss.CrossEntropy{}, nn.Sequential{nn.Rescale{Scale: 1.0 / 255, Offset: -0.5}, nn.Standardize{}}, nn.Sequential{nn.Input{Shape: sized(6, 5, 1)},
		nn.Conv2D{Filters: 3, Kernel: sized(3), Act: act.ReLU{}, Name: "conv"}, nn.Flatten{}, nn.Dense{Units: 3, Name: "logits"}})
	prep.Data.Classes = []string{"cat", "\"dog\"", "鳥"}
	prep.Data.Inputs[0].DType = tensor.Uint8
	out["prepared"] = prep
	out["prepared by channel"] = formattest.Filled(t, loss.MSE{}, nn.Sequential{nn.Standardize{Axis: -1}, nn.Rescale{Scale: 2}}, nn.Sequential{nn.Conv2D{Filters: 3, Kernel: sized(3)}, nn.Standardize{Axis: -1}, nn.Standardize{Axis: 1, Floor: 0.5}, nn.Standardize{}}, image)
	out["binary"] = formattest.Filled(t, loss.BinaryCrossEntropy{}, nil, nn.Sequential{nn.Dense{Units: 1}}, sized(3))
	out["probabilities"] = formattest.Filled(t, loss.CrossEntropy{}, nil, nn.Sequential{nn.Dense{Units: 3, Act: act.Softmax{}}}, sized(3))
	out["branches"] = formattest.Filled(t, loss.MSE{}, nil, nn.Functional{
		In: []nn.Port{{Name: "picture", Shape: sized(6, 6, 2)}, {Name: "numbers", Shape: sized(4)}},
		Layers: []nn.Entry{
			{Layer: nn.Conv2D{Filters: 3, Kernel: sized(3), Padding: nn.Same, Name: "a"}, Inputs: []string{"picture"}}, {Layer: nn.Conv2D{Filters: 3, Kernel: sized(1), Name: "b"}, Inputs: []string{"picture"}},
			{Layer: nn.Concatenate{Name: "c"}, Inputs: []string{"a", "b"}}, {Layer: nn.Add{Name: "d"}, Inputs: []string{"a", "b"}}, {Layer: nn.Maximum{Name: "e"}, Inputs: []string{"a", "b", "d"}},
			{Layer: nn.Average{Name: "f"}, Inputs: []string{"e", "a"}}, {Layer: nn.Minimum{Name: "g"}, Inputs: []string{"f", "d"}}, {Layer: nn.Subtract{Name: "h"}, Inputs: []string{"g", "b"}},
			{Layer: nn.Multiply{Name: "i"}, Inputs: []string{"h", "a", "b"}}, {Layer: nn.Concatenate{Name: "j"}, Inputs: []string{"i", "c"}}, {Layer: nn.GlobalAveragePooling2D{Keep: true, Name: "k"}, Inputs: []string{"j"}},
			{Layer: nn.Multiply{Name: "l"}, Inputs: []string{"j", "k"}}, {Layer: nn.Flatten{Name: "m"}, Inputs: []string{"l"}}, {Layer: nn.Dense{Units: 4, Name: "n"}, Inputs: []string{"m"}},
			{Layer: nn.Dense{Units: 4, Act: act.PReLU{}, Name: "o"}, Inputs: []string{"numbers"}}, {Layer: nn.Add{Name: "p"}, Inputs: []string{"n", "o"}}, {Share: "o", Name: "q", Inputs: []string{"p"}},
			{Layer: nn.Dense{Units: 2, Name: "first"}, Inputs: []string{"q"}}, {Layer: nn.Dense{Units: 3, Name: "second"}, Inputs: []string{"p"}}},
		Out: []string{"second", "first", "m"}})
	out["products"] = formattest.Filled(t, loss.MSE{}, nil, nn.Functional{
		In: []nn.Port{{Name: "x", Shape: sized(4, 6)}},
		Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 6, Name: "q"}, Inputs: []string{"x"}}, {Layer: nn.Reshape{Shape: []int{4, 2, 3}, Name: "heads"}}, {Layer: nn.Permute{Dims: []int{2, 1, 3}, Name: "queries"}},
			{Layer: nn.Permute{Dims: []int{2, 3, 1}, Name: "keys"}, Inputs: []string{"heads"}}, {Layer: nn.MatMul{Name: "scores"}, Inputs: []string{"queries", "keys"}}, {Layer: nn.Activation{Act: act.Softmax{}, Name: "shares"}},
			{Layer: nn.MatMul{Name: "sums"}, Inputs: []string{"shares", "queries"}}, {Layer: nn.Permute{Dims: []int{2, 1, 3}, Name: "back"}}, {Layer: nn.Reshape{Shape: []int{4, 6}, Name: "joined"}},
			{Layer: nn.Permute{Dims: []int{2, 1}, Name: "turned"}, Inputs: []string{"x"}}, {Layer: nn.MatMul{Name: "wide"}, Inputs: []string{"turned", "shares"}}, {Layer: nn.Flatten{Name: "flat"}},
			{Layer: nn.Dense{Units: 2, Name: "y"}, Inputs: []string{"joined"}}},
		Out: []string{"y", "flat"}})
	compared := nn.Functional{In: []nn.Port{{Name: "x", Shape: sized(3, 4)}}, Layers: []nn.Entry{{Layer: nn.Dense{Units: 4, Name: "a"}, Inputs: []string{"x"}}, {Layer: nn.Dense{Units: 4, Name: "b"}, Inputs: []string{"x"}},
		{Layer: nn.Activation{Act: act.Sigmoid{}, Name: "c"}, Inputs: []string{"a"}}}}
	for _, f := range []string{"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"} {
		compared.Layers = append(compared.Layers, nn.Entry{Layer: nn.Elementwise{Function: f, Name: f}, Inputs: []string{"a", "b"}})
		compared.Out = append(compared.Out, f)
	}
	for _, f := range []string{"and", "or", "xor"} {
		compared.Layers = append(compared.Layers, nn.Entry{Layer: nn.Elementwise{Function: f, Name: f}, Inputs: []string{"greater", "less_equal"}})
		compared.Out = append(compared.Out, f)
	}
	compared.Layers = append(compared.Layers, nn.Entry{Layer: nn.Elementwise{Function: "select", Name: "select"}, Inputs: []string{"greater", "a", "b"}}, nn.Entry{Layer: nn.Elementwise{Function: "pow", Name: "pow"}, Inputs: []string{"c", "b"}})
	compared.Out = append(compared.Out, "select", "pow")
	out["compared"] = formattest.Filled(t, loss.MSE{}, nil, compared)
	out["given states"] = formattest.Filled(t, loss.MSE{}, nil, nn.Functional{
		In: []nn.Port{{Name: "x", Shape: sized(5, 3)}, {Name: "h", Shape: sized(4)}, {Name: "c", Shape: sized(4)}},
		Layers: []nn.Entry{{Layer: nn.LSTM{Units: 4, Sequences: true, Name: "first"}, Inputs: []string{"x", "h", "c"}}, {Layer: nn.GRU{Units: 4, Backwards: true, Sequences: true, Name: "second"}, Inputs: []string{"first", "h"}},
			{Layer: nn.Bidirectional{Layer: nn.LSTM{Units: 4}, Name: "both"}, Inputs: []string{"second", "h", "c", "c", "h"}}, {Layer: nn.SimpleRNN{Units: 8, Name: "last"}, Inputs: []string{"x", "both"}}},
		Out: []string{"last"}})
	out["input again"] = formattest.Filled(t, loss.MSE{}, nil, nn.Sequential{nn.Input{Shape: sized(3)}})
	lenet, _ := models.New("lenet5")
	out["lenet5"] = formattest.Filled(t, loss.CrossEntropy{}, nil, lenet, sized(28, 28, 1))
	resnet, _ := models.New("resnet20-cifar")
	out["resnet20-cifar"] = formattest.Filled(t, loss.CrossEntropy{}, nil, resnet, sized(32, 32, 3))
	return out
}

// activations are all that are written, by name.
func activations() map[string]act.Activation {
	return map[string]act.Activation{
		"linear": act.Linear{}, "tanh": act.Tanh{}, "sigmoid": act.Sigmoid{}, "softplus": act.Softplus{}, "softsign": act.Softsign{}, "exponential": act.Exponential{}, "hard_swish": act.HardSwish{},
		"selu": act.SELU{}, "elu": act.ELU{Alpha: 0.5}, "celu": act.CELU{Alpha: 2}, "leaky_relu": act.LeakyReLU{}, "rrelu": act.RReLU{}, "rrelu of the paper": act.RReLU{Paper: true},
		"hard_sigmoid": act.HardSigmoid{}, "hard_sigmoid_keras2": act.HardSigmoid{Slope: 0.2}, "hard_tanh": act.HardTanh{}, "hard_shrink": act.HardShrink{}, "soft_shrink": act.SoftShrink{Lambda: 0.1},
		"relu": act.ReLU{}, "relu6": act.ReLU{MaxValue: 6}, "relu with a slope": act.ReLU{Slope: 0.1}, "relu with all": act.ReLU{Slope: 0.1, MaxValue: 0.4, Threshold: 0.2},
		"relu with a slope and a bound": act.ReLU{Slope: 0.1, MaxValue: 0.4}, "relu with a threshold below 0": act.ReLU{Threshold: -0.3, MaxValue: 0.5}, "thresholded_relu": act.ReLU{Threshold: 1}, "another threshold": act.ReLU{Threshold: 0.2},
		"threshold": act.Threshold{Threshold: 0.1, Value: 0.5}, "threshold to 0": act.Threshold{Threshold: 0.1}, "prelu": act.PReLU{}, "prelu, shared": act.PReLU{SharedAxes: []int{1}},
		"silu": act.SiLU{}, "mish": act.Mish{}, "log_sigmoid": act.LogSigmoid{}, "tanh_shrink": act.TanhShrink{}, "gelu": act.GELU{}, "gelu_tanh": act.GELU{Approximate: true},
		"clip": act.Clip{Min: -0.4, Max: 0.7}, "clip below": act.Clip{Min: -0.1}, "clip above": act.Clip{Max: 0.3}, "clip to 0": act.Clip{Max: spec.Zero},
		"softmax": act.Softmax{}, "log_softmax": act.LogSoftmax{}, "glu": act.GLU{},
	}
}

// rowsFor are inputs for a model.
func rowsFor(m *format.Model, rows int) []*tensor.Tensor {
	var out []*tensor.Tensor
	for _, f := range m.Data.Inputs {
		x := formattest.Rows(2, -1, append([]int{rows}, f.Shape...)...)
		switch {
		case f.DType == tensor.Int32:
			x = tensor.New(tensor.Int32, append([]int{rows}, f.Shape...)...)
			for i := range x.Len() {
				x.SetFlat(i, float64(i*5%9))
			}
		case f.DType == tensor.Uint8:
			x = tensor.New(tensor.Uint8, append([]int{rows}, f.Shape...)...)
			for i := range x.Len() {
				x.SetFlat(i, float64(i*37%256))
			}
		case m.Params.Value("embedding/embeddings") != nil:
			for i := range x.Len() {
				x.SetFlat(i, float64(i*5%9)+0.5)
			}
		case len(f.Shape) == 2: // some steps are as Masking leaves them out
			n := f.Shape[1]
			for s := range rows * f.Shape[0] {
				for k := range n {
					if s*s%5 == 1 {
						x.SetFlat(s*n+k, -0.25)
					}
				}
			}
		}
		out = append(out, x)
	}
	return out
}

// predicted are a model's outputs for rows.
func predicted(t testing.TB, m *format.Model, xs []*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	ys, err := formattest.TryAll(m, xs...)
	if err != nil {
		t.Fatal(err)
	}
	return ys
}

func apart(t testing.TB, what string, got, want *tensor.Tensor, most float64) {
	t.Helper()
	if !got.Shape().Equal(want.Shape()) {
		t.Errorf("%s: shape %v, want %v", what, got.Shape(), want.Shape())
		return
	}
	for i := range want.Len() {
		g, v := got.Flat(i), want.Flat(i)
		if !(math.Abs(g-v) <= most*max(1, math.Abs(v))) {
			t.Errorf("%s: element %d is %v, want %v", what, i, g, v)
			return
		}
	}
}

// saved writes a model to a file of a folder, and checks it.
func saved(t testing.TB, dir, name string, m *format.Model) string {
	t.Helper()
	var b, again bytes.Buffer
	r, err := Write(&b, m)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if _, err := Write(&again, m); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("%s: the same model gives other bytes: %v", name, err)
	}
	path := filepath.Join(dir, strings.NewReplacer(" ", "_", ",", "").Replace(name)+".onnx")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := check(path, m); err != nil || n != m.Params.Len() || len(r.Tensors) < n {
		t.Errorf("%s: checked %d of %d, linked %d: %v", name, n, m.Params.Len(), len(r.Tensors), err)
	}
	return path
}

// given is a value that onnxruntime takes or gives.
type given struct {
	Name, Type string
	Dims       []int
	Data       []float64
}

// A job is a model that onnxruntime runs.
type job struct {
	Path string
	In   []given
}

// A ran job has results, or an error.
type ran struct {
	Error string
	Out   []given
}

// runtime runs models in onnxruntime, where it is installed.
func runtime(t *testing.T, jobs []job) []ran {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		err = exec.Command(node, "-e", "require('onnxruntime-node')").Run()
	}
	if err != nil {
		t.Skipf("node with the module onnxruntime-node (NODE_PATH) runs the models: %v", err)
	}
	const script = `
const ort = require("onnxruntime-node");
let text = "";
process.stdin.on("data", d => text += d);
process.stdin.on("end", async () => {
  const out = [];
  for (const job of JSON.parse(text)) {
    try {
      const s = await ort.InferenceSession.create(job.Path, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
      const feeds = {};
      for (const g of job.In) feeds[g.Name] = new ort.Tensor(g.Type, (g.Type === "int32" ? Int32Array : Float32Array).from(g.Data), g.Dims);
      const y = await s.run(feeds);
      out.push({ Out: s.outputNames.map(n => ({ Name: n, Dims: y[n].dims, Data: Array.from(y[n].data) })) });
    } catch (e) { out.push({ Error: String(e.message || e) }); }
  }
  console.log(JSON.stringify(out));
});
`
	in, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "-e", script)
	cmd.Stdin = bytes.NewReader(in)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	var got []ran
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRuntime runs what is written in onnxruntime and holds its results to ours.
func TestRuntime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := zoo(t)
	names := slices.Sorted(maps.Keys(all))
	var jobs []job
	const rows = 3
	for _, name := range names {
		m := all[name]
		job := job{Path: saved(t, dir, name, m)}
		ins, _ := m.Net.Ports()
		for i, x := range rowsFor(m, rows) {
			g := given{Name: ins[i].Name, Type: "float32", Dims: x.Shape()}
			if x.DType() == tensor.Int32 {
				g.Type = "int32"
			}
			for k := range x.Len() {
				g.Data = append(g.Data, x.Flat(k))
			}
			job.In = append(job.In, g)
		}
		jobs = append(jobs, job)
	}
	got := runtime(t, jobs)
	for i, name := range names {
		if got[i].Error != "" {
			t.Errorf("%s: %s", name, got[i].Error)
			continue
		}
		m := all[name]
		_, ports := m.Net.Ports()
		want := predicted(t, m, rowsFor(m, rows))
		if len(got[i].Out) != len(want) {
			t.Errorf("%s: %d outputs, want %d", name, len(got[i].Out), len(want))
			continue
		}
		for k, o := range got[i].Out {
			if o.Name != ports[k].Name {
				t.Errorf("%s: output %d is called %q, want %q", name, k, o.Name, ports[k].Name)
			}
			y := tensor.New(tensor.Float64, o.Dims...)
			copy(y.Float64s(), o.Data)
			apart(t, name+"/"+o.Name, y, want[k], 1e-5)
		}
	}
	t.Logf("%d models run", len(names))
}

// TestChecker has ONNX's own checker look at what is written.
func TestChecker(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import onnx").Run(); err != nil {
		t.Skip("onnx is not installed: apt-get install python3-onnx")
	}
	dir := t.TempDir()
	for name, m := range zoo(t) {
		saved(t, dir, name, m)
	}
	const script = `
import glob, onnx, sys
n = 0
for p in sorted(glob.glob(sys.argv[1] + "/*.onnx")):
    m = onnx.load(p)
    try:
        onnx.checker.check_model(m, full_check=True)
        n += 1
    except Exception as e:
        print(p, str(e).splitlines()[:3])
    assert m.ir_version == 8 and m.opset_import[0].version == 17 and m.producer_name == "nadir", p
print(n, "models pass", onnx.__version__)
`
	out, err := exec.Command(interpreter, "-c", script, dir).CombinedOutput()
	if err != nil || strings.Contains(string(out), ".onnx") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Log(strings.TrimSpace(string(out)))
}

// TestReadBack reads what is written with our own reader: the same weights, to the last bit,
// and the same predictions.
func TestReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, m := range zoo(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := saved(t, dir, name, m)
			f, err := format.OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			back, _, err := f.Import(format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			numbers(t, m, back)
			given, ports := rowsFor(m, 3), m.Data.Inputs
			want := predicted(t, m, given)
			var xs []*tensor.Tensor
			for _, in := range back.Data.Inputs { // in the order in which they are first taken
				i := slices.IndexFunc(ports, func(f data.Field) bool { return f.Name == in.Name || len(ports) == 1 })
				x := given[i]
				if x.DType() == tensor.Uint8 {
					x = x.Convert(tensor.Float32)
				}
				xs = append(xs, x)
			}
			for i, y := range predicted(t, back, xs) {
				apart(t, fmt.Sprint("output ", i), y, want[i], 2e-6)
			}
			if !slices.Equal(back.Data.Classes, m.Data.Classes) {
				t.Errorf("classes %q, want %q", back.Data.Classes, m.Data.Classes)
			}
		})
	}
}

// numbers holds that every parameter of a model is one of another, bit by bit.
func numbers(t *testing.T, m, back *format.Model) {
	t.Helper()
	_, have, err := format.Parameters(back)
	if err != nil {
		t.Fatal(err)
	}
	names, values, err := format.Parameters(m)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		same := func(x *tensor.Tensor) bool { return bytes.Equal(x.Bytes(), v.Bytes()) }
		if !slices.ContainsFunc(have, same) {
			t.Errorf("%q is not there any more", names[i])
		}
	}
}

// TestUnwritten names what there are no words for, before a byte is written.
func TestUnwritten(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		m    *format.Model
		want string
	}{
		"dilated mean":     {formattest.Filled(t, loss.MSE{}, nil, nn.Sequential{nn.AveragePooling1D{Dilation: tensor.Shape{2}}}, tensor.Shape{8, 2}), "dilation"},
		"gate":             {formattest.Filled(t, loss.MSE{}, nil, nn.Sequential{nn.GRU{Units: 2, Act: act.GELU{}}}, tensor.Shape{3, 2}), "no activation gelu"},
		"cut, and a state": {formattest.Filled(t, loss.MSE{}, nil, nn.Sequential{nn.LSTM{Units: 2, CellClip: 1, LearnState: true}}, tensor.Shape{3, 2}), "learned to begin with"},
		"two kinds":        {formattest.Filled(t, loss.MSE{}, nil, nn.Sequential{nn.Bidirectional{Layer: nn.LSTM{Units: 2}, Backward: nn.GRU{Units: 2, Backwards: true}}}, tensor.Shape{3, 2}), "differ"},
		"layers each step": {formattest.Filled(t, loss.MSE{}, nil, nn.Sequential{nn.TimeDistributed{Layer: nn.Block{Layers: nn.Sequential{nn.Dense{Units: 2}}}}}, tensor.Shape{3, 2}), "within sequential"},
	} {
		var b bytes.Buffer
		_, err := Write(&b, tc.m)
		var u *format.Unsupported
		if !errors.As(err, &u) || !strings.Contains(err.Error(), tc.want) || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes; want %q", name, err, b.Len(), tc.want)
		}
	}
}

// TestLastCell holds that an LSTM of which nothing but the outputs and the last cell is taken is
// one operation, and one operation a step where more is.
func TestLastCell(t *testing.T) {
	t.Parallel()
	all := zoo(t)
	for name, want := range map[string]int{"lstm and its last cell": 1, "both ways and a last cell": 1, "outputs and a cell that is given": 1, "lstm, cells of all steps": 10, "both ways, cells of all steps": 16} {
		w, err := newWriter(all[name])
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, k := range w.nodes {
			if k.op == "LSTM" {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d operations, want %d", name, n, want)
		}
	}
}

// TestCheckFinds changes one bit of a model and expects to hear of it.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	m := formattest.Filled(t, loss.MSE{}, nil, nn.Sequential{nn.Dense{Units: 3}}, tensor.Shape{2})
	path := saved(t, t.TempDir(), "m", m)
	m.Params.Value("dense/kernel").Bytes()[0] ^= 1
	if _, err := check(path, m); err == nil || !strings.Contains(err.Error(), `the numbers of "dense/kernel" are not those`) {
		t.Error(err)
	}
}

// TestEveryLayer holds the zoo to the list of all layers and activations.
func TestEveryLayer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var note func(l nn.Layer)
	note = func(l nn.Layer) {
		seen[nn.KindOf(l)] = true
		switch l := l.(type) {
		case nn.Activation:
			seen["activation"] = true
		case nn.Block:
			for _, x := range l.Layers {
				note(x)
			}
		case nn.Residual:
			for _, x := range l.Layers {
				note(x)
			}
		case nn.Bidirectional:
			note(l.Layer)
		case nn.TimeDistributed:
			note(l.Layer)
		}
	}
	for _, m := range zoo(t) {
		for _, l := range m.Preprocess {
			note(l)
		}
		switch net := m.Net.(type) {
		case nn.Sequential:
			for _, l := range net {
				note(l)
			}
		case nn.Functional:
			for _, e := range net.Layers {
				if e.Layer != nil {
					note(e.Layer)
				}
			}
		}
	}
	for _, d := range nn.Layers.Describe() {
		if !seen[d.Name] {
			t.Errorf("no model has a layer %s", d.Name)
		}
	}
	have := map[string]bool{}
	for _, a := range activations() {
		have[act.Registry.NameOf(a)] = true
	}
	for _, d := range act.Registry.Describe() {
		if !have[d.Name] {
			t.Errorf("no model has the activation %s", d.Name)
		}
	}
}

// TestWriteAny writes drawn stacks and reads them back.
func TestWriteAny(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		net := nn.Sequential{}
		shape := tensor.Shape{rapid.IntRange(5, 7).Draw(rt, "rows"), rapid.IntRange(5, 7).Draw(rt, "columns"), rapid.IntRange(1, 3).Draw(rt, "channels")}
		for range rapid.IntRange(0, 3).Draw(rt, "layers") {
			net = append(net, rapid.SampledFrom([]nn.Layer{nn.Conv2D{Filters: 2, Kernel: tensor.Shape{3}, Padding: nn.Same, Act: act.ReLU{}}, nn.BatchNorm{}, nn.MaxPooling2D{Size: tensor.Shape{2}, Strides: tensor.Shape{1}},
				nn.DepthwiseConv2D{Kernel: tensor.Shape{2}, Padding: nn.Same}, nn.Activation{Act: act.PReLU{}}, nn.Affine{}, nn.Permute{Dims: []int{2, 1, 3}}}).Draw(rt, "layer"))
		}
		if rapid.Bool().Draw(rt, "head") {
			net = append(net, nn.Flatten{}, nn.Dense{Units: 2})
		}
		net = append(net, nn.Activation{Act: act.ELU{}})
		m := formattest.Filled(t, loss.MSE{}, nil, net, shape)
		path := saved(t, dir, "any", m)
		back, _ := formattest.Import(t, path, format.Options{})
		xs := rowsFor(m, 2)
		apart(t, fmt.Sprint(net), predicted(t, back, xs)[0], predicted(t, m, xs)[0], 1e-6)
	})
}
