package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/zoo"
)

func zooVerb(c *command) *cobra.Command {
	verb := &cobra.Command{
		Use:   "zoo list|show|get|verify",
		Short: "A catalogue of trained models that others have published",
		Long: `Trained models that others have published: what each is, under which licence, how its
input is prepared, and what was measured of it. A model's files are looked for in the
folders of $NADIR_ZOO_DIR and in the user's cache folder, or in zoo.dir= alone; what is
in none of them is downloaded to the last. Nothing is used before its SHA-256 is right.

zoo.catalogue=FILE, or $NADIR_ZOO_CATALOGUE, adds the models of a YAML or JSON file.
zoo.url= names a folder to download from instead of the published address.

eval, predict, summary, inspect, signal, import and export take zoo:NAME for a model, with
its preprocessing and its classes.`,
		Example: `  nadir zoo list
  nadir zoo show resnet20-cifar10
  nadir zoo get resnet20-cifar10 -o resnet20.safetensors
  nadir zoo verify resnet20-cifar10 --measure
  nadir predict zoo:resnet20-cifar10 photo.jpg`,
		RunE: func(_ *cobra.Command, args []string) error {
			subs := []string{"list", "show", "get", "verify"}
			if len(args) == 0 {
				return usage("zoo wants one of %s", strings.Join(subs, ", "))
			}
			return usage("zoo has no %q; %s", args[0], didYouMean(args[0], subs))
		},
	}
	verb.AddCommand(zooListVerb(c), zooShowVerb(c), zooGetVerb(c), zooVerifyVerb(c))
	return verb
}

// A menagerie is the catalogue and the places that models are got from.
type menagerie struct {
	zoo.Options
	cards zoo.Catalogue
	from  string // the file that cards were added from, or ""
}

// menagerie reads the zoo.* keys and gives the words that are left.
func (c *command) menagerie(words []string) (*menagerie, []string, error) {
	m := &menagerie{cards: zoo.Embedded()}
	var dir string
	for _, k := range []struct {
		key, env string
		to       *string
	}{{"zoo.dir", "", &dir}, {"zoo.catalogue", "NADIR_ZOO_CATALOGUE", &m.from}, {"zoo.url", "NADIR_ZOO_URL", &m.URL}} {
		if *k.to, words = take(words, k.key); *k.to == "" && k.env != "" {
			*k.to = os.Getenv(k.env)
		}
	}
	for _, w := range words {
		if key, _, _ := strings.Cut(w, "="); strings.HasPrefix(key, "zoo.") {
			return nil, nil, usage("unknown key %q; %s", key, didYouMean(key, []string{"zoo.dir", "zoo.catalogue", "zoo.url"}))
		}
	}
	m.Dirs = zoo.DefaultDirs()
	if dir != "" {
		m.Dirs = []string{dir}
	}
	if m.from == "" {
		return m, words, nil
	}
	v, err := config.ReadFile(m.from)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, usage("zoo.catalogue: no file is called %q%s", m.from, nearFiles(m.from))
	}
	if err != nil {
		return nil, nil, err
	}
	more, err := zoo.Decode(v)
	if err != nil {
		return nil, nil, err
	}
	m.cards = m.cards.With(more)
	return m, words, nil
}

// get is the path of a model, downloaded where it is not here.
func (c *command) get(ctx context.Context, m *menagerie, card zoo.Card) (string, error) {
	o := m.Options
	shown := c.download(card.Name)
	o.Progress, o.Resumed = shown.progress, shown.resumed
	c.orderly.Store(true) // a download is ended in good order
	defer c.orderly.Store(false)
	path, err := card.Get(ctx, o)
	shown.close()
	return path, err
}

func zooListVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:     "list [zoo.dir=DIR] [zoo.catalogue=FILE]",
		Short:   "The models, and which are here",
		Example: "  nadir zoo list\n  nadir zoo list zoo.catalogue=ours.yaml --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			m, keys, err := c.menagerie(keys)
			if err != nil {
				return err
			}
			if rest := append(keys, target); rest[0] != "" {
				return usage("zoo list takes no %q", rest[0])
			}
			if c.json {
				models := []object{}
				for _, card := range m.cards {
					models = append(models, object{{"name", card.Name}, {"about", card.About}, {"format", card.Format}, {"licence", card.Licence},
						{"bytes", card.Bytes()}, {"dir", orNull(card.Find(m.Dirs))}, {"measured", measuredObjects(card)}})
				}
				return c.printJSON(object{{"models", models}, {"dirs", m.Dirs}})
			}
			return c.print(func(w *bufio.Writer) {
				g := grid{align: "llrll"}
				for _, card := range m.cards {
					where := "not here"
					if card.Find(m.Dirs) != "" {
						where = "here"
					}
					value := ""
					if len(card.Measured) > 0 {
						value = fmt.Sprintf("%s %s", card.Measured[0].Data, measure(card.Measured[0].Value))
					}
					g.add(card.Name, value, term.Bytes(card.Bytes()), where, card.About)
				}
				g.write(w, "")
				fmt.Fprintf(w, "\nlooked for in %s\n", strings.Join(m.Dirs, ", "))
			})
		},
	}
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func measuredObjects(card zoo.Card) []object {
	list := []object{}
	for _, v := range card.Measured {
		o := object{{"data", v.Data}}
		for _, w := range asWords(v.Keys, "") {
			key, value, _ := strings.Cut(w, "=")
			o = append(o, member{key, value})
		}
		list = append(list, append(o, member{"n", v.Rows}, member{v.Metric, v.Value}))
	}
	return list
}

// asWords writes the keys of a mapping as words of the command line. A list of
// numbers is one word, as is a net.
func asWords(v spec.Value, prefix string) []string {
	var words []string
	for _, e := range v.Entries {
		key := prefix + e.Key
		switch {
		case e.Value.Kind == spec.Map && e.Key != "model":
			words = append(words, asWords(e.Value, key+".")...)
		case e.Value.Kind == spec.String:
			words = append(words, key+"="+e.Value.Text)
		default:
			words = append(words, key+"="+string(e.Value.JSON()))
		}
	}
	return words
}

func zooShowVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME [zoo.dir=DIR] [zoo.catalogue=FILE]",
		Short:   "The card of a model",
		Example: "  nadir zoo show resnet20-cifar10\n  nadir zoo show mnist-conv --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, card, keys, err := c.oneCard(cmd, args)
			if err != nil {
				return err
			}
			if len(keys) > 0 {
				return usage("zoo show takes no %q", keys[0])
			}
			if c.json {
				files := []object{}
				for _, f := range card.Files {
					files = append(files, object{{"name", f.Name}, {"path", orNull(f.Path)}, {"bytes", f.Bytes}, {"sha256", f.SHA256}})
				}
				classes := card.Classes
				if classes == nil {
					classes = []string{}
				}
				use := card.Use
				if use.Kind == spec.Null {
					use.Kind = spec.Map
				}
				return c.printJSON(object{{"name", card.Name}, {"about", card.About}, {"format", card.Format}, {"source", orNull(card.Source)}, {"licence", card.Licence},
					{"address", orNull(card.Address)}, {"dir", orNull(card.Find(m.Dirs))}, {"files", files}, {"use", use}, {"classes", classes}, {"measured", measuredObjects(card)}})
			}
			return c.print(func(w *bufio.Writer) { cardText(w, card, m) })
		},
	}
}

// oneCard takes the words of a verb about one model.
func (c *command) oneCard(cmd *cobra.Command, args []string) (*menagerie, zoo.Card, []string, error) {
	target, keys, err := oneTarget(cmd, args)
	if err != nil {
		return nil, zoo.Card{}, nil, err
	}
	m, keys, err := c.menagerie(keys)
	if err != nil {
		return nil, zoo.Card{}, nil, err
	}
	if target == "" {
		return nil, zoo.Card{}, nil, usage("zoo %s wants the name of a model; nadir zoo list has them", cmd.Name())
	}
	card, err := m.cards.Card(strings.TrimPrefix(target, zooPrefix))
	return m, card, keys, err
}

func cardText(w io.Writer, card zoo.Card, m *menagerie) {
	fmt.Fprintf(w, "%s: %s\n\n", printable(card.Name), printable(card.About))
	g := grid{align: "ll"}
	line := func(what, text string) {
		if text != "" {
			g.add(what, text)
		}
	}
	line("format", card.Format)
	line("source", card.Source)
	line("licence", card.Licence)
	for i, word := range asWords(card.Use, "") {
		what := ""
		if i == 0 {
			what = "used with"
		}
		g.add(what, short(word, 100))
	}
	line("classes", strings.Join(card.Classes, ", "))
	for _, v := range card.Measured {
		line("measured", strings.Join(append([]string{fmt.Sprintf("%s %s on %s rows of %s", v.Metric, measure(v.Value), nn.Thousands(v.Rows), v.Data)}, asWords(v.Keys, "")...), " "))
	}
	where := card.Find(m.Dirs)
	if where == "" {
		where = "not here; a download of " + term.Bytes(card.Bytes())
	}
	line("lies in", where)
	line("address", card.Address)
	g.write(w, "")
	fmt.Fprintln(w)
	g = grid{align: "lrl"}
	for _, f := range card.Files {
		g.add(f.Name, nn.Thousands(f.Bytes), "sha256 "+f.SHA256)
	}
	g.write(w, "")
}

func zooGetVerb(c *command) *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "get NAME [-o model.safetensors] [key=value …]",
		Short: "Download a model, and make it one of ours",
		Long: `Find a model in the folders of the zoo, or download it to the last of them, and check
its SHA-256. With -o it is imported as nadir import does it: layers, weights,
preprocessing and classes in one file. Keys are those of import, and win over what the
card says.

--force overwrites the file, and downloads again what lies here and is not what was
published.`,
		Example: `  nadir zoo get resnet20-cifar10
  nadir zoo get resnet20-cifar10 -o resnet20.safetensors
  nadir zoo get mnist-conv -o m.safetensors zoo.dir=/mnt/models`,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, card, keys, err := c.oneCard(cmd, args)
			if err != nil {
				return err
			}
			if len(keys) > 0 && out == "" {
				return usage("zoo get: %s has a meaning with -o, where the model is imported", keys[0])
			}
			if out != "" && !force && exists(out) {
				return usage("%s exists already; name another file, or add --force to overwrite it", out)
			}
			m.Again = force
			path, err := c.get(cmd.Context(), m, card)
			if err != nil {
				return err
			}
			if out != "" {
				return c.importCard(cmd.Context(), card, path, keys, out, force)
			}
			if c.json {
				return c.printJSON(object{{"name", card.Name}, {"path", path}, {"bytes", card.Bytes()}})
			}
			return c.print(func(w *bufio.Writer) { fmt.Fprintln(w, printable(path)) })
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the `file` to import it to")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file; download damaged files again")
	return cmd
}

func zooVerifyVerb(c *command) *cobra.Command {
	var again bool
	cmd := &cobra.Command{
		Use:   "verify [NAME…] [--measure] [data=NAME]",
		Short: "Hash the models that are here; measure them again",
		Long: `Compare the SHA-256 of every file with the catalogue: of the models that are named, or
of all that are here. Nothing is downloaded. --measure also measures them again, and
compares that with what the catalogue says, to the row; data= does so on one data set.`,
		Example: `  nadir zoo verify
  nadir zoo verify resnet20-cifar10 --measure
  nadir zoo verify data=mnist --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			names, keys, err := words(cmd, args)
			if err != nil {
				return err
			}
			m, keys, err := c.menagerie(keys)
			if err != nil {
				return err
			}
			on, keys := take(keys, "data")
			if len(keys) > 0 {
				return usage("zoo verify takes no %q; it takes data=, zoo.dir= and zoo.catalogue=", keys[0])
			}
			return c.zooVerify(cmd.Context(), m, names, again || on != "", on)
		},
	}
	cmd.Flags().BoolVar(&again, "measure", false, "measure the models again")
	return cmd
}

// A check is what verify found of one model.
type check struct {
	card     zoo.Card
	dir      string
	err      error
	measured []remeasured
}

// A remeasured metric is one as it was recorded and as it is now.
type remeasured struct {
	zoo.Measurement
	rows int
	now  float64
}

// same reports whether the metric is what was recorded, to the row.
func (r remeasured) same() bool {
	d := r.now - r.Value
	return r.rows == r.Rows && max(d, -d) < 0.5/float64(r.Rows)
}

func (c *command) zooVerify(ctx context.Context, m *menagerie, names []string, again bool, on string) error {
	cards := m.cards
	if len(names) > 0 {
		cards = nil
		for _, name := range names {
			card, err := m.cards.Card(strings.TrimPrefix(name, zooPrefix))
			if err != nil {
				return err
			}
			cards = append(cards, card)
		}
	}
	if on != "" && !slices.ContainsFunc(cards, func(card zoo.Card) bool {
		return slices.ContainsFunc(card.Measured, func(v zoo.Measurement) bool { return v.Data == on })
	}) {
		return usage("data=%s: the catalogue has no measurement on it", on)
	}
	var checks []check
	absent := 0
	for _, card := range cards {
		k := check{card: card, dir: card.Find(m.Dirs)}
		switch {
		case k.dir == "" && len(names) == 0:
			absent++
			continue
		case k.dir == "":
			_, k.err = card.Get(ctx, zoo.Options{Dirs: m.Dirs, URL: "", Client: offline})
			if k.err == nil {
				k.err = &zoo.Absent{Card: card.Name, Msg: "it is not here"}
			}
		default:
			k.err = card.Check(ctx, k.dir)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if k.err == nil && again {
			for _, v := range card.Measured {
				if on != "" && v.Data != on {
					continue
				}
				r, err := c.remeasure(ctx, m, card, v)
				if err != nil {
					return err
				}
				k.measured = append(k.measured, r)
			}
		}
		checks = append(checks, k)
	}
	if err := c.printChecks(checks, absent, m); err != nil {
		return err
	}
	var errs []error
	for _, k := range checks {
		errs = append(errs, k.err)
		for _, r := range k.measured {
			if !r.same() {
				errs = append(errs, &zoo.Mismatch{Card: k.card.Name, Err: fmt.Errorf("%s on %s rows of %s is %s, the catalogue has %s on %s",
					r.Metric, nn.Thousands(r.rows), r.Data, measure(r.now), measure(r.Value), nn.Thousands(r.Rows))})
			}
		}
	}
	return errors.Join(errs...)
}

// remeasure evaluates a model as it was when its card was written.
func (c *command) remeasure(ctx context.Context, m *menagerie, card zoo.Card, v zoo.Measurement) (remeasured, error) {
	keys := append([]string{"data=" + v.Data}, asWords(v.Keys, "")...)
	s, err := c.openCard("eval", m, card, keys)
	if err != nil {
		return remeasured{}, err
	}
	e, err := c.evaluate(ctx, s, 0)
	if err != nil {
		return remeasured{}, err
	}
	now, ok := e.Values.Get(v.Metric)
	if !ok {
		return remeasured{}, usage("model %q of the zoo: %s is not what is measured of it", card.Name, v.Metric)
	}
	return remeasured{v, e.N, now}, nil
}

func (c *command) printChecks(checks []check, absent int, m *menagerie) error {
	if c.json {
		models := []object{}
		for _, k := range checks {
			o := object{{"name", k.card.Name}, {"dir", orNull(k.dir)}, {"ok", k.err == nil}}
			if k.err != nil {
				o = append(o, member{"error", k.err.Error()})
			}
			list := []object{}
			for _, r := range k.measured {
				list = append(list, object{{"data", r.Data}, {"n", r.rows}, {"metric", r.Metric}, {"recorded", r.Value}, {"measured", finite(r.now)}, {"same", r.same()}})
			}
			models = append(models, append(o, member{"measured", list}))
		}
		return c.printJSON(object{{"models", models}, {"absent", absent}})
	}
	return c.print(func(w *bufio.Writer) {
		g := grid{align: "lll"}
		for _, k := range checks {
			verdict := fmt.Sprintf("%s, sha256 as published", count(len(k.card.Files), "file"))
			if k.err != nil {
				verdict = "not as published"
				if is[*zoo.Absent](k.err) {
					verdict = "not here"
				}
			}
			var got []string
			for _, r := range k.measured {
				text := fmt.Sprintf("%s %s on %s, as recorded", r.Metric, measure(r.now), r.Data)
				if !r.same() {
					text = fmt.Sprintf("%s %s on %s, recorded %s", r.Metric, measure(r.now), r.Data, measure(r.Value))
				}
				got = append(got, text)
			}
			g.add(k.card.Name, verdict, strings.Join(got, "; "))
		}
		g.write(w, "")
		if absent > 0 {
			fmt.Fprintf(w, "%s not here; looked for in %s\n", count(absent, "model"), strings.Join(m.Dirs, ", "))
		}
	})
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return nn.Thousands(n) + " " + what
}
