// Package ckpt keeps atomic, verified checkpoints.
//
// A [Store] is a directory of them, one subdirectory step-N each. [Store.Save]
// writes a [File] after another and returns a [Checkpoint] once it is safe;
// [Store.Latest] finds the newest that is whole and names every [Damage] it
// passed over. [WriteFile] replaces a single file in the same safe manner. A
// [Lock] keeps two processes from working on one run. An [FS] is the file system
// beneath; [OS] is the real one.
//
// # What makes a save safe
//
//  1. The files are written to a temporary directory, and each is synced.
//  2. manifest.json, with the size and SHA-256 of every file, is written last and synced.
//  3. The temporary directory is synced, then renamed to step-N.
//  4. The directory that holds it is synced. Only now is the checkpoint saved.
//  5. Checkpoints that are too many are removed.
//
// A process killed or a machine stopped at any instant leaves the checkpoint
// before, or the new one, or both; never a partial one that would be taken for
// whole. What a crash leaves over is removed by the next save.
package ckpt
