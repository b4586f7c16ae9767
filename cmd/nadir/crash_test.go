package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nadir is the command, not yet started, in a folder.
func nadir(t *testing.T, dir string, words ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, words...)
	c.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "NADIR_") {
			c.Env = append(c.Env, e)
		}
	}
	c.Env = append(c.Env, asCommand+"=1")
	return c
}

// exitCode waits for a command and gives its code, −1 where a signal ended it.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err == nil {
		return 0
	}
	return exit.ExitCode()
}

// model is the bytes of a run's model.
func model(t *testing.T, dir, run string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, run, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// epochs lists the epochs that metrics.jsonl has.
func epochs(t *testing.T, dir, run string) []int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for line := range bytes.Lines(text) {
		var e struct{ Epoch int }
		if json.Unmarshal(line, &e) == nil {
			out = append(out, e.Epoch)
		}
	}
	return out
}

// job is a run that takes a second or so: dropout, accumulation, a schedule,
// validation and early stopping are all there to be gone on with.
var job = []string{"train", "data.limit=2000", "data.classes=0-4", "epochs=6", "model.2.units=60", "accumulate=2", "schedule=exponential",
	"early_stop.patience=5", "early_stop.restore_best=true", "--json"}

// TestKill ends a run at random instants, most often by killing it, again and
// again, and goes on from where it is: it ends in the bytes of a run that was
// never stopped.
// CRASH_KILLS is the number of kills, 3 by default.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 3
	if n, err := strconv.Atoi(os.Getenv("CRASH_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	began := time.Now()
	if out, err := nadir(t, dir, append(job, "out=whole")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(began)

	words := append(job, "out=killed", "ckpt.every=7")
	killed := 0
	for try := 0; ; try++ {
		if try > 20*kills+20 {
			t.Fatalf("%d kills in %d starts, and the run is not done", killed, try)
		}
		c := nadir(t, dir, words...)
		var out, notes bytes.Buffer
		c.Stdout, c.Stderr = &out, &notes
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if killed < kills {
			after, s := time.Duration(random.Int64N(2*int64(took)/int64(kills))), os.Kill
			if runtime.GOOS != "windows" && random.IntN(3) == 0 {
				s = os.Interrupt
			}
			time.AfterFunc(after, func() { _ = c.Process.Signal(s) })
		}
		code := exitCode(t, c.Wait())
		if code == 0 {
			break
		}
		if code == 2 && strings.Contains(notes.String(), "nothing was saved; start again with nadir train") {
			if err := os.RemoveAll(filepath.Join(dir, "killed")); err != nil {
				t.Fatal(err)
			}
			words = append(job, "out=killed", "ckpt.every=7")
			continue
		}
		if code != -1 && code != 130 && code != 1 { // Windows ends a killed process with 1
			t.Fatalf("exit code %d\n%s%s", code, out.String(), notes.String())
		}
		killed++
		if strings.Contains(out.String(), `"event":"start"`) || exists(filepath.Join(dir, "killed")) {
			words = []string{"resume", "killed", "--json"}
		}
	}
	if !bytes.Equal(model(t, dir, "whole"), model(t, dir, "killed")) {
		t.Errorf("the model differs after %d kills", killed)
	}
	for i, e := range epochs(t, dir, "killed") {
		if e != i+1 {
			t.Errorf("metrics.jsonl has epochs %v", epochs(t, dir, "killed"))
			break
		}
	}
	if a, b := len(epochs(t, dir, "whole")), len(epochs(t, dir, "killed")); a != b {
		t.Errorf("%d epochs, want %d", b, a)
	}
	t.Logf("ended %d times", killed)
	left, _ := filepath.Glob(filepath.Join(dir, "killed", "ckpt", ".tmp*"))
	if len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestSignals stops runs in good order: the step is finished and saved, the
// last line says how to go on, and going on ends in the same bytes.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to send")
	}
	t.Parallel()
	// validation takes longer than what there is to train on
	validating := []string{"train", "data.limit=3000", "data.val=2900", "data.classes=0-4", "epochs=2", "model.2.units=60", "--json"}
	for _, tc := range []struct {
		name    string
		words   []string
		at      string // the line of the output at which the signals are sent
		signals []syscall.Signal
		code    int
		atOnce  bool // the process may end without a word of how to go on
	}{
		{"interrupted", job, `"epoch":2,`, []syscall.Signal{syscall.SIGINT}, 130, false},
		{"terminated", append(job, "--quiet"), `"epoch":1,`, []syscall.Signal{syscall.SIGTERM}, 143, false},
		{"twice", job, `"epoch":3,`, []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130, true},
		{"validating", validating, `"start"`, []syscall.Signal{syscall.SIGTERM}, 143, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			notes, code := stop(t, nadir(t, dir, append(tc.words, "out=run")...), tc.at, tc.signals...)
			if code != tc.code {
				t.Errorf("exit code %d, want %d\n%s", code, tc.code, notes)
			}
			if want := "to go on:\nnadir resume run\n"; !tc.atOnce && !strings.HasSuffix(notes, want) {
				t.Errorf("%q does not end with %q", notes, want)
			}
			if strings.Contains(notes, "canceled") {
				t.Errorf("%q", notes)
			}
			if out, err := nadir(t, dir, "resume", "run").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := nadir(t, dir, append(tc.words, "out=whole")...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !bytes.Equal(model(t, dir, "whole"), model(t, dir, "run")) {
				t.Error("the model differs")
			}
		})
	}
}

// stop starts a command, sends a signal when a line of its output holds text,
// and gives what it wrote on stderr and its code.
func stop(t *testing.T, c *exec.Cmd, text string, signals ...syscall.Signal) (string, int) {
	t.Helper()
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	c.Stderr = &notes
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), text) {
			for _, s := range signals {
				_ = c.Process.Signal(s)
			}
			signals = nil
		}
	}
	if signals != nil {
		t.Errorf("no line holds %q", text)
	}
	code := exitCode(t, c.Wait()) // what the command wrote is whole only now
	return notes.String(), code
}
