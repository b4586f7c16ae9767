package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/zoo"
)

func completionVerb(c *command) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "A script that completes words in your shell",
		Long: `Print a script for your shell that completes verbs, flags, keys, the names of data
sets, models, optimizers and so on, and paths.`,
		Example: `  source <(nadir completion bash)
  nadir completion zsh > "${fpath[1]}/_nadir"
  nadir completion fish > ~/.config/fish/completions/nadir.fish
  nadir completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !contains(shells, args[0]) {
				return usage("completion wants one of %s", strings.Join(shells, ", "))
			}
			var b bytes.Buffer
			write := map[string]func() error{
				"bash":       func() error { return cmd.Root().GenBashCompletionV2(&b, true) },
				"zsh":        func() error { return cmd.Root().GenZshCompletion(&b) },
				"fish":       func() error { return cmd.Root().GenFishCompletion(&b, true) },
				"powershell": func() error { return cmd.Root().GenPowerShellCompletionWithDesc(&b) },
			}[args[0]]
			if err := write(); err != nil {
				return err
			}
			if c.json {
				return c.printJSON(object{{"shell", args[0]}, {"script", b.String()}})
			}
			_, err := b.WriteTo(c.out.W)
			return err
		},
	}
}

// completing gives a verb the completion of its words.
func completing(verb *cobra.Command) {
	if verb.ValidArgs == nil && verb.ValidArgsFunction == nil && !verb.HasSubCommands() {
		verb.ValidArgsFunction = complete
	}
}

// complete finds the words that begin as the one being typed: targets, keys,
// and the values of keys.
func complete(verb *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var words []string
	offer := func(prefix string, names ...string) {
		for _, n := range names {
			if strings.HasPrefix(prefix+n, typed) && !contains(words, prefix+n) {
				words = append(words, prefix+n)
			}
		}
	}
	if key, value, ok := strings.Cut(typed, "="); ok {
		offer(key+"=", values(key)...)
		if pathKey(key) {
			offer(key+"=", paths(value)...)
		}
	} else {
		switch verb.Name() {
		case "show", "stats", "get", "verify":
			if verb.Parent().Name() == "zoo" {
				offer("", zoo.Embedded().Names()...)
			} else {
				offer("", setNames()...)
			}
		case "summary":
			offer("", config.Presets()...)
		}
		if strings.HasPrefix(typed, zooPrefix) {
			offer(zooPrefix, zoo.Embedded().Names()...)
		}
		if verb.Name() != "list" && verb.Name() != "version" {
			offer("", paths(typed)...)
			for _, k := range config.Keys() {
				offer("", strings.TrimSuffix(k, ".*")+"=")
			}
			offer("", "optim.lr=")
		}
	}
	// What goes on behind = or / gets no blank.
	directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	for _, w := range words {
		if !strings.HasSuffix(w, "=") && !strings.HasSuffix(w, "/") {
			directive = cobra.ShellCompDirectiveNoFileComp
		}
	}
	return words, directive
}

// values are the names that a key can have.
func values(key string) []string {
	key = strings.TrimSuffix(key, ".name")
	switch key {
	case "optimizer":
		key = "optim"
	case "preset":
		return config.Presets()
	case "precision":
		return []string{"f32", "f64", "bf16"}
	case "data.val.from", "data.test.from":
		return []string{"end", "start", "random"}
	case "input.layout":
		return []string{"nhwc", "nchw"}
	case "input.channels":
		return []string{"rgb", "bgr"}
	case "input.standardize":
		return []string{"train"}
	case "init":
		return []string{"fresh"}
	case "class_weight":
		return []string{"balanced"}
	case "early_stop.restore_best":
		return []string{"true", "false"}
	}
	for _, v := range vocabulary() {
		if v.what == key || v.what == key[strings.LastIndexByte(key, '.')+1:] || v.what == "initializer" && strings.HasSuffix(key, "_initializer") {
			return v.names
		}
	}
	return nil
}

// pathKey reports whether a key's value can be a path.
func pathKey(key string) bool {
	return contains([]string{"data", "data.name", "data.val", "data.test", "model", "out"}, key)
}

// paths lists what begins as a path does, folders with a slash behind.
func paths(begin string) []string {
	dir, base := filepath.Split(begin)
	from := dir
	if from == "" {
		from = "."
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), base) || strings.HasPrefix(e.Name(), ".") && base == "" {
			continue
		}
		name := dir + e.Name()
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			name += "/"
		}
		out = append(out, name)
	}
	return out
}
