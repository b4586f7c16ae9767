// Command gen writes the amd64 assembly of package kernel. It is a module of its
// own, so that users of the library never download what it needs.
//
//	go run . -out ../avx2_amd64.s
package main

import avo "github.com/mmcloughlin/avo/build"

func main() {
	avo.ConstraintExpr("!noasm")
	products()
	packings()
	moves()
	elementwise()
	reductions()
	uniform()
	avo.Generate()
}
