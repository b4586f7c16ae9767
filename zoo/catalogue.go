package zoo

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nadir-ml/nadir/spec"
)

// A Catalogue is cards in the order of their names.
type Catalogue []Card

//go:embed catalogue.json
var embedded []byte

// Embedded is the catalogue that comes with this program.
func Embedded() Catalogue {
	return slices.Clone(builtIn())
}

var builtIn = sync.OnceValue(func() Catalogue {
	v, err := spec.ParseJSON("catalogue.json", embedded)
	if err == nil {
		var c Catalogue
		if c, err = Decode(v); err == nil {
			return c
		}
	}
	panic(err) // a test decodes it
})

// Decode reads a catalogue: a list of cards, or a mapping with models.
func Decode(v spec.Value) (Catalogue, error) {
	var doc struct {
		Models []Card `spec:"models,required,scalar"`
	}
	if v.Kind == spec.List {
		v = spec.Value{Kind: spec.Map, Pos: v.Pos}.With("models", v)
	}
	if err := spec.Decode(v, &doc); err != nil {
		return nil, err
	}
	c := Catalogue(doc.Models)
	slices.SortStableFunc(c, func(a, b Card) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(c); i++ {
		if c[i].Name == c[i-1].Name {
			return nil, &spec.Error{Pos: v.Pos, Msg: fmt.Sprintf("two models are called %q", c[i].Name)}
		}
	}
	return c, nil
}

// With is the catalogue with further cards, which take the place of those of the
// same name.
func (c Catalogue) With(more Catalogue) Catalogue {
	out := slices.Clone(more)
	for _, card := range c {
		if !slices.ContainsFunc(more, func(m Card) bool { return m.Name == card.Name }) {
			out = append(out, card)
		}
	}
	slices.SortStableFunc(out, func(a, b Card) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Names lists the names.
func (c Catalogue) Names() []string {
	var names []string
	for _, card := range c {
		names = append(names, card.Name)
	}
	return names
}

// Card is that of a name. An unknown one is an error with the nearest names.
func (c Catalogue) Card(name string) (Card, error) {
	for _, card := range c {
		if card.Name == name {
			return card, nil
		}
	}
	return Card{}, c.unknown(name)
}
