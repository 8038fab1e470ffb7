package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Severity tells an error, which stops the run, from a warning.
type Severity string

const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is one thing that is wrong or doubtful, with its place. Its JSON
// form has the keys that Terraform's validate -json uses, so editors and CI
// annotations that know those work unchanged.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail,omitempty"`
	// Address is the batch or block that it is about, such as batch.qa[7].
	Address string   `json:"address,omitempty"`
	Range   *Range   `json:"range,omitempty"`
	Snippet *Snippet `json:"snippet,omitempty"`
}

// Range is a place in a file. End is exclusive.
type Range struct {
	Filename string `json:"filename"` // as messages show it
	Start    Pos    `json:"start"`
	End      Pos    `json:"end"`
}

// place gives file:line, or the file alone for what concerns it as a whole.
func (r *Range) place() string {
	if r.Start.Line == 0 {
		return r.Filename
	}
	return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line)
}

// Pos is a position: Line and Column count from 1, Column in what a reader
// sees as characters (in source files: in bytes), Byte from 0. A Line of 0 means
// the file as a whole.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Snippet is the source line of a diagnostic, with what to underline in it.
type Snippet struct {
	// Context is the header of the block around it, such as batch "qa".
	Context   string `json:"context,omitempty"`
	Code      string `json:"code"`
	StartLine int    `json:"start_line"`
	// HighlightStart and HighlightEnd are byte offsets in Code.
	HighlightStart int `json:"highlight_start_offset"`
	HighlightEnd   int `json:"highlight_end_offset"`
	// Values are the values of the references in the expression at fault.
	Values []SnippetValue `json:"values,omitempty"`
}

// SnippetValue tells what a reference stands for; of a sensitive one it tells
// only that it is sensitive.
type SnippetValue struct {
	Traversal string `json:"traversal"` // such as var.model
	Statement string `json:"statement"` // such as is "gemini-2.5-flash"
}

// Diagnostics are what one run has to say, sorted by file and position.
type Diagnostics []Diagnostic

// HasErrors reports whether the run must stop.
func (ds Diagnostics) HasErrors() bool { return ds.count(SeverityError) > 0 }

func (ds Diagnostics) count(s Severity) int {
	n := 0
	for i := range ds {
		if ds[i].Severity == s {
			n++
		}
	}
	return n
}

// Err sums the errors up in one error, nil when there are none.
func (ds Diagnostics) Err() error {
	errors := ds.count(SeverityError)
	for i := range ds {
		if ds[i].Severity != SeverityError {
			continue
		}
		if errors == 1 {
			return fmt.Errorf("%s", ds[i].oneLine())
		}
		return fmt.Errorf("%s (and %s)", ds[i].oneLine(), more(errors-1, "error"))
	}
	return nil
}

func (d *Diagnostic) oneLine() string {
	if d.Range == nil {
		return d.Summary
	}
	return fmt.Sprintf("%s: %s", d.Range.place(), d.Summary)
}

// sorted orders by file, position and words, and drops what is said twice.
// What has no place comes first: it is about the run as a whole.
func (ds Diagnostics) sorted() Diagnostics {
	out := slices.Clone(ds)
	slices.SortStableFunc(out, compareDiagnostics)
	return slices.CompactFunc(out, func(a, b Diagnostic) bool { return compareDiagnostics(a, b) == 0 })
}

func compareDiagnostics(a, b Diagnostic) int {
	var ra, rb Range
	if a.Range != nil {
		ra = *a.Range
	}
	if b.Range != nil {
		rb = *b.Range
	}
	return cmp.Or(
		strings.Compare(ra.Filename, rb.Filename),
		cmp.Compare(ra.Start.Byte, rb.Start.Byte),
		cmp.Compare(lastIfNone(ra.Start.Line), lastIfNone(rb.Start.Line)),
		cmp.Compare(ra.Start.Column, rb.Start.Column),
		cmp.Compare(ra.End.Byte, rb.End.Byte),
		strings.Compare(string(a.Severity), string(b.Severity)),
		strings.Compare(a.Summary, b.Summary),
		strings.Compare(a.Detail, b.Detail),
		strings.Compare(a.Address, b.Address),
	)
}

// lastIfNone puts what concerns a file as a whole behind its lines: it may be
// a count of what is not listed.
func lastIfNone(line int) int {
	if line == 0 {
		return math.MaxInt
	}
	return line
}

// more gives "3 more errors".
func more(n int, what string) string {
	if n == 1 {
		return "1 more " + what
	}
	return fmt.Sprintf("%d more %ss", n, what)
}
