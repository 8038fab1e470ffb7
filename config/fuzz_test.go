package config

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// seed adds the configs of all archives of bad input, and some that are right.
func seed(f *testing.F) {
	archives, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".hcl") {
				f.Add(file.Data)
			}
		}
	}
	f.Add([]byte(block()))
	f.Add([]byte("\xef\xbb\xbf" + strings.ReplaceAll(block(), "\n", "\r\n")))
	f.Add([]byte("variable \"s\" {\n  sensitive = true\n  default = { a = [1, null] }\n}\nlocals {\n  x = [for k, v in var.s : \"${k}-${try(v[0], 1)}\"]\n}\n" + block("display_name = local.x[0]")))
	f.Add([]byte(block("expect {\n  finish_reasons = [\"STOP\", upper(\"max_tokens\")]\n  schema = \"s.json\"\n  key_field = \"id\"\n}",
		"repair {\n  model = \"gemini-2.5-pro\"\n  generation_config = { seed = 1e30, stop_sequences = [\"\\u0000\"], thinking_config = { x = true } }\n}")))
	f.Add([]byte("provider \"gemini\" {\n  rate { max_enqueued_tokens = { \"models/gemini-2.5-flash\" = 1e15, \"gemini-2.5-flash\" = \"7\" } }\n}\n" +
		block("max_cost = 1e-300", "price {\n  input = 1e-400\n  output = 0\n}")))
	f.Add([]byte("locals {\n  c = { (\"b\") = \"key\", a = \"json.x.0\" }\n}\n" + block() + dataset("d", "d.csv", "fields = local.c") + dataset("e", "in/batch_7.jsonl", "fields = { a = \"text\", a = \"key\" }")))
	f.Add([]byte(block() + "import {\n  to = batch.qa[1]\n  id = \"https://example.com/v1beta/batches/a\"\n}\nimport {\n  to = batch.qa[2]\n  id = join(\"/\", [\"files\", \"b\"])\n}\n"))
}

// Whatever the text, loading ends without a panic, says the same twice, and what
// it says can be shown.
func FuzzLoad(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		opts := Options{Path: filepath.Join(t.TempDir(), "qaplan.hcl"), Vars: []string{"s=[1]"}, Version: "0.1.0"}
		run := func() (string, Diagnostics) {
			cfg, ds := newLoader(opts).load(context.Background(), text)
			if (cfg == nil) != ds.HasErrors() {
				t.Fatalf("config is %v, and errors: %t", cfg, ds.HasErrors())
			}
			if cfg == nil {
				return "", ds
			}
			return cfg.Digest, ds
		}
		digest, ds := run()
		again, same := run()
		if digest != again || !cmp.Equal(ds, same) {
			t.Fatalf("a second run differs:\n%s", cmp.Diff(ds, same))
		}
		for i := range ds {
			d := &ds[i]
			if s := d.Snippet; s != nil && (s.HighlightStart > s.HighlightEnd || s.HighlightEnd > len(s.Code)) {
				t.Errorf("%q marks %d to %d of %d bytes", d.Summary, s.HighlightStart, s.HighlightEnd, len(s.Code))
			}
		}
		for _, width := range []int{0, 30} {
			var b strings.Builder
			if err := ds.WriteText(&b, width); err != nil {
				t.Error(err)
			}
			if shown := b.String(); holdsKey(shown) {
				t.Errorf("a key is shown: %s", shown)
			}
		}
	})
}

// Formatting twice is formatting once, and does not change the meaning.
func FuzzFormat(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		once, ds := Format(text, "x.hcl")
		if ds.HasErrors() {
			if !bytes.Equal(once, text) {
				t.Fatal("a text that does not parse was changed")
			}
			return
		}
		twice, ds := Format(once, "x.hcl")
		if ds.HasErrors() {
			t.Fatalf("what was formatted does not parse: %v\n%q", ds, once)
		}
		if !bytes.Equal(once, twice) {
			t.Fatalf("formatted once:\n%q\ntwice:\n%q", once, twice)
		}
	})
}
