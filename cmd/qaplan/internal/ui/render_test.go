package ui

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

var update = flag.Bool("update", false, "write what is rendered now into testdata")

// golden compares text with a file, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func addr(block string, n int) planner.Address { return planner.Address{Block: block, Number: n} }

func create(n int, actions ...planner.Action) planner.Change {
	return planner.Change{
		Address: addr("refinement", n), Block: "refinement", Number: n, Phase: planner.PhaseAbsent, Actions: actions,
		Reason: planner.ReasonNotSubmitted, Attempt: 1,
		Detail: planner.Detail{Bytes: 300_000, Rows: 100, Tokens: 80_000, Model: "gemini-2.5-flash", Output: "results/x.jsonl"},
	}
}

// story is a plan in which everything happens that a plan can hold.
func story() *planner.Plan {
	since := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	later := since.Add(time.Hour)
	p := &planner.Plan{Applyable: true}
	for n := 51; n <= 60; n++ {
		p.Changes = append(p.Changes, create(n, planner.ActionUpload, planner.ActionCreate))
	}
	for n := 72; n <= 73; n++ { // adopted uploads, one line each
		c := create(n, planner.ActionAdopt, planner.ActionCreate)
		c.Detail.File = "files/abc"
		p.Changes = append(p.Changes, c)
	}
	for n := 74; n <= 75; n++ { // adopted jobs
		c := create(n, planner.ActionAdopt)
		c.Reason, c.Detail = planner.ReasonJobFound, planner.Detail{Job: "batches/j", Jobs: []string{"batches/i"}, Rows: 100}
		p.Changes = append(p.Changes, c)
	}
	for n := 76; n <= 77; n++ { // bought a second time
		c := create(n, planner.ActionUpload, planner.ActionCreate)
		c.Reason, c.Attempt, c.Detail.Again = planner.ReasonJobFailed, 2, true
		p.Changes = append(p.Changes, c)
	}
	for n := 78; n <= 80; n++ {
		c := create(n, planner.ActionDownload)
		c.Reason, c.Detail = planner.ReasonJobSucceeded, planner.Detail{Rows: 100, Output: "results/x.jsonl"}
		p.Changes = append(p.Changes, c)
	}
	one := create(82, planner.ActionDownload)
	one.Reason, one.Detail = planner.ReasonResultMissing, planner.Detail{Rows: 1, Output: "results/bad\x1b[2Jname.jsonl"}
	gone := planner.Change{Address: addr("refinement", 90), Block: "refinement", Number: 90, Actions: []planner.Action{planner.ActionForget}, Reason: planner.ReasonLeftConfig}
	p.Changes = append(p.Changes, one, gone)
	p.Waiting = []planner.Waiting{
		{Address: addr("refinement", 100), Job: "batches/a", JobState: "RUNNING", Since: &later},
		{Address: addr("refinement", 101), Job: "batches/b", JobState: "RUNNING", Since: &since},
		{Address: addr("refinement", 102), Job: "batches/c", JobState: "PENDING", Since: &since},
		{Address: addr("refinement", 104), JobState: "UNKNOWN"},
	}
	p.Held = []planner.Held{
		{Address: addr("refinement", 110), Reason: planner.HoldMaybeBought, Job: "batches/m", Exit: planner.Exit(planner.HoldMaybeBought, addr("refinement", 110), "batches/m", "")},
		{Address: addr("refinement", 111), Reason: planner.HoldSourceGone, Exit: planner.Exit(planner.HoldSourceGone, addr("refinement", 111), "", "")},
	}
	p.Failed = []planner.Failed{{Address: addr("refinement", 120), Reason: planner.FailRefused, Message: "line 3:\nno such \x1b[31mfield", Exit: planner.Exit(planner.FailRefused, addr("refinement", 120), "", "")}}
	a, b, c := addr("refinement", 130), addr("refinement", 131), addr("refinement", 133)
	p.Problems = []planner.Problem{
		{Severity: planner.SeverityWarning, Code: "source_gone", Summary: "the source file is gone", Address: &a},
		{Severity: planner.SeverityWarning, Code: "source_gone", Summary: "the source file is gone", Address: &b},
		{Severity: planner.SeverityWarning, Code: "source_gone", Summary: "the source file is gone", Address: &c},
		{Severity: planner.SeverityError, Code: "x", Summary: "something is wrong"},
	}
	for _, n := range []int{140, 141, 143} {
		a := addr("refinement", n)
		p.Problems = append(p.Problems, planner.Problem{Severity: planner.SeverityWarning, Code: planner.CodeJobOld, Address: &a, Job: "batches/old",
			Summary: "its job is old; it is left alone: wait for it, or cancel it, or buy the rest of the block with another model",
			Exits:   []string{"qaplan cancel '" + a.String() + "'", "qaplan apply --target 'batch.refinement[51-60]' --var model=MODEL"}})
	}
	p.Summary = planner.Summary{Upload: 12, Create: 14, Adopt: 4, Download: 4, Forget: 1, InProgress: 4, Done: 3, Failed: 1, Held: 2}
	p.Estimate = planner.Estimate{Requests: 1400, InputTokens: 9_940_000, Basis: "input tokens: characters/4"}
	return p
}

// partialStory is the same, narrowed by a selection.
func partialStory() *planner.Plan {
	p := story()
	p.Selection = &planner.Selection{Targets: []planner.Selector{{Block: "refinement", Whole: true}}, Excludes: []planner.Selector{{Block: "refinement", First: 61, Last: 71}}}
	return p
}

func TestRenderPlan(t *testing.T) {
	golden(t, "plan.txt", RenderPlan(partialStory(), PlanView{}))
	golden(t, "plan_80.txt", RenderPlan(story(), PlanView{Width: 80}))
	golden(t, "plan_verbose.txt", RenderPlan(story(), PlanView{Verbose: true}))
	golden(t, "plan_colour.txt", RenderPlan(story(), PlanView{Style: Painted(true), Width: 80}))
}

// Colour changes no character, and no line of a plan is wider than the terminal
// but for commands, which are there to be copied.
func TestPlanColourAndWidth(t *testing.T) {
	plain := RenderPlan(story(), PlanView{Width: 80})
	painted := RenderPlan(story(), PlanView{Width: 80, Style: Painted(true)})
	for _, code := range []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[1;31m"} {
		painted = strings.ReplaceAll(painted, code, "")
	}
	if diff := cmp.Diff(plain, painted); diff != "" {
		t.Errorf("colour changes the text (-plain +painted):\n%s", diff)
	}
	if strings.ContainsAny(plain, "\x1b\r\x07") {
		t.Error("a control character came through")
	}
	for line := range strings.Lines(plain) {
		if cells(strings.TrimSuffix(line, "\n")) > 80 && !strings.Contains(line, "-> ") && !strings.HasPrefix(line, "Plan: ") {
			t.Errorf("%d columns: %s", cells(line), line)
		}
	}
}

// Scripts read these lines: they are an interface.
func TestFrozenLines(t *testing.T) {
	s := planner.Summary{Upload: 124, Create: 133, Adopt: 30, InProgress: 21}
	tests := []struct{ name, got, want string }{
		{"plan", PlanLine(s, true), "Plan: 124 to upload, 133 to create, 30 to adopt, 0 to download, 0 to forget. 21 in progress, 0 done, 0 failed, 0 held."},
		{"no changes", PlanLine(planner.Summary{Done: 154}, false), "No changes. 0 in progress, 154 done, 0 failed, 0 held."},
		{"apply", ApplyLine(apply.Summary{Uploaded: 124, Created: 133, Adopted: 30, InProgress: 154}), "Apply complete: 124 uploaded, 133 created, 30 adopted, 0 downloaded, 0 forgotten. 154 in progress, 0 done, 0 failed, 0 held, 0 deferred."},
		{"one folder", ResultsIn([]string{"out"}), "The results are in out."},
		{"folders", ResultsIn([]string{"a", "b", "gs://c/d"}), "The results are in a, b and gs://c/d."},
		{"many folders", ResultsIn([]string{"a", "b", "c", "d", "e", "f", "g"}), "The results are in a, b, c, d, e and 2 more folders."},
		{"apply stopped", ApplyEnd(apply.Summary{Created: 1, Deferred: 2}, true), "Apply stopped: 0 uploaded, 1 created, 0 adopted, 0 downloaded, 0 forgotten. 0 in progress, 0 done, 0 failed, 0 held, 2 deferred."},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got  %s\nwant %s", tt.name, tt.got, tt.want)
		}
	}
	for _, v := range []PlanView{{}, {Width: 40}, {Verbose: true}} {
		lines := strings.Split(strings.TrimSuffix(RenderPlan(story(), v), "\n"), "\n")
		if got, want := lines[len(lines)-1], PlanLine(story().Summary, true); got != want {
			t.Errorf("the last line of a plan is %q, want %q", got, want)
		}
	}
	empty := &planner.Plan{Summary: planner.Summary{Done: 3}}
	if got, want := RenderPlan(empty, PlanView{}), "No changes. 0 in progress, 3 done, 0 failed, 0 held.\n"; got != want {
		t.Errorf("an empty plan is %q, want %q", got, want)
	}
}

// What a person should see one by one is never folded.
func TestFolding(t *testing.T) {
	change := func(n int, f func(*planner.Change)) planner.Change {
		c := create(n, planner.ActionUpload, planner.ActionCreate)
		if f != nil {
			f(&c)
		}
		return c
	}
	reason := func(r planner.Reason) func(*planner.Change) { return func(c *planner.Change) { c.Reason = r } }
	repair := func(c *planner.Change) {
		c.Reason, c.Detail.Again, c.Detail.Subset = planner.ReasonRepair, true, true
	}
	every := func(step, last int, change func(int, func(*planner.Change)) planner.Change) (list []planner.Change) {
		for n := step; n <= last; n += step {
			list = append(list, change(n, nil))
		}
		return list
	}
	tests := []struct {
		name string
		list []planner.Change
		want int
	}{
		{"alike", []planner.Change{change(1, nil), change(2, nil), change(3, nil)}, 1},
		{"a gap", []planner.Change{change(1, nil), change(3, nil)}, 2},
		{"another block", []planner.Change{change(1, nil), change(2, func(c *planner.Change) { c.Block = "b" })}, 2},
		{"another reason", []planner.Change{change(1, nil), change(2, func(c *planner.Change) { c.Reason = planner.ReasonUploadExpired })}, 2},
		{"another model", []planner.Change{change(1, nil), change(2, func(c *planner.Change) { c.Detail.Model = "m" })}, 2},
		{"other actions", []planner.Change{change(1, nil), change(2, func(c *planner.Change) { c.Actions = c.Actions[1:] })}, 2},
		{"adoptions", []planner.Change{create(1, planner.ActionAdopt), create(2, planner.ActionAdopt)}, 2},
		{"failures", []planner.Change{change(1, reason(planner.ReasonJobFailed)), change(2, reason(planner.ReasonJobFailed))}, 2},
		{"expiries", []planner.Change{change(1, reason(planner.ReasonUploadExpired)), change(2, reason(planner.ReasonUploadExpired))}, 2},
		{"repairs", []planner.Change{change(1, repair), change(2, repair)}, 1},
		{"others in between", []planner.Change{change(1, nil), change(2, reason(planner.ReasonCreateAbsent)), change(3, nil)}, 3},
		{"many ranges", every(2, 2*manyRanges+2, change), 1},
		{"a few ranges", every(2, 2*manyRanges, change), manyRanges},
		{"second purchases", []planner.Change{change(1, func(c *planner.Change) { c.Detail.Again = true }), change(2, func(c *planner.Change) { c.Detail.Again = true })}, 2},
	}
	lines := func(groups []group) (n int) {
		for _, g := range groups {
			n += len(g.folds)
		}
		return n
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := lines(groupChanges(tt.list, foldAlike)); got != tt.want {
				t.Errorf("%d lines, want %d", got, tt.want)
			}
			if got := lines(groupChanges(tt.list, foldNothing)); got != len(tt.list) {
				t.Errorf("%d lines with verbose, want %d", got, len(tt.list))
			}
		})
	}
}

// many is a plan of n batches in which neighbours differ: some are bought, some
// fetched, some wait, and some have nothing to do.
func many(n int) *planner.Plan {
	p := &planner.Plan{Applyable: true, Complete: true}
	for i := 1; i <= n; i++ {
		switch i % 5 {
		case 0, 1:
			p.Changes = append(p.Changes, create(i, planner.ActionUpload, planner.ActionCreate))
		case 2:
			c := create(i, planner.ActionDownload)
			c.Reason, c.Detail = planner.ReasonJobSucceeded, planner.Detail{Rows: 100, Output: "results/x.jsonl"}
			p.Changes = append(p.Changes, c)
		case 3:
			p.Waiting = append(p.Waiting, planner.Waiting{Address: addr("refinement", i), Job: "batches/x", JobState: []string{"RUNNING", "PENDING"}[i%2]})
			a := addr("refinement", i)
			p.Problems = append(p.Problems, planner.Problem{Severity: planner.SeverityWarning, Code: "source_changed", Summary: "the source changed", Address: &a})
		}
	}
	p.Summary = planner.Summary{Upload: 2 * n / 5, Create: 2 * n / 5, Download: n / 5, InProgress: n / 5, Done: n / 5}
	return p
}

// TestManyFitOnAScreen: a plan of any size is a screen of text, unless there is
// something in it that a person should see one by one.
func TestManyFitOnAScreen(t *testing.T) {
	text := RenderPlan(many(10_000), PlanView{Width: 80})
	golden(t, "plan_10000.txt", text)
	if n := strings.Count(text, "\n"); n > 24 {
		t.Errorf("%d lines", n)
	}
	if n := strings.Count(RenderPlan(many(10_000), PlanView{Verbose: true}), "\n"); n < 10_000 {
		t.Errorf("%d lines with verbose, and not one for each batch", n)
	}
}

// Every code of the planner has words, and every action a sign of its own.
func TestEveryCodeHasWords(t *testing.T) {
	for _, r := range planner.HoldReasons() {
		if trouble(r) == string(r) {
			t.Errorf("no words for the hold %s", r)
		}
	}
	for _, r := range []planner.Reason{planner.FailAttemptsUsedUp, planner.FailRefused} {
		if trouble(r) == string(r) {
			t.Errorf("no words for the failure %s", r)
		}
	}
	for _, r := range []planner.Reason{
		planner.ReasonNotSubmitted, planner.ReasonUploadUnfinished, planner.ReasonUploadExpired, planner.ReasonSourceChanged,
		planner.ReasonModelChanged, planner.ReasonJobFailed, planner.ReasonJobExpired, planner.ReasonRerun, planner.ReasonCreateAbsent,
		planner.ReasonJobFound, planner.ReasonJobSucceeded, planner.ReasonPartialOutput, planner.ReasonResultMissing,
		planner.ReasonResultChanged, planner.ReasonSourceBack, planner.ReasonLeftConfig, planner.ReasonRenamed,
	} {
		if because(r) == string(r) {
			t.Errorf("no words for the reason %s", r)
		}
	}
	var signs []string
	for _, a := range actionsInOrder() {
		s := symbol(a)
		if len(s) != 1 || s[0] < '!' || s[0] > '~' || s == "?" || slices.Contains(signs, s) || meaning(a) == string(a) && a != planner.ActionUpload && a != planner.ActionDownload && a != planner.ActionForget {
			t.Errorf("the sign of %s is %q", a, s)
		}
		signs = append(signs, s)
	}
}

func items() []planner.Item {
	created := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	job := func(n int, state string, age time.Duration) *planner.Record {
		return &planner.Record{
			Source:   planner.SourceRecord{Path: "in/x.jsonl", SHA256: "00", Rows: 100},
			Upload:   &planner.Upload{File: "files/f", Done: true, Expires: created.Add(48 * time.Hour)},
			Attempts: []planner.Attempt{{Number: 1, Outcome: planner.OutcomeBought, Job: "batches/j", State: state, Created: created.Add(-age), Rows: 100}},
		}
	}
	want := &planner.Batch{Source: planner.Source{Rows: 100}}
	done := &planner.Record{
		Source:   planner.SourceRecord{Rows: 100},
		Attempts: []planner.Attempt{{Number: 1, Outcome: planner.OutcomeBought, Job: "batches/d", State: "SUCCEEDED", Created: created}},
		Result:   &planner.Result{Path: "out/x.jsonl", Rows: 100, Succeeded: 97, Failed: 2, Missing: 1, Tokens: planner.Tokens{Input: 12_000, Output: 300_000, Thoughts: 50_000}},
	}
	clean := done.Clone()
	clean.Result.Succeeded, clean.Result.Failed, clean.Result.Missing = 100, 0, 0
	return []planner.Item{
		{Address: addr("qa", 1), Phase: planner.PhaseAbsent, Want: want},
		{Address: addr("qa", 2), Phase: planner.PhaseAbsent, Want: want},
		{Address: addr("qa", 3), Phase: planner.PhaseSubmitted, Want: want, Record: job(3, "RUNNING", time.Hour)},
		{Address: addr("qa", 4), Phase: planner.PhaseSubmitted, Want: want, Record: job(4, "RUNNING", 2*time.Hour)},
		{Address: addr("qa", 5), Phase: planner.PhaseDone, Want: want, Record: done, BadRows: 3},
		{Address: addr("qa", 6), Phase: planner.PhaseDone, Want: want, Record: clean},
		{Address: addr("qa", 7), Phase: planner.PhaseDone, Want: want, Record: clean},
		{Address: addr("qa", 8), Phase: planner.PhaseHeld, Reason: planner.HoldCancelled, Want: want, Record: job(8, "CANCELLED", 0)},
	}
}

func TestRenderStatus(t *testing.T) {
	held := []planner.Held{{Address: addr("qa", 8), Reason: planner.HoldCancelled, Job: "batches/j", Exit: planner.Exit(planner.HoldCancelled, addr("qa", 8), "batches/j", "")}}
	v := StatusView{Now: time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC), Held: held}
	s := NewStatus(items())
	golden(t, "status.txt", RenderStatus(s, v))
	golden(t, "status_failed.txt", RenderStatus(s.OnlyBad(), v))
	golden(t, "state_list.txt", RenderStateList(items()))
	golden(t, "state_show.txt", RenderRecord(&items()[4]))
	golden(t, "left.txt", RenderLeft(&planner.Plan{Held: held}, items(), Style{}, 0))
	text, err := JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", text)
}

// The keys are an interface: each batch has exactly these, in every phase.
func TestStatusKeys(t *testing.T) {
	text, err := json.Marshal(NewStatus(items()))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Batches []map[string]any
		Summary map[string]int
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"address", "attempts", "cost_open", "cost_usd", "failed", "file", "file_expires_at", "input_tokens", "job", "job_created_at", "job_state",
		"number", "output", "output_tokens", "phase", "reason", "requests", "succeeded", "to_come_usd"}
	for _, b := range got.Batches {
		var keys []string
		for k, v := range b {
			keys = append(keys, k)
			if v == nil {
				t.Errorf("%v: %s is null", b["address"], k)
			}
		}
		slices.Sort(keys)
		if diff := cmp.Diff(want, keys); diff != "" {
			t.Errorf("%v: keys (-want +got):\n%s", b["address"], diff)
		}
	}
	wantSummary := map[string]int{"absent": 2, "uploaded": 0, "unknown": 0, "submitted": 2, "succeeded": 0, "done": 3, "failed": 0, "held": 1}
	if diff := cmp.Diff(wantSummary, got.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain text", "plain text"},
		{"Größe 汉字 😀", "Größe 汉字 😀"},
		{"a\x1b]0;owned\x07b", `a\x1b]0;owned\x07b`},
		{"two\nlines\r\tx", `two\nlines\r\tx`},
		{"bad \xff utf-8", `bad \xff utf-8`},
		{"\u202etxt.exe", `\u202etxt.exe`},
		{"\u009b31m", `\u009b31m`},
		{"\u2028", `\u2028`},
		{"\x7f", `\x7f`},
	}
	for _, tt := range tests {
		if got := Printable(tt.in); got != tt.want {
			t.Errorf("Printable(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got, want := printableText("a\nb\x1b"), "a\nb\\x1b"; got != want {
		t.Errorf("printableText = %q, want %q", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "abc", "\x1b[2J", "\xff\xfe", "ü\u202e\u0085", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		for _, r := range got {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' && !strings.ContainsRune(s, '\ufffd') {
				t.Errorf("Printable(%q) lets %U through", s, r)
			}
		}
		if again := Printable(got); again != got {
			t.Errorf("Printable is not settled: %q then %q", got, again)
		}
	})
}

func TestAmounts(t *testing.T) {
	tests := []struct{ got, want string }{
		{amount(0), "0"}, {amount(999), "999"}, {amount(1000), "1.0 k"}, {amount(9_940), "9.9 k"}, {amount(9_960), "10 k"},
		{amount(999_499), "999 k"}, {amount(999_500), "1.0 M"}, {amount(9_900_000), "9.9 M"}, {amount(3_000_000_000), "3.0 G"},
		{size(0), ""}, {size(37_000_000), "37 MB"}, {size(82_854), "83 kB"},
		{count(1, "batch"), "1 batch"}, {count(15400, "row"), "15,400 rows"}, {count(2, "batch"), "2 batches"},
		{length(-time.Second), "0s"}, {length(59 * time.Second), "59s"}, {length(185 * time.Second), "3m05s"},
		{length(2*time.Hour + 10*time.Minute), "2h10m"}, {length(28 * time.Hour), "1d4h"},
	}
	for i, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%d: got %q, want %q", i, tt.got, tt.want)
		}
	}
}
