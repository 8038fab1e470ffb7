package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeFiles makes files below dir; a name that ends in a slash is a folder.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func render(t *testing.T, ds Diagnostics, width int) string {
	t.Helper()
	var b strings.Builder
	if err := ds.WriteText(&b, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const row = `{"key":"a","request":{"contents":[{"parts":[{"text":"hello"}]}]}}` + "\n"
