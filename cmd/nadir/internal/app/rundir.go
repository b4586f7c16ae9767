package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
)

// A runDir is the folder of a run, locked by this process.
type runDir struct {
	path string
	lock *ckpt.Lock
}

// The files of a run.
const (
	runFile     = "run.json"
	configFile  = "config.yaml"
	metricsFile = "metrics.jsonl"
	eventsFile  = "events.jsonl"
	signalFile  = "signal.jsonl"
	modelFile   = "model.safetensors"
	curvesFile  = "curves.svg"
	confusFile  = "confusion.svg"
	lockFile    = "LOCK"
	ckptDir     = "ckpt"
)

// runInfo is run.json.
type runInfo struct {
	ID       string    `json:"id"`
	Argv     []string  `json:"argv"`
	Dir      string    `json:"dir"` // that the command was called in
	Started  time.Time `json:"started"`
	Version  string    `json:"version"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	CPU      []string  `json:"cpu"` // kernel families that it can run
	Kernel   string    `json:"kernel"`
	Seed     uint64    `json:"seed"`
	Pretrain bool      `json:"pretrain_only,omitempty"` // the run ends with its stages
	Data     string    `json:"data"`                    // fingerprint
	// Preprocess is that of the saved model that the run went on from, null
	// where there was none.
	Preprocess json.RawMessage `json:"preprocess,omitempty"`
	preprocess *nn.Sequential
	// Inputs is what the model whose layers are reused takes.
	Inputs *modelInputs `json:"inputs,omitempty"`
}

// makeRun makes the folder, which must not be there yet.
func makeRun(cfg *config.Config, name string) (*runDir, error) {
	path := cfg.Out
	var err error
	if path != "" {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.Mkdir(path, 0o755)
		}
		if errors.Is(err, fs.ErrExist) {
			return nil, usage("%s exists already, and nothing is ever overwritten; give another out=, or go on with: %s", path, resumeLine(path))
		}
	} else {
		if err = os.MkdirAll("runs", 0o755); err == nil {
			for n := 1; ; n++ {
				path = filepath.Join("runs", name)
				if n > 1 {
					path += "-" + strconv.Itoa(n)
				}
				if err = os.Mkdir(path, 0o755); !errors.Is(err, fs.ErrExist) {
					break
				}
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return lockRun(path)
}

func lockRun(path string) (*runDir, error) {
	l, err := ckpt.Acquire(filepath.Join(path, lockFile))
	if err != nil {
		return nil, err
	}
	return &runDir{path: path, lock: l}, nil
}

func (r *runDir) file(name string) string { return filepath.Join(r.path, name) }

func (r *runDir) Close() { _ = r.lock.Release() }

func (r *runDir) store(keep int) ckpt.Store { return ckpt.Store{Dir: r.file(ckptDir), Keep: keep} }

// describe writes run.json and config.yaml.
func (r *runDir) describe(cfg *config.Config, d *dataset, from *nn.Sequential, only bool, reused *grafting) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	info := runInfo{
		ID: filepath.Base(r.path), Argv: os.Args, Dir: dir, Started: time.Now().UTC(), Version: version(), Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpu.Families(), Kernel: cpu.Kernels(productsOf(cfg.Precision)), Seed: cfg.Seed, Pretrain: only, Data: d.fingerprint,
	}
	if reused != nil {
		info.Inputs = reused.inputs
	}
	if from != nil {
		v, err := nn.Encode(*from)
		if err != nil {
			return err
		}
		info.Preprocess = v.JSON()
	}
	if err := r.writeInfo(info); err != nil {
		return err
	}
	return r.write(configFile, config.YAML(cfg.Tree))
}

func (r *runDir) writeInfo(info runInfo) error {
	text, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	return r.write(runFile, append(text, '\n'))
}

func (r *runDir) write(name string, text []byte) error {
	return ckpt.WriteFile(ckpt.OS{}, r.file(name), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// info reads run.json.
func (r *runDir) info() (runInfo, error) {
	var info runInfo
	text, err := os.ReadFile(r.file(runFile))
	if err != nil {
		return info, err
	}
	err = json.Unmarshal(text, &info)
	if err == nil && info.Preprocess != nil {
		info.preprocess = new(nn.Sequential)
		var v spec.Value
		if v, err = spec.ParseJSON(runFile, info.Preprocess); err == nil {
			err = spec.Decode(v, info.preprocess)
		}
	}
	if err != nil {
		return info, &ckpt.Damage{Path: r.file(runFile), Msg: "not what a run writes", Err: err}
	}
	return info, nil
}

// appendLine adds a JSON object as one line to a file that only ever grows.
func (r *runDir) appendLine(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(r.file(name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	// A line that a killed process left unfinished is ended, so that only it is
	// lost.
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			text = append([]byte{'\n'}, text...)
		}
	}
	_, err = f.Write(append(text, '\n'))
	return err
}

// together calls functions that write, all at once: a disk makes several files durable in
// little more time than one. The error is the first that is not nil, in their order.
func together(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return cmp.Or(errs...)
}

// event adds to events.jsonl.
func (r *runDir) event(kind string, of any) error {
	head, err := json.Marshal(struct {
		Event string    `json:"event"`
		Time  time.Time `json:"time"`
	}{kind, time.Now().UTC()})
	if err != nil {
		return err
	}
	body, err := json.Marshal(of)
	if err != nil {
		return err
	}
	line := append(head[:len(head)-1], ',')
	return r.appendLine(eventsFile, json.RawMessage(append(line, body[1:]...)))
}

// lines reads the objects of a file of lines; those that are no JSON, such as
// one that was cut off, are passed over.
func (r *runDir) lines(name string) ([]json.RawMessage, error) {
	text, err := os.ReadFile(r.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []json.RawMessage
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if len(line) > 0 && json.Valid(line) {
			out = append(out, line)
		}
	}
	return out, nil
}

// version is the module's version as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// shellWord quotes a word where a shell would take it apart.
func shellWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$`&|;<>()*?[]{}~#!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func resumeLine(path string) string { return fmt.Sprintf("nadir resume %s", shellWord(path)) }
