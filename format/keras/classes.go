package keras

// classes are what Keras calls the kinds of layers that both have; kindOf is the
// way back.
var classes = map[string]string{
	"activation": "Activation", "dense": "Dense", "flatten": "Flatten", "reshape": "Reshape", "permute": "Permute", "repeat_vector": "RepeatVector",
	"batch_normalization": "BatchNormalization", "layer_normalization": "LayerNormalization", "group_normalization": "GroupNormalization", "standardize": "Normalization", "rescaling": "Rescaling",
	"dropout": "Dropout", "alpha_dropout": "AlphaDropout", "gaussian_dropout": "GaussianDropout", "gaussian_noise": "GaussianNoise",
	"conv1d": "Conv1D", "conv2d": "Conv2D", "conv3d": "Conv3D", "conv1d_transpose": "Conv1DTranspose", "conv2d_transpose": "Conv2DTranspose", "conv3d_transpose": "Conv3DTranspose",
	"depthwise_conv1d": "DepthwiseConv1D", "depthwise_conv2d": "DepthwiseConv2D", "separable_conv1d": "SeparableConv1D", "separable_conv2d": "SeparableConv2D",
	"max_pooling1d": "MaxPooling1D", "max_pooling2d": "MaxPooling2D", "max_pooling3d": "MaxPooling3D",
	"average_pooling1d": "AveragePooling1D", "average_pooling2d": "AveragePooling2D", "average_pooling3d": "AveragePooling3D",
	"global_max_pooling1d": "GlobalMaxPooling1D", "global_max_pooling2d": "GlobalMaxPooling2D", "global_max_pooling3d": "GlobalMaxPooling3D",
	"global_average_pooling1d": "GlobalAveragePooling1D", "global_average_pooling2d": "GlobalAveragePooling2D", "global_average_pooling3d": "GlobalAveragePooling3D",
	"zero_padding1d": "ZeroPadding1D", "zero_padding2d": "ZeroPadding2D", "zero_padding3d": "ZeroPadding3D",
	"cropping1d": "Cropping1D", "cropping2d": "Cropping2D", "cropping3d": "Cropping3D",
	"up_sampling1d": "UpSampling1D", "up_sampling2d": "UpSampling2D", "up_sampling3d": "UpSampling3D",
	"embedding": "Embedding", "masking": "Masking", "lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN", "sequential": "Sequential",
	"add": "Add", "multiply": "Multiply", "subtract": "Subtract", "average": "Average", "maximum": "Maximum", "minimum": "Minimum", "concatenate": "Concatenate",
	"relu": "ReLU", "elu": "ELU", "leaky_relu": "LeakyReLU", "prelu": "PReLU",
}

// functions are the activations that Keras knows by the same name, as functions
// without parameters; true are those that only Keras 3 knows.
var functions = map[string]bool{
	"elu": false, "exponential": false, "gelu": false, "linear": false, "relu": false, "relu6": false, "selu": false, "sigmoid": false, "silu": false,
	"softmax": false, "softplus": false, "softsign": false, "tanh": false, "hard_sigmoid": true, "celu": true, "glu": true, "hard_shrink": true,
	"hard_swish": true, "hard_tanh": true, "leaky_relu": true, "log_sigmoid": true, "log_softmax": true, "mish": true, "soft_shrink": true,
	"tanh_shrink": true,
}

// objects are what Keras calls initializers, penalties, constraints and losses
// that both have.
var objects = map[string]string{
	"zeros": "Zeros", "ones": "Ones", "constant": "Constant", "orthogonal": "Orthogonal", "random_normal": "RandomNormal", "random_uniform": "RandomUniform",
	"truncated_normal": "TruncatedNormal", "glorot_uniform": "GlorotUniform", "glorot_normal": "GlorotNormal", "he_normal": "HeNormal", "he_uniform": "HeUniform",
	"lecun_normal": "LecunNormal", "lecun_uniform": "LecunUniform", "variance_scaling": "VarianceScaling",
	"l1": "L1", "l2": "L2", "l1_l2": "L1L2", "max_norm": "MaxNorm", "min_max_norm": "MinMaxNorm", "non_neg": "NonNeg", "unit_norm": "UnitNorm",
	"cross_entropy": "SparseCategoricalCrossentropy", "binary_cross_entropy": "BinaryCrossentropy", "mse": "MeanSquaredError", "mae": "MeanAbsoluteError",
	"mape": "MeanAbsolutePercentageError", "msle": "MeanSquaredLogarithmicError", "huber": "Huber", "log_cosh": "LogCosh", "poisson": "Poisson",
	"hinge": "Hinge", "squared_hinge": "SquaredHinge", "categorical_hinge": "CategoricalHinge",
}
