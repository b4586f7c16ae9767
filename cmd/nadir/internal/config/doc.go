// Package config reads what a user says to the command: YAML files, key=value
// words, environment variables and presets, laid over one another into one
// tree in which every value remembers where it came from.
//
// [ParseYAML] reads a file. An [Assignment] is one dotted path and its value;
// [Apply] puts it into a tree. [Load] does all of it for training and gives a
// [Config].
package config
