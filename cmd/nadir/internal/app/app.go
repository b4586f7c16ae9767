package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/spec"
)

// A command is what the verbs share.
type command struct {
	out, err term.Screen
	json     bool
	quiet    bool
	ctx      context.Context // ends with the command
	signal   atomic.Int32    // that asked for an end, or 0
	orderly  atomic.Bool     // the first signal ends the context, not the process
}

// Main runs the command with the words after its name and gives the exit code.
func Main(args []string) int {
	c := &command{out: term.Open(os.Stdout, os.Getenv), err: term.Open(os.Stderr, os.Getenv)}
	ctx, stop := c.signals()
	defer stop()
	c.ctx = ctx
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitCode(err)
	if s := c.signal.Load(); s != 0 && errors.Is(err, context.Canceled) {
		return 128 + int(s)
	}
	fmt.Fprintln(os.Stderr, "nadir: "+message(err))
	return code
}

// signals makes Ctrl-C or SIGTERM end the process, but where something is to be
// put in order the first one ends the context alone.
func (c *command) signals() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range ch {
			n := int32(2)
			if s == syscall.SIGTERM {
				n = 15
			}
			again := c.signal.Swap(n) != 0
			switch {
			case !c.orderly.Load():
				fmt.Fprintln(os.Stderr, "\nnadir: stopped before anything was changed")
			case again:
				fmt.Fprintln(os.Stderr, "\nnadir: stopped at once; the last checkpoint is whole")
			default:
				cancel()
				continue
			}
			os.Exit(128 + int(n))
		}
	}()
	return ctx, func() { signal.Stop(ch); close(ch); cancel() }
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "nadir VERB [TARGET …] [key=value …] [--flag]",
		Short: "Deep networks trained well",
		Long: `Nadir trains deep networks, and says what is wrong where they do not learn.

Words may stand in any order; the first without = is the target. A key is a
dotted path into the configuration, such as optim.lr=3e-4: a file and keys are
the same thing. "nadir config" prints the configuration and where each value
came from.`,
		Example: `  nadir train                               # the chapter's network on built-in digits
  nadir train data=mnist optim=adam optim.lr=3e-4 epochs=20
  nadir train exp.yaml data.batch=64
  nadir resume runs/mnist epochs=+10
  nadir eval runs/mnist data=fashion-mnist
  nadir predict runs/mnist/model.safetensors digit.png`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := cpu.Check(); err != nil {
				return usage("%v", err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			if strings.Contains(args[0], "=") {
				return usage("no verb: to train with %s, write nadir train %s", args[0], strings.Join(args, " "))
			}
			return unknownVerb(cmd, args[0])
		},
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&c.json, "json", false, "print JSON on stdout and nothing else there")
	flags.BoolVar(&c.quiet, "quiet", false, "say nothing but errors and the answer that was asked for")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%v", err) })
	for _, verb := range verbs {
		root.AddCommand(verb(c))
	}
	c.dress(root)
	return root
}

// verbs lists the constructors of all verbs.
var verbs = []func(*command) *cobra.Command{trainVerb, pretrainVerb, resumeVerb, transferVerb, cvVerb, compareVerb, evalVerb, predictVerb, summaryVerb, inspectVerb, signalVerb, lrFindVerb, initTableVerb, importVerb, exportVerb, zooVerb, dataVerb,
	benchVerb, configVerb, versionVerb, completionVerb}

// words takes a verb's words apart.
func words(cmd *cobra.Command, args []string) (targets, keys []string, err error) {
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		rest := args[at:]
		targets, keys, err = config.SplitArgs(args[:at])
		return append(targets, rest...), keys, err
	}
	return config.SplitArgs(args)
}

// oneTarget takes the words of a verb that has at most one target.
func oneTarget(cmd *cobra.Command, args []string) (target string, keys []string, err error) {
	targets, keys, err := words(cmd, args)
	if err != nil {
		return "", nil, err
	}
	if len(targets) > 1 {
		return "", nil, usage("%s takes one target, found %s", cmd.Name(), strings.Join(targets, " "))
	}
	if len(targets) == 1 {
		target = targets[0]
	}
	return target, keys, nil
}

// note tells the user something beside the result.
func (c *command) note(text string) {
	if !c.quiet {
		fmt.Fprintln(c.err.W, text)
	}
}

func didYouMean(word string, names []string) string {
	near := spec.Nearest(word, names)
	if len(near) == 0 {
		return "there are " + strings.Join(names, ", ")
	}
	for i, n := range near {
		near[i] = fmt.Sprintf("%q", n)
	}
	return "did you mean " + strings.Join(near, ", ") + "?"
}

// nearFiles says which files beside a path that is not there are called nearly
// so.
func nearFiles(path string) string {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; " + didYouMean(path, names)
}
