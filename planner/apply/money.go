package apply

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// purse is a limit on money and what stands against it.
type purse struct {
	budget string // as events name it
	place  string // where the limit stands, as a person finds it
	limit  budget.USD
	spent  budget.USD // for answers that were read
	// open is what jobs whose answers were not read, and creates on their way, are
	// expected to cost.
	open    amount
	pending int // of those, jobs that will still tell what they took
	unsized int // of the pending ones, those whose output cannot be estimated
	// unpriced counts jobs of models without a price.
	unpriced int
}

func (p *purse) add(c paid) {
	p.spent += c.spent
	if c.unpriced || c.owed != nil && !c.owed.priced {
		p.unpriced++
	}
	if c.owed == nil {
		return
	}
	p.open = p.open.plus(c.owed.cost)
	if !c.pending {
		return
	}
	p.pending++
	if !c.owed.known() {
		p.unsized++
	}
}

// standing is where the limit stands.
func (p *purse) standing() string {
	return fmt.Sprintf("$%s of %s = $%s", (p.spent + p.open.usd()).Beside(p.limit), p.budget, p.limit.Exact())
}

// raise says what lets the purchase go.
func (p *purse) raise() string {
	if p.place == "" {
		return "a higher " + p.budget + " lets it go"
	}
	return "a higher " + p.budget + " (" + p.place + ") lets it go"
}

// against says what stands against a purchase, nil when it fits.
//
// Estimates are kept clear of the limit by their margin. Where only the margin
// stands against a purchase, jobs at work will tell what they really took. One
// whose output cannot be estimated goes alone, and what it took tells of the
// others.
func (p *purse) against(c *costing, model string) *deferral {
	if p.limit == 0 {
		return nil
	}
	d := &deferral{budget: p.budget, money: true, never: true}
	sum := p.open.plus(c.cost)
	switch {
	case !c.priced:
		d.reason = fmt.Sprintf("the price of %s is not known, so nothing is bought under a limit; a price block in the batch block names it", model)
	case p.unpriced > 0:
		d.reason = "jobs of a model without a price are among what was bought; a price block in the batch block names it"
	case p.spent+sum.usd() > p.limit:
		d.reason = p.standing() + " are spent or on their way, and the next batch would exceed it; " + p.raise()
	case p.unsized > 0, !c.known() && p.pending > 0:
		d.never = false
		d.reason = p.standing() + "; what a row costs is not known yet, one batch shows it first"
	case !c.known(), p.spent+sum.upper() <= p.limit:
		return nil
	case p.pending > 0:
		d.never = false
		d.reason = p.standing() + " are spent or on their way, and the next batch might exceed it; jobs that end show what they really cost"
	default:
		d.reason = p.standing() + " are spent or on their way, and the next batch might exceed it; " + p.raise()
	}
	return d
}

// money is what may still be spent. It is made anew from the records with each
// look; in between it follows the purchases.
type money struct {
	blocks map[string]*purse
	run    purse
	booked map[planner.Address]costing
}

func (m *money) clone() money {
	c := money{blocks: make(map[string]*purse, len(m.blocks)), run: m.run, booked: maps.Clone(m.booked)}
	for name, p := range m.blocks {
		own := *p
		c.blocks[name] = &own
	}
	return c
}

// of gives the purses that a purchase of a block is paid from.
func (m *money) of(block string) []*purse {
	if p := m.blocks[block]; p != nil {
		return []*purse{p, &m.run}
	}
	return []*purse{&m.run}
}

// against says what stands against a purchase that has no place yet.
func (m *money) against(a planner.Address, c *costing, model string) *deferral {
	if _, ok := m.booked[a]; ok {
		return nil
	}
	var first *deferral
	for _, p := range m.of(a.Block) {
		if d := p.against(c, model); d != nil && (first == nil || d.never && !first.never) {
			first = d
		}
	}
	return first
}

// book takes a place for a purchase.
func (m *money) book(a planner.Address, c costing) {
	if _, ok := m.booked[a]; ok {
		return
	}
	m.booked[a] = c
	for _, p := range m.of(a.Block) {
		p.add(paid{owed: &c, pending: true})
	}
}

// release gives the place of a purchase back that bought nothing.
func (m *money) release(a planner.Address) {
	c, ok := m.booked[a]
	if !ok {
		return
	}
	delete(m.booked, a)
	for _, p := range m.of(a.Block) {
		p.open = p.open.plus(amount{-c.cost.mean, -c.cost.bias, -c.cost.variance})
		p.pending--
		if !c.known() {
			p.unsized--
		}
		if !c.priced {
			p.unpriced--
		}
	}
}

func newCosts(o *Options) costs {
	c := costs{table: o.Prices, blocks: o.Costs, models: map[string]string{}}
	if c.table == nil {
		c.table = budget.Prices()
	}
	for i := range o.Desired.Batches {
		b := &o.Desired.Batches[i]
		c.models[b.Address.Block] = b.Model
	}
	return c
}

// reckon prices a plan: what was spent, what its creates are expected to take,
// and which of them money stands against.
func (e *Engine) reckon(r *round) (unaffordable []planner.Address) {
	rec := &r.learned.Recorded
	order := sortedAddresses(rec.Batches)
	m := e.measured(rec, order)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.measures, e.costs.measures, e.costs.whole, e.costs.repairs = m.all, m.all, m.whole, m.repairs
	e.money = e.purses(rec, order)
	return e.estimate(r)
}

// purses adds up what was spent.
func (e *Engine) purses(rec *planner.Recorded, order []planner.Address) money {
	m := money{blocks: map[string]*purse{}, run: purse{budget: BudgetRunCost, limit: e.opt.MaxCost}, booked: map[planner.Address]costing{}}
	for name, c := range e.opt.Costs {
		if c.Max > 0 {
			m.blocks[name] = &purse{budget: BudgetMaxCost, place: c.MaxPlace, limit: c.Max}
		}
	}
	for _, a := range order {
		block, mine := m.blocks[a.Block], e.mine[a]
		if block == nil && len(mine) == 0 {
			continue
		}
		b := rec.Batches[a]
		for i := range b.Attempts {
			at := &b.Attempts[i]
			p := e.costs.attempt(a, at, e.wants[a])
			if block != nil {
				block.add(p)
			}
			if slices.Contains(mine, at.Number) {
				m.run.add(p)
			}
		}
	}
	return m
}

func sortedAddresses(batches map[planner.Address]*planner.Record) []planner.Address {
	list := slices.AppendSeq(make([]planner.Address, 0, len(batches)), maps.Keys(batches))
	slices.SortFunc(list, planner.Address.Compare)
	return list
}

// unaffordable says whether money stands against a purchase.
func (e *Engine) unaffordable(c *planner.Change) *deferral {
	if e.opt.MaxCost == 0 && e.money.blocks[c.Block] == nil {
		return nil
	}
	cost := e.costs.estimate(e.sizedOf(c), time.Now())
	return e.money.against(c.Address, &cost, c.Detail.Model)
}

// reserve takes money for a purchase that was admitted.
func (e *Engine) reserve(c *planner.Change) {
	e.money.book(c.Address, e.costs.estimate(e.sizedOf(c), time.Now()))
}

func (e *Engine) unreserve(c *planner.Change) { e.money.release(c.Address) }

func (e *Engine) sizedOf(c *planner.Change) sized {
	return sized{address: c.Address, model: c.Detail.Model, rows: c.Detail.Rows, tokens: c.Detail.Tokens, limit: e.limits[c.Address],
		repair: c.Reason == planner.ReasonRepair}
}

// outputLimit is the most that the requests of a purchase allow as output, 0
// where one of them has no limit.
func (e *Engine) outputLimit(c *planner.Change, rec *planner.Record) int64 {
	if !c.Detail.Subset {
		s := &e.want(c.Address).Source
		return limitOf(s.OutputLimit, s.Unlimited)
	}
	if rec != nil && rec.Judged != nil && rec.Judged.Rest != nil && rec.Judged.Rest.SHA256 == c.Detail.SHA256 {
		return limitOf(rec.Judged.Rest.OutputLimit, rec.Judged.Rest.Unlimited)
	}
	return 0
}
