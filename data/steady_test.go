package data_test

import (
	"testing"

	"github.com/nadir-ml/nadir/data"
)

func TestSteady(t *testing.T) {
	t.Parallel()
	src := squares(30)
	classes := func(src data.Source) data.Source {
		s, err := data.Classes(src, []int{2, 0})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	augmented := data.Augmented(src, shift{})
	for name, c := range map[string]struct {
		src  data.Source
		want bool
	}{
		"rows in memory":         {src, true},
		"some of them":           {data.Limit(src, 10), true},
		"some classes":           {classes(src), true},
		"augmented":              {augmented, false},
		"some augmented":         {data.Limit(augmented, 10), false},
		"classes of augmented":   {data.Limit(classes(augmented), 5), false},
		"augmented some classes": {data.Augmented(classes(src), shift{}), false},
	} {
		if got := data.Steady(c.src); got != c.want {
			t.Errorf("%s: steady is %t", name, got)
		}
	}
}
