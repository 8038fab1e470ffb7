package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
)

// waits are what an apply waits for, as far as it told.
type waits struct {
	open  map[string]openWait  // by budget
	told  int                  // how many waits there were
	noted map[string]time.Time // until when a pause was told of in a note, by budget
}

func newWaits() waits {
	return waits{open: map[string]openWait{}, noted: map[string]time.Time{}}
}

type openWait struct {
	nth    int
	untils []time.Time // of calls that go out one after the other, of the rest one
	words  string
	early  bool // a job that ends may end it
}

// until is when the first of its calls goes out, zero when all have.
func (o *openWait) until(now time.Time) time.Time {
	var first time.Time
	for _, t := range o.untils {
		if t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// follow takes in an event. It reports whether a note should tell of it: once
// for each pause that begins because the service refused something. Waits of
// a known length, which come in turn, are on the line of progress alone.
func (w *waits) follow(e *apply.Event, now time.Time) bool {
	switch e.Type {
	case apply.EventCreateComplete:
		w.end(apply.BudgetCreates)
	case apply.EventJobState:
		if s := planner.JobState(e.JobState); s != planner.JobPending && s != planner.JobRunning {
			if w.open[apply.BudgetCreates].early {
				w.end(apply.BudgetCreates) // what it held is free, so the pause is over
			}
		}
	case apply.EventRateWait:
		w.told++
		o := openWait{w.told, []time.Time{e.Until}, waitWords(e), e.Early}
		if paced(e.Budget) {
			for _, t := range w.open[e.Budget].untils {
				if t.After(now) {
					o.untils = append(o.untils, t)
				}
			}
		}
		w.open[e.Budget] = o
		if !refused(e.Budget) || spared(e.Cause) || now.Before(w.noted[e.Budget]) {
			return false
		}
		w.noted[e.Budget] = e.Until
		return true
	}
	return false
}

func (w *waits) end(budget string) {
	delete(w.open, budget)
	delete(w.noted, budget)
}

// next says what is waited for and why, "" when nothing is. running is the
// number of active jobs.
func (w *waits) next(running int, now time.Time) string {
	n := w.upcoming(running, now)
	if n.what == "" {
		return n.why
	}
	s := n.what + " in " + length(n.in)
	if n.why != "" {
		s += "; " + n.why
	}
	return s
}

// upcoming is what is waited for: of several waits the one that was told of last.
func (w *waits) upcoming(running int, now time.Time) wait {
	var newest openWait
	budget := ""
	for name, o := range w.open {
		if !o.until(now).IsZero() && o.nth > newest.nth {
			newest, budget = o, name
		}
	}
	next := wait{why: newest.words}
	if next.why == "" && running > 0 {
		next.why = count(running, "job") + " running"
	}
	if newest.nth > 0 {
		next.what, next.in = comesNext(budget), upToSecond(newest.until(now).Sub(now))
	}
	return next
}

// paced reports whether the calls of a budget go out one after the other, each
// with a wait of its own.
func paced(budget string) bool {
	return budget == apply.BudgetCreateRate || budget == apply.BudgetRequests
}

// upToSecond rounds up: a wait that is not over is never shown as one of 0 s.
func upToSecond(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// comesNext names what happens when a wait is over.
func comesNext(budget string) string {
	switch budget {
	case apply.BudgetPoll, apply.BudgetActiveJobs, apply.BudgetTokens, apply.BudgetMaxCost, apply.BudgetRunCost:
		return "next listing"
	case apply.BudgetCreateRate:
		return "next create"
	case apply.BudgetRequests:
		return "next call"
	}
	return "next try"
}

// refused reports whether waits for a budget begin with a refusal or an outage.
func refused(budget string) bool {
	switch budget {
	case apply.BudgetCreates, apply.BudgetStorage, apply.BudgetCalls:
		return true
	}
	return false
}

// spared reports whether creates wait so that nothing is refused.
func spared(c budget.Cause) bool { return c == budget.CauseGrowth || c == budget.CauseRhythm }

// waitWords says why there is a wait; "" where its name says it all.
func waitWords(e *apply.Event) string {
	switch e.Budget {
	case apply.BudgetPoll:
		return ""
	case apply.BudgetCreateRate, apply.BudgetRequests:
		return e.Budget + " is declared"
	}
	return Printable(obstacle(e.Budget, e.Cause, e.Reason))
}

// obstacle says what stands against going on, in the words of the service cut to
// their first sentence.
func obstacle(of string, why budget.Cause, reason string) string {
	reason = firstSentence(reason)
	if spared(why) || strings.HasPrefix(reason, "the service ") {
		return reason // a whole sentence, which needs no introduction
	}
	switch of {
	case apply.BudgetCreates:
		return join("the service takes no more jobs for now", reason)
	case apply.BudgetStorage:
		return join("the service takes no more uploads for now", reason)
	case apply.BudgetCalls:
		return join("the service cannot be asked for now", reason)
	}
	if reason == "" {
		return limit(of)
	}
	return reason
}

// firstSentence cuts a text before what follows its first sentence, without the
// full stop.
func firstSentence(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s, _, _ = strings.Cut(s, ". ")
	return strings.TrimSuffix(strings.TrimSpace(s), ".")
}

// Beforehand gives what takes the events of a run that has no plan to show yet. It
// tells what is waited for, each pause once: without that, a service that cannot be
// reached looks like a run that hangs.
func (c *Console) Beforehand() func(apply.Event) {
	w := newWaits()
	return func(e apply.Event) {
		now := time.Now()
		if e.Type == apply.EventRateWait && (w.follow(&e, now) || e.Budget == apply.BudgetTakeOver) {
			c.Tell(waitNote(&e, true, now))
		}
	}
}

// waitNote tells of a pause that a refusal or an outage began. waits tells that
// the run goes on afterwards by itself.
func waitNote(e *apply.Event, waits bool, now time.Time) string {
	pause := length(upToSecond(e.Until.Sub(now)))
	s := capital(Printable(obstacle(e.Budget, e.Cause, e.Reason))) + ". "
	switch {
	case e.Budget == apply.BudgetTakeOver:
		s += "This run begins in " + pause
	case waits:
		s += "The next try is in " + pause
	default:
		s += "A later run tries again, in " + pause + " at the earliest"
	}
	if e.Early {
		s += " or once a job has ended"
	}
	return s + "." + advice(e.Budget)
}

// advice says what a person can do about a wait, "" where it is to wait.
func advice(budget string) string {
	if budget == apply.BudgetStorage {
		return " Between runs, qaplan clean deletes uploads that nothing needs any more."
	}
	return ""
}

// LeftLine tells why changes are left for a later run. An error that stopped
// buying is shown whole elsewhere, so its words are left out here.
func LeftLine(l apply.Left, now time.Time) string {
	if l.Budget == "" {
		l.Reason, _, _ = strings.Cut(l.Reason, ": ")
	}
	verb := "are"
	if l.Count == 1 {
		verb = "is"
	}
	s := fmt.Sprintf("%s %s left for a later run: %s.", count(l.Count, "batch"), verb, Printable(obstacle(l.Budget, l.Cause, l.Reason)))
	if d := upToSecond(l.Until.Sub(now)); !l.Until.IsZero() && d > 0 {
		s += " It may go on in " + length(d) + "."
	}
	return s + advice(l.Budget)
}
