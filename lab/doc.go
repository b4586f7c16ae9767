// Lab runs experiments whose outcome was recorded elsewhere, and sets what Nadir
// measures beside it.
//
//	go run ./lab            all that is not done yet, then RESULTS.md
//	go run ./lab R13 R34    these
//	go run ./lab -list      what there is
//	go run ./lab -report    RESULTS.md from what is done, nothing is run
//
// An Experiment is a file in experiments: a header with the recorded figures, and
// behind --- a configuration as "nadir train" takes it. A Run is one configuration
// of it, with keys of its own; it is trained from several seeds by the command
// itself, two or more side by side on one thread each. A Record is the outcome of
// a run from one seed, kept in results by the hash of what it depends on: what was
// stopped is gone on with, what is done is not repeated. Data is found as the
// command finds it, by NADIR_DATA.
package main
