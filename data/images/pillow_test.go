package images_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// resizer resizes raw pictures with Pillow, as a list of jobs on stdin says.
const resizer = `
import json, sys
from PIL import Image
for line in sys.stdin:
    j = json.loads(line)
    mode = "L" if j["c"] == 1 else "RGB"
    im = Image.frombytes(mode, (j["w"], j["h"]), open(j["in"], "rb").read())
    if j["gray"]:
        im = im.convert("L")
    if j["width"]:
        im = im.resize((j["width"], j["height"]), Image.BILINEAR)
    open(j["out"], "wb").write(im.tobytes())
`

type job struct {
	In     string `json:"in"`
	Out    string `json:"out"`
	H      int    `json:"h"`
	W      int    `json:"w"`
	C      int    `json:"c"`
	Height int    `json:"height"`
	Width  int    `json:"width"`
	Gray   bool   `json:"gray"`
}

// pillow does the jobs, or skips the test where there is no Pillow.
func pillow(t *testing.T, jobs []job) {
	t.Helper()
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import PIL").Run(); err != nil {
		t.Skipf("no Pillow for %s: %v", python, err)
	}
	var in bytes.Buffer
	for _, j := range jobs {
		if err := json.NewEncoder(&in).Encode(j); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "-c", resizer)
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Every byte of pictures resized, larger and smaller, gray and colored, is that of
// Pillow.
func TestPillow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	draw := rng.New(rng.Key(7, "pictures"), 0)
	var jobs []job
	var pictures []*tensor.Tensor
	add := func(m *tensor.Tensor, height, width int, gray bool) {
		name := filepath.Join(dir, string(rune('a'+len(jobs)%26))+string(rune('a'+len(jobs)/26)))
		if err := os.WriteFile(name, m.Uint8s(), 0o644); err != nil {
			t.Fatal(err)
		}
		s := m.Shape()
		jobs = append(jobs, job{name, name + ".out", s[0], s[1], s[2], height, width, gray})
		pictures = append(pictures, m)
	}
	for _, s := range [][5]int{{1, 1, 1, 5, 7}, {28, 28, 1, 64, 64}, {64, 64, 1, 28, 28}, {7, 300, 3, 32, 32}, {300, 7, 3, 32, 32}, {33, 47, 3, 47, 33},
		{100, 100, 3, 99, 101}, {5, 5, 3, 5, 90}, {5, 5, 3, 90, 5}, {480, 360, 3, 1, 1}, {2, 3, 3, 300, 200}, {224, 224, 3, 12, 12}} {
		m := tensor.New(tensor.Uint8, s[0], s[1], s[2])
		for k := range m.Uint8s() {
			m.Uint8s()[k] = uint8(draw.Uint32())
		}
		add(m, s[3], s[4], false)
		if s[2] == 3 {
			add(m, s[3], s[4], true)
			add(m, 0, 0, true)
		}
	}
	if path := filepath.Join("..", "..", "..", "shared", "data", "images", "cat.jpg"); exists(path) {
		f, err := os.Open(shared.File(t, "data/images/cat.jpg"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := images.Decode(f)
		if f.Close(); err != nil {
			t.Fatal(err)
		}
		add(m, 224, 224, false)
		add(m, 64, 64, true)
	}
	pillow(t, jobs)
	for i, j := range jobs {
		m := pictures[i]
		var err error
		if j.Gray {
			if m, err = images.Gray(m); err != nil {
				t.Fatal(err)
			}
		}
		if j.Width > 0 {
			if m, err = images.Resize(m, j.Height, j.Width); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(j.Out)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Uint8s(), want) {
			t.Errorf("%d×%d×%d to %d×%d, gray %v: other bytes than Pillow's", j.H, j.W, j.C, j.Height, j.Width, j.Gray)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
