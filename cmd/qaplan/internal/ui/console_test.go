package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/state"
)

func console(in string) (c *Console, out, errs *bytes.Buffer) {
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	return New(Options{Stdin: strings.NewReader(in), Stdout: out, Stderr: errs}), out, errs
}

func TestConfirm(t *testing.T) {
	tests := []struct {
		in   string
		want bool
		err  error
	}{
		{"yes\n", true, nil}, {"  yes \r\n", true, nil}, {"yes", true, nil},
		{"y\n", false, nil}, {"YES\n", false, nil}, {"\n", false, nil}, {"yes please\n", false, nil}, {"no\nyes\n", false, nil},
		{"", false, ErrClosed},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			c, out, errs := console(tt.in)
			got, err := c.Confirm(t.Context(), "Buy it?")
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %t, %v; want %t, %v", got, err, tt.want, tt.err)
			}
			if out.Len() > 0 || !strings.Contains(errs.String(), "Buy it?") || !strings.Contains(errs.String(), "Only yes is accepted:") {
				t.Errorf("stdout %q, stderr %q", out, errs)
			}
		})
	}
}

type neverReader struct{ release chan struct{} }

func (r neverReader) Read([]byte) (int, error) { <-r.release; return 0, io.EOF }

// An interrupt ends the question.
func TestConfirmInterrupted(t *testing.T) {
	r := neverReader{make(chan struct{})}
	defer close(r.release)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := New(Options{Stdin: r, Stdout: io.Discard, Stderr: io.Discard})
	if _, err := c.Confirm(ctx, "Buy it?"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

type failingWriter struct{ after int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.after--; w.after < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

// The first failure to write to stdout is kept.
func TestWriteError(t *testing.T) {
	c := New(Options{Stdin: strings.NewReader(""), Stdout: &failingWriter{1}, Stderr: io.Discard})
	c.Print("fits\n")
	if err := c.WriteError(); err != nil {
		t.Errorf("got %v, want none", err)
	}
	c.Print("does not\n")
	if err := c.WriteError(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
}

// Whatever holds a key, it is not written.
func TestHide(t *testing.T) {
	const key = "AIzaSy-this-is-a-key-0123456789"
	c, out, errs := console("")
	c.Hide(key)
	c.Hide("test") // a word, and no key
	c.Hide("")
	c.Print("test " + key + "\n")
	c.Show(Explain(fmt.Errorf("list jobs: %s refused", key)))
	s := NewJSONStream(c.Out(), "1")
	s.Event(apply.Event{Type: apply.EventDiagnostic, Message: "key " + key})
	c.err.draw([]string{"bar " + key})
	if all := out.String() + errs.String(); strings.Contains(all, key) || !strings.Contains(all, "[hidden]") || !strings.Contains(all, "test ") {
		t.Errorf("written: %s", all)
	}
}

func TestExplain(t *testing.T) {
	perr := func(e provider.Error) error { return fmt.Errorf("list jobs: %w", &e) }
	at := time.Date(2026, 11, 23, 12, 3, 10, 0, time.UTC)
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"key", perr(provider.Error{Op: "list jobs", Class: provider.ClassRefused, HTTPStatus: 400, Status: "INVALID_ARGUMENT", About: provider.AboutKey, Message: "API key not valid."}),
			[]string{"API key not valid.", "GOOGLE_API_KEY", "GEMINI_API_KEY"}},
		{"project", perr(provider.Error{Class: provider.ClassRefused, HTTPStatus: 400, About: provider.AboutProject}), []string{"billing"}},
		{"model", perr(provider.Error{Class: provider.ClassGone, HTTPStatus: 404, About: provider.AboutModel}), []string{"model's name"}},
		{"quota", perr(provider.Error{Class: provider.ClassQuota, HTTPStatus: 429, Status: "RESOURCE_EXHAUSTED"}), []string{"quota", "apply --wait"}},
		{"forbidden", perr(provider.Error{Class: provider.ClassRefused, HTTPStatus: 403, Status: "PERMISSION_DENIED"}), []string{"right project"}},
		{"unreachable", perr(provider.Error{Class: provider.ClassTemporary, NotSent: true}), []string{"could not be reached", "GOOGLE_GEMINI_BASE_URL"}},
		{"a page", perr(provider.Error{Class: provider.ClassTemporary, HTTPStatus: 200}), []string{"not the service's own", "base_url"}},
		{"no such call", perr(provider.Error{Op: "list files", Class: provider.ClassGone, HTTPStatus: 404, Status: "NOT_FOUND"}), []string{"Check the base URL", "without /v1beta"}},
		{"outage", perr(provider.Error{Class: provider.ClassTemporary, HTTPStatus: 503, Status: "UNAVAILABLE"}), []string{"run the command again"}},
		{"locked", &state.LockedError{File: "f.lock", Holder: state.Holder{ID: "1a2b", Operation: "apply", Who: "ann@desk", PID: 7, Started: at, Renewed: at.Add(6 * time.Second)}, At: at.Add(10 * time.Second)},
			[]string{"locked: apply by ann@desk, pid 7, since 12:03:10, last seen 4 s ago (lock 1a2b)", "--lock-timeout"}},
		{"locked by one that hangs", &state.LockedError{File: "f.lock", Holder: state.Holder{ID: "1a2b", Renewed: at}, At: at.Add(time.Minute)}, []string{"last seen 60 s ago", "no sign of life", "qaplan force-unlock 1a2b"}},
		{"locked by somebody", &state.LockedError{File: "f.lock"}, []string{"locked by another run", "f.lock"}},
		{"permission", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, []string{"open x", "who may read"}},
		{"not there", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, []string{"open x", "Check the path"}},
		{"anything", errors.New("odd"), []string{"Error: odd"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, out, errs := console("")
			c.Show(Explain(tt.err))
			for _, w := range tt.want {
				if !strings.Contains(errs.String(), w) {
					t.Errorf("stderr lacks %q:\n%s", w, errs)
				}
			}
			if out.Len() > 0 {
				t.Errorf("stdout has %q", out)
			}
		})
	}
}

func TestShowDiagnostic(t *testing.T) {
	d := config.Diagnostic{
		Severity: config.SeverityError, Summary: "Unsuitable value", Detail: "Write a number:\n  range = [1, 2]\nand nothing else that would make this line any longer than it has to be on a small terminal.",
		Range: &config.Range{Filename: "qaplan.hcl", Start: config.Pos{Line: 12}},
		Snippet: &config.Snippet{Context: `batch "qa"`, Code: "\trange = \"größe\" # x\x1b", StartLine: 12, HighlightStart: 9, HighlightEnd: 18,
			Values: []config.SnippetValue{{Traversal: "var.x", Statement: `is "größe"`}}},
	}
	x := FromDiagnostic(&d)
	golden(t, "diagnostic.txt", x.render(Style{}, 60))
	d.Severity, d.Range.Start.Line, d.Snippet, d.Address = config.SeverityWarning, 0, nil, "batch.qa[7]"
	x = FromDiagnostic(&d)
	golden(t, "diagnostic_warning.txt", x.render(Style{}, 0))
}

// A thousand mistakes do not flood the screen; JSON has them all.
func TestShowAll(t *testing.T) {
	ds := make(config.Diagnostics, 1000)
	for i := range ds {
		ds[i] = config.Diagnostic{Severity: config.SeverityError, Summary: fmt.Sprintf("mistake %d", i)}
	}
	c, _, errs := console("")
	c.ShowAll(ds)
	if got := strings.Count(errs.String(), "Error: "); got != maxShown || !strings.Contains(errs.String(), "950 more problems") {
		t.Errorf("%d errors shown:\n%s", got, errs)
	}
	text, err := ValidationJSON(ds)
	if err != nil || strings.Count(text, "mistake ") != 1000 {
		t.Errorf("JSON has %d, %v", strings.Count(text, "mistake "), err)
	}
}

func TestJSONStream(t *testing.T) {
	a := addr("qa", 7)
	at := time.Date(2026, 11, 23, 8, 0, 0, 123e6, time.UTC)
	var out strings.Builder
	s := NewJSONStream(&out, "0.1.0")
	s.now = func() time.Time { return at }
	change := create(7, planner.ActionUpload, planner.ActionCreate)
	for _, e := range []apply.Event{
		{Type: apply.EventPlannedChange, Address: &a, Attempt: 1, Change: &change},
		{Type: apply.EventUploadStart, Address: &a, Attempt: 1, File: "files/f", Total: 300_000},
		{Type: apply.EventUploadProgress, Address: &a, Attempt: 1, File: "files/f", Bytes: 100_000, Total: 300_000},
		{Type: apply.EventUploadComplete, Address: &a, Attempt: 1, File: "files/f", Bytes: 300_000, SHA256: "ab"},
		{Type: apply.EventCreateIntent, Address: &a, Attempt: 1},
		{Type: apply.EventCreateComplete, Address: &a, Attempt: 1, Job: "batches/j", JobState: "PENDING"},
		{Type: apply.EventCreateComplete, Address: &a, Attempt: 1, Job: "batches/j", Reason: "create_found"},
		{Type: apply.EventCreateRefused, Severity: planner.SeverityWarning, Address: &a, Attempt: 1, Message: "no\nsuch field", Reason: "input"},
		{Type: apply.EventCreateRefused, Severity: planner.SeverityWarning, Address: &a, Attempt: 1, Message: "You exceeded it. See https://x", Reason: "quota"},
		{Type: apply.EventCreateUnknown, Severity: planner.SeverityWarning, Address: &a, Attempt: 1, Message: "connection reset"},
		{Type: apply.EventAdopted, Address: &a, Job: "batches/j"},
		{Type: apply.EventAdopted, Address: &a, File: "files/f"},
		{Type: apply.EventJobState, Address: &a, Job: "batches/j", JobState: "SUCCEEDED", OldState: "RUNNING"},
		{Type: apply.EventDownloadComplete, Address: &a, Path: "out/x.jsonl", Rows: 100, BadRows: 2, Bytes: 5, SHA256: "cd"},
		{Type: apply.EventDownloadComplete, Address: &a, Rows: 100},
		{Type: apply.EventRateWait, Budget: "creates", Reason: "quota", Until: at.Add(time.Minute)},
		{Type: apply.EventDeferred, Address: &a, Budget: apply.BudgetActiveJobs, Reason: "100 jobs are active", Until: at.Add(time.Minute)},
		{Type: apply.EventDiagnostic, Severity: planner.SeverityError, Message: "something is wrong"},
	} {
		e.Time = at
		s.Event(e)
	}
	s.Explain(Explained{Summary: "a warning", Detail: "do this", Warning: true, Range: &config.Range{Filename: "q.hcl", Start: config.Pos{Line: 3}}})
	s.End(apply.Summary{Uploaded: 1, Created: 1, InProgress: 1, Deferred: 3}, []apply.Left{
		{Budget: apply.BudgetCreates, Reason: "quota", Until: at.Add(time.Minute), Count: 2},
		{Reason: "the run ended before they were through", Count: 1},
	}, 0, false)
	golden(t, "events.ndjson", out.String())

	type event struct {
		Message string `json:"@message"`
		Type    string
	}
	var types []string
	for line := range strings.Lines(out.String()) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Message == "" || strings.Contains(e.Message, "\n") {
			t.Errorf("line %q: %v", line, err)
		}
		types = append(types, e.Type)
	}
	if types[0] != "version" || types[len(types)-1] != "apply_summary" {
		t.Errorf("types are %v", types)
	}
}

// Even a run that fails at once writes a first and a last line.
func TestJSONStreamOfNothing(t *testing.T) {
	var out strings.Builder
	NewJSONStream(&out, "0.1.0").End(apply.Summary{}, nil, 1, true)
	if got := strings.Count(out.String(), "\n"); got != 2 || !strings.Contains(out.String(), `"exit_code":1`) || !strings.Contains(out.String(), "Apply stopped: ") {
		t.Errorf("written:\n%s", out.String())
	}
}
