// Package saved writes models as TensorFlow saves them.
//
// A checkpoint is [WriteCheckpoint]: the parameters alone, under their own names. A
// SavedModel is a folder with a graph, too.
//
// Importing the package registers both with package format as exporters.
package saved
