package ui

import (
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// Words that other renderings share.

// Count gives "1 batch", "2 batches", "15,400 rows".
func Count[N int | int64](n N, noun string) string { return count(n, noun) }

// Amount shortens a count to two figures that matter: 840, 12 k, 9.9 M.
func Amount(n int64) string { return amount(n) }

// Length gives a duration in its two largest units: 45s, 3m05s, 2h10m, 1d4h.
func Length(d time.Duration) string { return length(d) }

// Dollars writes an amount of money; what is less than a cent is not shown as
// nothing.
func Dollars(usd float64) string {
	if usd <= 0 {
		return "$0.00"
	}
	return dollars(usd)
}

// Limit writes a limit on money as it was meant.
func Limit(usd float64) string { return "$" + budget.FromDollars(usd).Exact() }

// Span names the batches of one block from a first to a last number.
func Span(block string, first, last int) string { return span(block, first, last) }

// StuckGroup is neighbours that do not go on by themselves, with one reason and
// one way out; its JSON is an interface.
type StuckGroup struct {
	Who     string         `json:"batches"` // an address, or a range of them
	Count   int            `json:"count"`
	Phase   planner.Phase  `json:"phase"` // held or failed
	Reason  planner.Reason `json:"reason"`
	Words   string         `json:"words"` // the reason
	Job     string         `json:"job"`   // where all of them have the same
	Message string         `json:"message"`
	Exit    string         `json:"exit"` // the command or edit that ends it
}

// StuckGroups lists what is held, then what failed.
func StuckGroups(p *planner.Plan) []StuckGroup {
	list := []StuckGroup{}
	add := func(phase planner.Phase, all []stuck) {
		for _, group := range alike(all, false) {
			s := &group[0]
			_, job, exit := together(group)
			list = append(list, StuckGroup{
				Who: span(s.addr.Block, s.addr.Number, group[len(group)-1].addr.Number), Count: len(group), Phase: phase,
				Reason: s.why, Words: trouble(s.why), Job: job, Message: Printable(s.message), Exit: Printable(exit),
			})
		}
	}
	add(planner.PhaseHeld, heldOnes(p.Held))
	add(planner.PhaseFailed, failedOnes(p.Failed))
	return list
}

// InCode puts words that came from outside into a code span of Markdown, cut
// after so many runes.
func InCode(s string, room int) string { return inCode(s, room) }

// Forecast says in sentences how the rest is expected to go; none where nothing
// is known.
func Forecast(f *planner.Forecast) []string { return forecastLines(f) }

// ToBeBought says what the creates of a plan amount to.
func ToBeBought(e *planner.Estimate) string { return toBeBought(e) }
