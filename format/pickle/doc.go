// Package pickle reads Python pickles, protocols 0 to 5, as data: nothing in
// them is ever run.
//
// A [Decoder] reads values from a stream. A pickle can name any Python function
// and ask for it to be called; here it gets what the decoder's Find allows and
// is refused the rest. A [Global] is such a name, a [Constructor] the Go function
// that stands for calling it, and an [Object] a class's instance taken as mere data.
// [Standard] knows Python's own containers. An [Error] says what is wrong with a
// pickle, and where.
//
// Python's values become
//
//	None, bool, float     nil, bool, float64
//	int                   int64, or *big.Int where that is too small
//	str                   string
//	bytes, bytearray      Bytes
//	tuple, list           Tuple, *List
//	dict, OrderedDict     *Dict, in the order of the pickle
//	set, frozenset        *Set
//
// A str written by Python 2 is a string, whatever its bytes are.
//
// Values may share parts and may contain themselves, as in Python: who walks them
// has to remember where it has been. Reading takes time in proportion to the input, and
// memory of at most 32 MiB, the input's size and what Extra grants, whatever the input
// claims.
//
// Format: Python's Lib/pickletools.py; PEP 307 (2003), PEP 3154 (2011), PEP 574 (2018).
package pickle
