package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

const (
	limitJobs     = "active_jobs"
	limitTokens   = "enqueued_tokens"
	limitCreates  = "creates_per_minute"
	limitRequests = "requests_per_minute"
)

// Words are the sentences that page and Markdown share.
type Words struct {
	Title  string
	Status string // in two or three words
	Lead   string // where it stands, in one sentence
	AsOfIs string // what the report knows, and of when
}

func newWords(r *Report) Words {
	w := Words{Title: title(r), Status: status(r), Lead: lead(r)}
	switch {
	case r.Refreshed:
		w.AsOfIs = "The service was asked on " + Moment(r.AsOf) + "."
	case r.AsOf.IsZero():
		w.AsOfIs = "The state has no job yet."
	default:
		w.AsOfIs = "Made from the state, whose newest entry is of " + Moment(r.AsOf) + "; the service was not asked."
	}
	return w
}

// Moment is a time for people.
func Moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func title(r *Report) string {
	var names []string
	for i := range r.Blocks {
		names = append(names, r.Blocks[i].Name)
	}
	if len(names) > 0 && len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return r.Config
}

func status(r *Report) string {
	s := &r.Summary
	stuck := s.Phases[planner.PhaseHeld] + s.Phases[planner.PhaseFailed]
	switch {
	case s.Batches == 0:
		return "No batches"
	case s.Phases[planner.PhaseDone] == s.Batches && s.Bad > 0:
		return "Done, with bad rows"
	case s.Phases[planner.PhaseDone] == s.Batches:
		return "Done"
	case stuck == s.Batches-s.Phases[planner.PhaseDone]:
		return "Needs a person"
	case s.Jobs == 0 && s.Phases[planner.PhaseUnknown] == 0:
		return "Nothing bought yet"
	case r.Next.Refused:
		return "Stopped by a limit on the cost"
	}
	return "In progress"
}

func lead(r *Report) string {
	s := &r.Summary
	if s.Batches == 0 {
		return "The config declares no batches, and the state has none."
	}
	parts := []string{fmt.Sprintf("%s of %s done", humanize.Comma(int64(s.Phases[planner.PhaseDone])), ui.Count(s.Batches, "batch"))}
	add := func(n int, words string) {
		if n > 0 {
			parts = append(parts, humanize.Comma(int64(n))+" "+words)
		}
	}
	add(s.InProgress(), "in progress")
	add(s.Phases[planner.PhaseUploaded], "uploaded and not bought yet")
	add(s.Phases[planner.PhaseAbsent], "not begun")
	add(s.Phases[planner.PhaseHeld], "held for a person")
	add(s.Phases[planner.PhaseFailed], "failed")
	return strings.Join(parts, ", ") + "."
}

// phaseWords says what a phase is, where its name does not.
func phaseWords(p planner.Phase) string {
	switch p {
	case planner.PhaseAbsent:
		return "not begun"
	case planner.PhaseUploaded:
		return "no job yet"
	case planner.PhaseUnknown:
		return "sent, outcome not known yet"
	case planner.PhaseSubmitted:
		return "job at work"
	case planner.PhaseSucceeded:
		return "answers to fetch"
	}
	return ""
}

// percent is a share, without claiming that all or none are when they are not.
func percent[N int | int64](n, of N) string {
	if of <= 0 {
		return ""
	}
	p := 100 * float64(n) / float64(of)
	if n > 0 && n < of {
		p = min(max(p, 0.1), 99.9)
	}
	if p == math.Trunc(p) {
		return fmt.Sprintf("%.0f\u00a0%%", p)
	}
	return fmt.Sprintf("%.1f\u00a0%%", p)
}

// Percent is the share of batches that are done, GoodShare that of good rows
// among those in hand.
func (r *Report) DonePercent() string {
	return percent(r.Summary.Phases[planner.PhaseDone], r.Summary.Batches)
}

func (r *Report) GoodPercent() string { return percent(r.Summary.Good, r.Summary.Good+r.Summary.Bad) }

// most is what holds creates back: what is declared, else what refusals taught.
func (l *Limit) most() int64 {
	switch {
	case l.Declared > 0:
		return l.Declared
	case l.Bad > 0:
		return l.Good
	}
	return 0
}

// Words says what a limit is.
func (l Limit) Words() string {
	name := map[string]string{
		limitJobs: "jobs at work", limitTokens: "input tokens at work", limitCreates: "jobs created a minute", limitRequests: "calls a minute",
	}[l.Name]
	if l.Model != "" {
		name += ", " + l.Model
	}
	return name
}

// From says where a limit comes from.
func (l Limit) From() string {
	switch {
	case l.Declared > 0 && l.Bad > 0:
		return fmt.Sprintf("declared %s; refused at %s", humanize.Comma(l.Declared), humanize.Comma(l.Bad))
	case l.Declared > 0:
		return "declared " + humanize.Comma(l.Declared)
	case l.Good > 0:
		return fmt.Sprintf("learned: accepted at %s, refused at %s", humanize.Comma(l.Good), humanize.Comma(l.Bad))
	}
	return "learned: refused at " + humanize.Comma(l.Bad)
}

func (r *Report) limit(name, model string) *Limit {
	for i := range r.Limits {
		if r.Limits[i].Name == name && (model == "" || r.Limits[i].Model == model) {
			return &r.Limits[i]
		}
	}
	return nil
}

// JobsWords says what the chart of jobs at work shows.
func (r *Report) JobsWords() string {
	s := "At most " + ui.Count(r.Work.Peak, "job") + " of this state at work at once"
	switch l := r.limit(limitJobs, ""); {
	case l == nil:
		return s + "; no limit is declared or learned."
	case l.Declared > 0:
		return s + "; the declared limit is " + humanize.Comma(l.Declared) + " in the whole project."
	default:
		return s + "; " + l.From() + " in the whole project."
	}
}

// TokensWords says what the chart of tokens at work shows, "" where none is of
// use.
func (r *Report) TokensWords() string {
	var parts []string
	limited := false
	for i := range r.Work.Models {
		m := &r.Work.Models[i]
		part := fmt.Sprintf("at most %s of %s", ui.Amount(m.PeakTokens), m.Model)
		if l := r.limit(limitTokens, m.Model); l != nil {
			limited = true
			part += " (" + l.From() + ")"
		}
		parts = append(parts, part)
	}
	if !limited {
		return ""
	}
	return "Estimated input tokens at work at once: " + strings.Join(parts, "; ") + "."
}

// RowsWords says what the chart of throughput shows.
func (r *Report) RowsWords() string {
	var rows int64
	jobs, best := 0, int64(0)
	for _, s := range r.Throughput.Stretches {
		rows += s.Rows
		jobs += s.Ended
		best = max(best, s.Rows)
	}
	return fmt.Sprintf("%s answered by %s that ended; at most %s in %s.", capital(ui.Count(rows, "row")), ui.Count(jobs, "job"), ui.Count(best, "row"), stretchWords(r.Throughput.EverySeconds))
}

// Every is the length of the stretches as it stands after "per".
func (r *Report) Every() string {
	words := stretchWords(r.Throughput.EverySeconds)
	return strings.TrimPrefix(strings.TrimPrefix(words, "an "), "a ")
}

func stretchWords(s int64) string {
	switch {
	case s == 1:
		return "a second"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s == 60:
		return "a minute"
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s == 3600:
		return "an hour"
	case s < 86400:
		return fmt.Sprintf("%d h", s/3600)
	case s == 86400:
		return "a day"
	}
	return fmt.Sprintf("%d days", s/86400)
}

// DurationWords says how long jobs took.
func (r *Report) DurationWords() string {
	d := &r.Durations
	if d.Jobs == 1 {
		return "One job has succeeded; it took " + Seconds(d.MedianSeconds) + "."
	}
	return fmt.Sprintf("%s succeeded, half of them within %s, nine in ten within %s; the shortest took %s, the longest %s.",
		capital(ui.Count(d.Jobs, "job")), Seconds(d.MedianSeconds), Seconds(d.NinetySeconds), Seconds(d.ShortestSeconds), Seconds(d.LongestSeconds))
}

// Seconds is a length of time in its two largest units.
func Seconds(s int64) string { return ui.Length(time.Duration(s) * time.Second) }

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// PhasesWords says what the chart of phases shows.
func (r *Report) PhasesWords() string {
	n := len(r.Timeline.Times)
	first, last := r.Timeline.Times[0], r.Timeline.Times[n-1]
	return fmt.Sprintf("Batches by phase from %s to %s (%s).", Moment(first), Moment(last), ui.Length(last.Sub(first)))
}

// BadClasses are the classes of rows that are not good.
func (r *Report) BadClasses() []RowClass {
	var out []RowClass
	for _, c := range r.Rows {
		if c.Class != "good" {
			out = append(out, c)
		}
	}
	return out
}

// ClassWords says what a class of rows is.
func (c RowClass) Words() string {
	switch c.Class {
	case "error":
		return "the service answered with an error"
	case "blocked":
		return "blocked by the service's policies"
	case "truncated":
		return "cut off at the limit of output tokens"
	case "empty":
		return "an answer without text"
	case "invalid":
		return "not what the config expects"
	case "missing":
		return "no line at all"
	case "unjudged":
		return "not good, and not recorded why"
	}
	return ""
}

// Words says what an end is.
func (e End) Words() string {
	switch e.State {
	case "REFUSED":
		return "refused when it was to be created"
	case "GONE":
		return "no longer at the service"
	}
	return strings.ToLower(e.State)
}

// OldJobs counts the jobs that are old compared with their siblings.
func (r *Report) OldJobs() (n int) {
	for i := range r.AtWork {
		if r.AtWork[i].Old {
			n++
		}
	}
	return n
}

// AtWorkWords tells of the jobs at work.
func (r *Report) AtWorkWords() string {
	if len(r.AtWork) == 0 {
		return "No job is at work."
	}
	s := capital(ui.Count(len(r.AtWork), "job")) + " at work, the oldest for " + Seconds(r.AtWork[0].AgeSeconds) + "."
	if !r.Refreshed {
		s = capital(ui.Count(len(r.AtWork), "job")) + " at work as far as the state knows, the oldest for " + Seconds(r.AtWork[0].AgeSeconds) + "."
	}
	switch n := r.OldJobs(); {
	case n == 1:
		s += " One of them has taken at least three times as long as the slowest of its siblings."
	case n > 1:
		s += fmt.Sprintf(" %s of them have taken at least three times as long as the slowest of their siblings.", humanize.Comma(int64(n)))
	}
	return s
}

// CostWords tells of the cost in all.
func (r *Report) CostWords() string {
	s := &r.Summary
	words := ui.Dollars(s.CostUSD) + " so far"
	if s.ToComeUSD > 0 {
		words += ", " + ui.Roughly(s.ToComeUSD) + " to come for answers that are not here yet"
	}
	if s.CostOpen {
		words += "; not all of it is known"
	}
	return words + "."
}

// NextLines say what is left to do.
func (r *Report) NextLines() []string {
	n := &r.Next
	var lines []string
	if n.Summary.Create > 0 {
		lines = append(lines, ui.ToBeBought(&n.Estimate))
	}
	return append(lines, ui.Forecast(n.Forecast)...)
}

// Commands are what a person types to go on, with what each does.
func (r *Report) Commands() [][2]string {
	s, n := &r.Summary, &r.Next.Summary
	var out [][2]string
	switch {
	case n.Upload+n.Create+n.Adopt+n.Download+n.Forget > 0:
		out = append(out, [2]string{"qaplan plan", "shows what is to be done: " + planWords(n)})
		out = append(out, [2]string{"qaplan apply --wait", "does it, waits out limits and running jobs, and goes on until every batch is done, failed or held"})
	case s.InProgress() > 0:
		out = append(out, [2]string{"qaplan apply --wait", "waits for the jobs at work, fetches and checks their answers"})
	}
	if s.InProgress() > 0 || s.Open() > 0 {
		out = append(out, [2]string{"qaplan status", "shows where the batches stand now"})
	}
	if s.Bad > 0 {
		out = append(out, [2]string{"qaplan status --failed", "lists every row without a good answer"})
	}
	return out
}

func planWords(n *planner.Summary) string {
	var parts []string
	for _, p := range []struct {
		n     int
		words string
	}{{n.Upload, "to upload"}, {n.Create, "to create"}, {n.Adopt, "to adopt"}, {n.Download, "to download"}, {n.Forget, "to forget"}} {
		if p.n > 0 {
			parts = append(parts, humanize.Comma(int64(p.n))+" "+p.words)
		}
	}
	return strings.Join(parts, ", ")
}
