// Package models holds network architectures that have a name.
//
// [New] gives one by its name, as a plain [nn.Model] without weights: a value to be
// trained, cut, printed, or filled with weights from elsewhere. Layers are called
// as in the framework whose weights of them are best known, dots written as
// underscores: Keras for VGG and MobileNet, PyTorch for ResNet and SqueezeNet,
// Caffe for Inception and MTCNN. Images are (rows, columns, channels).
package models
