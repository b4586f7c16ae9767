//go:build !noasm

package kernel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// TestHalfEmulation holds plain Go to what the processor does, to the bit.
func TestHalfEmulation(t *testing.T) {
	t.Parallel()
	if active != generic {
		t.Skip("once is enough")
	}
	for _, k := range []struct {
		name string
		has  bool
		how  halves
		run  func(p *halfProduct)
	}{
		{"VDPBF16PS", cpu.X86.HasAVX512BF16, halfDots, (*halfProduct).dots},
		{"TDPBF16PS", hasTiles(), halfTiles, func(p *halfProduct) { amxTiles(p, &amxShapes) }},
	} {
		t.Run(k.name, func(t *testing.T) {
			if !k.has {
				t.Skip("this processor has it not")
			}
			r := rand.New(rand.NewPCG(3, 4))
			for i := range 200 {
				p, got := halfStrips(r, i%2 == 1)
				want := append([]float32{}, got...)
				q := p
				q.c = &want[0]
				k.run(&p)
				q.emulate(k.how)
				for i := range got {
					if !same(got[i], want[i]) {
						t.Fatalf("%d blocks, add %d: number %d is %g (%x), want %g", p.blocks, p.add, i, got[i], got[i], want[i])
					}
				}
			}
		})
	}
}

func TestHalfLayout(t *testing.T) {
	t.Parallel()
	var p halfProduct
	for i, at := range []uintptr{unsafe.Offsetof(p.c), unsafe.Offsetof(p.a), unsafe.Offsetof(p.b), unsafe.Offsetof(p.ldc),
		unsafe.Offsetof(p.blocks), unsafe.Offsetof(p.add), unsafe.Offsetof(p.strips)} {
		if want := uintptr(8 * i); at != want {
			t.Errorf("field %d lies at %d, want %d", i, at, want)
		}
	}
}

// TestHalfEncodings holds each number in half_amd64.h to the instruction beside it.
func TestHalfEncodings(t *testing.T) {
	t.Parallel()
	header, err := os.ReadFile("half_amd64.h")
	if err != nil {
		t.Fatal(err)
	}
	base := map[int]string{0: "rax", 1: "rcx", 2: "rdx", 3: "rbx", 6: "rsi", 7: "rdi"}
	var code []byte
	var want []string
	macros := regexp.MustCompile(`(?m)^#define (\w+)(?:\(([^)]*)\))? +(BYTE .*) // (.*)$`).FindAllStringSubmatch(string(header), -1)
	if n := strings.Count(string(header), "#define"); len(macros) != n {
		t.Fatalf("%d of %d encodings are read", len(macros), n)
	}
	for _, m := range macros {
		for q := range 8 {
			set := map[string]int{"d": q, "t": q, "m": (q + 3) % 8, "n": (q + 6) % 8, "base": []int{6, 7, 0, 1}[q%4], "index": 2 + q%2}
			for _, b := range regexp.MustCompile(`BYTE \$(0x\w+|\(.*?\))(?:;|$)`).FindAllStringSubmatch(m[3], -1) {
				v, err := evaluate(b[1], set)
				if err != nil {
					t.Fatalf("%s: %v", m[0], err)
				}
				code = append(code, byte(v))
			}
			text := m[4]
			for name, v := range set {
				text = strings.ReplaceAll(text, "64*{"+name+"}", fmt.Sprintf("0x%x", 64*v))
				text = strings.ReplaceAll(text, "256*{"+name+"}", fmt.Sprintf("0x%x", 256*v))
				text = strings.ReplaceAll(text, "{8+"+name+"}", strconv.Itoa(8+v))
				if r, ok := base[v]; ok && len(name) > 1 {
					text = strings.ReplaceAll(text, "{"+name+"}", r)
				}
				text = strings.ReplaceAll(text, "{"+name+"}", strconv.Itoa(v))
			}
			want = append(want, strings.Replace(text, "+0x0]", "]", 1))
			if m[2] == "" {
				break
			}
		}
	}
	got := disassemble(t, "objdump", code, "-m", "i386:x86-64", "-M", "intel")
	if len(got) != len(want) {
		t.Fatalf("%d instructions, want %d: %q", len(got), len(want), got)
	}
	for i, text := range got {
		if text = strings.Replace(text, "+0x0]", "]", 1); text != want[i] {
			t.Errorf("%s is encoded where %s is meant", text, want[i])
		}
	}
}

// evaluate is a sum of terms, as the assembler takes it: numbers, and names that may be
// shifted, joined by | or ^.
func evaluate(s string, set map[string]int) (v int, err error) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "("), ")")
	for _, term := range regexp.MustCompile(`([|^]?) ?([^ |^]+) ?`).FindAllStringSubmatch(s, -1) {
		name, shift, _ := strings.Cut(term[2], "<<")
		n, ok := set[strings.Trim(name, "()")]
		if !ok {
			u, err := strconv.ParseUint(strings.Trim(name, "()"), 0, 32)
			if err != nil {
				return 0, err
			}
			n = int(u)
		}
		by, _ := strconv.Atoi(shift)
		if term[1] == "^" {
			v ^= n << by
		} else {
			v |= n << by
		}
	}
	return v, nil
}
