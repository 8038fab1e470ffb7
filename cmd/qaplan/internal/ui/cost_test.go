package ui

import (
	"testing"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
)

func TestCosts(t *testing.T) {
	a, b := addr("qa", 1), addr("qa", 2)
	s := NewStatus([]planner.Item{{Address: a, Phase: planner.PhaseDone}, {Address: b, Phase: planner.PhaseSubmitted}})
	s.AddCosts(map[planner.Address]apply.Spending{a: {Spent: 3 * budget.Dollar / 2}, b: {Spent: budget.Dollar / 1000, ToCome: budget.Dollar, Unknown: true}})
	if got, want := costLine(&s.Cost), "Cost so far: $1.50, about $1.00 to come for jobs whose answers are not here yet; not all of it is known."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s.Batches[0].CostUSD != 1.5 || s.Batches[1].ToComeUSD != 1 || s.Batches[0].CostOpen || !s.Batches[1].CostOpen {
		t.Errorf("got %+v", s.Batches)
	}
	if got, want := costLine(&StatusCost{ToComeUSD: 0.002, EstimateUSD: 0.004}), "Cost so far: $0.00, less than $0.01 to come for jobs whose answers are not here yet, less than $0.01 for what is not bought yet."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for usd, want := range map[float64]string{0: "", 0.001: "<$0.01", 0.014: "$0.01", 24.1: "$24.10"} {
		if got := dollars(usd); got != want {
			t.Errorf("%v: got %q, want %q", usd, got, want)
		}
	}
}

// TestQuestionCost names an amount only where it is that of all jobs.
func TestQuestionCost(t *testing.T) {
	create := func(usd float64) planner.Change {
		return planner.Change{Actions: []planner.Action{planner.ActionCreate}, Detail: planner.Detail{CostUSD: usd}}
	}
	p := &planner.Plan{Applyable: true, Changes: []planner.Change{create(1), create(2)}, Estimate: planner.Estimate{CostUSD: 3}}
	p.Summary.Create = 2
	if got, want := Question(p, false), "Carry this out and buy 2 jobs for about $3.00?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.Changes[1].Detail.CostUSD = 0
	if got, want := Question(p, false), "Carry this out and buy 2 jobs?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
