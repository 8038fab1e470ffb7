package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// StatusNext is what happens next; its JSON is an interface.
type StatusNext struct {
	// Run is whoever is at work on this state now; absent when nobody is.
	Run *StatusRun `json:"run,omitzero"`
	// Downloads are results that are ready to be fetched, Creates batches that are
	// ready to be bought, and Waiting those that are not, by what stands against it.
	Downloads int    `json:"downloads"`
	Creates   int    `json:"creates"`
	Waiting   []left `json:"waiting"`
	// Running are jobs of this state at work, with the seconds within which the
	// first and all of them are expected to end.
	Running  int           `json:"running"`
	FirstEnd *StatusWithin `json:"first_end,omitzero"`
	AllEnded *StatusWithin `json:"all_ended,omitzero"`
	// Forecast is how all that is left is expected to go.
	Forecast *planner.Forecast `json:"forecast,omitzero"`

	ahead apply.Ahead
}

// StatusRun is a run at work.
type StatusRun struct {
	Operation string `json:"operation"`
	Who       string `json:"who"`
	PID       int    `json:"pid"`
	Since     string `json:"since"` // RFC 3339, UTC
}

// StatusWithin is a length of time that is expected, in seconds.
type StatusWithin struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// SetNext says what happens next. lock is nil where it is not known who holds the
// state.
func (s *Status) SetNext(p *planner.Plan, a apply.Ahead, lock *state.LockStatus) {
	n := &StatusNext{Downloads: a.Downloads, Creates: a.Creates, Running: a.Running, Forecast: p.Forecast, ahead: a, Waiting: make([]left, 0, len(a.Left)),
		FirstEnd: within(a.First), AllEnded: within(a.Last)}
	if lock != nil && lock.Held && !lock.Dead() {
		h := &lock.Holder
		n.Run = &StatusRun{Operation: h.Operation, Who: h.Who, PID: h.PID, Since: instant(h.Started)}
	}
	for i := range a.Left {
		n.Waiting = append(n.Waiting, newLeft(&a.Left[i]))
	}
	s.Next = n
	s.Cost.EstimateUSD = p.Estimate.CostUSD
}

func within(s budget.Span) *StatusWithin {
	if s.High <= 0 {
		return nil
	}
	return &StatusWithin{Min: int64(s.Low / time.Second), Max: int64(s.High / time.Second)}
}

// next says what happens next, a line for each thing that is under way, can be
// done or waits.
func (v *StatusView) next(b *strings.Builder, n *StatusNext) {
	if n == nil {
		return
	}
	lines := n.atWork()
	if s := n.jobs(); s != "" {
		lines = append(lines, s)
	}
	lines = append(lines, n.todo(v.Now)...)
	if len(lines) == 0 {
		return
	}
	if f := forecastLines(n.Forecast); len(f) > 0 {
		lines = append(lines, f[0]) // the limit that it names stands above
	}
	section(b, v.Style.bold("Next")+":\n")
	for _, l := range lines {
		out := wrap(l, v.Width-4)
		b.WriteString("  - " + out[0] + "\n" + indent("    ", out[1:]))
	}
}

// atWork tells of the run that works on this state.
func (n *StatusNext) atWork() []string {
	if n.Run == nil {
		return nil
	}
	s := "A run"
	if n.Run.Operation != "" {
		s = "qaplan " + Printable(n.Run.Operation)
	}
	s += " is at work"
	if n.Run.Who != "" {
		s += ", by " + Printable(n.Run.Who)
	}
	if n.Run.PID > 0 {
		s += fmt.Sprintf(", pid %d", n.Run.PID)
	}
	if t, err := time.Parse(time.RFC3339, n.Run.Since); err == nil {
		s += ", since " + minute(t)
	}
	return []string{s + "."}
}

// jobs says when jobs are expected to end.
func (n *StatusNext) jobs() string {
	if n.Running == 0 {
		return ""
	}
	s := count(n.Running, "job") + " at work"
	first, all := n.ahead.First.String(), n.ahead.Last.String()
	switch {
	case first == "":
		return s + "; how long they take is not known before one has finished."
	case n.Running == 1:
		return s + "; it is expected to end in " + first + "."
	case first == all:
		return s + "; they are expected to end in " + all + "."
	}
	return s + "; the first is expected to end in " + first + ", all of them in " + all + "."
}

// todo says what a run can do now, and what waits for what.
func (n *StatusNext) todo(now time.Time) []string {
	var lines, can []string
	if n.Downloads > 0 {
		can = append(can, "fetch "+count(n.Downloads, "result"))
	}
	if n.Creates > 0 {
		can = append(can, "buy "+count(n.Creates, "batch"))
	}
	if len(can) > 0 {
		s := "To do now: " + strings.Join(can, " and ") + "."
		if n.Run == nil {
			s += " qaplan apply does it, apply --wait all that follows too."
		}
		lines = append(lines, s)
	}
	for i := range n.ahead.Left {
		l := &n.ahead.Left[i]
		words := obstacle(l.Budget, l.Cause, l.Reason)
		verb := "wait"
		if l.Count == 1 {
			verb = "waits"
		}
		s := fmt.Sprintf("%s %s: %s.", count(l.Count, "batch"), verb, Printable(words))
		if d := upToSecond(l.Until.Sub(now)); !l.Until.IsZero() && d > 0 {
			s += " The next try is in " + length(d)
			if l.Early {
				s += " or once a job has ended"
			}
			s += "."
		}
		lines = append(lines, s+advice(l.Budget))
	}
	waits := slices.ContainsFunc(n.ahead.Left, func(l apply.Left) bool { return !l.Refused })
	if n.Run == nil && len(can) == 0 && (n.Running > 0 || waits) {
		lines = append(lines, "Nobody is at work on this state: qaplan apply --wait goes on.")
	}
	limits := append(limitParts(n.ahead.Limits), purseParts(n.ahead.Purses)...)
	if len(limits) > 0 && len(can)+n.Running+len(n.ahead.Left) > 0 {
		lines = append(lines, "Limits: "+strings.Join(limits, "; ")+".")
	}
	return lines
}
