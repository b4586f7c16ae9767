package pickle

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func decode(p string) (any, error) {
	d := NewDecoder(strings.NewReader(p), int64(len(p)))
	d.Find = Standard
	return d.Decode()
}

func u32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

// repr writes a value as Python's repr does, dicts and sets in the pickle's order.
func repr(v any) string {
	list := func(items []any, open, end string) string {
		var s []string
		for _, it := range items {
			s = append(s, repr(it))
		}
		if open == "(" && len(s) == 1 {
			end = ",)"
		}
		return open + strings.Join(s, ", ") + end
	}
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case int64, *big.Int:
		return fmt.Sprint(v)
	case float64:
		return fmt.Sprintf("float(%016x)", math.Float64bits(v))
	case string:
		return fmt.Sprintf("str(%x)", v)
	case Bytes:
		return fmt.Sprintf("bytes(%x)", string(v))
	case Tuple:
		return list(v, "(", ")")
	case *List:
		return list(v.Items, "[", "]")
	case *Set:
		if v.Frozen {
			return list(v.Items, "frozenset([", "])")
		}
		return list(v.Items, "set([", "])")
	case *Dict:
		var s []string
		for _, e := range v.Entries {
			s = append(s, repr(e.Key)+": "+repr(e.Value))
		}
		return "{" + strings.Join(s, ", ") + "}"
	case *Global:
		return "<" + v.String() + ">"
	case *Object:
		return fmt.Sprintf("%v%s%s", v.Class, repr(v.Args), repr(v.State))
	}
	return fmt.Sprintf("%T", v)
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, pickle, want string }{
		{"none", "N.", "None"},
		{"bools", "\x88\x89I01\nI00\n(\x88\x89t.", "(True, False)"},
		{"bool text", "I01\n.", "True"},
		{"int text", "I-12\n.", "-12"},
		{"int text beyond 64 bits", "I123456789012345678901234567890\n.", "123456789012345678901234567890"},
		{"long text", "L-5L\n.", "-5"},
		{"signed", "J\xfe\xff\xff\xff.", "-2"},
		{"two bytes", "M\x01\x02.", "513"},
		{"long of no bytes", "\x8a\x00.", "0"},
		{"long", "\x8a\x02\x00\xff.", "-256"},
		{"long that needs its sign", "\x8a\x02\xff\x00.", "255"},
		{"long4", "\x8b\x01\x00\x00\x00\x80.", "-128"},
		{"long beyond 64 bits", "\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "119547037146038801333356"},
		{"float text", "F-inf\n.", "float(fff0000000000000)"},
		{"float text too large", "F1e999\n.", "float(7ff0000000000000)"},
		{"float", "G\x3f\xf8\x00\x00\x00\x00\x00\x00.", "float(3ff8000000000000)"},
		{"literal", `S'a\'\\\n\x41\101\0b\q"'` + "\n.", "str(61275c0a4141" + "00625c7122)"},
		{"literal in double quotes", "S\"it's\"\n.", "str(69742773)"},
		{"bytes that Python 2 calls str", "U\x02\xff\x00.", "str(ff00)"},
		{"Python 2's str", "T\x01\x00\x00\x00a.", "str(61)"},
		{"unicode text", "V\\u00e9\xe9\\\\u0041\\U0001F600\n.", "str(c3a9c3a95c5c7530303431f09f9880)"},
		{"unicode", "X\x02\x00\x00\x00\xc3\xa9.", "str(c3a9)"},
		{"unicode8", "\x8d\x01\x00\x00\x00\x00\x00\x00\x00a.", "str(61)"},
		{"bytes of every kind", "(C\x01\xffB\x01\x00\x00\x00a\x8e\x01\x00\x00\x00\x00\x00\x00\x00b\x96\x01\x00\x00\x00\x00\x00\x00\x00ct.",
			"(bytes(ff), bytes(61), bytes(62), bytes(63))"},
		{"tuples", "()K\x01\x85K\x02K\x03\x86K\x04K\x05K\x06\x87t.", "((), (1,), (2, 3), (4, 5, 6))"},
		{"lists", "((K\x01l](K\x02K\x03eK\x04at.", "([1], [2, 3, 4])"},
		{"dicts", "((K\x01K\x02d}(K\x03K\x04K\x05K\x06uK\x07K\x08st.", "({1: 2}, {3: 4, 5: 6, 7: 8})"},
		{"sets", "(\x8f(K\x01K\x02\x90(K\x03\x91t.", "(set([1, 2]), frozenset([3]))"},
		{"memo", "(K\x05q\x070h\x07p300\ng300\nr\x00\x01\x00\x00j\x00\x01\x00\x00t.", "(5, 5, 5)"},
		{"memo in order", "(K\x05\x94K\x06\x94h\x01h\x00t.", "(5, 6, 6, 5)"},
		{"pop", "(K\x01K\x0202t.", "(1, 1)"},
		{"pop a mark", "(K\x01(0(K\x021t.", "(1,)"},
		{"frame", "\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01.", "1"},
		{"OrderedDict", "ccollections\nOrderedDict\n)R(K\x01K\x02u}X\x01\x00\x00\x00aK\x01sb.", "{1: 2}"},
		{"OrderedDict of pairs", "ccollections\nOrderedDict\n]]K\x01aK\x02aa\x85R.", "{1: 2}"},
		{"defaultdict", "ccollections\ndefaultdict\nc__builtin__\nint\n\x85R(K\x01K\x02u.", "{1: 2}"},
		{"Counter", "ccollections\nCounter\n}K\x01K\x02s\x85R.", "{1: 2}"},
		{"set by name", "c__builtin__\nset\n]K\x01a\x85R.", "set([1])"},
		{"frozenset by name", "cbuiltins\nfrozenset\n]K\x01a\x85R.", "frozenset([1])"},
		{"bytes by name", "c_codecs\nencode\n(X\x03\x00\x00\x00a\xc3\xbfVlatin1\ntR.", "bytes(61ff)"},
		{"no bytes by name", "c__builtin__\nbytes\n)R.", "bytes()"},
		{"bytearray by name", "c__builtin__\nbytearray\nC\x01a\x85R.", "bytes(61)"},
		{"complex", "c__builtin__\ncomplex\nK\x01K\x02\x86R.", "builtins.complex(1, 2)None"},
		{"stack global", "\x8c\x08builtins\x8c\x03set\x93)R.", "set([])"},
		{"instance", "(K\x01K\x02i__builtin__\ncomplex\n.", "__builtin__.complex(1, 2)None"},
		{"object", "(c__builtin__\ncomplex\nK\x01K\x02o.", "__builtin__.complex(1, 2)None"},
		{"new object", "cbuiltins\ncomplex\n)\x81}b.", "builtins.complex(){}"},
		{"new object with no keywords", "cbuiltins\ncomplex\n)}\x92.", "builtins.complex()None"},
		{"reconstructor", "ccopy_reg\n_reconstructor\n(c__builtin__\ncomplex\nc__builtin__\nobject\nNtR}b.", "__builtin__.complex(){}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v, err := decode(tc.pickle)
			if err != nil {
				t.Fatal(err)
			}
			if got := repr(v); got != tc.want && got != strings.Replace(tc.want, "builtins", "__builtin__", 1) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, pickle, want string }{
		{"empty", "", "truncated"},
		{"no value", ".", "takes more values"},
		{"no opcode", "\xff.", "no opcode is 0xff"},
		{"protocol", "\x80\x06N.", "protocol 6 is newer"},
		{"no stop", "N", "truncated"},
		{"str cut", "X\x05\x00\x00\x00abc", "5 bytes, but only 3 follow"},
		{"str of 4 GiB", "X\xff\xff\xff\xffabc.", "4294967295 bytes"},
		{"str of 2^64 bytes", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", "18446744073709551615 bytes"},
		{"bytes of 2^63 bytes", "\x8e\x00\x00\x00\x00\x00\x00\x00\x80abc.", "only 4 follow"},
		{"frame beyond the end", "\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.", "a frame of"},
		{"not UTF-8", "X\x01\x00\x00\x00\xff.", "UTF-8"},
		{"literal without quotes", "Sabc\n.", "as Python writes it"},
		{"literal ends in an escape", "S'\\'\n.", "as Python writes it"},
		{"literal with half an escape", "S'\\x4'\n.", "as Python writes it"},
		{"unicode cut", "V\\u00\n.", "as Python writes it"},
		{"surrogate", "V\\ud800\n.", "as Python writes it"},
		{"line without end", "S'abc", "truncated"},
		{"int text", "Iabc\n.", `"abc" is no int`},
		{"float text", "Fabc\n.", `"abc" is no float`},
		{"int of many digits", "I" + strings.Repeat("9", 5000) + "\n.", "longer than 4096"},
		{"int of many bytes", "\x8b\x01\x04\x00\x00" + strings.Repeat("x", 1025) + ".", "an int of 1025 bytes"},
		{"int of negative size", "\x8b\xff\xff\xff\xff.", "an int of 4294967295 bytes"},
		{"memo", "h\x00.", "value 0, which it has not given"},
		{"memo text", "gx\n.", `"x" is no number`},
		{"memo of nothing", "q\x00.", "takes more values"},
		{"mark", "t.", "never begun"},
		{"tuple through a mark", "K\x01(K\x02\x86.", "takes more values"},
		{"stop at a mark", "K\x01(.", "takes more values"},
		{"append to an int", "K\x01K\x02a.", "added to a value of type int"},
		{"append to a tuple", ")K\x02a.", "type tuple"},
		{"add to a frozenset", "(\x91(K\x01\x90.", "type set"},
		{"set in a list", "]K\x01K\x02s.", "set in a value of type list"},
		{"odd dict", "(K\x01d.", "lacks a value"},
		{"list as a key", "}]K\x01s.", "a list cannot be a key"},
		{"dict in a set", "(}\x91.", "a dict cannot be a key"},
		{"state of an int", "K\x01}b.", "takes no state"},
		{"call of an int", "K\x01)R.", "calls a value of type int"},
		{"call with a list", "cbuiltins\nset\n]R.", "the arguments of a call are of type list"},
		{"call of what may be named", "cbuiltins\nobject\n)R.", "may only be named"},
		{"keyword arguments", "cbuiltins\ncomplex\n)}K\x01K\x02s\x92.", "keyword arguments"},
		{"global of numbers", "K\x01K\x02\x93.", "no str"},
		{"extension", "\x82\x01.", "extension registry"},
		{"buffer", "\x97.", "outside the pickle"},
		{"persistent id", "P1\n.", "outside the pickle"},
		{"persistent value", "K\x01Q.", "outside the pickle"},
		{"reconstructor with a state", "ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nK\x01tR.", "a class, object and None"},
		{"reconstructor of itself", "ccopy_reg\n_reconstructor\nq\x00(h\x00h\x00NtR.", "made of nothing"},
		{"dict of an int", "ccollections\nOrderedDict\nK\x01\x85R.", "type int"},
		{"dict of a triple", "ccollections\nOrderedDict\n]K\x01K\x02K\x03\x87a\x85R.", "item 0 of its argument is no pair"},
		{"encode to UTF-8", "c_codecs\nencode\n(Va\nVutf8\ntR.", "latin1"},
		{"encode what is not in Latin-1", "c_codecs\nencode\n(V\\u1234\nVlatin1\ntR.", "Latin-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v, err := decode(tc.pickle)
			bad, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, %v; want an *Error", v, err)
			}
			if !strings.Contains(bad.Error(), tc.want) {
				t.Errorf("error %q does not say %q", bad, tc.want)
			}
			if bad.Offset < 0 || bad.Offset > int64(len(tc.pickle)) {
				t.Errorf("offset %d lies outside the %d bytes", bad.Offset, len(tc.pickle))
			}
		})
	}
}

// Whatever way a pickle takes to run code, the error names what it wanted.
func TestNothingRuns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, pickle, global string }{
		{"REDUCE", "cos\nsystem\n(S'echo hello'\ntR.", "os.system"},
		{"REDUCE of posix", "cposix\nsystem\n(S'echo hello'\ntR.", "posix.system"},
		{"STACK_GLOBAL", "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.", "os.system"},
		{"INST", "(S'ls'\nios\nsystem\n.", "os.system"},
		{"OBJ", "(cos\nsystem\nS'ls'\no.", "os.system"},
		{"NEWOBJ", "csubprocess\nPopen\nS'ls'\n\x85\x81.", "subprocess.Popen"},
		{"NEWOBJ_EX", "csubprocess\nPopen\n)}\x92.", "subprocess.Popen"},
		{"BUILD", "c__main__\nC\n)\x81}S'__setstate__'\ncos\nsystem\nsbS'ls'\nb.", "__main__.C"},
		{"eval", "c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval"},
		{"getattr", "c__builtin__\ngetattr\n(c__builtin__\nobject\nS'__subclasses__'\ntR.", "__builtin__.getattr"},
		{"a dotted name", "\x80\x04\x8c\x08builtins\x8c\x0fobject.__init__\x93.", "builtins.object.__init__"},
		{"through a name that is allowed", "c__builtin__\nobject\n)R.", "__builtin__.object"},
		{"through _reconstructor", "ccopy_reg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.", "os.system"},
		{"named alone", "cos\nsystem\n.", "os.system"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(tc.pickle)
			bad, ok := errors.AsType[*Error](err)
			if !ok || bad.Global != tc.global {
				t.Fatalf("got %#v; want an *Error of %s", err, tc.global)
			}
			if !strings.Contains(bad.Error(), tc.global) {
				t.Errorf("error %q does not name %s", bad, tc.global)
			}
		})
	}
	t.Run("no Find", func(t *testing.T) {
		t.Parallel()
		p := "ccollections\nOrderedDict\n."
		_, err := NewDecoder(strings.NewReader(p), int64(len(p))).Decode()
		if bad, ok := errors.AsType[*Error](err); !ok || bad.Global != "collections.OrderedDict" {
			t.Errorf("got %v", err)
		}
	})
}

// Each bomb would take far more memory than its size if it were let.
func TestBombs(t *testing.T) {
	t.Parallel()
	const n = 1 << 20
	for _, tc := range []struct{ name, pickle string }{
		{"dicts", strings.Repeat("}", n)},
		{"marks", strings.Repeat("(", n)},
		{"memo", "N" + strings.Repeat("\x94", n)},
		{"stack", "N" + strings.Repeat("2", n)},
		{"appended references", "]q\x00" + strings.Repeat("h\x00a", n)},
		{"set references", "}q\x00" + strings.Repeat("K\x00h\x00s", n)},
		{"tuples of itself", "K\x00" + strings.Repeat("2\x86", n)},
		{"copies of a long list", "]q\x00(" + strings.Repeat("K\x01", n/4) + "e0c__builtin__\nset\nq\x01" + strings.Repeat("h\x01h\x00\x85R0", n/8)},
		{"copies of a long str", "X" + u32(n/2) + strings.Repeat("\x7f", n/2) + "q\x000c_codecs\nencode\nq\x01" +
			strings.Repeat("h\x01h\x00\x8c\x06latin1\x86R0", n/32)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(tc.pickle + ".")
			if bad, ok := errors.AsType[*Error](err); !ok || !strings.Contains(bad.Msg, "exhaust memory") {
				t.Errorf("got %v; want an *Error about memory", err)
			}
		})
	}
	t.Run("with memory to spare", func(t *testing.T) {
		t.Parallel()
		d := NewDecoder(strings.NewReader(strings.Repeat("}", n)+"."), n+1)
		d.Extra = 256 * n
		if _, err := d.Decode(); err != nil {
			t.Error(err)
		}
	})
}

// Nesting as deep as the input allows costs no recursion, and a value may hold itself.
func TestDepth(t *testing.T) {
	t.Parallel()
	const depth = 100_000
	v, err := decode(strings.Repeat("(", depth) + "N" + strings.Repeat("t", depth) + ".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for v != nil {
		v = v.(Tuple)[0]
		n++
	}
	if n != depth {
		t.Errorf("depth %d, want %d", n, depth)
	}
	self, err := decode("]q\x00h\x00a.")
	if err != nil {
		t.Fatal(err)
	}
	if l := self.(*List); l.Items[0] != any(l) {
		t.Error("the list does not hold itself")
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	p := "\x80\x02K\x01.(h\x00t.K\x02q\x00.rest"
	d := NewDecoder(strings.NewReader(p), int64(len(p)))
	if v, err := d.Decode(); err != nil || v != int64(1) || d.Offset() != 5 {
		t.Errorf("got %v, %v, offset %d", v, err, d.Offset())
	}
	if _, err := d.Decode(); err == nil {
		t.Error("a memo outlived its pickle")
	}
	p = "K\x01.K\x02q\x00.rest"
	d = NewDecoder(strings.NewReader(p), int64(len(p)))
	for want := range 2 {
		if v, err := d.Decode(); err != nil || v != int64(want+1) {
			t.Errorf("got %v, %v", v, err)
		}
	}
	if d.Offset() != int64(len(p)-4) {
		t.Errorf("offset %d", d.Offset())
	}
}

func TestPersistentAndErrors(t *testing.T) {
	t.Parallel()
	var ids []any
	failure := errors.New("no such thing")
	d := NewDecoder(strings.NewReader("(P7\n(K\x01Vb\ntQt.K\x01Q."), 100)
	d.Persistent = func(id any) (any, error) {
		if id == any(int64(1)) {
			return nil, failure
		}
		ids = append(ids, id)
		return "thing", nil
	}
	v, err := d.Decode()
	if err != nil || repr(v) != "(str(7468696e67), str(7468696e67))" {
		t.Errorf("got %v, %v", v, err)
	}
	if diff := cmp.Diff([]any{"7", Tuple{int64(1), "b"}}, ids); diff != "" {
		t.Error(diff)
	}
	if _, err := d.Decode(); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}

	broken := errors.New("the disk is gone")
	if _, err := NewDecoder(io.MultiReader(strings.NewReader("K"), errReader{broken}), 10).Decode(); !errors.Is(err, broken) {
		t.Errorf("got %v; want the reader's error", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// encoder writes values as pickles, drawing which of the equivalent opcodes to use.
type encoder struct {
	bytes.Buffer
	t *rapid.T
}

func (e *encoder) coin(label string) bool { return rapid.Bool().Draw(e.t, label) }

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case nil:
		e.WriteByte('N')
	case bool:
		e.WriteByte(map[bool]byte{true: 0x88, false: 0x89}[v])
	case int64:
		switch {
		case e.coin("text"):
			fmt.Fprintf(e, "L%dL\n", v)
		case v == int64(int32(v)):
			e.WriteString("J" + u32(int(v)))
		default:
			e.WriteString("\x8a\x08")
			e.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
		}
	case float64:
		e.WriteByte('G')
		e.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case string:
		if len(v) < 256 && e.coin("short") {
			e.WriteByte(0x8c)
			e.WriteByte(byte(len(v)))
		} else {
			e.WriteString("X" + u32(len(v)))
		}
		e.WriteString(v)
	case Bytes:
		e.WriteString("B" + u32(len(v)) + string(v))
	case Tuple:
		if n := len(v); n > 0 && n <= 3 && e.coin("counted") {
			for _, it := range v {
				e.value(it)
			}
			e.WriteByte(0x84 + byte(n))
			break
		}
		e.items(v, 't')
	case *List:
		if e.coin("one by one") {
			e.WriteByte(']')
			for _, it := range v.Items {
				e.value(it)
				e.WriteByte('a')
			}
			break
		}
		e.items(v.Items, 'l')
	case *Set:
		e.WriteByte(0x8f)
		e.items(v.Items, 0x90)
	case *Dict:
		e.WriteByte('}')
		for _, en := range v.Entries {
			e.value(en.Key)
			e.value(en.Value)
			e.WriteByte('s')
		}
	}
	if e.coin("memo") {
		e.WriteByte(0x94)
	}
}

func (e *encoder) items(items []any, end byte) {
	e.WriteByte('(')
	for _, it := range items {
		e.value(it)
	}
	e.WriteByte(end)
}

// values draws a value that nests at most depth deep.
func values(t *rapid.T, depth int) any {
	most := 9
	if depth == 0 {
		most = 5
	}
	some := func(scalars bool) []any {
		var list []any
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			d := depth - 1
			if scalars {
				d = 0
			}
			list = append(list, values(t, d))
		}
		return list
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4:
		return rapid.String().Draw(t, "str")
	case 5:
		return Bytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case 6:
		return append(Tuple{}, some(false)...)
	case 7:
		return &List{some(false)}
	case 8:
		return &Set{Items: some(true)}
	default:
		d := &Dict{}
		for _, k := range some(true) {
			d.Entries = append(d.Entries, Entry{k, values(t, depth-1)})
		}
		return d
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := values(t, 3)
		e := &encoder{t: t}
		e.value(want)
		e.WriteByte('.')
		got, err := decode(e.String())
		if err != nil {
			t.Fatal(err)
		}
		if g, w := repr(got), repr(want); g != w {
			t.Fatalf("got %s, want %s", g, w)
		}
		for cut := range e.Len() {
			if v, err := decode(e.String()[:cut]); err == nil {
				t.Fatalf("cut to %d of %d bytes it is %s", cut, e.Len(), repr(v))
			}
		}
	})
}

// Python writes the values, in every protocol, with and without its C code.
func TestPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	out, err := exec.Command(python, "-c", `
import pickle, io, struct, collections
s = 'shared'; l = [1, s]
values = [None, True, False, 0, 1, -1, 255, 256, 65535, 65536, 2**31-1, -2**31, 2**31, 2**63-1, -2**63, 2**63, -2**100, 10**50,
  0.0, -0.0, 1.5, float('inf'), float('-inf'), 1e-300,
  '', 'abc', 'é\n\\u0041\\', '😀', "'\"", 'x' * 300, 'x' * 70000, b'', b'abc', bytes(range(256)), bytes(70000),
  (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),)), [], [1], list(range(3000)), [[[]]], {}, {'a': 1}, {1: {2: {}}}, dict.fromkeys(range(3000)),
  set(), {1}, frozenset(), frozenset([7]), [s, s, l, l], collections.OrderedDict([('b', 1), ('a', l)]),
  collections.defaultdict(list, {'a': [1]}), collections.Counter('aab'), bytearray(b'xy')]
def text(v):
  if v is None or isinstance(v, (bool, int)): return repr(v)
  if isinstance(v, float): return 'float(%016x)' % struct.unpack('<Q', struct.pack('<d', v))
  if isinstance(v, str): return 'str(%s)' % v.encode().hex()
  if isinstance(v, (bytes, bytearray)): return 'bytes(%s)' % bytes(v).hex()
  if isinstance(v, tuple): return '(' + ', '.join(map(text, v)) + (',)' if len(v) == 1 else ')')
  if isinstance(v, list): return '[' + ', '.join(map(text, v)) + ']'
  if isinstance(v, frozenset): return 'frozenset([' + ', '.join(map(text, v)) + '])'
  if isinstance(v, set): return 'set([' + ', '.join(map(text, v)) + '])'
  return '{' + ', '.join(text(k) + ': ' + text(w) for k, w in v.items()) + '}'
for v in values:
  for p in range(6):
    b = io.BytesIO(); pickle._Pickler(b, p).dump(v)
    print(pickle.dumps(v, p).hex(), b.getvalue().hex(), text(v))
`).Output()
	if err != nil {
		t.Skipf("python3 does not run the script: %v", err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		a, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		b, want, _ := strings.Cut(rest, " ")
		for _, text := range []string{a, b} {
			p, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			v, err := decode(string(p))
			if err != nil {
				t.Errorf("%.80q of %.80s: %v", p, want, err)
				continue
			}
			if got := repr(v); got != want {
				t.Errorf("%.80q: got %.200s, want %.200s", p, got, want)
			}
			n++
		}
	}
	if n < 600 {
		t.Errorf("only %d pickles were compared", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"N.", "\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u.", "(dp0\nS'a'\np1\nI1\ns.", "cos\nsystem\n(S'ls'\ntR.",
		"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00\x8f\x94(K\x01K\x02\x90.", "ccollections\nOrderedDict\nq\x00)Rq\x01(K\x01K\x02u}b.",
		"(K\x01K\x02i__builtin__\ncomplex\n.", "]q\x00h\x00a.", "\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "(P1\nQV\\u00e9\n.",
		"ccopy_reg\n_reconstructor\n(c__builtin__\ncomplex\nc__builtin__\nobject\nNtR}b.", "c_codecs\nencode\n(Va\nVlatin1\ntR.",
		"ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R.", "F1.5\n.", "\x8c\x08builtins\x8c\x03set\x93)R.",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d := NewDecoder(bytes.NewReader(p), int64(len(p)))
		d.Find = Standard
		d.Persistent = func(id any) (any, error) { return id, nil }
		for {
			_, err := d.Decode()
			if d.Offset() > int64(len(p)) {
				t.Fatalf("offset %d of %d bytes", d.Offset(), len(p))
			}
			if err == nil {
				continue
			}
			if bad, ok := errors.AsType[*Error](err); !ok || bad.Offset > int64(len(p)) {
				t.Fatalf("%v is no *Error within the input", err)
			}
			return
		}
	})
}
