// Package torch reads the files that PyTorch's torch.save and TorchScript write, and
// writes state dicts that torch.load reads. Nothing in a file is ever run.
//
// A [File] is an opened file; its tensors are read one at a time. An [Info] says what
// a tensor is. A [Named] is a tensor under its name. A [Format] is the kind of file. An
// [Error] says what is wrong with one.
//
// # What is read
//
// Since PyTorch 1.6 (2020) a file is a zip archive: NAME/data.pkl, a pickle of the saved
// value, and NAME/data/KEY, the bytes of each storage. Before, it was five pickles and
// the storages, one after the other. A TorchScript archive is such a zip archive with a
// program beside it, of which only the weights are read.
//
// The saved value may be a state dict, a checkpoint with a state dict among its entries,
// a whole torch.nn.Module made of PyTorch's own modules, or any nesting of dicts, lists
// and tuples; the names of tensors are the keys on the way to them with dots between.
// What the reader chose, renamed or left out stands in [File.Warnings].
//
// A tensor is a view of a storage: an offset, and a stride for each axis. It is read
// contiguous, whatever its strides and the device that it was saved from. Quantized,
// complex, sparse and 8-bit floating-point tensors are refused by name.
//
// # What is checked
//
// Archives must be free of overlaps, duplicates, links and paths that leave them, and
// the checksum of what is read must be right. Views must lie in their storages, all
// tensors together may take hardly more than twice the storages' bytes, and no class or
// function but PyTorch's own and a few harmless ones may be named: see package
// [github.com/nadir-ml/nadir/format/pickle].
package torch
