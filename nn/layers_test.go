package nn_test

import (
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/nntest"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/tensor"
)

// TestLayers runs every layer through the conformance suite.
func TestLayers(t *testing.T) {
	t.Parallel()
	vector, image := tensor.Shape{5}, tensor.Shape{3, 4, 2}
	sequence, volume := tensor.Shape{5, 2}, tensor.Shape{2, 3, 3, 2}
	two, three := tensor.Shape{2}, tensor.Shape{3}
	dense := nn.Dense{Units: 5, Act: act.Tanh{}}
	for name, tc := range map[string]struct {
		layer   nn.Layer
		samples []tensor.Shape
	}{
		"input":                    {nn.Input{Shape: vector}, []tensor.Shape{vector}},
		"flatten":                  {nn.Flatten{}, []tensor.Shape{image}},
		"flatten a vector":         {nn.Flatten{}, []tensor.Shape{vector}},
		"flatten numbers":          {nn.Flatten{}, []tensor.Shape{{}}},
		"reshape":                  {nn.Reshape{Shape: []int{4, -1}}, []tensor.Shape{image}},
		"reshape to numbers":       {nn.Reshape{Shape: []int{}}, []tensor.Shape{{1}}},
		"dense":                    {nn.Dense{Units: 3}, []tensor.Shape{vector}},
		"dense of a sequence":      {nn.Dense{Units: 3, Act: act.ELU{}}, []tensor.Shape{{2, 4}}},
		"dense with everything":    {nn.Dense{Units: 3, Act: act.PReLU{}, Init: initial.RandomNormal{Stddev: 0.2}, BiasInit: initial.Ones{}}, []tensor.Shape{vector}},
		"dense without bias":       {nn.Dense{Units: 3, Act: act.SELU{}, NoBias: true}, []tensor.Shape{vector}},
		"dense that is kept small": {nn.Dense{Units: 3, Regularizer: regular.L2{Amount: 0.1}, BiasRegularizer: regular.L1{}, Constraint: regular.MaxNorm{Max: 1}}, []tensor.Shape{vector}},
		"batch normalization":      {nn.BatchNorm{}, []tensor.Shape{vector}},
		"batch normalization 4-D":  {nn.BatchNorm{Momentum: 0.9, Epsilon: 1e-5}, []tensor.Shape{image}},
		"without center":           {nn.BatchNorm{NoCenter: true, GammaInit: initial.Constant{Value: 2}}, []tensor.Shape{vector}},
		"without scale":            {nn.BatchNorm{NoScale: true, BetaInit: initial.Ones{}}, []tensor.Shape{vector}},
		"no memory":                {nn.BatchNorm{Momentum: nn.Zero, Epsilon: nn.Zero}, []tensor.Shape{vector}},
		"activation":               {nn.Activation{Act: act.GELU{}}, []tensor.Shape{image}},
		"activation with a slope":  {nn.Activation{Act: act.LeakyReLU{Slope: 0.3}}, []tensor.Shape{vector}},
		"bare activation":          {act.Softplus{}, []tensor.Shape{vector}},
		"softmax":                  {act.Softmax{}, []tensor.Shape{vector}},
		"dropout":                  {nn.Dropout{Rate: 0.3}, []tensor.Shape{image}},
		"dropout of nothing":       {nn.Dropout{}, []tensor.Shape{vector}},
		"alpha dropout":            {nn.AlphaDropout{Rate: 0.3}, []tensor.Shape{image}},
		"spatial dropout":          {nn.SpatialDropout{Rate: 0.3}, []tensor.Shape{image}},
		"gaussian dropout":         {nn.GaussianDropout{Rate: 0.3}, []tensor.Shape{vector}},
		"gaussian noise":           {nn.GaussianNoise{Stddev: 0.2}, []tensor.Shape{image}},
		"layer normalization":      {nn.LayerNorm{}, []tensor.Shape{vector}},
		"layer normalization 4-D":  {nn.LayerNorm{Epsilon: 1e-5, GammaInit: initial.Constant{Value: 2}, BetaInit: initial.Ones{}}, []tensor.Shape{image}},
		"layer, nothing learned":   {nn.LayerNorm{NoCenter: true, NoScale: true}, []tensor.Shape{image}},
		"affine":                   {nn.Affine{}, []tensor.Shape{vector}},
		"affine, fixed":            {nn.Affine{Fixed: true}, []tensor.Shape{vector}},
		"affine, one a pixel":      {nn.Affine{Axes: []int{1, 2}, NoCenter: true}, []tensor.Shape{image}},
		"affine, one for all":      {nn.Affine{Axes: []int{}, GammaInit: initial.Constant{Value: 2}}, []tensor.Shape{image}},
		"affine, one an element":   {nn.Affine{Axes: []int{1, 2, -1}, NoScale: true, BetaInit: initial.Ones{}}, []tensor.Shape{image}},
		"pad with a number":        {nn.PadAxes{Padding: nn.Sides{{0, 1}, {1, 0}, {0, 0}}, Value: 2}, []tensor.Shape{image}},
		"pad by the edge":          {nn.PadAxes{Padding: nn.Sides{{0, 1}, {3, 0}, {0, 0}}, Mode: "edge"}, []tensor.Shape{image}},
		"pad by reflection":        {nn.PadAxes{Padding: nn.Sides{{5, 1}, {1, 2}, {0, 1}}, Mode: "reflect"}, []tensor.Shape{image}},
		"pad symmetrically":        {nn.PadAxes{Padding: nn.Sides{{2, 7}}, Mode: "symmetric"}, []tensor.Shape{{3}}},
		"pad around":               {nn.PadAxes{Padding: nn.Sides{{4, 2}, {0, 1}}, Mode: "wrap"}, []tensor.Shape{{3, 1}}},
		"rescaling":                {nn.Rescale{Scale: 1.0 / 255, Offset: -1}, []tensor.Shape{image}},
		"standardize":              {nn.Standardize{}, []tensor.Shape{image}},
		"standardize channels":     {nn.Standardize{Axis: -1}, []tensor.Shape{image}},
		"standardize rows":         {nn.Standardize{Axis: 1, Floor: 0.5}, []tensor.Shape{image}},
		"power":                    {nn.Power{Exponent: 2}, []tensor.Shape{image}},
		"slice":                    {nn.Slice{Begin: 1}, []tensor.Shape{image}},
		"slice, every second":      {nn.Slice{Axis: 1, Step: 2}, []tensor.Shape{image}},
		"slice, every third":       {nn.Slice{Axis: 2, Begin: 1, Step: 3}, []tensor.Shape{{3, 9, 2}}},
		"slice of rows":            {nn.Slice{Axis: 1, End: 2}, []tensor.Shape{image}},
		"add":                      {nn.Add{}, []tensor.Shape{vector, vector}},
		"add one":                  {nn.Add{}, []tensor.Shape{vector}},
		"add with broadcasting":    {nn.Add{}, []tensor.Shape{{3, 4}, {4}}},
		"multiply":                 {nn.Multiply{}, []tensor.Shape{vector, vector, vector}},
		"multiply one":             {nn.Multiply{}, []tensor.Shape{vector}},
		"concatenate":              {nn.Concatenate{}, []tensor.Shape{{2, 3}, {2, 1}}},
		"concatenate one":          {nn.Concatenate{}, []tensor.Shape{vector}},
		"concatenate another axis": {nn.Concatenate{Axis: 1}, []tensor.Shape{{2, 3}, {4, 3}}},
		"matmul":                   {nn.MatMul{}, []tensor.Shape{{2, 3}, {3, 4}}},
		"matmul of stacks":         {nn.MatMul{}, []tensor.Shape{{2, 3, 4}, {2, 4, 2}}},
		"matmul of a few stacks":   {nn.MatMul{}, []tensor.Shape{{2, 3, 2}, {2, 3}}},
		"subtract":                 {nn.Subtract{}, []tensor.Shape{vector, vector}},
		"average":                  {nn.Average{}, []tensor.Shape{vector, vector, vector}},
		"maximum":                  {nn.Maximum{}, []tensor.Shape{vector, vector, vector}},
		"minimum":                  {nn.Minimum{}, []tensor.Shape{{3, 4}, {4}}},

		"conv":                    {nn.Conv2D{Filters: 3, Kernel: two}, []tensor.Shape{image}},
		"conv, same":              {nn.Conv2D{Filters: 2, Kernel: three, Padding: nn.Same, Strides: two, Act: act.Tanh{}}, []tensor.Shape{image}},
		"conv, everything":        {nn.Conv2D{Filters: 4, Kernel: tensor.Shape{2, 1}, Strides: tensor.Shape{1, 2}, Padding: nn.Pad(nn.Sides{{1, 2}, {0, 1}}), Dilation: tensor.Shape{2, 1}, Groups: 2, Act: act.Sigmoid{}, BiasInit: initial.Ones{}, Regularizer: regular.L2{Amount: 0.1}, Constraint: regular.MaxNorm{Max: 1}}, []tensor.Shape{image}},
		"conv without bias":       {nn.Conv2D{Filters: 2, Kernel: tensor.Shape{1}, NoBias: true, Init: initial.He}, []tensor.Shape{image}},
		"conv of sequences":       {nn.Conv1D{Filters: 3, Kernel: two, Dilation: two, Padding: nn.Causal}, []tensor.Shape{sequence}},
		"conv of volumes":         {nn.Conv3D{Filters: 2, Kernel: two, Padding: nn.Pad(nn.Even(0, 1, 0))}, []tensor.Shape{volume}},
		"depthwise conv":          {nn.DepthwiseConv2D{Kernel: two, Multiplier: 2, Padding: nn.Same}, []tensor.Shape{image}},
		"depthwise conv, one":     {nn.DepthwiseConv2D{Kernel: three, Strides: two, Padding: nn.Same, Act: act.ELU{}, NoBias: true}, []tensor.Shape{image}},
		"depthwise conv 1-D":      {nn.DepthwiseConv1D{Kernel: two}, []tensor.Shape{sequence}},
		"separable conv":          {nn.SeparableConv2D{Filters: 3, Kernel: two, Multiplier: 2, Act: act.Tanh{}}, []tensor.Shape{image}},
		"separable conv 1-D":      {nn.SeparableConv1D{Filters: 2, Kernel: three, Padding: nn.Same, NoBias: true}, []tensor.Shape{sequence}},
		"transposed conv":         {nn.Conv2DTranspose{Filters: 3, Kernel: three, Strides: two}, []tensor.Shape{image}},
		"transposed conv, same":   {nn.Conv2DTranspose{Filters: 2, Kernel: three, Strides: two, Padding: nn.Same, OutputPadding: []int{1, 0}, Act: act.Tanh{}}, []tensor.Shape{image}},
		"transposed conv, padded": {nn.Conv2DTranspose{Filters: 4, Kernel: tensor.Shape{3, 2}, Strides: tensor.Shape{2, 1}, Padding: nn.Pad(nn.Even(1, 0)), Dilation: tensor.Shape{1, 2}, Groups: 2, NoBias: true}, []tensor.Shape{image}},
		"transposed conv 3-D":     {nn.Conv3DTranspose{Filters: 2, Kernel: two, Strides: tensor.Shape{1, 2, 1}, Padding: nn.Same}, []tensor.Shape{volume}},
		"transposed conv 1-D":     {nn.Conv1DTranspose{Filters: 2, Kernel: two, Strides: three}, []tensor.Shape{sequence}},

		"max pooling":                {nn.MaxPooling2D{}, []tensor.Shape{image}},
		"max pooling, same":          {nn.MaxPooling2D{Size: three, Strides: two, Padding: nn.Same}, []tensor.Shape{image}},
		"max pooling, ceil":          {nn.MaxPooling2D{Size: two, Strides: three, Ceil: true}, []tensor.Shape{{4, 5, 2}}},
		"max pooling, dilated":       {nn.MaxPooling2D{Size: two, Strides: tensor.Shape{1}, Dilation: two}, []tensor.Shape{image}},
		"max pooling 1-D":            {nn.MaxPooling1D{}, []tensor.Shape{sequence}},
		"max pooling 3-D":            {nn.MaxPooling3D{Strides: tensor.Shape{1}}, []tensor.Shape{volume}},
		"average pooling":            {nn.AveragePooling2D{}, []tensor.Shape{image}},
		"average pooling, same":      {nn.AveragePooling2D{Size: three, Strides: two, Padding: nn.Same}, []tensor.Shape{image}},
		"average pooling, ceil":      {nn.AveragePooling2D{Size: two, Ceil: true, CountPad: true, Padding: nn.Pad(nn.Even(1))}, []tensor.Shape{{4, 5, 2}}},
		"average pooling, padded":    {nn.AveragePooling2D{Size: three, Strides: tensor.Shape{1}, CountPad: true, Padding: nn.Pad(nn.Even(1))}, []tensor.Shape{image}},
		"average pooling 1-D":        {nn.AveragePooling1D{Size: three}, []tensor.Shape{sequence}},
		"average pooling 3-D":        {nn.AveragePooling3D{}, []tensor.Shape{volume}},
		"global average pooling":     {nn.GlobalAveragePooling2D{}, []tensor.Shape{image}},
		"global average pooling 1-D": {nn.GlobalAveragePooling1D{Keep: true}, []tensor.Shape{sequence}},
		"global average pooling 3-D": {nn.GlobalAveragePooling3D{}, []tensor.Shape{volume}},
		"global max pooling":         {nn.GlobalMaxPooling2D{Keep: true}, []tensor.Shape{image}},
		"global max pooling 1-D":     {nn.GlobalMaxPooling1D{}, []tensor.Shape{sequence}},
		"global max pooling 3-D":     {nn.GlobalMaxPooling3D{}, []tensor.Shape{volume}},

		"zero padding":              {nn.ZeroPadding2D{}, []tensor.Shape{image}},
		"zero padding of one side":  {nn.ZeroPadding2D{Padding: nn.Sides{{0, 1}, {2, 0}}}, []tensor.Shape{image}},
		"zero padding 1-D":          {nn.ZeroPadding1D{Padding: nn.Sides{{1, 2}}}, []tensor.Shape{sequence}},
		"zero padding 3-D":          {nn.ZeroPadding3D{Padding: nn.Even(0, 1, 2)}, []tensor.Shape{volume}},
		"cropping":                  {nn.Cropping2D{Cropping: nn.Sides{{1, 0}, {0, 1}}}, []tensor.Shape{image}},
		"cropping 1-D":              {nn.Cropping1D{Cropping: nn.Even(2)}, []tensor.Shape{sequence}},
		"cropping 3-D":              {nn.Cropping3D{Cropping: nn.Even(0, 1, 1)}, []tensor.Shape{volume}},
		"up-sampling":               {nn.UpSampling2D{}, []tensor.Shape{image}},
		"up-sampling, bilinear":     {nn.UpSampling2D{Size: tensor.Shape{2, 3}, Interpolation: "bilinear"}, []tensor.Shape{image}},
		"up-sampling 1-D":           {nn.UpSampling1D{Size: three}, []tensor.Shape{sequence}},
		"up-sampling 3-D":           {nn.UpSampling3D{Size: tensor.Shape{1, 2, 3}}, []tensor.Shape{volume}},
		"permute":                   {nn.Permute{Dims: []int{3, 1, 2}}, []tensor.Shape{image}},
		"reverse":                   {nn.Reverse{}, []tensor.Shape{image}},
		"reverse of rows":           {nn.Reverse{Axis: 1}, []tensor.Shape{image}},
		"reverse of one place":      {nn.Reverse{Axis: -1}, []tensor.Shape{{3, 1}}},
		"local response":            {nn.LocalResponseNorm{}, []tensor.Shape{image}},
		"local response, all":       {nn.LocalResponseNorm{Size: 4, Alpha: 0.9, Beta: 0.5, Bias: 2}, []tensor.Shape{vector}},
		"embedding":                 {nn.Embedding{Words: 3, Units: 2}, []tensor.Shape{vector}},
		"embedding with everything": {nn.Embedding{Words: 3, Units: 2, Init: initial.Ones{}, Regularizer: regular.L1{}, Constraint: regular.MaxNorm{}}, []tensor.Shape{{2, 3}}},
		"embedding from the end":    {nn.Embedding{Words: 3, Units: 2, FromEnd: true}, []tensor.Shape{vector}},
		"time-distributed":          {nn.TimeDistributed{Layer: nn.Dense{Units: 3}}, []tensor.Shape{sequence}},
		"time-distributed conv":     {nn.TimeDistributed{Layer: nn.Conv2D{Filters: 2, Kernel: two}}, []tensor.Shape{volume}},
		"prelu of channels":         {nn.Activation{Act: act.PReLU{SharedAxes: []int{1, 2}}}, []tensor.Shape{image}},

		"repeat vector":            {nn.RepeatVector{N: 3}, []tensor.Shape{vector}},
		"simple rnn":               {nn.SimpleRNN{Units: 3}, []tensor.Shape{sequence}},
		"simple rnn, sequences":    {nn.SimpleRNN{Units: 2, Act: act.Softplus{}, Sequences: true, Backwards: true, NoBias: true}, []tensor.Shape{sequence}},
		"simple rnn, everything":   {nn.SimpleRNN{Units: 2, Dropout: 0.3, RecurrentDropout: 0.4, Init: initial.He, RecurrentInit: initial.Glorot, BiasInit: initial.Ones{}, Regularizer: regular.L2{Amount: 0.1}, RecurrentRegularizer: regular.L1{}, BiasRegularizer: regular.L1{}, Constraint: regular.MaxNorm{}, RecurrentConstraint: regular.MaxNorm{}}, []tensor.Shape{sequence}},
		"lstm":                     {nn.LSTM{Units: 3}, []tensor.Shape{sequence}},
		"lstm, cut":                {nn.LSTM{Units: 3, CellClip: 0.1}, []tensor.Shape{sequence}},
		"lstm, sequences":          {nn.LSTM{Units: 2, Act: act.Sigmoid{}, RecurrentAct: act.Tanh{}, Sequences: true, Backwards: true, NoForgetBias: true}, []tensor.Shape{sequence}},
		"lstm without bias":        {nn.LSTM{Units: 2, NoBias: true, Dropout: 0.2, RecurrentDropout: 0.2}, []tensor.Shape{sequence}},
		"lstm with peepholes":      {nn.LSTM{Units: 2, Peephole: true, Sequences: true}, []tensor.Shape{sequence}},
		"lstm and its cell":        {nn.LSTM{Units: 2, ReturnCell: true, Backwards: true}, []tensor.Shape{sequence}},
		"lstm from a state":        {nn.LSTM{Units: 3, ReturnCell: true, Sequences: true}, []tensor.Shape{sequence, {3}, {3}}},
		"gru from a state":         {nn.GRU{Units: 3, Sequences: true}, []tensor.Shape{sequence, {3}}},
		"gru, reset, from a state": {nn.GRU{Units: 3, ResetBefore: true}, []tensor.Shape{sequence, {3}}},
		"simple rnn from a state":  {nn.SimpleRNN{Units: 3}, []tensor.Shape{sequence, {3}}},
		"both ways from states":    {nn.Bidirectional{Layer: nn.LSTM{Units: 2, Sequences: true, ReturnCell: true}}, []tensor.Shape{sequence, {2}, {2}, {2}, {2}}},
		"lstm with a state":        {nn.LSTM{Units: 3, LearnState: true}, []tensor.Shape{sequence}},
		"gru with a state":         {nn.GRU{Units: 3, LearnState: true, Backwards: true}, []tensor.Shape{sequence}},
		"simple rnn with a state":  {nn.SimpleRNN{Units: 3, LearnState: true, Sequences: true}, []tensor.Shape{sequence}},
		"gru":                      {nn.GRU{Units: 3}, []tensor.Shape{sequence}},
		"gru, reset before":        {nn.GRU{Units: 3, ResetBefore: true, RecurrentDropout: 0.2}, []tensor.Shape{sequence}},
		"gru, sequences":           {nn.GRU{Units: 2, Sequences: true, Backwards: true, NoBias: true, Dropout: 0.2, RecurrentDropout: 0.3}, []tensor.Shape{sequence}},
		"bidirectional":            {nn.Bidirectional{Layer: nn.SimpleRNN{Units: 2}}, []tensor.Shape{sequence}},
		"bidirectional, sequences": {nn.Bidirectional{Layer: nn.GRU{Units: 2, Sequences: true, Name: "g"}, Merge: "mul"}, []tensor.Shape{sequence}},
		"bidirectional, two":       {nn.Bidirectional{Layer: nn.LSTM{Units: 2}, Backward: nn.GRU{Units: 2, Backwards: true}, Merge: "ave"}, []tensor.Shape{sequence}},

		"block":                     {nn.Block{Layers: nn.Sequential{dense, nn.BatchNorm{}, nn.Dropout{Rate: 0.5}, act.Sigmoid{}}}, []tensor.Shape{vector}},
		"residual":                  {nn.Residual{Layers: nn.Sequential{dense, nn.BatchNorm{}, dense}}, []tensor.Shape{vector}},
		"residual within residuals": {nn.Residual{Layers: nn.Sequential{nn.Residual{Layers: nn.Sequential{dense}}}}, []tensor.Shape{vector}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nntest.Layer(t, tc.layer, tc.samples...)
		})
	}
}
