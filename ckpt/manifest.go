package ckpt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

const (
	manifestName    = "manifest.json"
	manifestVersion = 1
	maxManifest     = 1 << 20 // bytes; a checkpoint has a few files
)

// A manifest lists a checkpoint's files. It is written after them, so that a
// directory that has one was complete.
type manifest struct {
	Version int     `json:"version"`
	Step    int64   `json:"step"`
	Files   []entry `json:"files"`
}

// An entry is what a file must be.
type entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (m manifest) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(m)
}

// readManifest believes nothing: every name must be a plain one, so that no
// manifest reaches out of its directory.
func readManifest(r io.Reader) (manifest, error) {
	var m manifest
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return m, err
	}
	if len(text) > maxManifest {
		return m, malformed("it has more than %d bytes", maxManifest)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, malformed("%v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return m, malformed("it goes on after its JSON object")
	}
	if m.Version != manifestVersion {
		return m, malformed("its version is %d; this program reads %d", m.Version, manifestVersion)
	}
	if m.Step < 0 {
		return m, malformed("its step is %d", m.Step)
	}
	seen := map[string]bool{}
	for _, e := range m.Files {
		sum, err := hex.DecodeString(e.SHA256)
		switch {
		case checkName(e.Name) != nil:
			return m, malformed("%v", checkName(e.Name))
		case seen[e.Name]:
			return m, malformed("it lists %q twice", e.Name)
		case e.Size < 0:
			return m, malformed("%q has %d bytes", e.Name, e.Size)
		case err != nil || len(sum) != 32 || strings.ToLower(e.SHA256) != e.SHA256:
			return m, malformed("the SHA-256 of %q is %q; want 64 hexadecimal digits", e.Name, e.SHA256)
		}
		seen[e.Name] = true
	}
	return m, nil
}

// A malformedManifest tells bad contents from a failure to read them.
type malformedManifest string

func (e malformedManifest) Error() string { return string(e) }

func malformed(format string, args ...any) error {
	return malformedManifest(fmt.Sprintf("its manifest cannot be used: "+format, args...))
}

// checkName refuses what is not the plain name of a file on every system.
func checkName(name string) error {
	plain := name != "" && name != "." && name != ".." && len(name) <= 200 && filepath.IsLocal(name)
	for _, r := range name {
		plain = plain && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	switch {
	case !plain:
		return fmt.Errorf("%q is no plain file name; want letters, digits, dot, - and _", name)
	case strings.EqualFold(name, manifestName):
		return fmt.Errorf("the name %q is kept for the manifest", name)
	}
	return nil
}
