package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// statusOfMany is n batches in the middle of everything, neighbours in different
// phases, some of them held or failed.
func statusOfMany(n int) (*Status, StatusView) {
	now := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	s := &Status{Summary: map[planner.Phase]int{}}
	v := StatusView{Now: now}
	for i := 1; i <= n; i++ {
		b := StatusBatch{Address: addr("refinement", i), Number: i, Phase: planner.PhaseAbsent, Requests: 100}
		switch {
		case i%50 == 7:
			why := []planner.Reason{planner.HoldCancelled, planner.HoldMaybeBought, planner.HoldSourceChanged}[i/50%3]
			b.Phase, b.Reason = planner.PhaseHeld, why
			v.Held = append(v.Held, planner.Held{Address: b.Address, Reason: why, Job: "batches/m", Exit: planner.Exit(why, b.Address, "batches/m", "")})
		case i%100 == 8:
			b.Phase, b.Reason = planner.PhaseFailed, planner.FailAttemptsUsedUp
			v.Failed = append(v.Failed, planner.Failed{Address: b.Address, Reason: b.Reason, Message: "internal error", Exit: planner.Exit(b.Reason, b.Address, "", "")})
		case i < n/2:
			b.Phase, b.JobState, b.Succeeded, b.InputTokens, b.OutputTokens, b.CostUSD = planner.PhaseDone, "SUCCEEDED", 100, 80_000, 240_000, 0.312
			if i%9 == 0 {
				b.Succeeded, b.Failed = 98, 2
			}
		case i < n*3/4:
			b.Phase, b.JobState = planner.PhaseSubmitted, []string{"RUNNING", "PENDING"}[i%2]
			b.Job, b.JobCreatedAt = fmt.Sprintf("batches/j%05d", i), instant(now.Add(-time.Duration(n-i)*time.Second))
		}
		s.Batches = append(s.Batches, b)
		s.Summary[b.Phase]++
	}
	s.Cost = StatusCost{CostUSD: 1234.5, ToComeUSD: 617.2}
	waits := apply.Left{Budget: apply.BudgetCreates, Reason: "You exceeded your current quota. See the pages.", Until: now.Add(100 * time.Second), Early: true, Count: s.Summary[planner.PhaseAbsent]}
	s.SetNext(&planner.Plan{Forecast: &planner.Forecast{AtOnce: 20, Waves: 12, OverMin: 5 * 3600, OverMax: 9 * 3600, Limit: "active jobs, 20", Learned: true, Confidence: 0.8},
		Estimate: planner.Estimate{CostUSD: 780}},
		apply.Ahead{
			Downloads: 3, Running: s.Summary[planner.PhaseSubmitted], Left: []apply.Left{waits},
			Limits: []budget.Use{{Limit: budget.Limit{Budget: budget.ActiveJobs, Most: 20, Learned: true}, Used: 20}},
			Purses: []apply.Purse{{Block: "refinement", Used: budget.FromDollars(1851.7), Limit: budget.FromDollars(2500)}},
			First:  budget.Span{High: 10 * time.Minute}, Last: budget.Span{Low: time.Hour, High: 3 * time.Hour},
		}, &state.LockStatus{Held: true, Holder: state.Holder{Operation: "apply", Who: "ann@desk", PID: 7, Started: now.Add(-time.Hour)}})
	return s, v
}

// A status of any size is one screen: what there is more of is counted, with the
// command that shows it.
func TestStatusIsOneScreen(t *testing.T) {
	for _, n := range []int{154, 10_000} {
		for _, width := range []int{0, 40, 80, 120} {
			s, v := statusOfMany(n)
			v.Width = width
			text := RenderStatus(s, v)
			golden(t, fmt.Sprintf("status_%d_%d.txt", n, width), text)
			if lines := strings.Count(text, "\n"); width >= 80 && lines > 50 {
				t.Errorf("%d batches, %d columns: %d lines", n, width, lines)
			}
			for line := range strings.Lines(text) {
				if wide := cells(strings.TrimSuffix(line, "\n")); width >= 80 && wide > width && !strings.Contains(line, "-> ") {
					t.Errorf("%d batches, %d columns: %d of them: %s", n, width, wide, line)
				}
			}
			if many := strings.Contains(text, "qaplan status --failed shows each with its command"); many != (n > 154) {
				t.Errorf("%d batches, %d columns: what is left out is told of: %t", n, width, many)
			}
			for _, want := range []string{"Oldest jobs", "Cost so far: $1234.50", "is at work", "Forecast: "} {
				if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
					t.Errorf("%d batches, %d columns: it lacks %q:\n%s", n, width, want, text)
				}
			}
		}
		s, v := statusOfMany(n)
		v.Verbose = true
		if text := RenderStatus(s, v); strings.Count(text, "\n  batch.refinement[") < n || strings.Count(text, "-> ") != len(v.Held)+len(v.Failed) {
			t.Errorf("%d batches: with --verbose something is left out", n)
		}
		s, v = statusOfMany(n)
		if text := RenderStatus(s.OnlyBad(), v); strings.Count(text, "-> ") != len(v.Held)+len(v.Failed) || strings.Contains(text, "Oldest") {
			t.Errorf("%d batches: with --failed something is left out, or added", n)
		}
	}
}

// Each reason to be held is seen before another batch of the same is.
func TestStatusShowsEachReason(t *testing.T) {
	s, v := statusOfMany(1000)
	text := RenderStatus(s, v)
	for _, why := range []planner.Reason{planner.HoldCancelled, planner.HoldMaybeBought, planner.HoldSourceChanged, planner.FailAttemptsUsedUp} {
		if !strings.Contains(text, "("+string(why)+")") {
			t.Errorf("no batch with %s is shown:\n%s", why, text)
		}
	}
}

// What happens next depends on who is at work and what is left.
func TestStatusNext(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	soon := budget.Span{High: 10 * time.Minute}
	for _, tt := range []struct {
		name  string
		ahead apply.Ahead
		want  []string
	}{
		{"nothing", apply.Ahead{}, nil},
		{"all can be done", apply.Ahead{Downloads: 1, Creates: 2}, []string{"To do now: fetch 1 result and buy 2 batches. qaplan apply does it, apply --wait all that follows too."}},
		{"jobs run", apply.Ahead{Running: 1, First: soon, Last: soon}, []string{"1 job at work; it is expected to end in up to 10 min.", "Nobody is at work on this state: qaplan apply --wait goes on."}},
		{"nothing known", apply.Ahead{Running: 2}, []string{"2 jobs at work; how long they take is not known before one has finished.", "Nobody is at work on this state: qaplan apply --wait goes on."}},
		{"no money", apply.Ahead{Left: []apply.Left{{Budget: apply.BudgetMaxCost, Refused: true, Reason: "the next batch would exceed it", Count: 1}}}, []string{"1 batch waits: the next batch would exceed it."}},
		{"a rhythm", apply.Ahead{Left: []apply.Left{{Budget: apply.BudgetCreates, Cause: budget.CauseRhythm, Reason: "the service accepts 2 in a row", Until: now.Add(time.Minute), Count: 1}}},
			[]string{"1 batch waits: the service accepts 2 in a row. The next try is in 1m00s.", "Nobody is at work on this state: qaplan apply --wait goes on."}},
	} {
		s := &Status{Summary: map[planner.Phase]int{planner.PhaseAbsent: 1}}
		s.SetNext(&planner.Plan{}, tt.ahead, &state.LockStatus{})
		_, next, _ := strings.Cut(RenderStatus(s, StatusView{Now: now}), "Next:\n")
		var got []string
		for line := range strings.Lines(next) {
			if l, ok := strings.CutPrefix(line, "  - "); ok {
				got = append(got, strings.TrimSuffix(l, "\n"))
			}
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}
