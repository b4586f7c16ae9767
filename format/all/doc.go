// Package all registers every format of other frameworks with package format. It
// is imported for that alone:
//
//	import _ "github.com/nadir-ml/nadir/format/all"
package all

import (
	_ "github.com/nadir-ml/nadir/format/caffe"            // Caffe's .caffemodel with .prototxt
	_ "github.com/nadir-ml/nadir/format/darknet"          // Darknet's .cfg with .weights
	_ "github.com/nadir-ml/nadir/format/gosource"         // Go code, which is written alone
	_ "github.com/nadir-ml/nadir/format/keras"            // Keras' .h5, .weights.h5 and .keras
	_ "github.com/nadir-ml/nadir/format/onnx"             // ONNX
	_ "github.com/nadir-ml/nadir/format/tensorflow"       // TensorFlow's checkpoints, graphs and SavedModels
	_ "github.com/nadir-ml/nadir/format/tensorflow/saved" // and as written
	_ "github.com/nadir-ml/nadir/format/tflite"           // TensorFlow Lite's .tflite
	_ "github.com/nadir-ml/nadir/format/torch"            // PyTorch's .pt and .pth
)
