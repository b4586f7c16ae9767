// Package images reads pictures: single ones with [Decode], and a folder of
// them, one sub-folder a class, as a data.Source ([Open]).
//
// A picture is a Uint8 tensor of shape [height width channels], channels being
// 1 for gray and 3 for red, green and blue. PNG and JPEG are read. An alpha
// channel is dropped, 16 bits become 8, and an orientation noted in a photo's
// metadata is not applied: [Orientation] says which it is.
package images
