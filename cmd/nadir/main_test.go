package main

import (
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/app"
)

// TestMain lets the test binary be the command: scripts run it as nadir, and
// the crash tests by this environment variable.
func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){
		"nadir": func() { os.Exit(app.Main(os.Args[1:])) },
	})
}

const asCommand = "RUN_AS_COMMAND"

var update = flag.Bool("update", false, "write the scripts' expected output anew")

func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                commands,
	})
}
