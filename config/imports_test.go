package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qaplan/qaplan/planner"
)

// imported writes import blocks from addresses and quoted ids in turn.
func imported(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "import {\n  to = %s\n  id = %s\n}\n", pairs[i], pairs[i+1])
	}
	return b.String()
}

func TestImports(t *testing.T) {
	other := strings.NewReplacer(`"qa"`, `"a-b_1"`, `"out"`, `"out2"`, "[1, 2]", "[7, 20]").Replace(block())
	cfg := load(t, "variable \"job\" {\n  default = \"c3\"\n}\n"+block()+imported(
		"batch.qa[2]", `"files/f-2_x"`,
		"batch.qa[2]", `" batches/b2 "`,
		"batch.a-b_1[10]", `"https://generativelanguage.googleapis.com/v1beta/files/f10"`,
		"batch.a-b_1[9]", `"batches/${var.job}"`,
		"batch.qa[1]", `"HTTPS://proxy.example:8443/deep/v1/batches/B1"`,
	)+other)
	ab := func(n int) planner.Address { return planner.Address{Block: "a-b_1", Number: n} }
	qa := func(n int) planner.Address { return planner.Address{Block: "qa", Number: n} }
	want := []Import{
		{To: ab(9), ID: "batches/c3"},
		{To: ab(10), ID: "files/f10"},
		{To: qa(1), ID: "batches/B1"},
		{To: qa(2), ID: "batches/b2"},
		{To: qa(2), ID: "files/f-2_x"},
	}
	if diff := cmp.Diff(want, cfg.Imports, cmpopts.IgnoreUnexported(Import{})); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
	if got := cfg.Imports[0].Declared(); got.Start.Line != 23 {
		t.Errorf("declared at %v, want line 23", got)
	}
}

// Their order, the spelling of their ids and what else stands around them mean
// nothing.
func TestImportsDigest(t *testing.T) {
	a := block() + imported("batch.qa[1]", `"batches/a"`, "batch.qa[2]", `"batches/b"`)
	b := imported("batch.qa[2]", `"https://example.com/v1beta/batches/b"`, "batch.qa[1]", `"batches/a"`) + block()
	if load(t, a).Digest != load(t, b).Digest {
		t.Errorf("two digests for\n%s\nand\n%s", a, b)
	}
}

// The planner gets them with the batches.
func TestImportsDesired(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl":       block() + imported("batch.qa[2]", `"files/f"`, "batch.qa[2]", `"batches/b"`),
		"in/batch_1.jsonl": row, "in/batch_2.jsonl": row,
	})
	in, ds := inputs(t, dir, nil)
	if in == nil {
		t.Fatal(render(t, ds, 0))
	}
	got := [][]string{in.Desired.Batches[0].Imports, in.Desired.Batches[1].Imports}
	if diff := cmp.Diff([][]string{nil, {"batches/b", "files/f"}}, got); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
}

// A batch whose source is gone and which the state knows keeps its imports.
func TestImportsSourceGone(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl":       block() + imported("batch.qa[2]", `"batches/b"`),
		"in/batch_1.jsonl": row,
	})
	in, ds := inputs(t, dir, func(planner.Address) (string, bool) { return "in/batch_2.jsonl", true })
	if in == nil {
		t.Fatal(render(t, ds, 0))
	}
	if b := in.Desired.Batches[1]; !b.Source.Missing || len(b.Imports) != 1 {
		t.Errorf("batch %+v, want one without source and with its import", b)
	}
}
