package config

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/qaplan/qaplan/config/source"
)

var update = flag.Bool("update", false, "write what is said now into testdata/bad")

// optionsOf reads the lines of an archive's args.
func optionsOf(t *testing.T, args string) Options {
	t.Helper()
	opts := Options{Version: "0.2.0-dev"}
	env := map[string]string{}
	opts.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for line := range strings.Lines(args) {
		word, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "var":
			opts.Vars = append(opts.Vars, value)
		case "varfile":
			opts.VarFiles = append(opts.VarFiles, value)
		case "env":
			name, v, _ := strings.Cut(value, "=")
			env[name] = v
		case "config":
			opts.Path = value
		case "version":
			opts.Version = value
		default:
			t.Fatalf("unknown line in args: %q", line)
		}
	}
	return opts
}

// check loads a config and reads its sources, as every command does first.
func check(t *testing.T, opts Options) Diagnostics {
	t.Helper()
	cfg, ds := Load(context.Background(), opts)
	if (cfg == nil) != ds.HasErrors() {
		t.Errorf("config is %v, and errors: %t", cfg, ds.HasErrors())
	}
	if cfg == nil {
		return ds
	}
	in, more, err := cfg.Inputs(t.Context(), source.OpenCache(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	if (in == nil) != more.HasErrors() {
		t.Errorf("inputs are %v, and errors: %t", in, more.HasErrors())
	}
	return append(ds, more...)
}

// Every mistake has its message, word for word. After a change on purpose:
//
//	go test ./config -run TestBadInput -update
func TestBadInput(t *testing.T) {
	archives, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(archives) < 40 {
		t.Fatalf("found %d archives (%v), want at least 40", len(archives), err)
	}
	for _, path := range archives {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			t.Chdir(dir)
			args, want := "", -1
			for i, f := range archive.Files {
				switch f.Name {
				case "args":
					args = string(f.Data)
				case "want":
					want = i
				default:
					writeFiles(t, ".", map[string]string{f.Name: string(f.Data)})
				}
			}
			if want < 0 {
				t.Fatal("the archive has no file named want")
			}
			ds := check(t, optionsOf(t, args))
			if len(ds) == 0 {
				t.Error("nothing is reported")
			}
			if again := check(t, optionsOf(t, args)); !cmp.Equal(ds, again) {
				t.Errorf("a second run says something else:\n%s", cmp.Diff(ds, again))
			}
			for i := range ds { // before the text is wrapped: the folder's length differs
				ds[i].Detail = strings.ReplaceAll(ds[i].Detail, filepath.ToSlash(dir), "$DIR")
			}
			got := render(t, ds, 78)
			checkForm(t, ds)
			if *update {
				archive.Files[want].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[want].Data), got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// checkForm checks what holds for every diagnostic.
func checkForm(t *testing.T, ds Diagnostics) {
	t.Helper()
	text, err := json.Marshal(ds)
	if err != nil {
		t.Error(err)
	}
	for _, secret := range []string{"AIzaSyA1234567890", "hunter2", "not-even-of", "me:pass"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
	for _, d := range ds {
		if d.Summary == "" || strings.HasSuffix(d.Summary, ".") {
			t.Errorf("summary %q: want words without a full stop", d.Summary)
		}
		if d.Detail == "" {
			t.Errorf("%q says not what to do", d.Summary)
		}
		if s := d.Snippet; s != nil && (s.HighlightStart > s.HighlightEnd || s.HighlightEnd > len(s.Code)) {
			t.Errorf("%q marks %d to %d of a line of %d bytes", d.Summary, s.HighlightStart, s.HighlightEnd, len(s.Code))
		}
	}
}
