package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/config/source"
)

// write makes files below dir; a name that ends in a slash is a folder.
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

func TestLoadAndInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFiles(t, ".", map[string]string{
		"qaplan.hcl": `
variable "model" { default = "gemini-2.5-flash" }
locals { prefix = "refinement" }
batch "refinement" {
  range = [51, 53]
  model = var.model
  source = "submissions/batch_*_proper.jsonl"
  output_dir = "results"
  display_name = format("%s_batch_%03d", local.prefix, each.number)
}
`,
		"submissions/batch_051_proper.jsonl": row,
		"submissions/batch_52_proper.jsonl":  row,
		"submissions/batch_53_proper.jsonl":  row,
	})
	cfg, ds := Load(context.Background(), Options{})
	if ds.HasErrors() {
		t.Fatal(render(t, ds, 80))
	}
	in, ds, err := cfg.Inputs(t.Context(), source.OpenCache(cfg.CachePath()), nil)
	if err != nil || ds.HasErrors() {
		t.Fatal(err, render(t, ds, 80))
	}
	t.Logf("%+v", in)
}
