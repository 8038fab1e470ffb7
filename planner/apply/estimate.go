package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// estimate fills in what the creates of a plan are expected to take, and says
// which of them money stands against.
//
// It gives the repairs that the limit of their block refuses for good while their
// batches wait for them.
func (e *Engine) estimate(r *round) (unaffordable []planner.Address) {
	p := r.plan
	e.limits, e.hopeless = map[planner.Address]int64{}, map[planner.Address]bool{}
	left := e.money.clone()
	b := newBill(p)
	for i := range p.Changes {
		c := &p.Changes[i]
		if !c.Has(planner.ActionCreate) {
			continue
		}
		if limit := e.outputLimit(c, r.learned.Recorded.Batches[c.Address]); limit > 0 {
			e.limits[c.Address] = limit
		}
		cost := e.costs.estimate(e.sizedOf(c), r.at)
		c.Detail.OutputTokens = cost.out.Tokens
		if cost.known() {
			c.Detail.CostUSD = cost.cost.usd().Dollars()
		}
		b.add(c, &cost)
		if d := e.creates.TooLarge(e.createOf(c)); !d.Admit() {
			// Without the batch's own tokens, which are in its detail: what is said of
			// many batches alike is said once.
			e.hopeless[c.Address] = true
			p.Problems = append(p.Problems, planner.Problem{Severity: planner.SeverityWarning, Code: planner.CodeTooLarge, Address: &c.Address,
				Summary: fmt.Sprintf("not bought: it has more than the %d tokens that max_enqueued_tokens allows for %s in all: split the batch, or declare a higher limit", d.Limit, d.Model)})
		}
		if d := left.against(c.Address, &cost, c.Detail.Model); d != nil {
			e.hopeless[c.Address] = e.hopeless[c.Address] || d.never
			b.refuse(c, d)
			if d.never && d.budget == BudgetMaxCost && c.Reason == planner.ReasonRepair && c.Phase != planner.PhaseDone {
				unaffordable = append(unaffordable, c.Address)
			}
			continue
		}
		left.book(c.Address, cost)
	}
	b.finish()
	return unaffordable
}

// bill adds up what the creates of a plan take.
type bill struct {
	plan     *planner.Plan
	creates  int
	cost     budget.USD
	input    budget.USD // of the creates whose cost is not known whole
	unsized  int        // creates whose output is not estimated
	unpriced map[string]bool
	inputs   map[budget.Basis]int
	outputs  map[budget.Basis]int
	sources  map[string]string // of the price, by model
	waits    map[string]bool   // blocks of which one batch goes first
}

func newBill(p *planner.Plan) *bill {
	p.Estimate.InputTokens = 0
	return &bill{plan: p, unpriced: map[string]bool{}, inputs: map[budget.Basis]int{}, outputs: map[budget.Basis]int{},
		sources: map[string]string{}, waits: map[string]bool{}}
}

func (b *bill) add(c *planner.Change, cost *costing) {
	b.creates++
	b.plan.Estimate.InputTokens += cost.in.Tokens
	b.plan.Estimate.OutputTokens += cost.out.Tokens
	b.inputs[cost.in.Basis]++
	b.outputs[cost.out.Basis]++
	if cost.out.Basis == budget.BasisUnknown {
		b.unsized++
	}
	switch {
	case !cost.priced:
		b.unpriced[c.Detail.Model] = true
		return
	case cost.known():
		b.cost += cost.cost.usd()
	default:
		b.input += cost.input
	}
	b.sources[c.Detail.Model] = cost.rates.Source()
}

// refuse says that money stands against a create.
func (b *bill) refuse(c *planner.Change, d *deferral) {
	problem := planner.Problem{Severity: planner.SeverityWarning, Code: planner.CodeMaxCost, Address: &c.Address,
		Summary: "not bought: " + d.reason}
	if !d.never {
		if b.waits[c.Block] {
			return
		}
		b.waits[c.Block] = true
		problem.Code, problem.Address = planner.CodeCostOpen, nil
		problem.Summary = fmt.Sprintf("batch %q: not all is bought at once: %s", c.Block, d.reason)
	}
	b.plan.Problems = append(b.plan.Problems, problem)
}

func (b *bill) finish() {
	e := &b.plan.Estimate
	e.CostUSD = b.cost.Dollars()
	if b.creates == 0 {
		return
	}
	e.Basis = strings.Join(append([]string{
		"input tokens: " + b.basis(b.inputs), "output tokens: " + b.basis(b.outputs),
	}, b.priceWords()...), "; ")
}

// basis says where numbers of tokens come from.
func (b *bill) basis(counts map[budget.Basis]int) string {
	words := []struct {
		basis budget.Basis
		words string
	}{
		{budget.BasisMeasured, "measured on finished batches"},
		{budget.BasisCounted, "a sample counted by the service"},
		{budget.BasisCharacters, "characters/4"},
		{budget.BasisLimit, "the limits in the requests"},
		{budget.BasisUnknown, "not estimated, nothing has finished yet"},
	}
	var parts []string
	for _, w := range words {
		switch n := counts[w.basis]; n {
		case 0:
		case b.creates:
			parts = append(parts, w.words)
		default:
			parts = append(parts, fmt.Sprintf("%s (%d of %d creates)", w.words, n, b.creates))
		}
	}
	return strings.Join(parts, ", ")
}

// priceWords says what is not in the cost, and where the prices come from.
func (b *bill) priceWords() []string {
	var words []string
	if len(b.unpriced) > 0 {
		words = append(words, "cost: no price is known for "+strings.Join(slices.Sorted(maps.Keys(b.unpriced)), ", "))
	}
	if b.unsized > 0 {
		cost := "cost: not estimated"
		if b.unsized < b.creates {
			cost += fmt.Sprintf(" for %d of %d creates", b.unsized, b.creates)
		}
		if b.input >= budget.Dollar/100 {
			cost += fmt.Sprintf(", their input alone comes to $%s", b.input)
		}
		words = append(words, cost)
	}
	by := map[string][]string{} // models, by the source of their price
	for _, model := range slices.Sorted(maps.Keys(b.sources)) {
		by[b.sources[model]] = append(by[b.sources[model]], model)
	}
	for _, source := range slices.Sorted(maps.Keys(by)) {
		words = append(words, fmt.Sprintf("price of %s: %s", strings.Join(by[source], ", "), source))
	}
	return words
}
