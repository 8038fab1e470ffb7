package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/planner"
)

// dataset is a dataset block of block(), with more lines.
func dataset(name, path string, extra ...string) string {
	return fmt.Sprintf("dataset %q {\n  from = \"qa\"\n  path = %q\n%s\n}\n", name, path, strings.Join(extra, "\n"))
}

func TestDatasets(t *testing.T) {
	cfg := load(t, block()+strings.NewReplacer(`"qa"`, `"qb"`, `"out"`, `"out2"`).Replace(block())+`
locals {
  columns = { z = "key", a = "block" }
}
dataset "wide" {
  from   = ["qb", "qa"]
  path   = "./sets/../wide.CSV"
  fields = {
    id          = "key"
    question_no = "number"
    answer      = "text"
    score       = "json.quality.score"
    model       = "model"
    tokens_in   = "input_tokens"
    tokens_out  = "output_tokens"
    "the end"   = "finish_reason"
    block       = "block"
    unset       = null
  }
}
dataset "plain" {
  from = "qa"
  path = "../plain.data"
  format = "jsonl"
}
`+dataset("local", "local.jsonl", "fields = (local.columns)")+dataset("made", "made.jsonl", `fields = merge({ z = "key" }, { a = "block" })`)+
		dataset("computed", "computed.jsonl", `fields = { (upper("z")) = "key", "${local.columns.a}" = "text", "1" = "model" }`)+
		dataset("null", "null.csv", "fields = null", "format = null"))
	usual := []planner.DatasetField{{Name: "key", Source: planner.FieldKey}, {Name: "number", Source: planner.FieldNumber}, {Name: "text", Source: planner.FieldText}}
	at := func(d Dataset) Dataset { d.PathAbs = filepath.Join(cfg.Dir, filepath.FromSlash(d.Path)); return d }
	want := []Dataset{
		at(Dataset{Name: "computed", From: []string{"qa"}, Path: "computed.jsonl", Format: planner.FormatJSONL, Fields: []planner.DatasetField{
			{Name: "Z", Source: planner.FieldKey}, {Name: "block", Source: planner.FieldText}, {Name: "1", Source: planner.FieldModel},
		}}),
		at(Dataset{Name: "local", From: []string{"qa"}, Path: "local.jsonl", Format: planner.FormatJSONL, Fields: []planner.DatasetField{{Name: "z", Source: planner.FieldKey}, {Name: "a", Source: planner.FieldBlock}}}),
		at(Dataset{Name: "made", From: []string{"qa"}, Path: "made.jsonl", Format: planner.FormatJSONL, Fields: []planner.DatasetField{{Name: "a", Source: planner.FieldBlock}, {Name: "z", Source: planner.FieldKey}}}),
		at(Dataset{Name: "null", From: []string{"qa"}, Path: "null.csv", Format: planner.FormatCSV, Fields: usual}),
		at(Dataset{Name: "plain", From: []string{"qa"}, Path: "../plain.data", Format: planner.FormatJSONL, Fields: usual}),
		at(Dataset{Name: "wide", From: []string{"qb", "qa"}, Path: "wide.CSV", Format: planner.FormatCSV, Fields: []planner.DatasetField{
			{Name: "id", Source: planner.FieldKey}, {Name: "question_no", Source: planner.FieldNumber}, {Name: "answer", Source: planner.FieldText},
			{Name: "score", Source: planner.FieldJSON, JSONPath: "quality.score"}, {Name: "model", Source: planner.FieldModel},
			{Name: "tokens_in", Source: planner.FieldInputTokens}, {Name: "tokens_out", Source: planner.FieldOutputTokens},
			{Name: "the end", Source: planner.FieldFinishReason}, {Name: "block", Source: planner.FieldBlock},
		}}),
	}
	if diff := cmp.Diff(want, cfg.Datasets, plain); diff != "" {
		t.Errorf("datasets (-want +got):\n%s", diff)
	}
	if got := cfg.Datasets[5].Declared().Start.Line; got != 19 {
		t.Errorf("declared on line %d, want 19", got)
	}
}

// A rehearsal writes a relative path elsewhere.
func TestDatasetRehearsal(t *testing.T) {
	abs := filepath.ToSlash(t.TempDir()) + "/b.csv"
	cfg := load(t, `provider "emulator" {}`+"\n"+block()+dataset("a", "../a.csv")+dataset("b", abs))
	got := []string{cfg.Datasets[0].Path, cfg.Datasets[0].PathAbs, cfg.Datasets[1].Path}
	want := []string{".qaplan/emulator/_up/a.csv", filepath.Join(cfg.Dir, ".qaplan", "emulator", "_up", "a.csv"), abs}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestDatasetDigest(t *testing.T) {
	two := block() + strings.NewReplacer(`"qa"`, `"qb"`, `"out"`, `"out2"`).Replace(block())
	of := func(text string) string {
		cfg := load(t, two+text)
		if len(cfg.Datasets) != 1 || len(cfg.Datasets[0].Digest) != 64 {
			t.Fatalf("got %d datasets, want one with a digest of 64 hex digits", len(cfg.Datasets))
		}
		return cfg.Datasets[0].Digest
	}
	base := of(dataset("d", "d.jsonl"))
	for _, text := range []string{
		"dataset \"d\" {\n  path = \"./d.jsonl\"\n  from = [\"qa\"]\n format = \"jsonl\"\n}\n",
		dataset("d", "d.jsonl", `fields = { key = "key", number = "number", text = "text" }`),
		dataset("d", "d.jsonl", `fields = { "key" = "key", x = null, number = lower("NUMBER"), text = "text" }`),
	} {
		if of(text) != base {
			t.Errorf("the digest changed with\n%s", text)
		}
	}
	seen := map[string]string{base: "the first"}
	for _, text := range []string{
		dataset("e", "d.jsonl"),
		dataset("d", "e.jsonl"),
		dataset("d", "d.jsonl", `format = "csv"`),
		dataset("d", "d.jsonl", `fields = { key = "key" }`),
		dataset("d", "d.jsonl", `fields = { id = "key" }`),
		dataset("d", "d.jsonl", `fields = { key = "json.a" }`),
		dataset("d", "d.jsonl", `fields = { key = "json.a.b" }`),
		dataset("d", "d.jsonl", `fields = { number = "number", key = "key", text = "text" }`),
		strings.Replace(dataset("d", "d.jsonl"), `"qa"`, `"qb"`, 1),
		strings.Replace(dataset("d", "d.jsonl"), `"qa"`, `["qa", "qb"]`, 1),
	} {
		got := of(text)
		if other, ok := seen[got]; ok {
			t.Errorf("one digest for\n%s\nand\n%s", other, text)
		}
		seen[got] = text
	}
}

// Paths that lead to one place through a link are one path.
func TestDatasetThroughLink(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"in/batch_1.jsonl": row, "in/batch_2.jsonl": row,
		"qaplan.hcl": block() + dataset("a", "link/batch_2.jsonl") + dataset("b", "in/new/b.csv") + dataset("c", "link/new/b.csv"),
	})
	if err := os.Symlink(filepath.Join(dir, "in"), filepath.Join(dir, "link")); err != nil {
		if runtime.GOOS == "windows" {
			t.Log("this user may not make links: " + err.Error())
			return
		}
		t.Fatal(err)
	}
	_, ds := Load(t.Context(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
	var got []string
	for _, d := range ds {
		got = append(got, d.Summary)
	}
	if diff := cmp.Diff([]string{"A dataset would overwrite a source", "Two datasets with one path"}, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// A dataset does not overwrite what the config is made from.
func TestDatasetOverInputs(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.vars": "", "more.csv": "", "history.jsonl": "",
		"qaplan.hcl": "provider \"emulator\" { history = \"history.jsonl\" }\n" + block() +
			dataset("a", "qaplan.vars", `format = "csv"`) + dataset("b", "more.csv") + dataset("c", "history.jsonl") +
			dataset("d", "out/manifest.json", `format = "jsonl"`),
	})
	_, ds := Load(t.Context(), Options{Path: filepath.Join(dir, "qaplan.hcl"), VarFiles: []string{filepath.Join(dir, "more.csv")}})
	var got []string
	for _, d := range ds {
		got = append(got, d.Detail)
	}
	want := []string{
		"qaplan.vars is a file of variables. Name another file.", "more.csv is a file of variables. Name another file.",
		"history.jsonl is the emulator's history. Name another file.",
		`out/manifest.json is the manifest of the results of batch "qa". Name another file.`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// The result of a batch whose source is gone is called as the source was, which
// no glob tells.
func TestDatasetOverOldResult(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"in/batch_1.jsonl": row, "qaplan.hcl": block() + dataset("d", "out/old.jsonl")})
	cfg, ds := Load(t.Context(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
	if ds.HasErrors() {
		t.Fatal(render(t, ds, 0))
	}
	bought := func(planner.Address) (string, bool) { return "in/old.jsonl", true }
	in, ds, err := cfg.Inputs(t.Context(), source.OpenCache(""), bought)
	if err != nil || in != nil || len(ds) != 1 || ds[0].Address != "dataset.d" || !strings.Contains(ds[0].Detail, "batch.qa[2]") {
		t.Errorf("got %v, %v\n%s\nwant one error of dataset.d about the result of batch.qa[2]", in, err, render(t, ds, 0))
	}
}

// Many blocks and many datasets cost no more than their sum.
func TestManyDatasets(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		b.WriteString(strings.NewReplacer(`"qa"`, fmt.Sprintf(`"q%d"`, i), `"out"`, fmt.Sprintf(`"out%d"`, i)).Replace(block()))
		b.WriteString(strings.Replace(dataset(fmt.Sprintf("d%d", i), fmt.Sprintf("d%d.csv", i)), `"qa"`, fmt.Sprintf(`"q%d"`, i), 1))
	}
	if got := len(load(t, b.String()).Datasets); got != 2000 {
		t.Errorf("got %d datasets, want 2000", got)
	}
}
