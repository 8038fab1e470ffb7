package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
)

func TestWriteTextWidths(t *testing.T) {
	_, ds := loadText(t, "batch \"qa\" {\n\trange = [1, 2]\n\tmodel = \"日本語\" == \""+strings.Repeat("é", 300)+"\" ? var.one : var.another_one\n  source = \"in/b_*.jsonl\"\n  output_dir = \"out\"\n}\n")
	if len(ds) != 2 {
		t.Fatalf("got %d diagnostics, want 2", len(ds))
	}
	for _, width := range []int{20, 40, 80, 200} {
		text := render(t, ds, width)
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			if !strings.HasPrefix(strings.TrimSpace(line), "^") {
				continue
			}
			start := strings.Index(line, "^")
			code := lines[i-1]
			if w := runewidth.StringWidth(code); w > max(width, 28) {
				t.Errorf("width %d: a source line has %d columns: %s", width, w, code)
			}
			if got := runewidth.Truncate(runewidth.TruncateLeft(code, start, ""), len("var.o"), ""); width >= 40 && got != "var.o" && got != "var.a" {
				t.Errorf("width %d: the mark points at %q in\n%s\n%s", width, got, code, line)
			}
		}
	}
}

func TestWriteTextForms(t *testing.T) {
	ds := Diagnostics{
		{Severity: SeverityError, Summary: "About the run", Detail: "Do this."},
		{Severity: SeverityWarning, Summary: "About a batch", Address: "batch.qa[7]"},
		{Severity: SeverityError, Summary: "About a file", Range: &Range{Filename: "in/b_1.jsonl"}},
		{Severity: SeverityError, Summary: "About a line", Range: &Range{Filename: "in/b_1.jsonl", Start: Pos{Line: 3}}},
		{Severity: SeverityError, Summary: "About a place", Range: &Range{Filename: "more.vars", Start: Pos{Line: 1}}, Snippet: &Snippet{
			Code: "a = b", StartLine: 1, HighlightStart: 4, HighlightEnd: 5, Values: []SnippetValue{{"var.b", "is 7"}},
		}},
	}
	want := `Error: About the run

Do this.

Warning: About a batch

  with batch.qa[7]

Error: About a file

  on in/b_1.jsonl

Error: About a line

  on in/b_1.jsonl line 3

Error: About a place

  on more.vars line 1:
     1: a = b
            ^
        var.b is 7
`
	if diff := cmp.Diff(want, render(t, ds, 80)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	broken := errors.New("disk full")
	if err := ds.WriteText(failing{broken}, 80); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of the writer", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestDiagnosticsErr(t *testing.T) {
	at := func(summary string, line int) Diagnostic {
		return Diagnostic{Severity: SeverityError, Summary: summary, Range: &Range{Filename: "a.hcl", Start: Pos{Line: line}}}
	}
	warning := Diagnostic{Severity: SeverityWarning, Summary: "w"}
	tests := []struct {
		ds   Diagnostics
		want string
	}{
		{nil, ""},
		{Diagnostics{warning}, ""},
		{Diagnostics{warning, at("one", 3)}, "a.hcl:3: one"},
		{Diagnostics{at("one", 0), warning, at("two", 4)}, "a.hcl: one (and 1 more error)"},
		{Diagnostics{{Severity: SeverityError, Summary: "x"}, at("two", 4), at("three", 5)}, "x (and 2 more errors)"},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.ds.Err(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("error %q, want %q", got, tt.want)
		}
		if tt.ds.HasErrors() != (tt.want != "") {
			t.Errorf("HasErrors of %v is %t", tt.ds, tt.ds.HasErrors())
		}
	}
}

// The keys are those that readers of terraform validate -json know.
func TestDiagnosticJSON(t *testing.T) {
	_, ds := loadText(t, "variable \"n\" {\n  default = 5\n}\n"+strings.Replace(block(), "[1, 2]", "[9, var.n]", 1))
	if len(ds) != 1 {
		t.Fatal(render(t, ds, 0))
	}
	ds[0].Range.Filename = "qaplan.hcl"
	got, err := json.MarshalIndent(ds, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {
  "severity": "error",
  "summary": "Invalid value for \"range\"",
  "detail": "range ends before it starts: write [5, 9].",
  "range": {
   "filename": "qaplan.hcl",
   "start": {
    "line": 5,
    "column": 16,
    "byte": 59
   },
   "end": {
    "line": 5,
    "column": 26,
    "byte": 69
   }
  },
  "snippet": {
   "context": "batch \"qa\"",
   "code": "  range      = [9, var.n]",
   "start_line": 5,
   "highlight_start_offset": 15,
   "highlight_end_offset": 25,
   "values": [
    {
     "traversal": "var.n",
     "statement": "is 5"
    }
   ]
  }
 }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestSnippetIsPrintable(t *testing.T) {
	long := strings.Repeat("x", 5000)
	tests := []struct {
		line       string
		start, end int
		mark       string
	}{
		{"a = \x1b[31mred", 4, 9, "?[31m"},
		{"a = \u0085x", 4, 6, "??"},
		{"a = \xffx", 4, 6, "?x"},
		{long + "here" + long, 5000, 5004, "here"},
		{"here" + long, 0, 4, "here"},
		{long + "here", 5000, 5004, "here"},
	}
	for _, tt := range tests {
		f := newSourceFile("x", []byte("first\n"+tt.line+"\nlast"))
		s := f.snippet(*f.span(6+tt.start, 6+tt.end))
		if len(s.Code) > maxSnippet || s.StartLine != 2 {
			t.Errorf("%.20q: line %d of %d bytes", tt.line, s.StartLine, len(s.Code))
		}
		if got := s.Code[s.HighlightStart:s.HighlightEnd]; got != tt.mark {
			t.Errorf("%.20q: marked %q, want %q", tt.line, got, tt.mark)
		}
	}
}
