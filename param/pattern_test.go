package param

import (
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/tensor"
)

// net is a set with the names of a small net.
func net(t testing.TB) *Set {
	t.Helper()
	s := NewSet(tensor.Float32)
	for _, n := range []string{
		"hidden1/kernel", "hidden1/bias", "batch_normalization/gamma", "batch_normalization/moving_mean",
		"hidden2/kernel", "hidden2/bias", "hidden10/kernel", "block/dense/kernel", "block/dense/bias", "tête/kernel",
	} {
		kind := Weight
		if strings.HasSuffix(n, "moving_mean") {
			kind = Stat
		}
		if _, err := s.Add(n, kind, tensor.Shape{2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add("hidden1/kernel#momentum", Slot, tensor.Shape{2, 3}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMatch(t *testing.T) {
	t.Parallel()
	s := net(t)
	for _, tc := range []struct {
		pattern string
		want    string
	}{
		{"hidden1", "hidden1/kernel hidden1/bias"},
		{"hidden1/*", "hidden1/kernel hidden1/bias"},
		{"hidden*/kernel", "hidden1/kernel hidden2/kernel hidden10/kernel"},
		{"hidden?", "hidden1/kernel hidden1/bias hidden2/kernel hidden2/bias"},
		{"hidden[12]/bias", "hidden1/bias hidden2/bias"},
		{"hidden[1-4]", "hidden1/kernel hidden1/bias hidden2/kernel hidden2/bias"},
		{"hidden[2-4]", "hidden2/kernel hidden2/bias"},
		{"hidden[2-]", "hidden2/kernel hidden2/bias"},
		{"hidden{1,10}/kernel", "hidden1/kernel hidden10/kernel"},
		{"{hidden,batch_}*/{bias,gamma}", "hidden1/bias batch_normalization/gamma hidden2/bias"},
		{"hidden{1,10}", "hidden1/kernel hidden1/bias hidden10/kernel"},
		{"hidden2, hidden1", "hidden1/kernel hidden1/bias hidden2/kernel hidden2/bias"},
		{"hidden*,!hidden1", "hidden2/kernel hidden2/bias hidden10/kernel"},
		{"hidden*,!*/bias", "hidden1/kernel hidden2/kernel hidden10/kernel"},
		{"*/bias,!hidden*,hidden2/bias", "hidden2/bias"},
		{"*/bias,*/*/bias", "hidden1/bias hidden2/bias block/dense/bias"},
		{"*,!hidden*,!batch*,!tête", "block/dense/kernel block/dense/bias"},
		{"block", "block/dense/kernel block/dense/bias"},
		{"dense", "block/dense/kernel block/dense/bias"},
		{"block/dense/*", "block/dense/kernel block/dense/bias"},
		{"block/*/kernel", "block/dense/kernel"},
		{"*/moving_*", "batch_normalization/moving_mean"},
		{"t?te/kernel", "tête/kernel"},
		{"t[ê]te", "tête/kernel"},
		{"*t*e*", "tête/kernel"},
	} {
		ps, err := s.Match(tc.pattern)
		var got []string
		for _, p := range ps {
			got = append(got, p.Name)
		}
		if err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%q matches %q, %v, want %q", tc.pattern, got, err, tc.want)
		}
	}
}

func TestMatchErrors(t *testing.T) {
	t.Parallel()
	s := net(t)
	for pattern, want := range map[string]string{
		"hiden1":           `"hiden1" matches none of hidden1, batch_normalization, hidden2, hidden10, block/dense, tête`,
		"hidden1/weights":  `"hidden1/weights" matches none of hidden1/kernel, hidden1/bias,`,
		"block/*":          `"block/*" matches none of`, // a * stays within a name
		"hidden1,!hidden9": `"hidden9" matches none`,
		"hidden1,!hidden1": `leaves nothing`,
		"!hidden1":         `leaves nothing`,
		"":                 `"": is empty`,
		"hidden1,,hidden2": `"": is empty`,
		"hidden[12":        "[ is never closed",
		"hidden[]":         "[ is never closed, or holds nothing",
		"hidden{1,2":       "{ is never closed",
		"hidden{1,{2,3}}":  "{ within { }",
		"hidden1]":         "] closes nothing",
		"hidden1}":         "} closes nothing",
		"*#momentum":       "matches none",
		"hidden1/kernel#*": "matches none",
		"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}": "more than 1000 texts",
	} {
		if ps, err := s.Match(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, error %v, want one with %q", pattern, ps, err, want)
		}
	}
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	s := net(t)
	if n, err := s.Freeze("hidden*", "batch_normalization"); n != 7 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := s.Unfreeze("hidden2"); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := s.Freeze("hidden3"); n != 0 || err == nil {
		t.Fatal(n, err)
	}
	var frozen []string
	for p := range s.All() {
		if p.Frozen {
			frozen = append(frozen, p.Name)
		}
		if want := p.Kind == Weight && !p.Frozen; p.Trainable() != want {
			t.Errorf("%s: trainable %t", p.Name, p.Trainable())
		}
	}
	want := []string{"hidden1/kernel", "hidden1/bias", "batch_normalization/gamma", "batch_normalization/moving_mean", "hidden10/kernel"}
	if !slices.Equal(frozen, want) {
		t.Errorf("frozen are %q, want %q", frozen, want)
	}
	if total, trainable := s.Count(); total != 10*6 || trainable != 5*6 {
		t.Errorf("%d elements, %d trainable", total, trainable)
	}
}

// TestGlob agrees with package path where both know the same signs.
func TestGlob(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`([ab/é?*]|\[[abé]{1,2}\]|\[a-c\]){0,12}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[abcé/]{0,12}`).Draw(t, "name")
		want, err := path.Match(pattern, name)
		if err != nil {
			t.Fatal(err)
		}
		if got := glob(pattern, name); got != want {
			t.Fatalf("%q on %q: %t, want %t", pattern, name, got, want)
		}
	})
}

// TestManyStars must not try every way in which many stars can share a name.
func TestManyStars(t *testing.T) {
	t.Parallel()
	if glob(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 5000)) {
		t.Error("matches what does not end in b")
	}
}

// TestSplit takes lists apart that were put together.
func TestSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`!?[a-z*]{1,4}(\{[a-z]{1,2}(,[a-z]{1,2})?\}|\[[a-z,]{1,2}\])?`), 1, 5).Draw(t, "parts")
		if got := SplitPatterns(strings.Join(parts, ", ")); !slices.Equal(got, parts) {
			t.Fatalf("%q, want %q", got, parts)
		}
	})
}

// FuzzMatch reads any text as patterns.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{"hidden[12]/*", "*,!hidden1", "{a,b{,c}}", "[]", "a]b,[", "\xff?[\xff-\xfe]"} {
		f.Add(p)
	}
	s := net(f)
	f.Fuzz(func(t *testing.T, pattern string) {
		ps, err := s.Match(pattern)
		if (err == nil) != (len(ps) > 0) {
			t.Errorf("%q: %d parameters, %v", pattern, len(ps), err)
		}
		for _, p := range ps {
			if p.Kind == Slot {
				t.Errorf("%q matches the slot %s", pattern, p.Name)
			}
		}
	})
}
