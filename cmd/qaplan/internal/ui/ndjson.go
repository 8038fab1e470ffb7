package ui

import (
	"encoding/json"
	"io"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

// JSONStream writes the events of an apply as one JSON object a line. The
// first line is a version, the last an apply_summary, however the run ends.
type JSONStream struct {
	// Waits tells that the run goes on until all is done. It changes words only.
	Waits bool

	enc     *json.Encoder
	version string
	begun   bool
	now     func() time.Time
}

// NewJSONStream writes to w; nothing is written before the first event.
func NewJSONStream(w io.Writer, version string) *JSONStream {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &JSONStream{enc: enc, version: version, now: time.Now}
}

// line is one event. Keys are only ever added.
type line struct {
	Timestamp string           `json:"@timestamp"`
	Level     string           `json:"@level"`
	Message   string           `json:"@message"`
	Type      apply.EventType  `json:"type"`
	Address   *planner.Address `json:"address,omitempty"`
	Attempt   int              `json:"attempt,omitempty"`
	Change    *planner.Change  `json:"change,omitempty"`
	Job       string           `json:"job,omitempty"`
	JobState  string           `json:"job_state,omitempty"`
	OldState  string           `json:"old_state,omitempty"`
	File      string           `json:"file,omitempty"`
	Path      string           `json:"path,omitempty"`
	SHA256    string           `json:"sha256,omitempty"`
	Bytes     int64            `json:"bytes,omitempty"`
	Total     int64            `json:"total,omitempty"`
	Rows      int              `json:"rows,omitempty"`
	BadRows   int              `json:"bad_rows,omitempty"`
	Dataset   string           `json:"dataset,omitempty"`
	Block     string           `json:"block,omitempty"`
	Batches   int              `json:"batches,omitempty"`
	Of        int              `json:"batches_total,omitempty"`
	Budget    string           `json:"budget,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Until     *time.Time       `json:"until,omitempty"`
	Detail    string           `json:"detail,omitempty"` // the service's words, or what to do
	Severity  string           `json:"severity,omitempty"`
	Summary   *apply.Summary   `json:"summary,omitempty"`
	// Of version and apply_summary.
	QaplanVersion string `json:"qaplan_version,omitempty"`
	FormatVersion string `json:"format_version,omitempty"`
	ExitCode      *int   `json:"exit_code,omitempty"`
	Left          []left `json:"left,omitempty"`
	// Of a diagnostic of the config or a source: where.
	Range any `json:"range,omitempty"`
}

// left is why planned changes are left for a later run.
type left struct {
	Budget string     `json:"budget,omitempty"`
	Reason string     `json:"reason"`
	Until  *time.Time `json:"until,omitempty"`
	// Refused tells that a limit on the cost stands against them.
	Refused bool `json:"refused,omitempty"`
	Count   int  `json:"count"` // of batches
}

func newLeft(l *apply.Left) left {
	out := left{Budget: l.Budget, Reason: l.Reason, Refused: l.Refused, Count: l.Count}
	if !l.Until.IsZero() {
		t := l.Until.UTC()
		out.Until = &t
	}
	return out
}

func (s *JSONStream) write(l line) {
	if l.Timestamp == "" {
		l.Timestamp = stamp(s.now())
	}
	if l.Level == "" {
		l.Level = "info"
	}
	_ = s.enc.Encode(l) // the Console keeps a failed write
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (s *JSONStream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	s.write(line{Type: "version", Message: "qaplan " + s.version, QaplanVersion: s.version, FormatVersion: planner.FormatVersion})
}

// Event writes one event. It is not for several goroutines at once.
func (s *JSONStream) Event(e apply.Event) {
	s.begin()
	l := line{
		Timestamp: stamp(e.Time), Type: e.Type, Message: Sentence(&e, s.Waits), Address: e.Address, Attempt: e.Attempt, Change: e.Change,
		Job: e.Job, JobState: e.JobState, OldState: e.OldState, File: e.File, Path: e.Path, SHA256: e.SHA256,
		Bytes: e.Bytes, Total: e.Total, Rows: e.Rows, BadRows: e.BadRows, Dataset: e.Dataset, Block: e.Block, Batches: e.Batches, Of: e.Of, Budget: e.Budget, Reason: e.Reason,
		Detail: e.Message, Summary: e.Summary, Severity: string(Severity(&e)),
	}
	switch Severity(&e) {
	case planner.SeverityError:
		l.Level = "error"
	case planner.SeverityWarning:
		l.Level = "warn"
	}
	if e.Time.IsZero() {
		l.Timestamp = ""
	}
	if !e.Until.IsZero() {
		t := e.Until.UTC()
		l.Until = &t
	}
	s.write(l)
}

// Saved tells that a change of a saved plan is done already, or is left alone.
func (s *JSONStream) Saved(it *planner.SavedItem) {
	l := line{Type: typeSkipped, Address: &it.Change.Address, Attempt: it.Change.Attempt, Job: it.Job, Reason: string(it.Why),
		Message: it.Change.Address.String() + ": done already: " + savedWords(it)}
	switch it.Standing {
	case planner.StandsPlanned:
		return
	case planner.StandsStale:
		l.Type, l.Level, l.Severity = apply.EventDiagnostic, "warn", string(planner.SeverityWarning)
		l.Message = it.Change.Address.String() + ": the saved plan is stale, and this is left alone: " + savedWords(it)
	}
	s.begin()
	s.write(l)
}

// typeSkipped is the type of a change of a saved plan that is done already.
const typeSkipped = "skipped"

// Explain writes what went wrong, or may, as a diagnostic.
func (s *JSONStream) Explain(x Explained) {
	s.begin()
	l := line{Type: apply.EventDiagnostic, Level: "error", Severity: string(planner.SeverityError), Message: x.Summary, Detail: x.Detail}
	if x.Warning {
		l.Level, l.Severity = "warn", string(planner.SeverityWarning)
	}
	if x.Range != nil {
		l.Range = x.Range
	}
	s.write(l)
}

// End writes the last line. stopped tells that the run ended before it had done
// what it could.
func (s *JSONStream) End(sum apply.Summary, remains []apply.Left, exitCode int, stopped bool) {
	s.begin()
	level := "info"
	if exitCode != 0 {
		level = "warn"
	}
	l := line{Type: apply.EventApplySummary, Level: level, Message: ApplyEnd(sum, stopped), Summary: &sum, ExitCode: &exitCode}
	for _, r := range remains {
		l.Left = append(l.Left, newLeft(&r))
	}
	s.write(l)
}
