package budget

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
)

// USD is an amount of money in billionths of a US dollar, so that sums of
// batches are exact to far below a cent.
type USD int64

// Dollar is one US dollar.
const Dollar USD = 1e9

// Dollars gives the amount as JSON and limits in the config have it.
func (u USD) Dollars() float64 { return float64(u) / float64(Dollar) }

// FromDollars takes an amount from the config, rounded to a billionth.
func FromDollars(d float64) USD {
	const most = float64(maxUSD) / float64(Dollar)
	if d != d {
		return 0
	}
	d = min(max(d, -most), most)
	if d < 0 {
		return USD(d*float64(Dollar) - 0.5)
	}
	return USD(d*float64(Dollar) + 0.5)
}

// String writes the amount with cents, half a cent rounded away from zero.
func (u USD) String() string {
	sign := ""
	if u < 0 {
		sign, u = "-", -u
	}
	cents := (u + Dollar/200) / (Dollar / 100)
	if cents == 0 {
		sign = ""
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

// Exact writes the amount with cents, and with as many digits more as it has: a
// limit is shown as it was meant.
func (u USD) Exact() string {
	if u%(Dollar/100) == 0 {
		return u.String()
	}
	sign := ""
	if u < 0 {
		sign, u = "-", -u
	}
	return strings.TrimRight(fmt.Sprintf("%s%d.%09d", sign, u/Dollar, u%Dollar), "0")
}

// Beside writes the amount next to a limit: with cents, or next to less than a
// dime as finely as a hundredth of the limit.
func (u USD) Beside(limit USD) string {
	if limit <= 0 || limit >= Dollar/10 {
		return u.String()
	}
	step := Dollar / 100
	for step > 1 && step > limit/100 {
		step /= 10
	}
	return ((u + step/2) / step * step).Exact()
}

// maxUSD bounds amounts, so that a few sums of them cannot overflow.
const maxUSD USD = 1 << 60

// Price is what a model's tokens cost in batches, for a range of days and of
// request sizes.
type Price struct {
	Model string
	// From is the first day and Until the last one, such as 2026-12-31; "" is
	// open. A day begins and ends at midnight UTC, which comes before
	// California's: a price that rises is budgeted some hours early.
	From, Until string
	// UpTo is the largest input of a request, in tokens, that the price is for; 0
	// is any size.
	UpTo int64
	// Prices of a million tokens. Thoughts are billed as output. Cached is 0
	// where none is known: the input price is charged then.
	Input, Output, Cached USD
	// Source says where it stands, Checked on which day.
	Source, Checked string
}

// covers reports whether a time is within the price's days.
func (p *Price) covers(at time.Time) bool {
	day := at.UTC().Format(time.DateOnly)
	return (p.From == "" || day >= p.From) && (p.Until == "" || day <= p.Until)
}

// Rates are the prices of one model at one time, the smallest requests first.
type Rates struct{ tiers []Price }

// Lookup finds the prices of a model at a time. A model that is not in the table
// has no price: names that look alike may cost ten times as much.
func Lookup(table []Price, model string, at time.Time) (Rates, bool) {
	model = strings.TrimPrefix(model, "models/")
	var r Rates
	for i := range table {
		if p := &table[i]; p.Model == model && p.covers(at) {
			r.tiers = append(r.tiers, *p)
		}
	}
	return r, len(r.tiers) > 0
}

// Flat are the rates of a price block in the config, which stand above the
// table.
func Flat(input, output USD) Rates {
	return Rates{tiers: []Price{{Input: input, Output: output, Source: "config"}}}
}

// tier is the price for requests of a size.
func (r Rates) tier(size int64) Price {
	for _, p := range r.tiers {
		if p.UpTo == 0 || size <= p.UpTo {
			return p
		}
	}
	return Price{}
}

// Source says where the prices stand and on which day they were looked up.
func (r Rates) Source() string {
	p := r.tier(0)
	if p.Checked == "" {
		return p.Source
	}
	return p.Source + ", " + p.Checked
}

// Tiered reports whether larger requests have another price, and from how many
// tokens of input on.
func (r Rates) Tiered() (above int64, tiered bool) {
	p := r.tier(0)
	return p.UpTo, p.UpTo > 0
}

// Cost is what tokens cost. Those of long prompts, where they are told apart,
// pay what long prompts cost, and the others what short ones do: that is exact to
// the request. Where nothing tells them apart, as in an estimate or in counts
// from before they were, all pay the price of a request of the typical size.
// Cached tokens are part of the input. Sources disagree whether batches pay them
// at the standard rate for cache hits or at half of it: the higher one is charged.
func (r Rates) Cost(t planner.Tokens, typical int64) USD {
	if t.Long == (planner.LongTokens{}) || r.tier(0).UpTo != planner.LongPrompt {
		return r.tier(typical).cost(t)
	}
	l := planner.Tokens{Input: t.Long.Input, Output: t.Long.Output, Thoughts: t.Long.Thoughts, Cached: t.Long.Cached}
	short := planner.Tokens{Input: t.Input - l.Input, Output: t.Output - l.Output, Thoughts: t.Thoughts - l.Thoughts, Cached: t.Cached - l.Cached}
	return min(r.tier(0).cost(short)+r.tier(planner.LongPrompt+1).cost(l), maxUSD)
}

// cost is what tokens cost at one price.
func (p Price) cost(t planner.Tokens) USD {
	cached := min(max(t.Cached, 0), max(t.Input, 0))
	price := p.Cached
	if price == 0 {
		price = p.Input
	}
	sum := cost(t.Input-cached, p.Input) + cost(cached, price)
	return min(sum+cost(t.Output, p.Output)+cost(t.Thoughts, p.Output), maxUSD)
}

// cost multiplies in 128 bits and rounds to a billionth, halves up.
func cost(tokens int64, perMillion USD) USD {
	if tokens <= 0 || perMillion <= 0 {
		return 0
	}
	const million = 1_000_000
	hi, lo := bits.Mul64(uint64(tokens), uint64(perMillion))
	lo, carry := bits.Add64(lo, million/2, 0)
	if hi += carry; hi >= million {
		return maxUSD / 4
	}
	q, _ := bits.Div64(hi, lo, million)
	return USD(min(q, uint64(maxUSD/4)))
}
