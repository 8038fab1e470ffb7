package config

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/durable"
)

func inputs(t *testing.T, dir string, bought Bought) (*Inputs, Diagnostics) {
	t.Helper()
	cfg, ds := Load(context.Background(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
	if ds.HasErrors() {
		t.Fatal(render(t, ds, 0))
	}
	in, ds, err := cfg.Inputs(t.Context(), source.OpenCache(""), bought)
	if err != nil {
		t.Fatal(err)
	}
	return in, ds
}

func rowSource(path string) planner.Source {
	sum := sha256.Sum256([]byte(row))
	return planner.Source{Path: path, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(row)), Rows: 1, Tokens: 2, Unlimited: 1}
}

func TestInputs(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"conf/qaplan.hcl": `
provider "gemini" { settle_time = "20m" }
batch "b" {
  range        = [1, 3]
  model        = "gemini-2.5-pro"
  source       = "../in/b_*.jsonl"
  output_dir   = "../out/b"
  exclude      = [2]
  display_name = "x${each.number}"
  on_change    = "rerun"
  unclaimed    = "ignore"
  max_attempts = 7
}
batch "a" {
  range      = [10, 10]
  model      = "gemini-2.5-flash"
  source     = "` + filepath.ToSlash(dir) + `/in/a*"
  output_dir = "` + filepath.ToSlash(dir) + `/out/a"
}
`,
		"in/b_001.jsonl": row, "in/b_2.jsonl": "excluded, and so not read", "in/b_3.jsonl": row, "in/b_4.jsonl": "outside, and so not read",
		"in/a10": row,
	})
	in, ds := inputs(t, filepath.Join(dir, "conf"), nil)
	if len(ds) > 0 {
		t.Fatal(render(t, ds, 0))
	}
	a10, b1, b3 := planner.Address{Block: "a", Number: 10}, planner.Address{Block: "b", Number: 1}, planner.Address{Block: "b", Number: 3}
	abs := filepath.ToSlash(dir)
	b := planner.Batch{Model: "gemini-2.5-pro", OnChange: planner.OnChangeRerun, MaxAttempts: 7, IgnoreUnclaimed: true}
	first, third := b, b
	first.Address, first.DisplayName, first.Output, first.Source = b1, "x1", "../out/b/b_001.jsonl", rowSource("../in/b_001.jsonl")
	third.Address, third.DisplayName, third.Output, third.Source = b3, "x3", "../out/b/b_3.jsonl", rowSource("../in/b_3.jsonl")
	want := planner.Desired{
		Batches: []planner.Batch{{
			Address: a10, Model: "gemini-2.5-flash", DisplayName: "a_10", Output: abs + "/out/a/a10", Source: rowSource(abs + "/in/a10"),
			OnChange: planner.OnChangeHold, MaxAttempts: 3,
		}, first, third},
		ConfigDigest: in.Desired.ConfigDigest,
		SettleTime:   20 * time.Minute,
	}
	if diff := cmp.Diff(want, in.Desired, cmpopts.IgnoreFields(planner.Batch{}, "Rules")); diff != "" {
		t.Errorf("desired (-want +got):\n%s", diff)
	}
	if len(in.Desired.ConfigDigest) != 64 {
		t.Errorf("config digest %q, want 64 hex digits", in.Desired.ConfigDigest)
	}
	paths := []Paths{
		{Source: filepath.Join(dir, "in", "a10"), OutputDir: filepath.Join(dir, "out", "a"), OutputName: "a10"},
		{Source: filepath.Join(dir, "in", "b_001.jsonl"), OutputDir: filepath.Join(dir, "out", "b"), OutputName: "b_001.jsonl"},
		{Source: filepath.Join(dir, "in", "b_3.jsonl"), OutputDir: filepath.Join(dir, "out", "b"), OutputName: "b_3.jsonl"},
	}
	if diff := cmp.Diff(paths, in.Paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if in.Ignored != 2 {
		t.Errorf("ignored %d files, want 2", in.Ignored)
	}
}

// What was bought may lack its source; what was not may not.
func TestInputsMissing(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"qaplan.hcl": strings.Replace(block(), "[1, 2]", "[1, 4]", 1), "in/batch_01.jsonl": row})
	bought := map[int]string{2: "in/batch_002.jsonl", 3: ""}
	in, ds := inputs(t, dir, func(a planner.Address) (string, bool) { path, ok := bought[a.Number]; return path, ok })
	if in != nil || len(ds) != 1 || !strings.Contains(ds[0].Detail, "for batch 4.") {
		t.Errorf("got %v\n%s\nwant one error about batch 4 alone", in, render(t, ds, 0))
	}
	bought[4] = "elsewhere/batch_4.jsonl"
	in, ds = inputs(t, dir, func(a planner.Address) (string, bool) { path, ok := bought[a.Number]; return path, ok })
	if in == nil {
		t.Fatal(render(t, ds, 0))
	}
	var got []string
	for i, b := range in.Desired.Batches {
		p := in.Paths[i]
		if b.Source.Missing != (p.Source == "") || b.Source.Missing != (b.Source.SHA256 == "") {
			t.Errorf("%s: source %+v at %q", b.Address, b.Source, p.Source)
		}
		got = append(got, b.Source.Path+" "+b.Output+" "+p.OutputName)
	}
	want := []string{
		"in/batch_01.jsonl out/batch_01.jsonl batch_01.jsonl",
		"in/batch_002.jsonl out/batch_002.jsonl batch_002.jsonl",
		"in/batch_3.jsonl out/batch_3.jsonl batch_3.jsonl",
		"elsewhere/batch_4.jsonl out/batch_4.jsonl batch_4.jsonl",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	// The folder itself may be gone too.
	if err := os.RemoveAll(filepath.Join(dir, "in")); err != nil {
		t.Fatal(err)
	}
	in, ds = inputs(t, dir, func(planner.Address) (string, bool) { return "", true })
	if in == nil || len(ds) > 0 || len(in.Desired.Batches) != 4 {
		t.Errorf("without the folder: got %v, %v; want four batches without a source", in, ds)
	}
}

func TestInputsAllowMissing(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"qaplan.hcl": block("allow_missing = true"), "in/batch_2.jsonl": row})
	in, ds := inputs(t, dir, nil)
	if in == nil || len(in.Desired.Batches) != 1 || len(ds) != 1 || ds[0].Severity != SeverityWarning || ds[0].Address != "batch.qa" {
		t.Errorf("got %v and %+v, want one batch and one warning", in, ds)
	}
}

// Planning works in a folder that nobody may write to.
func TestInputsWriteNothing(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"qaplan.hcl": block(), "in/batch_1.jsonl": row, "in/batch_2.jsonl": row})
	if in, ds := inputs(t, dir, nil); in == nil {
		t.Fatal(render(t, ds, 0))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("the folder holds %v, want config and sources alone", entries)
	}
}

func TestInputsInterrupted(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"qaplan.hcl": block(), "in/batch_1.jsonl": row, "in/batch_2.jsonl": row})
	cfg, ds := Load(context.Background(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
	if ds.HasErrors() {
		t.Fatal(render(t, ds, 0))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if in, _, err := cfg.Inputs(ctx, source.OpenCache(""), nil); in != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v and %v, want the error of the context", in, err)
	}
}

// The cache lies where the documentation says, below the config's folder.
func TestCachePath(t *testing.T) {
	cfg := load(t, block())
	if got, want := cfg.CachePath(), filepath.Join(cfg.Dir, ".qaplan", "sources"); got != want {
		t.Errorf("cache at %s, want %s", got, want)
	}
}

func TestBoughtIsAskedForMissingAlone(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"qaplan.hcl": block("allow_missing = true"), "in/batch_2.jsonl": row})
	var asked []string
	inputs(t, dir, func(a planner.Address) (string, bool) { asked = append(asked, a.String()); return "", false })
	if diff := cmp.Diff([]string{"batch.qa[1]"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// A source that was left alone for a while is known by its facts, one that may be
// changed within a tick of the clock is not.
func TestInputsKnowSources(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl": `
provider "gemini" {}
batch "b" {
  range      = [1, 2]
  model      = "gemini-2.5-pro"
  source     = "b_*.jsonl"
  output_dir = "out"
}
`,
		"b_1.jsonl": row, "b_2.jsonl": row,
	})
	for name, age := range map[string]time.Duration{"b_1.jsonl": time.Hour, "b_2.jsonl": -time.Hour} {
		then := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(dir, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	in, _ := inputs(t, dir, nil)
	info, err := os.Stat(in.Paths[0].Source)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := in.Paths[0].Facts, durable.FactsOf(info); got != want {
		t.Errorf("facts %+v, want %+v", got, want)
	}
	if got := in.Paths[1].Facts; got != (durable.Facts{}) {
		t.Errorf("facts %+v of a file that may still be changed", got)
	}
}
