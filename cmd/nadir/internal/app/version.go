package app

import (
	"bufio"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/backend/cpu"
)

func versionVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Versions, platform, and the kernels that this machine runs",
		Long:    "Print the version, that of Go, the platform, the kernel family in use, and those that\nNADIR_CPU can choose here.",
		Example: "  nadir version\n  NADIR_CPU=generic nadir version --json",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("version takes no %q", args[0])
			}
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if c.json {
				return c.printJSON(object{{"version", version()}, {"go", runtime.Version()}, {"platform", platform},
					{"kernel", cpu.Family()}, {"families", cpu.Families()}})
			}
			return c.print(func(w *bufio.Writer) {
				fmt.Fprintf(w, "nadir %s, %s, %s\nkernels: %s (of %s)\n", version(), runtime.Version(), platform,
					cpu.Family(), strings.Join(cpu.Families(), ", "))
			})
		},
	}
}
