package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/planner"
)

// Status is where the batches stand; its JSON is an interface.
type Status struct {
	Batches []StatusBatch         `json:"batches"`
	Summary map[planner.Phase]int `json:"summary"` // every phase, zeros too
	Cost    StatusCost            `json:"cost"`    // of all batches
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

// StatusView says how a status is shown.
type StatusView struct {
	Style Style
	Width int       // of the terminal, 0 when it is none
	Now   time.Time // ages are told against it
	// Held and Failed carry the ways out.
	Held   []planner.Held
	Failed []planner.Failed
	// MoreBadRows counts those that are left out of the status.
	MoreBadRows int
}

// RenderStatus shows a status as text: a line for each run of batches that
// stand alike, what needs a person, and the counts.
func RenderStatus(s *Status, v StatusView) string {
	var b strings.Builder
	var rows [][]string
	for i := 0; i < len(s.Batches); {
		j := i + 1
		for j < len(s.Batches) && standAlike(&s.Batches[j-1], &s.Batches[j]) {
			j++
		}
		rows = append(rows, statusCells(s.Batches[i:j], v.Now))
		i = j
	}
	if len(rows) > 0 {
		head := []string{"BATCHES", "PHASE", "JOB", "OLDEST", "ROWS", "GOOD", "BAD", "TOK IN", "TOK OUT", "COST"}
		lines := table(append([][]string{head}, rows...), 3, 4, 5, 6, 7, 8, 9)
		b.WriteString("  " + v.Style.bold(lines[0]) + "\n")
		b.WriteString(indent("  ", lines[1:]))
	}
	renderBadRows(&b, s.BadRows, v)
	view := PlanView{Style: v.Style, Width: v.Width, folded: true}
	renderHeld(&b, v.Held, view)
	renderFailed(&b, v.Failed, view)
	if line := costLine(&s.Cost); line != "" {
		section(&b, line+"\n")
	}
	section(&b, statusLine(s)+"\n")
	return b.String()
}

func standAlike(a, b *StatusBatch) bool {
	return a.Address.Block == b.Address.Block && a.Number+1 == b.Number && a.Phase == b.Phase && a.Reason == b.Reason &&
		a.JobState == b.JobState && a.bad() == b.bad() && !b.bad()
}

func statusCells(group []StatusBatch, now time.Time) []string {
	first, last := &group[0], &group[len(group)-1]
	var sum StatusBatch
	oldest := ""
	for i := range group {
		g := &group[i]
		sum.Requests += g.Requests
		sum.Succeeded += g.Succeeded
		sum.Failed += g.Failed
		sum.InputTokens += g.InputTokens
		sum.OutputTokens += g.OutputTokens
		sum.CostUSD += g.CostUSD
		if g.JobCreatedAt != "" && (oldest == "" || g.JobCreatedAt < oldest) {
			oldest = g.JobCreatedAt
		}
	}
	age, state := "", ""
	if active := first.Phase == planner.PhaseSubmitted || first.Phase == planner.PhaseSucceeded; active {
		state = Printable(first.JobState)
		if t, err := time.Parse(time.RFC3339, oldest); err == nil {
			age = length(now.Sub(t))
		}
	}
	phase := string(first.Phase)
	if first.Reason != "" {
		phase += ": " + string(first.Reason)
	}
	return []string{span(first.Address.Block, first.Number, last.Number), phase, state, age,
		nonzero(sum.Requests), nonzero(sum.Succeeded), nonzero(sum.Failed), short(sum.InputTokens), short(sum.OutputTokens), dollars(sum.CostUSD)}
}

func nonzero(n int64) string {
	if n == 0 {
		return ""
	}
	return humanize.Comma(n)
}

func short(n int64) string {
	if n == 0 {
		return ""
	}
	return amount(n)
}

// statusLine counts the batches by phase, those phases that have some.
func statusLine(s *Status) string {
	var parts []string
	all := 0
	for _, phase := range planner.Phases() {
		if n := s.Summary[phase]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, phase))
			all += n
		}
	}
	if all == 0 {
		return "No batches."
	}
	return count(all, "batch") + ": " + strings.Join(parts, ", ") + "."
}

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
