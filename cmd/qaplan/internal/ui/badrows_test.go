package ui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// Keys and reasons come from outside: they cannot steer a terminal, nor forge a
// line.
func TestBadRowsAreShown(t *testing.T) {
	s := &Status{Summary: map[planner.Phase]int{}, BadRows: []BadRow{
		NewBadRow(addr("qa", 51), &batchfile.BadRow{Key: "b51-r16", Line: 17, Class: batchfile.Failed, Code: 13, Reason: "Internal error encountered."}),
		NewBadRow(addr("qa", 51), &batchfile.BadRow{Key: "b51-r2001", Line: 2002, Class: batchfile.Missing, Reason: "the service left it out"}),
		NewBadRow(addr("qa", 102), &batchfile.BadRow{Key: "\x1b[2J\nbatch.qa[1]  done", Line: 3, Class: batchfile.Invalid, Reason: "\u202eno JSON\r\n"}),
	}}
	want := `Rows without a good answer (1,234):
  batch.qa[51]   line 17    key "b51-r16"                        error 13  Internal error encountered.
  batch.qa[51]   line 2002  key "b51-r2001"                      missing   the service left it out.
  batch.qa[102]  line 3     key "\x1b[2J\nbatch.qa[1]  done"     invalid   \u202eno JSON\r\n.
  ... and 1,231 more; qaplan status --failed --format json lists them all

No batches.
`
	got := RenderStatus(s, StatusView{MoreBadRows: 1231})
	if diff := cmp.Diff(squeezed(want), squeezed(got)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	s.BadRows = nil
	if text := RenderStatus(s, StatusView{}); text != "No batches.\n" {
		t.Errorf("without bad rows: %q", text)
	}
}

// squeezed makes runs of blanks inside a line one blank.
func squeezed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

func TestBadRowsJSON(t *testing.T) {
	s := &Status{BadRows: []BadRow{NewBadRow(addr("qa", 7), &batchfile.BadRow{Key: "k", Line: 2, Class: batchfile.Empty, Reason: "no text"})}}
	text, err := JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{ "batches": null, "summary": null, "cost": { "cost_usd": 0, "to_come_usd": 0, "cost_open": false, "estimate_usd": 0 }, "bad_rows": [ { "address": "batch.qa[7]", "key": "k", "line": 2, "class": "empty", "code": 0, "reason": "no text" } ] }`
	if got := strings.Join(strings.Fields(text), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for s, there := range map[*Status]bool{NewStatus(nil): false, NewStatus(nil).OnlyBad(): true} {
		if text, err := JSON(s); err != nil || strings.Contains(text, `"bad_rows": []`) != there || strings.Contains(text, "bad_rows") != there {
			t.Errorf("bad rows asked for: %v, and the JSON is %s", there, text)
		}
	}
}

func TestDatasetSentence(t *testing.T) {
	for of, want := range map[int]string{
		154: "dataset qa: 15,400 rows of 154 batches, in data/qa.jsonl",
		160: "dataset qa: 15,400 rows of 154 of 160 batches, in data/qa.jsonl",
	} {
		e := apply.Event{Type: apply.EventDatasetWritten, Dataset: "qa", Path: "data/qa.jsonl", Rows: 15_400, Batches: 154, Of: of}
		if got := Sentence(&e, false); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
