package safetensors_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/tensor"
)

// reader is a strict reader of the format as it is published, in Python's standard library
// alone: it knows nothing of this package. Of each file that stdin names it prints what
// there is, and stops at the first that breaks a rule.
const reader = `
import hashlib, json, struct, sys

SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8}

def once(pairs):
    keys = [k for k, _ in pairs]
    assert len(set(keys)) == len(keys), "a key is there twice"
    return dict(pairs)

def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    assert len(raw) >= 8, "no length"
    n, = struct.unpack("<Q", raw[:8])
    assert n <= 100_000_000 and 8 + n <= len(raw), "the header is too long"
    text = raw[8:8 + n]
    assert text[:1] == b"{", "the header begins with something else"
    assert text.rstrip(b" ")[-1:] == b"}", "the header is padded with something else than spaces"
    assert n % 8 == 0, "the data is not aligned"
    header = json.loads(text.decode("utf-8", "strict"), object_pairs_hook=once)
    data = raw[8 + n:]
    meta = header.pop("__metadata__", {})
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in meta.items()), "metadata is no text"
    at = 0
    for name, t in sorted(header.items(), key=lambda e: tuple(e[1]["data_offsets"])):
        assert set(t) == {"dtype", "shape", "data_offsets"}, name + ": other keys"
        begin, end = t["data_offsets"]
        size = SIZES[t["dtype"]]
        for d in t["shape"]:
            assert isinstance(d, int) and d >= 0, name + ": its shape"
            size *= d
        assert begin == at and end - begin == size, name + ": a hole, an overlap or another size"
        assert (8 + n + begin) % SIZES[t["dtype"]] == 0, name + ": it is not aligned"
        at = end
    assert at == len(data), "bytes are left at the end"
    return {"meta": meta, "tensors": {name: [t["dtype"], t["shape"], hashlib.sha256(data[t["data_offsets"][0]:t["data_offsets"][1]]).hexdigest()] for name, t in header.items()}}

for line in sys.stdin:
    print(json.dumps(read(line.rstrip("\n"))), flush=True)
`

// kept is what the reader finds in a file.
type kept struct {
	Meta    map[string]string
	Tensors map[string][3]any
}

// TestPublished holds files that are written here to a reader made from the published
// format alone.
func TestPublished(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("Python is not installed: apt-get install python3")
	}
	dir := t.TempDir()
	var paths []string
	var want []kept
	codes := map[tensor.DType]string{tensor.Bool: "BOOL", tensor.Uint8: "U8", tensor.Int8: "I8", tensor.Uint16: "U16", tensor.Int16: "I16", tensor.Float16: "F16", tensor.BFloat16: "BF16",
		tensor.Uint32: "U32", tensor.Int32: "I32", tensor.Float32: "F32", tensor.Uint64: "U64", tensor.Int64: "I64", tensor.Float64: "F64"}
	rapid.Check(t, func(t *rapid.T) {
		k := kept{map[string]string{}, map[string][3]any{}}
		var ts []safetensors.Named
		for range rapid.IntRange(0, 6).Draw(t, "tensors") {
			name := rapid.StringN(0, 12, -1).Draw(t, "name")
			if _, twice := k.Tensors[name]; twice || name == "__metadata__" {
				continue
			}
			dt := tensor.DType(rapid.IntRange(int(tensor.Float32), int(tensor.Bool)).Draw(t, "type"))
			x := tensor.New(dt, rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape")...)
			for i := range x.Bytes() {
				x.Bytes()[i] = byte(i*7+len(name)) & 1
			}
			ts = append(ts, safetensors.Named{Name: name, Tensor: x})
			shape := []any{}
			for _, d := range x.Shape() {
				shape = append(shape, float64(d))
			}
			k.Tensors[name] = [3]any{codes[dt], shape, fmt.Sprintf("%x", sha256.Sum256(x.Bytes()))}
		}
		for range rapid.IntRange(0, 3).Draw(t, "texts") {
			k.Meta[rapid.String().Draw(t, "key")] = rapid.String().Draw(t, "text")
		}
		var b bytes.Buffer
		if err := safetensors.Write(&b, ts, k.Meta); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprint(len(paths)))
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		paths, want = append(paths, path), append(want, k)
	})
	c := exec.Command(python, "-I", "-c", reader)
	c.Stdin = strings.NewReader(strings.Join(paths, "\n") + "\n")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err != nil {
		t.Fatalf("file %d of %d: %v\n%s", len(lines), len(paths), err, &stderr)
	}
	for i, line := range lines {
		var got kept
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want[i]) {
			t.Errorf("file %d: it has\n%v\nwant\n%v", i, got, want[i])
		}
	}
	if len(lines) != len(paths) {
		t.Errorf("%d files were read, want %d", len(lines), len(paths))
	}
}
