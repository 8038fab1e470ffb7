package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
)

// The README has a way out for every reason that stops a batch.
func TestReadmeNamesEveryReason(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, why := range planner.HoldReasons() {
		if !strings.Contains(string(text), "\n| `"+string(why)+"` | ") {
			t.Errorf("the table of what needs a person lacks %s", why)
		}
	}
	for _, why := range []planner.Reason{planner.FailAttemptsUsedUp, planner.FailRefused} {
		if !strings.Contains(string(text), "`"+string(why)+"`") {
			t.Errorf("the README lacks %s", why)
		}
	}
}

// What the README shows of a config is canonical, and loads.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for rest := string(text); ; {
		_, after, found := strings.Cut(rest, "\n```hcl\n")
		if !found {
			break
		}
		block, end, found := strings.Cut(after, "\n```\n")
		if !found {
			t.Fatal("an hcl block has no end")
		}
		blocks = append(blocks, block+"\n")
		rest = "\n" + end
	}
	if len(blocks) < 2 {
		t.Fatalf("found %d hcl blocks, want at least 2", len(blocks))
	}
	for i, block := range blocks {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			after, ds := config.Format([]byte(block), "README.md")
			if ds.HasErrors() {
				t.Fatal(ds.Err())
			}
			if !bytes.Equal(after, []byte(block)) {
				t.Errorf("not canonical; qaplan fmt makes of it:\n%s", after)
			}
			if !strings.Contains(block, "\nbatch ") { // a part of a config
				block += "\nbatch \"refinement\" {\n  range      = [51, 52]\n  model      = \"gemini-2.5-flash\"\n  source     = \"in/batch_*.jsonl\"\n  output_dir = \"out\"\n}\n"
			}
			file := filepath.Join(t.TempDir(), "qaplan.hcl")
			if err := os.WriteFile(file, []byte(block), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(filepath.Dir(file), "qa.schema.json"), []byte(`{"type":"object"}`), 0o666); err != nil {
				t.Fatal(err)
			}
			_, ds = config.Load(t.Context(), config.Options{Path: file, Version: version, CheckFault: checkFault})
			if len(ds) > 0 {
				t.Errorf("it has something to say: %v", ds)
			}
		})
	}
}
