package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/format/pickle"
	"github.com/nadir-ml/nadir/internal/deflate"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// A part is an entry of an archive made for a test.
type part struct {
	name string
	data string
	edit func(h *zip.FileHeader)
}

// A failer is a *testing.T, a *testing.F or a *rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// archiveOf makes a zip archive, its entries stored and their checksums right but for
// what edit does.
func archiveOf(t failer, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		h := &zip.FileHeader{Name: p.name, CRC32: crc32.ChecksumIEEE([]byte(p.data)),
			CompressedSize64: uint64(len(p.data)), UncompressedSize64: uint64(len(p.data))}
		if p.edit != nil {
			p.edit(h)
		}
		w, err := z.CreateRaw(h)
		if err == nil {
			_, err = io.WriteString(w, p.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// deflated makes an archive as a zip program would pack it again.
func deflated(t failer, parts ...part) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.Create(p.name)
		if err == nil {
			_, err = io.WriteString(w, p.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// saved is an archive of a pickle and of one storage, "0".
func saved(t failer, pkl, data string) []byte {
	return archiveOf(t, part{name: "m/data.pkl", data: pkl}, part{name: "m/data/0", data: data})
}

const (
	rebuildV2 = "ctorch._utils\n_rebuild_tensor_v2\n"
	hooks     = "\x89ccollections\nOrderedDict\n)R"
)

func num(n int64) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func str(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func nums(list ...int64) string {
	s := "("
	for _, n := range list {
		s += num(n)
	}
	return s + "t"
}

// stored is a persistent identifier of a storage.
func stored(class, key string, n int64, extra string) string {
	return "(" + str("storage") + "ctorch\n" + class + "\n" + str(key) + str("cuda:0") + num(n) + extra + "tQ"
}

// tensorOf is a call of _rebuild_tensor_v2 on storage 0.
func tensorOf(class string, elems, offset int64, shape, strides []int64) string {
	return rebuildV2 + "(" + stored(class, "0", elems, "") + num(offset) + nums(shape...) + nums(strides...) + hooks + "tR"
}

// dict is a dict of keys and values in turn, the keys being strs.
func dict(kv ...string) string {
	s := "}("
	for i := 0; i < len(kv); i += 2 {
		s += str(kv[i]) + kv[i+1]
	}
	return s + "u"
}

// vector is a tensor of n float32 that storage 0 holds.
func vector(n int64) string {
	return tensorOf("FloatStorage", n, 0, []int64{n}, []int64{1})
}

// legacyOf is a file of the legacy format.
func legacyOf(pkl, keys string, storages ...string) []byte {
	s := "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00.\x80\x02" + pkl + ".\x80\x02" + keys + "."
	return []byte(s + strings.Join(storages, ""))
}

func floats(v ...float32) string {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return string(b)
}

func count(n int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }

func open(b []byte) (*File, error) { return Read(bytes.NewReader(b), int64(len(b))) }

// show writes all tensors of a file, a line each.
func show(t testing.TB, f *File) string {
	t.Helper()
	all, err := f.All()
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, n := range all {
		s = append(s, n.Name+" "+n.Tensor.String())
	}
	return strings.Join(s, "\n")
}

func TestReads(t *testing.T) {
	t.Parallel()
	six := floats(0, 1, 2, 3, 4, 5)
	module := func(params, buffers, modules, skip string) string {
		return "ctorch.nn.modules.container\nSequential\n)\x81" +
			dict("training", "\x88", "_parameters", params, "_buffers", buffers, "_modules", modules, "_non_persistent_buffers_set", skip) + "b"
	}
	param := func(v string) string { return "ctorch._utils\n_rebuild_parameter\n(" + v + hooks + "tR" }
	for _, tc := range []struct {
		name, pickle, data, want, warning string
	}{
		{"state dict", "ccollections\nOrderedDict\n)R(" + str("w") + vector(2) + str("b") + vector(1) + "u}" + str("_metadata") + "}sb", floats(1.5, -2),
			"w float32[2]{1.5 -2}\nb float32[1]{1.5}", ""},
		{"transposed", dict("w", tensorOf("FloatStorage", 6, 0, []int64{3, 2}, []int64{1, 3})), six, "w float32[3 2]{0 3 1 4 2 5}", ""},
		{"offset", dict("w", tensorOf("FloatStorage", 6, 2, []int64{2}, []int64{2})), six, "w float32[2]{2 4}", ""},
		{"expanded", dict("w", tensorOf("FloatStorage", 6, 1, []int64{2, 3}, []int64{0, 1})), six, "w float32[2 3]{1 2 3 1 2 3}", ""},
		{"overlapping", dict("w", tensorOf("FloatStorage", 6, 0, []int64{3, 3}, []int64{1, 1})), six, "w float32[3 3]{0 1 2 1 2 3 2 3 …}", ""},
		{"rows of a matrix", dict("w", tensorOf("FloatStorage", 6, 1, []int64{2, 2}, []int64{3, 1})), six, "w float32[2 2]{1 2 4 5}", ""},
		{"a scalar", dict("w", tensorOf("LongStorage", 1, 0, nil, nil)), count(-7), "w int64[]{-7}", ""},
		{"no elements", dict("w", tensorOf("FloatStorage", 6, 0, []int64{0, 1 << 40}, []int64{1, 1})), six, "w float32[0 1099511627776]{}", ""},
		{"strides of single elements", dict("w", tensorOf("FloatStorage", 6, 0, []int64{1, 6}, []int64{99, 1})), six, "w float32[1 6]{0 1 2 3 4 5}", ""},
		{"one storage, two tensors", dict("a", vector(6), "b", vector(6)), six, "a float32[6]{0 1 2 3 4 5}\nb float32[6]{0 1 2 3 4 5}", ""},
		{"half", dict("w", tensorOf("HalfStorage", 2, 0, []int64{2}, []int64{1})), "\x00\x3c\x00\xc0", "w float16[2]{1 -2}", ""},
		{"bfloat16", dict("w", tensorOf("BFloat16Storage", 2, 0, []int64{2}, []int64{1})), "\x80\x3f\x00\xc0", "w bfloat16[2]{1 -2}", ""},
		{"bool", dict("w", tensorOf("BoolStorage", 2, 0, []int64{2}, []int64{1})), "\x01\x00", "w bool[2]{1 0}", ""},
		{"int8 transposed", dict("w", tensorOf("CharStorage", 4, 0, []int64{2, 2}, []int64{1, 2})), "\x01\x02\x03\xff", "w int8[2 2]{1 3 2 -1}", ""},
		{"short transposed", dict("w", tensorOf("ShortStorage", 4, 0, []int64{2, 2}, []int64{1, 2})), "\x01\x00\x02\x00\x03\x00\x04\x00", "w int16[2 2]{1 3 2 4}", ""},
		{"version 1", dict("w", "ctorch._utils\n_rebuild_tensor\n("+stored("FloatStorage", "0", 6, "")+"K\x04K\x02\x85K\x01\x85tR"), six, "w float32[2]{4 5}", ""},
		{"version 3", dict("w", "ctorch._utils\n_rebuild_tensor_v3\n("+stored("UntypedStorage", "0", 8, "")+"K\x01K\x02\x85K\x01\x85"+hooks+"ctorch\nuint16\ntR"),
			"\x01\x00\x02\x00\x03\x00\x04\x00", "w uint16[2]{2 3}", ""},
		{"parameter", dict("w", param(vector(1)+"\x88")), floats(3), "w float32[1]{3}", ""},
		{"tensor of a class of its own", dict("w", "ctorch._tensor\n_rebuild_from_type_v2\n("+rebuildV2+"ctorch.nn.parameter\nParameter\n("+
			stored("FloatStorage", "0", 1, "")+"K\x00))"+hooks+"t}tR"), floats(3), "w float32[]{3}", ""},
		{"DataParallel", dict("module.a.w", vector(1), "module.b", vector(1)), floats(3), "a.w float32[1]{3}\nb float32[1]{3}", "torch.nn.DataParallel"},
		{"compiled and DataParallel", dict("module._orig_mod.a", vector(1)), floats(3), "a float32[1]{3}", "torch.compile"},
		{"a module of that name among others", dict("module.a", vector(1), "b", vector(1)), floats(3), "module.a float32[1]{3}\nb float32[1]{3}", ""},
		{"checkpoint", dict("epoch", "K\x03", "state_dict", dict("w", vector(1)), "optimizer", dict("state", dict("m", vector(1)))), floats(3),
			"w float32[1]{3}", `left out, for they are no weights: "epoch" (int), "optimizer" (dict)`},
		{"checkpoint with a tensor beside", dict("best", vector(1), "state_dict", dict("w", vector(1))), floats(3), "w float32[1]{3}", `"best" (tensor)`},
		{"checkpoint in a checkpoint", dict("model", dict("state_dict", dict("w", vector(1)), "cfg", "N")), floats(3), "w float32[1]{3}", `entry "model.state_dict"`},
		{"two nets", dict("G", dict("w", vector(1)), "D", dict("w", vector(1))), floats(3), "G.w float32[1]{3}\nD.w float32[1]{3}", ""},
		{"not only tensors", dict("w", vector(1), "n", "K\x01", "s", "N"), floats(3), "w float32[1]{3}", `"n" (int), "s" (None)`},
		{"much that is no tensor", dict("w", vector(1), "a", "("+strings.Repeat("N", 30)+"t") + "(" + strings.Join(slices.Collect(func(yield func(string) bool) {
			for i := range 30 {
				if !yield("K" + string([]byte{byte(i)}) + "N") {
					return
				}
			}
		}), "") + "u", floats(3), "w float32[1]{3}", `"18" (None) and 11 more`},
		{"keys that are ints", "}(K\x01" + vector(1) + "u", floats(3), "1 float32[1]{3}", ""},
		{"keys that are no names", "}(N" + vector(1) + str("w") + vector(1) + "u", floats(3), "w float32[1]{3}", "a key of type None"},
		{"list", "](" + vector(1) + "(" + vector(1) + "te", floats(3), "0 float32[1]{3}\n1.0 float32[1]{3}", ""},
		{"a tensor alone", vector(1), floats(3), "tensor float32[1]{3}", "single tensor"},
		{"module", module(dict("w", param(vector(1)+"\x88"), "bias", "N"), dict("keep", vector(1), "drop", vector(1)),
			dict("0", module(dict("w", param(vector(1)+"\x88")), "}", "}", "c__builtin__\nset\n]\x85R")), "c__builtin__\nset\n]"+str("drop")+"a\x85R"), floats(3),
			"w float32[1]{3}\nkeep float32[1]{3}\n0.w float32[1]{3}", ""},
		{"the same dict twice", "}(" + str("a") + dict("w", vector(1)) + "q\x01" + str("b") + "h\x01u", floats(3), "a.w float32[1]{3}", `"b" (dict)`},
		{"a dict in itself", "}q\x01(" + str("self") + "h\x01" + str("w") + vector(1) + "u", floats(3), "w float32[1]{3}", `"self" (dict)`},
		{"other people's classes", dict("w", vector(1), "args", "cargparse\nNamespace\n)\x81}b", "np", "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbS'x'\ntR"),
			floats(3), "w float32[1]{3}", `"args" (argparse.Namespace), "np" (numpy.core.multiarray.scalar)`},
		{"some that cannot be read", dict("w", vector(1), "q", "ctorch._utils\n_rebuild_qtensor\n(tR", "s", "ctorch._utils\n_rebuild_sparse_tensor\n(tR"),
			floats(3), "w float32[1]{3}", "quantized"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, err := open(saved(t, "\x80\x02"+tc.pickle+".", tc.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(t, f)); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(f.Warnings(), "\n"); !strings.Contains(got, tc.warning) || tc.warning == "" && got != "" {
				t.Errorf("warnings %q, want %q", got, tc.warning)
			}
			// Packed again by a zip program, it is the same.
			again, err := open(deflated(t, part{name: "other/data.pkl", data: "\x80\x02" + tc.pickle + "."}, part{name: "other/data/0", data: tc.data}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(t, again)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLegacy(t *testing.T) {
	t.Parallel()
	name := func(extra string) string {
		return dict("w", rebuildV2+"("+stored("FloatStorage", "0", 4, extra)+"K\x01K\x02\x85K\x01\x85"+hooks+"tR")
	}
	data := floats(1, 2, 3, 4)
	list := "]" + str("0") + "a"
	for _, tc := range []struct {
		name string
		file []byte
		want string // the tensors, or what the error says
	}{
		{"whole", legacyOf(name("N"), list, count(4), data), "w float32[2]{2 3}"},
		{"part of a storage", legacyOf(name("("+str("v")+"K\x01K\x03t"), list, count(4), data), "w float32[2]{3 4}"},
		{"bytes follow", legacyOf(name("N"), list, count(4), data, "more"), "w float32[2]{2 3}"},
		{"storage listed as an int", legacyOf(name("N"), "]K\x00a", count(4), data), "w float32[2]{2 3}"},
		{"module", legacyOf("("+str("module")+"ctorch.nn.modules.container\nSequential\n"+str("file")+str("source")+"tQ)\x81"+name("N")+"b", list, count(4), data), "w float32[2]{2 3}"},
		{"part beyond", legacyOf(name("("+str("v")+"K\x03K\x02t"), list, count(4), data), "does not lie in its 4 elements"},
		{"part of no numbers", legacyOf(name("("+str("v")+"K\x03t"), list, count(4), data), "does not lie"},
		{"part before", legacyOf(name("("+str("v")+num(-1)+"K\x02t"), list, count(4), data), "does not lie"},
		{"view beyond its part", legacyOf(name("("+str("v")+"K\x00K\x02t"), list, count(4), data), "reaches beyond"},
		{"count", legacyOf(name("N"), list, count(5), data), "holds 5 elements, but is said to hold 4"},
		{"count of 2^64-1", legacyOf(name("N"), list, count(-1), data), "holds 18446744073709551615 elements"},
		{"data cut", legacyOf(name("N"), list, count(4), data[:15]), "only 15 follow"},
		{"no data", legacyOf(name("N"), "]", ""), `the data of storage "0" is not there`},
		{"no list", legacyOf(name("N"), "}", count(4), data), "of type dict"},
		{"listed twice", legacyOf(name("N"), "]("+str("0")+str("0")+"e", count(4), data, count(4), data), "listed twice"},
		{"unknown listed", legacyOf(name("N"), "]("+str("1")+"e", count(4), data), "belongs to no tensor"},
		{"a list of itself", legacyOf(name("N"), "]q\x00h\x00a", count(4), data), "belongs to no tensor"},
		{"named differently", legacyOf("("+name("N")+dict("v", rebuildV2+"("+stored("FloatStorage", "0", 3, "N")+"K\x01))"+hooks+"tR")+"t", list, count(4), data), "differently"},
		{"global before the value", []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02ccollections\nOrderedDict\n)R."), "collections.OrderedDict"},
		{"version", []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xea\x03."), "not 1001"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, err := open(tc.file)
			if !strings.Contains(tc.want, "{") {
				refuses(t, tc.file, tc.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := show(t, f); got != tc.want || f.Format() != Legacy {
				t.Errorf("got %s, %v; want %s", got, f.Format(), tc.want)
			}
			if got := f.Warnings(); (tc.name == "bytes follow") != (len(got) > 0) {
				t.Errorf("warnings %q", got)
			}
		})
	}
}

// refuses checks that the file, or one of its tensors, is refused by an *Error that says
// want.
func refuses(t testing.TB, file []byte, want string) *Error {
	t.Helper()
	f, err := open(file)
	if err == nil {
		_, err = f.All()
	}
	bad, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v; want an *Error that says %q", err, want)
	}
	if !strings.Contains(bad.Error(), want) {
		t.Errorf("error %q does not say %q", bad, want)
	}
	if bad.Offset < 0 || bad.Offset > int64(len(file)) {
		t.Errorf("offset %d lies outside the file's %d bytes", bad.Offset, len(file))
	}
	return bad
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	four := floats(1, 2, 3, 4)
	float := func(offset int64, shape, strides []int64) string {
		return dict("w", tensorOf("FloatStorage", 4, offset, shape, strides))
	}
	deep := func(n int) string {
		return strings.Repeat("(", n) + vector(1) + strings.Repeat("t", n)
	}
	many := "}q\x00(" // names of one expanded tensor
	for i := range 40 {
		many += str(fmt.Sprint(i)) + tensorOf("FloatStorage", 4, 0, []int64{1 << 20}, []int64{0})
	}
	spread := "}("
	for i := range 3000 {
		spread += str(fmt.Sprint(i)) + tensorOf("FloatStorage", 8192, 0, []int64{2}, []int64{8191})
	}
	states := str("x") + "}q\x01(" // one dict as the state of many objects
	for i := range 2000 {
		states += str(fmt.Sprint(i)) + "N"
	}
	states += "u"
	for i := range 2000 {
		states += str(fmt.Sprint("y", i)) + "cargparse\nNamespace\n)\x81h\x01b"
	}
	for _, tc := range []struct{ name, pickle, data, want string }{
		{"view beyond the storage", float(0, []int64{5}, []int64{1}), four, "beyond the storage's 4 elements"},
		{"view of the last element and one more", float(3, []int64{2}, []int64{1}), four, "beyond"},
		{"offset beyond", float(4, nil, nil), four, "element 4 lies beyond"},
		{"offset negative", float(-1, []int64{1}, []int64{1}), four, "beyond"},
		{"scalar at a negative offset", float(-1, nil, nil), four, "beyond"},
		{"stride negative", float(3, []int64{2}, []int64{-1}), four, "stride -1"},
		{"stride that overflows", float(0, []int64{3}, []int64{math.MaxInt64}), four, "beyond"},
		{"strides that overflow together", float(0, []int64{2, 2, 2}, []int64{math.MaxInt64 / 2, math.MaxInt64 / 2, 2}), four, "beyond"},
		{"axis negative", float(0, []int64{-1}, []int64{1}), four, "axis 0 has -1"},
		{"shape that overflows", float(0, []int64{1 << 32, 1 << 32, 2}, []int64{0, 0, 0}), four, "more elements than an int"},
		{"bytes that overflow", float(0, []int64{1 << 62}, []int64{0}), four, "more bytes than an int"},
		{"expanded without end", float(0, []int64{1 << 40}, []int64{0}), four, "clone()"},
		{"many expanded tensors", many + "u", four, "clone()"},
		{"many that spread", spread + "u", strings.Repeat("\x00", 4*8192), "clone()"},
		{"axes without strides", float(0, []int64{2, 2}, []int64{1}), four, "2 axes with 1 strides"},
		{"65 axes", float(0, make([]int64, 65), make([]int64, 65)), four, "want a storage"},
		{"storage too small", dict("w", vector(5)), four, "too few for 5 elements"},
		{"storage of 2^62 elements", dict("w", vector(1<<62)), four, "claims"},
		{"storage of negative size", dict("w", vector(-1)), four, "lacks"},
		{"storage not there", dict("w", rebuildV2+"("+stored("FloatStorage", "1", 1, "")+"K\x00))"+hooks+"tR"), four, `holds no "m/data/1"`},
		{"storage outside", dict("w", rebuildV2+"("+stored("FloatStorage", "../data.pkl", 1, "")+"K\x00))"+hooks+"tR"), four, `holds no "m/data/../data.pkl"`},
		{"storage of no class", dict("w", rebuildV2+"("+stored("Tensor", "0", 1, "")+"K\x00))"+hooks+"tR"), four, "torch.Tensor is no class of storages"},
		{"identifier of an int", "K\x01Q", four, "no storage"},
		{"identifier of legacy files", dict("w", rebuildV2+"("+stored("FloatStorage", "0", 1, "N")+"K\x00))"+hooks+"tR"), four, "no storage"},
		{"tensor of no storage", dict("w", rebuildV2+"(K\x00K\x00))"+hooks+"tR"), four, "want a storage"},
		{"tensor of two arguments", dict("w", rebuildV2+"K\x00K\x00\x86R"), four, "2 arguments"},
		{"no bool", dict("w", tensorOf("BoolStorage", 4, 0, []int64{4}, []int64{1})), "\x00\x01\x02\x00", "element 2, a bool, is 2"},
		{"complex", dict("w", tensorOf("ComplexFloatStorage", 2, 0, []int64{2}, []int64{1})), four, "view_as_real"},
		{"quantized", dict("w", tensorOf("QInt8Storage", 4, 0, []int64{4}, []int64{1})), four, "dequantize()"},
		{"float8", dict("w", "ctorch._utils\n_rebuild_tensor_v3\n("+stored("UntypedStorage", "0", 4, "")+"K\x00K\x04\x85K\x01\x85"+hooks+"ctorch\nfloat8_e5m2\ntR"), four, "bfloat16"},
		{"negated", dict("w", rebuildV2+"("+stored("FloatStorage", "0", 1, "")+"K\x00))"+hooks+"}"+str("neg")+"\x88stR"), four, "resolve_neg()"},
		{"meta", dict("w", "ctorch._utils\n_rebuild_meta_tensor_no_storage\n(tR"), four, "meta"},
		{"unknown dtype", dict("w", "ctorch._utils\n_rebuild_tensor_v3\n("+stored("UntypedStorage", "0", 4, "")+"K\x00))"+hooks+"ctorch\nSize\ntR"), four, "torch.Size is no dtype"},
		{"no tensors", dict("epoch", "K\x03"), four, `holds no tensors but a value of type dict with "epoch" (int)`},
		{"an int", "K\x03", four, "a value of type int"},
		{"twice", dict("w", vector(1), "w", vector(1)), four, `"w": the name is there twice`},
		{"twice by nesting", dict("a.w", vector(1), "a", dict("w", vector(1))), four, "twice"},
		{"deep", deep(100), four, "deeper than 64"},
		{"long name", dict(strings.Repeat("n", 5000), vector(1)), four, "more than 4096 bytes"},
		{"one state for many objects", "}(" + states + "u", four, "repeat their parts"},
		{"os.system", "cposix\nsystem\nS'echo hello'\n\x85R", four, "posix.system"},
		{"a class of one's own", "c__main__\nNet\n)\x81}b", four, "save model.state_dict()"},
		{"TorchScript's classes elsewhere", "c__torch__.Net\nNet\n)\x81}b", four, "__torch__.Net.Net"},
		{"_load_from_bytes", "ctorch.storage\n_load_from_bytes\nC\x00\x85R", four, "torch.storage._load_from_bytes"},
		{"function through a tensor's class", dict("w", "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN(NN)Nt}tR"), four, "not made as tensors are"},
		{"parameter of an int", "ctorch._utils\n_rebuild_parameter\nK\x01\x85R", four, "without a tensor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, saved(t, "\x80\x02"+tc.pickle+".", tc.data), tc.want)
		})
	}
	t.Run("global", func(t *testing.T) {
		t.Parallel()
		bad := refuses(t, saved(t, "cos\nsystem\n(S'ls'\ntR.", ""), "os.system")
		if cause, ok := errors.AsType[*pickle.Error](bad); !ok || cause.Global != "os.system" {
			t.Errorf("the cause is %v", bad.Err)
		}
	})
}

func TestArchives(t *testing.T) {
	t.Parallel()
	pkl := part{name: "m/data.pkl", data: "\x80\x02" + dict("w", vector(2)) + "."}
	data := part{name: "m/data/0", data: floats(1, 2)}
	with := func(p part, edit func(h *zip.FileHeader)) part {
		p.edit = edit
		return p
	}
	good := archiveOf(t, pkl, data)
	// field changes the little-endian field of n bytes at offset i of the k-th record
	// with the given signature.
	field := func(sig string, k, i, n int, v uint64) []byte {
		b := bytes.Clone(good)
		at := -1
		for range k + 1 {
			next := bytes.Index(b[at+1:], []byte(sig))
			if next < 0 {
				t.Fatalf("no record %q", sig)
			}
			at += 1 + next
		}
		copy(b[at+i:at+i+n], binary.LittleEndian.AppendUint64(nil, v)[:n])
		return b
	}
	const local, entry, end = "PK\x03\x04", "PK\x01\x02", "PK\x05\x06"
	for _, tc := range []struct {
		name string
		file []byte
		want string
	}{
		{"no data.pkl", archiveOf(t, data), "holds no data.pkl"},
		{"empty", archiveOf(t), "holds no data.pkl"},
		{"two data.pkl", archiveOf(t, pkl, data, part{name: "n/data.pkl"}), "both"},
		{"duplicate", archiveOf(t, pkl, data, data), "twice"},
		{"path up", archiveOf(t, pkl, data, part{name: "m/../../x"}), "leaves the archive"},
		{"path from the root", archiveOf(t, pkl, data, part{name: "/etc/passwd"}), "leaves the archive"},
		{"path of Windows", archiveOf(t, pkl, data, part{name: `m\..\x`}), "leaves the archive"},
		{"drive of Windows", archiveOf(t, pkl, data, part{name: "c:/x"}), "leaves the archive"},
		{"symbolic link", archiveOf(t, pkl, with(data, func(h *zip.FileHeader) { h.SetMode(0o777 | os.ModeSymlink) })), "symbolic link"},
		{"encrypted", archiveOf(t, pkl, with(data, func(h *zip.FileHeader) { h.Flags |= 1 })), "encrypted"},
		{"method", archiveOf(t, pkl, with(data, func(h *zip.FileHeader) { h.Method = 14 })), "method 14"},
		{"checksum", archiveOf(t, pkl, with(data, func(h *zip.FileHeader) { h.CRC32++ })), "checksum"},
		{"checksum of the pickle", archiveOf(t, with(pkl, func(h *zip.FileHeader) { h.CRC32++ }), data), "checksum"},
		{"stored, and of two sizes", archiveOf(t, pkl, with(data, func(h *zip.FileHeader) { h.UncompressedSize64++ })), "differ"},
		{"claims of deflate", archiveOf(t, pkl, with(data, func(h *zip.FileHeader) { h.Method = zip.Deflate; h.UncompressedSize64 = 1 << 40 })), "more than deflate can"},
		{"no deflate", archiveOf(t, pkl, with(data, func(h *zip.FileHeader) { h.Method = zip.Deflate })), "damaged"},
		{"byte order", archiveOf(t, pkl, data, part{name: "m/byteorder", data: "middle"}), "little or big"},
		{"byte order of a megabyte", archiveOf(t, pkl, data, part{name: "m/byteorder", data: strings.Repeat("x", 1<<20)}), "at most 16"},
		{"overlap", field(entry, 1, 42, 4, 0), "overlaps"},
		{"beyond the directory", field(entry, 1, 42, 4, 1<<31), "overlaps"},
		{"size beyond", func() []byte {
			b := field(entry, 1, 20, 4, 1<<31)
			copy(b[bytes.LastIndex(b, []byte(entry))+24:], "\x00\x00\x00\x80")
			return b
		}(), "overlaps"},
		{"zip64 sizes absent", field(entry, 1, 20, 8, math.MaxUint64), "zip64"},
		{"other file", field(entry, 1, 34, 2, 1), "another file"},
		{"local name", field(local, 1, 30, 1, 'x'), "local header"},
		{"local method", field(local, 1, 8, 2, 8), "local header"},
		{"local extra field", field(local, 1, 28, 2, 60000), "overlaps"},
		{"local signature", field(local, 1, 3, 1, 5), "local header"},
		{"entries too many", field(end, 0, 8, 4, 3<<16|3), "does not fit"},
		{"entries too few", field(end, 0, 8, 4, 1<<16|1), "goes on after"},
		{"disks", field(end, 0, 4, 2, 1), "several files"},
		{"directory elsewhere", field(end, 0, 16, 4, 1), "does not fit"},
		{"bytes after the end", append(bytes.Clone(good), "junk"...), "no directory"},
		{"bytes before the start", append([]byte("PK\x03\x04junk"), good...), "does not fit"},
		{"cut", good[:len(good)-1], "no directory"},

		{"a pickle", []byte("\x80\x04\x95N."), "torch.save did not write"},
		{"HDF5", []byte("\x89HDF\r\n\x1a\n\x00\x00\x00\x00\x00\x08\x08"), "HDF5"},
		{"safetensors", []byte("\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}"), "safetensors"},
		{"LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
		{"HTML", []byte("<!DOCTYPE html>"), "HTML"},
		{"tar", append(append(make([]byte, 257), "ustar"...), make([]byte, 300)...), "before 2017"},
		{"nothing", nil, "no file of torch.save"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, tc.file, tc.want)
		})
	}

	t.Run("big-endian", func(t *testing.T) {
		t.Parallel()
		f, err := open(archiveOf(t, pkl, part{name: "m/byteorder", data: "big"}, part{name: "m/data/0", data: "\x3f\x80\x00\x00\x40\x00\x00\x00"}))
		if err != nil {
			t.Fatal(err)
		}
		if got := show(t, f); got != "w float32[2]{1 2}" {
			t.Error(got)
		}
	})
	t.Run("without checksums", func(t *testing.T) {
		t.Parallel()
		zero := func(h *zip.FileHeader) { h.CRC32 = 0 }
		f, err := open(archiveOf(t, with(pkl, zero), with(data, zero)))
		if err != nil {
			t.Fatal(err)
		}
		if got := show(t, f); got != "w float32[2]{1 2}" || len(f.Warnings()) != 1 {
			t.Error(got, f.Warnings())
		}
	})
	t.Run("TorchScript", func(t *testing.T) {
		t.Parallel()
		script := part{name: "m/data.pkl", data: "\x80\x02c__torch__.torch.nn.modules.linear\nLinear\n)\x81" +
			dict("training", "\x88", "sizes", "ctorch.jit._pickle\nbuild_intlist\n]K\x01a\x85R", "weight", vector(2)) + "b."}
		f, err := open(archiveOf(t, script, data, part{name: "m/constants.pkl", data: "\x80\x02)."}))
		if err != nil {
			t.Fatal(err)
		}
		if got := show(t, f); got != "weight float32[2]{1 2}" || f.Format() != TorchScript || !strings.Contains(f.Warnings()[0], "program is not") {
			t.Error(got, f.Format(), f.Warnings())
		}
	})
	t.Run("no folder, directories of their own", func(t *testing.T) {
		t.Parallel()
		f, err := open(archiveOf(t, part{name: "data.pkl", data: pkl.data}, part{name: "data/"}, part{name: "data/0", data: data.data}))
		if err != nil {
			t.Fatal(err)
		}
		if got := show(t, f); got != "w float32[2]{1 2}" {
			t.Error(got)
		}
	})
}

// Archives of any size may have the records of large ones: PyTorch writes them always.
func TestZip64(t *testing.T) {
	t.Parallel()
	const size = 8
	wide := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64([]byte("\x01\x00\x10\x00"), size), size)
	build := func(edit func(record, locator, entry []byte)) []byte {
		b := archiveOf(t, part{name: "m/data.pkl", data: "\x80\x02" + dict("w", vector(2)) + "."},
			part{name: "m/data/0", data: floats(1, 2), edit: func(h *zip.FileHeader) { h.Extra = wide }})
		end := b[len(b)-sizeEnd:]
		record := make([]byte, sizeEnd64)
		binary.LittleEndian.PutUint32(record, sigEnd64)
		binary.LittleEndian.PutUint64(record[4:], sizeEnd64-12)
		binary.LittleEndian.PutUint64(record[24:], 2)
		binary.LittleEndian.PutUint64(record[32:], 2)
		binary.LittleEndian.PutUint64(record[40:], uint64(binary.LittleEndian.Uint32(end[12:])))
		binary.LittleEndian.PutUint64(record[48:], uint64(binary.LittleEndian.Uint32(end[16:])))
		locator := make([]byte, sizeLocator)
		binary.LittleEndian.PutUint32(locator, sigLocator)
		binary.LittleEndian.PutUint64(locator[8:], uint64(len(b)-sizeEnd))
		locator[16] = 1
		copy(end[8:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
		entry := b[bytes.LastIndex(b, []byte("PK\x01\x02")):]
		copy(entry[20:], "\xff\xff\xff\xff\xff\xff\xff\xff")
		edit(record, locator, entry)
		return slices.Concat(b[:len(b)-sizeEnd], record, locator, end)
	}
	f, err := open(build(func(_, _, _ []byte) {}))
	if err != nil {
		t.Fatal(err)
	}
	if got := show(t, f); got != "w float32[2]{1 2}" {
		t.Error(got)
	}
	extra := sizeEntry + len("m/data/0")
	for _, tc := range []struct {
		name, want string
		edit       func(record, locator, entry []byte)
	}{
		{"locator beyond", "outside the file", func(_, locator, _ []byte) { locator[15] = 0x7f }},
		{"locator of 2^64-1", "outside the file", func(_, locator, _ []byte) { copy(locator[8:], "\xff\xff\xff\xff\xff\xff\xff\xff") }},
		{"locator elsewhere", "differ", func(_, locator, _ []byte) { locator[8]-- }},
		{"no record", "differ", func(record, _, _ []byte) { record[0] = 0 }},
		{"disks", "differ", func(record, _, _ []byte) { record[16] = 1 }},
		{"entries", "does not fit", func(record, _, _ []byte) { record[39] = 0x7f }},
		{"size", "does not fit", func(record, _, _ []byte) { record[47] = 0x7f }},
		{"start", "does not fit", func(record, _, _ []byte) { record[55] = 0xff }},
		{"sizes of an entry", "damaged", func(_, _, entry []byte) { entry[extra+11] = 0xff }},
		{"another size of an entry", "differ", func(_, _, entry []byte) { entry[extra+4]++ }},
		{"extra field of another kind", "damaged", func(_, _, entry []byte) { entry[extra] = 2 }},
		{"extra field cut", "damaged", func(_, _, entry []byte) { entry[extra+2] = 0xff }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, build(tc.edit), tc.want)
		})
	}
}

// small is a file of each format with a view that is not contiguous.
func small(t testing.TB) map[string][]byte {
	view := dict("w", tensorOf("FloatStorage", 6, 0, []int64{3, 2}, []int64{1, 3}), "b", vector(2))
	old := strings.ReplaceAll(view, num(6)+"tQ", num(6)+"NtQ")
	old = strings.ReplaceAll(old, num(2)+"tQ", num(6)+"NtQ")
	data := floats(0, 1, 2, 3, 4, 5)
	return map[string][]byte{
		"zip":     saved(t, "\x80\x02"+view+".", data),
		"deflate": deflated(t, part{name: "m/data.pkl", data: "\x80\x02" + view + "."}, part{name: "m/data/0", data: data}),
		"legacy":  legacyOf(old, "]"+str("0")+"a", count(6), data),
	}
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	for name, file := range small(t) {
		f, err := open(file)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := show(t, f); got != "w float32[3 2]{0 3 1 4 2 5}\nb float32[2]{0 1}" {
			t.Errorf("%s: %s", name, got)
		}
		for n := range file {
			if _, err := open(file[:n]); err == nil {
				t.Errorf("%s: cut to %d of %d bytes it opens", name, n, len(file))
			} else if bad, ok := errors.AsType[*Error](err); !ok || bad.Offset > int64(n) {
				t.Errorf("%s: cut to %d bytes: %#v", name, n, err)
			}
		}
	}
}

// A flipped bit of an archive is noticed or makes no difference; in the legacy format, which
// has no checksums, it does no worse than change numbers.
func TestFlips(t *testing.T) {
	t.Parallel()
	for name, file := range small(t) {
		good, err := open(file)
		if err != nil {
			t.Fatal(name, err)
		}
		want := show(t, good)
		harmless := 0
		for i := range 8 * len(file) {
			b := bytes.Clone(file)
			b[i/8] ^= 1 << (i % 8)
			f, err := open(b)
			if err == nil {
				_, err = f.All()
			}
			if err != nil {
				if _, ok := errors.AsType[*Error](err); !ok {
					t.Errorf("%s: bit %d: %#v", name, i, err)
				}
				continue
			}
			harmless++
			if got := show(t, f); name != "legacy" && got != want {
				t.Errorf("%s: bit %d of byte %d gives %s unnoticed", name, i%8, i/8, got)
			}
		}
		if harmless == 8*len(file) {
			t.Errorf("%s: no flip was noticed", name)
		}
	}
}

// countingReader counts the bytes asked for.
type countingReader struct {
	r     io.ReaderAt
	asked int64
}

func (c *countingReader) ReadAt(b []byte, off int64) (int, error) {
	c.asked += int64(len(b))
	return c.r.ReadAt(b, off)
}

func TestOpensWithoutData(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Write(&b, []Named{{"w", tensor.New(tensor.Float32, 1000, 1000)}}); err != nil {
		t.Fatal(err)
	}
	data := strings.Repeat("\x00", 4_000_000)
	for name, file := range map[string][]byte{
		"zip": b.Bytes(),
		"legacy": legacyOf(dict("w", rebuildV2+"("+stored("FloatStorage", "0", 1_000_000, "N")+"K\x00"+nums(1000, 1000)+nums(1000, 1)+hooks+"tR"),
			"]"+str("0")+"a", count(1_000_000), data),
	} {
		r := &countingReader{r: bytes.NewReader(file)}
		f, err := Read(r, int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		if i, ok := f.Lookup("w"); !ok || !i.Shape.Equal(tensor.Shape{1000, 1000}) {
			t.Errorf("%s: %v, %t", name, i, ok)
		}
		if r.asked > 200_000 {
			t.Errorf("%s: %d bytes were asked for to open a file of %d", name, r.asked, len(file))
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "m.pt")
	var b bytes.Buffer
	if err := Write(&b, []Named{{"w", tensor.Of([]float32{1, 2}, 2)}, {"q", tensor.Of([]int64{3}, 1)}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := show(t, f); got != "w float32[2]{1 2}\nq int64[1]{3}" {
		t.Error(got)
	}
	if diff := cmp.Diff([]Info{{"w", tensor.Float32, tensor.Shape{2}}, {"q", tensor.Int64, tensor.Shape{1}}}, f.Infos()); diff != "" {
		t.Error(diff)
	}
	_, err = f.Tensor("none")
	if bad, ok := errors.AsType[*Error](err); !ok || bad.Path != path || bad.Tensor != "none" {
		t.Errorf("got %#v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Tensor("w"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v; want the operating system's error", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
	if got := fmt.Sprint(Zip, Legacy, TorchScript, Format(9)); got != "PyTorch zip PyTorch legacy TorchScript torch.Format(9)" {
		t.Error(got)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	one := tensor.New(tensor.Float32, 1)
	ones := make([]int, 65)
	for _, tc := range []struct {
		tensors []Named
		want    string
	}{
		{[]Named{{"w", one}, {"w", one}}, "two tensors"},
		{[]Named{{"\xff", one}}, "UTF-8"},
		{[]Named{{strings.Repeat("n", 4096), one}}, "4096 bytes"},
		{[]Named{{"w", tensor.New(tensor.Uint16, 1)}}, "uint16"},
		{[]Named{{"w", tensor.New(tensor.Float32, ones...)}}, "65 axes"},
	} {
		if err := Write(io.Discard, tc.tensors); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	full := errors.New("the disk is full")
	if err := Write(failingWriter{full}, []Named{{"w", one}}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

var writable = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int8, tensor.Int16,
	tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Bool}

// draw fills a tensor with drawn bytes.
func draw(t *rapid.T, dt tensor.DType, shape ...int) *tensor.Tensor {
	v := tensor.New(dt, shape...)
	seed := rapid.Uint64().Draw(t, "seed")
	for i := range v.Bytes() {
		seed = seed*6364136223846793005 + 1442695040888963407
		v.Bytes()[i] = byte(seed >> 56)
		if dt == tensor.Bool {
			v.Bytes()[i] &= 1
		}
	}
	return v
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var want []Named
		for i := range rapid.IntRange(1, 5).Draw(t, "tensors") {
			dt := rapid.SampledFrom(writable).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
			want = append(want, Named{fmt.Sprint(rapid.StringMatching(`[a-zé.]{0,8}`).Draw(t, "name"), i), draw(t, dt, shape...)})
		}
		var b, again bytes.Buffer
		if err := Write(&b, want); err != nil {
			t.Fatal(err)
		}
		if err := Write(&again, want); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Fatalf("written twice, the bytes differ, %v", err)
		}
		f, err := open(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.All()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) || len(f.Warnings()) > 0 {
			t.Fatalf("%d tensors of %d, warnings %q", len(got), len(want), f.Warnings())
		}
		for i, w := range want {
			g := got[i]
			if g.Name != w.Name || g.Tensor.DType() != w.Tensor.DType() || !g.Tensor.Shape().Equal(w.Tensor.Shape()) || !bytes.Equal(g.Tensor.Bytes(), w.Tensor.Bytes()) {
				t.Fatalf("got %s %v, want %s %v", g.Name, g.Tensor, w.Name, w.Tensor)
			}
		}
		for i := range f.views {
			at, err := f.archive.data(f.views[i].store.entry)
			if err != nil || at%alignment != 0 {
				t.Fatalf("storage %d begins at byte %d, %v", i, at, err)
			}
		}
	})
}

// A view's elements are those that its offset and strides give one by one.
func TestViews(t *testing.T) {
	t.Parallel()
	classes := map[string]tensor.DType{"FloatStorage": tensor.Float32, "DoubleStorage": tensor.Float64, "ShortStorage": tensor.Int16, "ByteStorage": tensor.Uint8}
	rapid.Check(t, func(t *rapid.T) {
		const n = 64
		class := rapid.SampledFrom([]string{"FloatStorage", "DoubleStorage", "ShortStorage", "ByteStorage"}).Draw(t, "class")
		base := draw(t, classes[class], n)
		var shape, strides []int64
		last := rapid.Int64Range(0, n-1).Draw(t, "offset")
		offset := last
		for range rapid.IntRange(0, 4).Draw(t, "rank") {
			d := rapid.Int64Range(1, 4).Draw(t, "axis")
			s := rapid.Int64Range(0, 12).Draw(t, "stride")
			if last+(d-1)*s >= n {
				d = 1
			}
			last += (d - 1) * s
			shape, strides = append(shape, d), append(strides, s)
		}
		f, err := open(saved(t, dict("w", tensorOf(class, n, offset, shape, strides))+".", string(base.Bytes())))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Tensor("w")
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Len() {
			at, rest := offset, int64(i)
			for a := len(shape) - 1; a >= 0; a-- {
				at += rest % shape[a] * strides[a]
				rest /= shape[a]
			}
			if g, w := got.Flat(i), base.Flat(int(at)); math.Float64bits(g) != math.Float64bits(w) {
				t.Fatalf("shape %v, strides %v, offset %d: element %d is %v, want %v", shape, strides, offset, i, g, w)
			}
		}
	})
}

// try opens a file and reads all of it, and fails where what was promised is broken.
func try(t *testing.T, file []byte) {
	f, err := open(file)
	total := 0
	if err == nil {
		for _, i := range f.Infos() {
			var v *tensor.Tensor
			if v, err = f.Tensor(i.Name); err != nil {
				break
			}
			total += len(v.Bytes())
			if v.DType() != i.DType || !v.Shape().Equal(i.Shape) {
				t.Fatalf("%v is %v%v", i, v.DType(), v.Shape())
			}
		}
	}
	if _, ok := errors.AsType[*Error](err); err != nil && !ok {
		t.Fatalf("%v is no *Error", err)
	}
	if total > 32<<20+2*deflate.Ratio*len(file) {
		t.Fatalf("%d bytes of tensors in a file of %d", total, len(file))
	}
}

func FuzzFile(f *testing.F) {
	for _, file := range small(f) {
		f.Add(file)
	}
	f.Add(saved(f, "\x80\x02"+vector(2)+".", floats(1, 2)))
	f.Add(legacyOf(dict("w", rebuildV2+"("+stored("LongStorage", "0", 1, "("+str("v")+"K\x00K\x01t")+"K\x00))"+hooks+"tR"), "]"+str("0")+"a", count(1), count(7)))
	f.Fuzz(func(t *testing.T, file []byte) { try(t, file) })
}

// FuzzZip fuzzes the pickle of an archive whose checksums are right.
func FuzzZip(f *testing.F) {
	data := floats(0, 1, 2, 3, 4, 5)
	for _, s := range []string{
		dict("w", tensorOf("FloatStorage", 6, 0, []int64{3, 2}, []int64{1, 3}), "b", vector(2)),
		dict("state_dict", dict("module.w", vector(2)), "epoch", "K\x01"),
		"ctorch.nn.modules.linear\nLinear\n)\x81" + dict("_parameters", dict("w", "ctorch._utils\n_rebuild_parameter\n("+vector(1)+"\x88"+hooks+"tR"), "_buffers", "}", "_modules", "}") + "b",
		"ctorch._utils\n_rebuild_tensor_v3\n(" + stored("UntypedStorage", "0", 8, "") + "K\x01K\x02\x85K\x01\x85" + hooks + "ctorch\nuint16\ntR",
		"(" + vector(1) + "](" + vector(2) + "et",
	} {
		f.Add("\x80\x02"+s+".", data, false)
		f.Add("\x80\x02"+s+".", data, true)
	}
	f.Fuzz(func(t *testing.T, pkl, data string, script bool) {
		parts := []part{{name: "m/data.pkl", data: pkl}, {name: "m/data/0", data: data}}
		if script {
			parts = append(parts, part{name: "m/constants.pkl"})
		}
		try(t, archiveOf(t, parts...))
	})
}

// FuzzLegacy fuzzes the value and the keys of a legacy file.
func FuzzLegacy(f *testing.F) {
	name := func(extra string) string {
		return dict("w", rebuildV2+"("+stored("FloatStorage", "0", 4, extra)+"K\x01K\x02\x85K\x01\x85"+hooks+"tR")
	}
	f.Add(name("N"), "]"+str("0")+"a", count(4)+floats(1, 2, 3, 4))
	f.Add(name("("+str("v")+"K\x01K\x03t"), "]"+str("0")+"a", count(4)+floats(1, 2, 3, 4))
	f.Add("("+str("module")+"ctorch.nn.modules.container\nSequential\nNNtQ)\x81"+name("N")+"b", "]K\x00a", count(4)+floats(1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, value, keys, data string) { try(t, legacyOf(value, keys, data)) })
}
