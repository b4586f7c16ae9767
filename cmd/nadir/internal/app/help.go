package app

import (
	"strings"

	"github.com/spf13/cobra"
)

// groups are the verbs as help lists them.
var groups = []struct {
	id, title string
	verbs     []string
}{
	{"train", "Train:", []string{"train", "pretrain", "resume", "transfer", "cv", "compare"}},
	{"use", "Use and understand a model:", []string{"eval", "predict", "summary", "inspect", "signal", "lr-find", "init-table"}},
	{"share", "From and to other frameworks:", []string{"import", "export", "zoo"}},
	{"look", "Data and configuration:", []string{"data", "config"}},
	{"other", "Other:", []string{"bench", "version", "completion", "help"}},
}

// reserved are the names of verbs that this version does not have.
var reserved = []string{
	"doctor", "watch", "board", "report", "serve", "runs", "tune",
}

// usageTemplate is cobra's without what a reader of this command has no use
// for.
const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$verbs := .Commands}}{{if .Groups}}{{range .Groups}}{{$id := .ID}}

{{.Title}}{{range $verbs}}{{if eq .GroupID $id}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{else}}

Verbs:{{range $verbs}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}

Flags:
{{.Flags.FlagUsages | trimTrailingWhitespaces}}{{if not .HasParent}}

"nadir help VERB" says more of a verb. Exit codes: 0 done, 2 usage or configuration,
3 data, 4 diverged, 5 corrupt model or checkpoint, 6 run is locked, 74 disk or I/O,
130 or 143 stopped by a signal.{{end}}
`

// dress gives the root its groups, help and completion, and names that are kept
// for later.
func (c *command) dress(root *cobra.Command) {
	cobra.EnableCommandSorting = false // help lists verbs in the order of their use
	root.SetUsageTemplate(usageTemplate)
	root.DisableFlagsInUseLine = true
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [VERB]",
		Short: "What a verb does, with examples",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return verbNames(root), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			verb, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 || verb.Hidden {
				return unknownVerb(root, strings.Join(args, " "))
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
	})
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, verb := range root.Commands() {
			if contains(g.verbs, verb.Name()) {
				verb.GroupID = g.id
			}
		}
	}
	root.SetHelpCommandGroupID("other")
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.DisableFlagsInUseLine = true
		completing(cmd)
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	for _, verb := range root.Commands() {
		walk(verb)
	}
	for _, name := range reserved {
		root.AddCommand(&cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error { return unknownVerb(root, name) },
		})
	}
}

func verbNames(root *cobra.Command) []string {
	var names []string
	for _, v := range root.Commands() {
		if !v.Hidden {
			names = append(names, v.Name())
		}
	}
	return names
}

// unknownVerb says that there is no such verb, or not yet.
func unknownVerb(root *cobra.Command, word string) error {
	names := verbNames(root)
	if contains(reserved, word) {
		return usage("%s is not in this version of nadir; there are %s", word, strings.Join(names, ", "))
	}
	return usage("unknown verb %q; %s", word, didYouMean(word, names))
}
