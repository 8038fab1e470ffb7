package apply

import (
	"maps"
	"slices"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// Outlook is where a run stands against its limits, and how the rest is expected
// to go.
type Outlook struct {
	// Items are where the batches stand, as the newest look shows; nil where only
	// the limits are told anew, after a create.
	Items []planner.Item
	// Forecast is nil where nothing is known of the rest.
	Forecast *planner.Forecast
	// Spending is that of all batches.
	Spending Spending
	// Limits are those on active jobs and tokens, and Purses those on money; none
	// of the former where nothing is left to be bought.
	Limits []budget.Use
	Purses []Purse
}

// Purse is a limit on money and how much of it is spent or on its way.
type Purse struct {
	Block       string // "" for the limit of this run
	Used, Limit budget.USD
}

// tellOutlook tells how a round begins.
func (e *Engine) tellOutlook(r *round) {
	if e.opt.Outlook == nil {
		return
	}
	o := Outlook{Items: r.items, Forecast: e.forecast(r)}
	for _, s := range e.Spending(r.items) {
		o.Spending.Spent += s.Spent
		o.Spending.ToCome += s.ToCome
		o.Spending.Unknown = o.Spending.Unknown || s.Unknown
	}
	buys := slices.ContainsFunc(r.plan.Changes, func(c planner.Change) bool { return c.Has(planner.ActionCreate) })
	e.outlookMu.Lock()
	defer e.outlookMu.Unlock()
	e.mu.Lock()
	if buys {
		o.Limits = e.creates.Uses()
	}
	o.Purses = e.pursesLocked()
	e.mu.Unlock()
	e.outlook = o
	e.outlook.Items = nil
	e.opt.Outlook(o)
}

// tellLimits tells how far the limits are used, after a create.
func (e *Engine) tellLimits() {
	if e.opt.Outlook == nil {
		return
	}
	e.outlookMu.Lock()
	defer e.outlookMu.Unlock()
	o := e.outlook
	e.mu.Lock()
	o.Limits, o.Purses = e.creates.Uses(), e.pursesLocked()
	e.mu.Unlock()
	e.opt.Outlook(o)
}

func (e *Engine) pursesLocked() []Purse {
	var list []Purse
	for _, block := range slices.Sorted(maps.Keys(e.money.blocks)) {
		p := e.money.blocks[block]
		list = append(list, Purse{block, p.spent + p.open.usd(), p.limit})
	}
	if p := &e.money.run; p.limit > 0 {
		list = append(list, Purse{"", p.spent + p.open.usd(), p.limit})
	}
	return list
}
