// Ulp measures e^x, ln x, tanh x and the logistic sigmoid of every float32 there is, 2³² of
// them, against float64, under every family of kernels that this processor has.
//
//	go run ./lab/ulp                         # a quarter of an hour on one thread: all
//	go run ./lab/ulp -function exp -every 64 # every 64th number alone
//
// An error is counted in units in the last place of the exact value; two are allowed. A
// row of the table ends with a hash of all results, so that families and machines can
// be compared. RESULTS.md beside this file is what was printed last.
package main
