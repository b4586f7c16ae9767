// Package shared finds the reference material that tests compare against:
// golden values, real data sets and models of other frameworks. It lies beside
// the module, not in it.
//
// The folder is $NADIR_SHARED where that is set, else ../shared from the module
// root. Where it is absent a test is skipped with the reason, or fails when
// CI=true, so that a check cannot vanish unnoticed.
package shared

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Dir is the path of a directory in the shared folder, such as
// Dir(t, "data", "mnist"). An elem may itself hold slashes.
func Dir(t testing.TB, elem ...string) string {
	t.Helper()
	return locate(t, os.Getenv, true, elem)
}

// File is the path of a file in the shared folder, such as
// File(t, "golden/losses.json").
func File(t testing.TB, elem ...string) string {
	t.Helper()
	return locate(t, os.Getenv, false, elem)
}

func locate(t testing.TB, getenv func(string) string, dir bool, elem []string) string {
	t.Helper()
	path, err := find(getenv, elem)
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(path); err == nil && info.IsDir() != dir {
			t.Fatalf("shared: %s is %v, which File and Dir tell apart", path, info.Mode())
		}
	}
	switch {
	case err == nil:
	case getenv("CI") == "true":
		t.Fatalf("shared: %v (CI=true: reference material must be there)", err)
	default:
		t.Skipf("shared: %v; set NADIR_SHARED to the folder that holds it", err)
	}
	return path
}

func find(getenv func(string) string, elem []string) (string, error) {
	root := getenv("NADIR_SHARED")
	if root == "" {
		module, err := moduleRoot()
		if err != nil {
			return "", err
		}
		root = filepath.Join(module, "..", "shared")
	}
	return filepath.Join(root, filepath.FromSlash(filepath.Join(elem...))), nil
}

// moduleRoot is the nearest directory upwards that holds go.mod. Tests run in
// their package's directory.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above it", start)
		}
	}
}
