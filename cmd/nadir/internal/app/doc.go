// Package app is the command: its verbs, what they read and write, and how
// they end. A verb is one file that builds a cobra command; [Main] runs them
// and turns errors into messages and exit codes.
package app
