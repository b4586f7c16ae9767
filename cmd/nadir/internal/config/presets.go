package config

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/spec"
)

//go:embed presets/*.yaml
var presetFiles embed.FS

// Presets lists the names of the built-in configurations and architectures.
func Presets() []string {
	files, _ := presetFiles.ReadDir("presets") // embedded: it is there
	out := models.Names()
	for _, f := range files {
		out = append(out, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	slices.Sort(out)
	return out
}

// Why is what a preset's file says of itself in its first comment: what it chose
// and why.
func Why(name string) string {
	data, err := presetFiles.ReadFile("presets/" + name + ".yaml")
	if err != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimSpace(text))
	}
	return strings.Join(lines, "\n")
}

// Preset is a built-in configuration or architecture. The origin of all its
// values is [BuiltIn].
func Preset(name string) (spec.Value, error) {
	data, err := presetFiles.ReadFile("presets/" + name + ".yaml")
	if m, no := models.New(name); err != nil && no == nil {
		v, err := nn.Encode(m)
		return walk(spec.Value{Kind: spec.Map}.With("model", v), func(spec.Pos) spec.Pos { return spec.Pos{File: BuiltIn} }), err
	}
	if err != nil {
		return spec.Value{}, &spec.Error{Msg: fmt.Sprintf("unknown preset %q", name), Word: name, Nearest: spec.Nearest(name, Presets())}
	}
	v, err := ParseYAML("presets/"+name+".yaml", data)
	return walk(v, func(spec.Pos) spec.Pos { return spec.Pos{File: BuiltIn} }), err
}
