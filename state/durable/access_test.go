package durable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What modes of files refuse is tested where root is not asked: see
// TestUnwritableOutput of the program.
func TestMayWriteIn(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "a", "b", "c")} {
		if err := MayWriteIn(folder); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if err := MayWriteIn(file); err == nil || !strings.Contains(err.Error(), file+" is no folder") {
		t.Errorf("a file: %v", err)
	}
	if err := MayWriteIn(filepath.Join(file, "a")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("below a file: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("it left %v, %v", entries, err)
	}
}
