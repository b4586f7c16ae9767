// Nadir trains deep networks and says what is wrong where they do not learn.
// See nadir help.
package main

import (
	"os"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
