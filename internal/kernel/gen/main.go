// Command gen writes the amd64 assembly of package kernel. It is a module of its
// own, so that users of the library never download what it needs.
//
//	go run . -family avx2 -out ../avx2_amd64.s
//	go run . -family avx512 -out ../avx512_amd64.s
//	go run . -family avx2 -convolutions -out ../convolution_avx2_amd64.s
//	go run . -family avx512 -convolutions -out ../convolution_avx512_amd64.s
package main

import (
	"flag"
	"fmt"
	"os"

	avo "github.com/mmcloughlin/avo/build"
)

func main() {
	family := flag.String("family", "avx2", "avx2, or avx512 for what it adds to avx2")
	slides := flag.Bool("convolutions", false, "the convolutions and pools, which have a file of their own")
	flag.Parse()
	avo.ConstraintExpr("!noasm")
	switch {
	case *slides && *family == "avx2":
		avx2.convolutions()
		avx2.pools()
		avx2.depthwise()
		avx2.winograd()
	case *slides && *family == "avx512":
		avx512.convolutions()
		avx512.pools()
		avx512.depthwise()
		avx512.winograd()
	case *family == "avx2":
		avx2.products()
		avx2.packings()
		avx2.fused()
		avx2.windows()
		moves()
		elementwise()
		joined()
		moments()
		widenings()
		reductions()
		softmaxRows()
		uniform()
	case *family == "avx512":
		avx512.products()
		avx512.packings()
		transpose16()
		avx512.transpose4()
		avx512.fused()
		avx512.windows()
		at = avx512
		uniformWide()
		softmaxRows()
		elementwise()
		joined()
		moments()
	default:
		fmt.Fprintf(os.Stderr, "gen: no family %q; there are avx2 and avx512\n", *family)
		os.Exit(2)
	}
	avo.Generate()
}
