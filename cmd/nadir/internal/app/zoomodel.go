package app

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/zoo"
)

// zooPrefix is what the name of a model of the zoo begins with, where a model is
// named.
const zooPrefix = "zoo:"

// offline is a client that downloads nothing.
var offline = &http.Client{Transport: refusal{}}

type refusal struct{}

func (refusal) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("verify downloads nothing")
}

// ofZoo is the path of a model of the zoo and what is to be said with it. A target
// that is none comes back as it is.
func (c *command) ofZoo(target string) (path string, card *zoo.Card, err error) {
	name, ok := strings.CutPrefix(target, zooPrefix)
	if !ok || exists(target) {
		return target, nil, nil
	}
	m, _, err := c.menagerie(nil)
	if err != nil {
		return "", nil, err
	}
	k, err := m.cards.Card(name)
	if err != nil {
		return "", nil, err
	}
	path, err = c.get(c.ctx, m, k)
	return path, &k, err
}

// openCard opens a model of the zoo as openSubject opens others.
func (c *command) openCard(verb string, m *menagerie, card zoo.Card, keys []string) (*subject, error) {
	path, err := c.get(c.ctx, m, card)
	if err != nil {
		return nil, err
	}
	return c.openCardAt(verb, card, path, keys)
}

// openCardAt opens the files of a model of the zoo, with the keys of its card and
// those of the user.
func (c *command) openCardAt(verb string, card zoo.Card, path string, keys []string) (*subject, error) {
	s := &subject{path: path}
	keys = append(slices.DeleteFunc(asWords(card.Use, ""), func(word string) bool {
		key, _, _ := strings.Cut(word, "=")
		return slices.ContainsFunc(keys, func(own string) bool {
			return strings.HasPrefix(own, key+"=") || strings.HasPrefix(key, "model") && strings.HasPrefix(own, "model")
		})
	}), keys...)
	var err error
	if s.cfg, err = c.load("", os.Environ(), keys); err != nil {
		return nil, err
	}
	if err := c.bring(verb, s, keys); err != nil {
		return nil, err
	}
	return s, s.label(card)
}

// label gives the model the classes and the loss of its card.
func (s *subject) label(card zoo.Card) error {
	_, outs := s.Net.Ports()
	if len(outs) != 1 {
		return nil
	}
	if card.Loss.Kind != spec.Null && len(s.Losses) == 0 {
		var l loss.Loss
		if err := spec.Decode(card.Loss, &l); err != nil {
			return err
		}
		s.Losses = []format.Output{{Name: outs[0].Name, Loss: l, Weight: 1}}
	}
	if len(card.Classes) > 0 && len(s.Data.Classes) == 0 {
		s.Data.Classes = card.Classes
		s.Data.Targets = []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}}
	}
	return nil
}

// importCard imports a model of the zoo.
func (c *command) importCard(ctx context.Context, card zoo.Card, path string, keys []string, out string, force bool) error {
	if err := meant("zoo get", keys, importKeys()...); err != nil {
		return err
	}
	s, err := c.openCardAt("import", card, path, keys)
	if err != nil {
		return err
	}
	return c.keepModel(ctx, s, out, force)
}
