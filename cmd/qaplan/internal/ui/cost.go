package ui

import (
	"fmt"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
)

// StatusCost is what all batches have cost, and what is expected to come for
// jobs whose answers were not read yet.
type StatusCost struct {
	CostUSD   float64 `json:"cost_usd"`
	ToComeUSD float64 `json:"to_come_usd"`
	Open      bool    `json:"cost_open"` // some of it cannot be told
	// EstimateUSD is what the jobs are expected to cost that are not bought yet, 0
	// where that is not known.
	EstimateUSD float64 `json:"estimate_usd"`
}

// AddCosts adds what the batches have cost.
func (s *Status) AddCosts(costs map[planner.Address]apply.Spending) {
	var spent, toCome budget.USD
	for i := range s.Batches {
		b := &s.Batches[i]
		c := costs[b.Address]
		b.CostUSD, b.ToComeUSD, b.CostOpen = c.Spent.Dollars(), c.ToCome.Dollars(), c.Unknown
		spent += c.Spent
		toCome += c.ToCome
		s.Cost.Open = s.Cost.Open || c.Unknown
	}
	s.Cost.CostUSD, s.Cost.ToComeUSD = spent.Dollars(), toCome.Dollars()
}

// costLine tells the cost of all batches, "" where there is none.
func costLine(c *StatusCost) string {
	if c.CostUSD == 0 && c.ToComeUSD == 0 && c.EstimateUSD == 0 && !c.Open {
		return ""
	}
	s := "Cost so far: $" + budget.FromDollars(c.CostUSD).String()
	if c.ToComeUSD > 0 {
		s += ", " + Roughly(c.ToComeUSD) + " to come for jobs whose answers are not here yet"
	}
	if c.EstimateUSD > 0 {
		s += ", " + Roughly(c.EstimateUSD) + " for what is not bought yet"
	}
	if c.Open {
		s += "; not all of it is known"
	}
	return s + "."
}

// dollars writes an amount for a table, "" for none. What is less than a cent
// is not shown as nothing.
func dollars(usd float64) string {
	switch {
	case usd <= 0:
		return ""
	case usd < 0.01:
		return "<$0.01"
	}
	return "$" + budget.FromDollars(usd).String()
}

// Roughly writes an estimated amount, more than none, within a sentence.
func Roughly(usd float64) string {
	if usd < 0.01 {
		return "less than $0.01"
	}
	return "about " + dollars(usd)
}

// about writes an estimated amount for a table.
func about(usd float64) string {
	if usd <= 0 {
		return ""
	}
	return "~$" + budget.FromDollars(max(usd, 0.01)).String()
}

// toBeBought says what the creates of a plan amount to.
func toBeBought(e *planner.Estimate) string {
	s := fmt.Sprintf("To be bought: %s, ~%s input tokens", count(e.Requests, "row"), amount(e.InputTokens))
	if e.OutputTokens > 0 {
		s += fmt.Sprintf(", ~%s output tokens", amount(e.OutputTokens))
	}
	if e.CostUSD > 0 {
		s += ", about $" + budget.FromDollars(max(e.CostUSD, 0.01)).String()
	}
	return s + "."
}

// jobsFor counts the jobs that a plan buys, with their cost where all of it is
// estimated and no limit stands against some.
func jobsFor(p *planner.Plan) string {
	jobs := count(p.Summary.Create, "job")
	if p.Estimate.CostUSD <= 0 || p.Refused() {
		return jobs
	}
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Has(planner.ActionCreate) && c.Detail.CostUSD == 0 {
			return jobs
		}
	}
	return jobs + " for about $" + budget.FromDollars(max(p.Estimate.CostUSD, 0.01)).String()
}
