package kernel

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// disassemble is the text of instructions as binutils' objdump has it, one a line.
func disassemble(t *testing.T, tool string, code []byte, flags ...string) []string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("%s is not installed", tool)
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, append(flags, "-D", "-b", "binary", "--no-show-raw-insn", file)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
	var lines []string
	for _, m := range regexp.MustCompile(`(?m)^ +[0-9a-f]+:\t(.*)$`).FindAllStringSubmatch(string(out), -1) {
		lines = append(lines, strings.Join(strings.Fields(m[1]), " "))
	}
	return lines
}

// TestNeonEncodings holds each number in neon_arm64.h to the instruction beside it.
func TestNeonEncodings(t *testing.T) {
	t.Parallel()
	header, err := os.ReadFile("neon_arm64.h")
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	var want []string
	macro := regexp.MustCompile(`(?m)^#define \w+\(([^)]*)\) +WORD \$\((.*)\) // (.*)$`)
	for _, m := range macro.FindAllStringSubmatch(string(header), -1) {
		for _, set := range []map[string]int{{"m": 1, "n": 2, "d": 3}, {"m": 31, "n": 0, "d": 0}, {"m": 0, "n": 31, "d": 0}, {"m": 0, "n": 0, "d": 31}, {"m": 10, "n": 21, "d": 10}} {
			word, text := 0, m[3]
			for _, term := range strings.Split(m[2], " | ") {
				name, shift, _ := strings.Cut(term, "<<")
				v, ok := set[strings.Trim(name, "()")]
				if !ok {
					n, err := strconv.ParseUint(name, 0, 32)
					if err != nil {
						t.Fatalf("%s: %v", m[0], err)
					}
					v = int(n)
				}
				by, _ := strconv.Atoi(shift)
				word |= v << by
			}
			for _, name := range strings.Split(m[1], ", ") {
				text = strings.NewReplacer("V"+name+".", "v"+strconv.Itoa(set[name])+".", "s"+name+",", "s"+strconv.Itoa(set[name])+",").Replace(text)
			}
			code = binary.LittleEndian.AppendUint32(code, uint32(word))
			want = append(want, text)
		}
	}
	if macros := strings.Count(string(header), "WORD"); 5*macros != len(want) {
		t.Fatalf("%d of %d encodings are read", len(want)/5, macros)
	}
	got := disassemble(t, "aarch64-linux-gnu-objdump", code, "-m", "aarch64")
	if len(got) != len(want) {
		t.Fatalf("%d instructions, want %d", len(got), len(want))
	}
	for i, text := range got {
		if text != want[i] {
			t.Errorf("%s is encoded where %s is meant", text, want[i])
		}
	}
}

// TestNarrowRegisters holds what is written for AVX2 to its registers: the generator allots
// those of AVX-512 too, without a word, where sixteen are too few.
func TestNarrowRegisters(t *testing.T) {
	t.Parallel()
	wide := regexp.MustCompile(`\b(?:[XY](?:1[6-9]|2[0-9]|3[01])|Z[0-9]+|K[0-7])\b`)
	for _, file := range []string{"avx2_amd64.s", "convolution_avx2_amd64.s"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if m := wide.FindString(line); m != "" {
				t.Errorf("%s:%d: %s has %s", file, i+1, strings.TrimSpace(line), m)
			}
		}
		if !strings.Contains(string(text), "Y15") {
			t.Errorf("%s uses no Y15: are registers named otherwise now?", file)
		}
	}
}
