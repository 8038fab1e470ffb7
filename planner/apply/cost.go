package apply

import (
	"math"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// Cost is how the purchases of a block are priced and limited.
type Cost struct {
	// Price is that of the block's own model, and of models that the table does
	// not have; nil leaves both to the table.
	Price *budget.Price
	// Max is what the block may cost, over all runs that are recorded; 0 is no
	// limit.
	Max budget.USD
	// MaxPlace is where Max stands, as a person finds it; it may be "".
	MaxPlace string
}

// costs estimates what purchases cost, by the prices of a day and by what
// finished batches took.
type costs struct {
	table    []budget.Price
	blocks   map[string]Cost
	models   map[string]string // of each block
	measures budget.Measures
	// Rows that are bought again, since they were cut off or are hard, take more
	// output than others do: each kind of job is measured for itself.
	whole, repairs budget.Measures
}

// sized is what the cost of one job is estimated from.
type sized struct {
	address planner.Address
	model   string
	rows    int
	tokens  int64 // of the input: characters/4
	limit   int64 // of the output, 0 where not every request has one
	repair  bool
}

// costing is what one job is expected to take.
type costing struct {
	in, out budget.Estimate
	rates   budget.Rates
	priced  bool // there is a price for its model
	cost    amount
	// input is what the input alone comes to.
	input budget.USD
}

// known reports whether the whole cost is estimated.
func (c *costing) known() bool { return c.priced && c.out.Basis != budget.BasisUnknown }

// amount is money that is estimated, and how far it may be off, in billionths of
// a US dollar. As with tokens, a bias does not level out in a sum; what single
// estimates scatter by does.
type amount struct{ mean, bias, variance float64 }

func (a amount) plus(b amount) amount {
	return amount{a.mean + b.mean, a.bias + b.bias, a.variance + b.variance}
}

func (a amount) usd() budget.USD { return budget.USD(math.Round(a.mean)) }

// sureOfCost is how many standard deviations are kept clear of a limit.
const sureOfCost = 3.5

// upper is what the amount is not expected to exceed.
func (a amount) upper() budget.USD {
	return budget.USD(math.Ceil(a.mean + a.bias + float64(sureOfCost*math.Sqrt(max(a.variance, 0)))))
}

// rates finds the prices of a model for a block at a time.
func (c *costs) rates(block, model string, at time.Time) (budget.Rates, bool) {
	own := c.blocks[block].Price
	if own == nil || model != c.models[block] {
		if r, ok := budget.Lookup(c.table, model, at); ok || own == nil {
			return r, ok
		}
	}
	p := *own
	p.Model = model
	return budget.Lookup([]budget.Price{p}, model, at)
}

// estimate says what a job is expected to take when it is created at a time.
func (c *costs) estimate(s sized, at time.Time) costing {
	kind := budget.Kind{Block: s.address.Block, Model: s.model}
	outputs := &c.whole
	if s.repair {
		outputs = &c.repairs
	}
	e := costing{in: c.measures.Input(kind, s.tokens), out: outputs.Output(kind, s.rows, s.limit)}
	if e.rates, e.priced = c.rates(s.address.Block, s.model, at); !e.priced {
		return e
	}
	largest := average(e.in.Tokens, s.rows)
	e.input = e.rates.Cost(planner.Tokens{Input: e.in.Tokens}, largest)
	out := e.rates.Cost(planner.Tokens{Output: e.out.Tokens}, largest)
	e.cost = priced(e.input, e.in).plus(priced(out, e.out))
	return e
}

// average is how large the requests of a job are taken to be.
func average(tokens int64, rows int) int64 { return tokens / int64(max(rows, 1)) }

func priced(cost budget.USD, e budget.Estimate) amount {
	mean := float64(cost)
	spread := mean * e.Spread
	return amount{mean, float64(mean * e.Bias), float64(spread * spread)}
}

// paid is what is known of the cost of an attempt.
type paid struct {
	spent budget.USD // for answers that were read
	// owed is the estimate for a job whose answers were not read; nil where there
	// is nothing to come.
	owed *costing
	// pending tells that its answers may still be read.
	pending bool
	// unpriced tells that tokens were used for which no price is known.
	unpriced bool
}

// attempt says what an attempt has cost, at the prices of the day on which its
// job was created, or is expected to.
func (c *costs) attempt(a planner.Address, at *planner.Attempt, want *planner.Batch) paid {
	when := at.Created
	if when.IsZero() {
		when = at.Sent
	}
	s := settlement(at)
	switch s {
	case costNothing:
		return paid{}
	case costRead:
		rates, ok := c.rates(a.Block, at.Model, when)
		if !ok {
			return paid{unpriced: at.Tokens != planner.Tokens{}}
		}
		return paid{spent: rates.Cost(at.Tokens, average(at.Tokens.Input, at.Answered))}
	}
	size := sized{address: a, model: at.Model, rows: at.Rows, tokens: at.Estimate, limit: at.OutputLimit, repair: at.Repair}
	if want != nil && size.limit == 0 && at.Input == "" && at.SHA256 == want.Source.SHA256 {
		size.limit = limitOf(want.Source.OutputLimit, want.Source.Unlimited)
	}
	e := c.estimate(size, when)
	return paid{owed: &e, pending: s == costPending}
}

// limitOf is the most that requests allow as output, 0 where one of them has no
// limit.
func limitOf(tokens int64, without int) int64 {
	if without > 0 {
		return 0
	}
	return tokens
}

// settled says how the cost of an attempt is known.
type settled int

const (
	costNothing settled = iota // nothing was bought, or nothing came of it
	costRead                   // its answers tell
	costPending                // it is at work, or its answers are not read yet
	costLost                   // it was paid for, and will not tell
)

func settlement(at *planner.Attempt) settled {
	switch {
	case at.Outcome == planner.OutcomeIntent:
		return costPending
	case at.Outcome != planner.OutcomeBought, at.Adopted && at.Wrong:
		return costNothing // what belongs to another batch is paid there
	case at.Tokens != planner.Tokens{}, at.OutputRead && at.Answered == 0 && !at.Wrong:
		return costRead
	case at.OutputRead, at.Wrong:
		return costLost // its answers carry no counts
	}
	switch planner.JobState(at.State) {
	case planner.JobFailed, planner.JobExpired, planner.JobCancelled:
		if at.Output == "" && !at.Inline && at.Part == nil {
			return costNothing
		}
	}
	if at.Gone || at.OutputGone {
		return costLost
	}
	return costPending
}

// Spending is what a batch has cost, and what is still expected for jobs whose
// answers were not read.
type Spending struct {
	Spent, ToCome budget.USD
	// ByAttempt parts Spent: one amount for each recorded attempt, in their order.
	// What is left of it belongs to an attempt that is not recorded any more.
	ByAttempt []budget.USD
	// Unknown tells that the amounts lack something: a model without a price, a job
	// whose output cannot be estimated yet, or one whose answers are gone or came
	// without counts.
	Unknown bool
}

// Spending says what each batch has cost, over all attempts.
func (e *Engine) Spending(items []planner.Item) map[planner.Address]Spending {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[planner.Address]Spending, len(items))
	for i := range items {
		if it := &items[i]; it.Record != nil {
			out[it.Address] = e.costs.record(it)
		}
	}
	return out
}

func (c *costs) record(it *planner.Item) Spending {
	var s Spending
	told := false
	for i := range it.Record.Attempts {
		at := &it.Record.Attempts[i]
		told = told || at.Tokens != planner.Tokens{}
		p := c.attempt(it.Address, at, it.Want)
		s.Spent += p.spent
		s.ByAttempt = append(s.ByAttempt, p.spent)
		s.Unknown = s.Unknown || p.unpriced
		switch {
		case p.pending:
			s.ToCome += p.owed.cost.usd()
			s.Unknown = s.Unknown || !p.owed.known()
		case p.owed != nil:
			s.Unknown = true // it will never tell
		}
	}
	r := it.Record.Result
	if told || r == nil || r.Tokens == (planner.Tokens{}) {
		return s
	}
	// Of an attempt that is not recorded any more.
	rates, ok := c.rates(it.Address.Block, c.models[it.Address.Block], r.Written)
	s.Spent += rates.Cost(r.Tokens, average(r.Tokens.Input, r.Succeeded))
	s.Unknown = s.Unknown || !ok
	return s
}
