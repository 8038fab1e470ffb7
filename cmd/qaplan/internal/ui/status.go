package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
)

// Status is where the batches stand; its JSON is an interface.
type Status struct {
	Batches []StatusBatch         `json:"batches"`
	Summary map[planner.Phase]int `json:"summary"` // every phase, zeros too
	Cost    StatusCost            `json:"cost"`    // of all batches
	// Next is what happens next; absent where only some batches are listed.
	Next *StatusNext `json:"next,omitzero"`
	// BadRows are those of Batches, where they were asked for.
	BadRows []BadRow `json:"bad_rows,omitzero"`
}

// StatusBatch is one batch. Every key is always there: texts and times that do
// not apply are "", numbers 0.
type StatusBatch struct {
	Address       planner.Address `json:"address"`
	Number        int             `json:"number"`
	Phase         planner.Phase   `json:"phase"`
	Reason        planner.Reason  `json:"reason"`
	Job           string          `json:"job"`
	JobState      string          `json:"job_state"`
	JobCreatedAt  string          `json:"job_created_at"` // RFC 3339, UTC
	File          string          `json:"file"`
	FileExpiresAt string          `json:"file_expires_at"` // RFC 3339, UTC
	Output        string          `json:"output"`          // path of the verified result
	Requests      int64           `json:"requests"`
	Succeeded     int64           `json:"succeeded"`
	Failed        int64           `json:"failed"`
	InputTokens   int64           `json:"input_tokens"`
	OutputTokens  int64           `json:"output_tokens"`
	CostUSD       float64         `json:"cost_usd"`
	Attempts      int             `json:"attempts"`
	// ToComeUSD is the estimate for jobs whose answers were not read yet. CostOpen
	// tells that it, or CostUSD, cannot be told whole.
	ToComeUSD float64 `json:"to_come_usd"`
	CostOpen  bool    `json:"cost_open"`
}

// bad reports whether a person should look at the batch.
func (b *StatusBatch) bad() bool {
	return b.Phase == planner.PhaseFailed || b.Phase == planner.PhaseHeld || b.Phase == planner.PhaseDone && b.Failed > 0
}

// NewStatus gathers the status from a diff's items.
func NewStatus(items []planner.Item) *Status {
	s := &Status{Batches: make([]StatusBatch, 0, len(items)), Summary: map[planner.Phase]int{}}
	for _, phase := range planner.Phases() {
		s.Summary[phase] = 0
	}
	for i := range items {
		s.Batches = append(s.Batches, statusOf(&items[i]))
		s.Summary[items[i].Phase]++
	}
	return s
}

// OnlyBad leaves the batches that a person should look at; the summary still
// counts all. Their bad rows are yet to be added.
func (s *Status) OnlyBad() *Status {
	out := &Status{Batches: []StatusBatch{}, Summary: s.Summary, Cost: s.Cost, BadRows: []BadRow{}}
	for _, b := range s.Batches {
		if b.bad() {
			out.Batches = append(out.Batches, b)
		}
	}
	return out
}

func statusOf(it *planner.Item) StatusBatch {
	b := StatusBatch{Address: it.Address, Number: it.Address.Number, Phase: it.Phase, Reason: it.Reason}
	if it.Want != nil {
		b.Requests = int64(it.Want.Source.Rows)
	}
	rec := it.Record
	if rec == nil {
		return b
	}
	if b.Requests == 0 {
		b.Requests = int64(rec.Source.Rows)
	}
	if up := rec.Upload; up != nil {
		b.File, b.FileExpiresAt = up.File, instant(up.Expires)
	}
	var used planner.Tokens
	for i := range rec.Attempts {
		a := &rec.Attempts[i]
		used.Add(a.Tokens)
		if a.Outcome == planner.OutcomeBought || a.Outcome == planner.OutcomeIntent {
			b.Attempts++
		}
		if a.Job == "" {
			continue
		}
		b.Job, b.JobState, b.JobCreatedAt = a.Job, a.State, instant(a.Created)
		b.Succeeded, b.Failed = a.Stats.Succeeded, a.Stats.Failed
		if b.File == "" {
			b.File = a.File
		}
	}
	if j := rec.Judged; j != nil {
		b.Succeeded, b.Failed = int64(j.Classes.Good), int64(j.Classes.Bad())
	}
	if r := rec.Result; r != nil {
		b.Output = r.Path
		b.Requests, b.Succeeded, b.Failed = int64(r.Rows), int64(r.Succeeded), int64(r.Failed+r.Missing)
		if used == (planner.Tokens{}) {
			used = r.Tokens // of an attempt that is not recorded any more
		}
	}
	b.InputTokens, b.OutputTokens = used.Input, used.Output+used.Thoughts
	return b
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// minute is a time for people.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

// RenderLeft lists what an apply leaves for people: failed and held batches
// with the way out, results with rows that stay bad. It is "" when there is
// nothing to say.
func RenderLeft(p *planner.Plan, items []planner.Item, s Style, width int) string {
	var b strings.Builder
	view := PlanView{Style: s, Width: width, folded: true}
	renderHeld(&b, p.Held, view)
	renderFailed(&b, p.Failed, view)
	var rows [][]string
	for i := range items {
		if it := &items[i]; it.Phase == planner.PhaseDone && it.BadRows > 0 && it.Record != nil && it.Record.Result != nil {
			rows = append(rows, []string{it.Address.String(), fmt.Sprintf("%d of %s", it.BadRows, count(it.Record.Result.Rows, "row")), Printable(it.Record.Result.Path)})
		}
	}
	if len(rows) > 0 {
		section(&b, fmt.Sprintf("%s (%d):\n", s.yellow("Done with rows that have no good answer"), len(rows)))
		b.WriteString(indent("  ! ", table(rows, 1)))
	}
	return b.String()
}
