package caffe

// A kind says how a field's value is written in a binary file.
type kind byte

const (
	number kind = iota // whole, or true and false
	float
	text
	tree
	blob // a tree that stays as it is in the file
)

// A field is one of a message.
type field struct {
	name string
	kind kind
	of   schema   // of a tree
	enum []string // names of a number's values
}

// A schema is the fields of a message by number. Those that are not here are passed over.
type schema map[int]field

var (
	shapeSchema = schema{1: {name: "dim"}}
	ruleSchema  = schema{1: {name: "phase", enum: phases}, 4: {name: "stage", kind: text}, 5: {name: "not_stage", kind: text}}
	phases      = []string{"TRAIN", "TEST"}
	pools       = []string{"MAX", "AVE", "STOCHASTIC"}

	convolution = schema{1: {name: "num_output"}, 2: {name: "bias_term"}, 3: {name: "pad"}, 4: {name: "kernel_size"}, 5: {name: "group"}, 6: {name: "stride"},
		9: {name: "pad_h"}, 10: {name: "pad_w"}, 11: {name: "kernel_h"}, 12: {name: "kernel_w"}, 13: {name: "stride_h"}, 14: {name: "stride_w"}, 16: {name: "axis"}, 18: {name: "dilation"}}
	pooling = schema{1: {name: "pool", enum: pools}, 2: {name: "kernel_size"}, 3: {name: "stride"}, 4: {name: "pad"}, 5: {name: "kernel_h"}, 6: {name: "kernel_w"},
		7: {name: "stride_h"}, 8: {name: "stride_w"}, 9: {name: "pad_h"}, 10: {name: "pad_w"}, 12: {name: "global_pooling"}, 13: {name: "round_mode", enum: []string{"CEIL", "FLOOR"}}}
	innerProduct = schema{1: {name: "num_output"}, 2: {name: "bias_term"}, 5: {name: "axis"}, 6: {name: "transpose"}}
	lrn          = schema{1: {name: "local_size"}, 2: {name: "alpha", kind: float}, 3: {name: "beta", kind: float}, 4: {name: "norm_region", enum: []string{"ACROSS_CHANNELS", "WITHIN_CHANNEL"}}, 5: {name: "k", kind: float}}
	dropout      = schema{1: {name: "dropout_ratio", kind: float}}
	relu         = schema{1: {name: "negative_slope", kind: float}}
	eltwise      = schema{1: {name: "operation", enum: []string{"PROD", "SUM", "MAX"}}, 2: {name: "coeff", kind: float}}
	concat       = schema{1: {name: "concat_dim"}, 2: {name: "axis"}}
	power        = schema{1: {name: "power", kind: float}, 2: {name: "scale", kind: float}, 3: {name: "shift", kind: float}}
	transform    = schema{1: {name: "scale", kind: float}, 2: {name: "mirror"}, 3: {name: "crop_size"}, 4: {name: "mean_file", kind: text}, 5: {name: "mean_value", kind: float}}
	softmax      = schema{2: {name: "axis"}}
	slicing      = schema{1: {name: "slice_dim"}, 2: {name: "slice_point"}, 3: {name: "axis"}}

	layerSchema = schema{1: {name: "name", kind: text}, 2: {name: "type", kind: text}, 3: {name: "bottom", kind: text}, 4: {name: "top", kind: text}, 7: {name: "blobs", kind: blob},
		8: {name: "include", kind: tree, of: ruleSchema}, 9: {name: "exclude", kind: tree, of: ruleSchema}, 10: {name: "phase", enum: phases},
		100: {name: "transform_param", kind: tree, of: transform}, 104: {name: "concat_param", kind: tree, of: concat}, 106: {name: "convolution_param", kind: tree, of: convolution},
		108: {name: "dropout_param", kind: tree, of: dropout}, 110: {name: "eltwise_param", kind: tree, of: eltwise}, 117: {name: "inner_product_param", kind: tree, of: innerProduct},
		118: {name: "lrn_param", kind: tree, of: lrn}, 121: {name: "pooling_param", kind: tree, of: pooling}, 122: {name: "power_param", kind: tree, of: power}, 123: {name: "relu_param", kind: tree, of: relu},
		125: {name: "softmax_param", kind: tree, of: softmax}, 131: {name: "prelu_param", kind: tree, of: schema{2: {name: "channel_shared"}}},
		133: {name: "reshape_param", kind: tree, of: schema{1: {name: "shape", kind: tree, of: shapeSchema}, 2: {name: "axis"}, 3: {name: "num_axes"}}},
		135: {name: "flatten_param", kind: tree, of: schema{1: {name: "axis"}, 2: {name: "end_axis"}}},
		139: {name: "batch_norm_param", kind: tree, of: schema{1: {name: "use_global_stats"}, 3: {name: "eps", kind: float}}},
		140: {name: "elu_param", kind: tree, of: schema{1: {name: "alpha", kind: float}}},
		126: {name: "slice_param", kind: tree, of: slicing}, 141: {name: "bias_param", kind: tree, of: schema{1: {name: "axis"}, 2: {name: "num_axes"}}},
		142: {name: "scale_param", kind: tree, of: schema{1: {name: "axis"}, 2: {name: "num_axes"}, 4: {name: "bias_term"}}},
		147: {name: "swish_param", kind: tree, of: schema{1: {name: "beta", kind: float}}},
		143: {name: "input_param", kind: tree, of: schema{1: {name: "shape", kind: tree, of: shapeSchema}}}}

	layersSchema = schema{1: {name: "layer", kind: tree, of: oldSchema}, 2: {name: "bottom", kind: text}, 3: {name: "top", kind: text}, 4: {name: "name", kind: text}, 5: {name: "type", enum: types},
		6: {name: "blobs", kind: blob}, 9: {name: "concat_param", kind: tree, of: concat}, 10: {name: "convolution_param", kind: tree, of: convolution}, 12: {name: "dropout_param", kind: tree, of: dropout},
		17: {name: "inner_product_param", kind: tree, of: innerProduct}, 18: {name: "lrn_param", kind: tree, of: lrn}, 19: {name: "pooling_param", kind: tree, of: pooling},
		21: {name: "power_param", kind: tree, of: power}, 24: {name: "eltwise_param", kind: tree, of: eltwise}, 30: {name: "relu_param", kind: tree, of: relu}, 31: {name: "slice_param", kind: tree, of: slicing},
		32: {name: "include", kind: tree, of: ruleSchema}, 33: {name: "exclude", kind: tree, of: ruleSchema}, 36: {name: "transform_param", kind: tree, of: transform}, 39: {name: "softmax_param", kind: tree, of: softmax}}

	oldSchema = schema{1: {name: "name", kind: text}, 2: {name: "type", kind: text}, 3: {name: "num_output"}, 4: {name: "biasterm"}, 7: {name: "pad"}, 8: {name: "kernelsize"}, 9: {name: "group"},
		10: {name: "stride"}, 11: {name: "pool", enum: pools}, 12: {name: "dropout_ratio", kind: float}, 13: {name: "local_size"}, 14: {name: "alpha", kind: float}, 15: {name: "beta", kind: float},
		17: {name: "scale", kind: float}, 18: {name: "meanfile", kind: text}, 20: {name: "cropsize"}, 22: {name: "k", kind: float}, 50: {name: "blobs", kind: blob}, 65: {name: "concat_dim"}}

	netSchema = schema{1: {name: "name", kind: text}, 2: {name: "layers", kind: tree, of: layersSchema}, 3: {name: "input", kind: text}, 4: {name: "input_dim"},
		8: {name: "input_shape", kind: tree, of: shapeSchema}, 100: {name: "layer", kind: tree, of: layerSchema}}

	// types are the values of V1LayerParameter.LayerType.
	types = []string{"NONE", "ACCURACY", "BNLL", "CONCAT", "CONVOLUTION", "DATA", "DROPOUT", "EUCLIDEAN_LOSS", "FLATTEN", "HDF5_DATA", "HDF5_OUTPUT", "IM2COL", "IMAGE_DATA", "INFOGAIN_LOSS",
		"INNER_PRODUCT", "LRN", "MULTINOMIAL_LOGISTIC_LOSS", "POOLING", "RELU", "SIGMOID", "SOFTMAX", "SOFTMAX_LOSS", "SPLIT", "TANH", "WINDOW_DATA", "ELTWISE", "POWER",
		"SIGMOID_CROSS_ENTROPY_LOSS", "HINGE_LOSS", "MEMORY_DATA", "ARGMAX", "THRESHOLD", "DUMMY_DATA", "SLICE", "MVN", "ABSVAL", "SILENCE", "CONTRASTIVE_LOSS", "EXP", "DECONVOLUTION"}
)
