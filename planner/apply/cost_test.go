package apply_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider/emulator"
)

// prices are those of the service's own list.
func prices() []budget.Price {
	const cents = budget.Dollar / 100
	return []budget.Price{{Model: model, Input: 15 * cents, Cached: 3 * cents, Output: 125 * cents, Source: "a list", Checked: "2026-11-23"}}
}

// limitCost lets the block cost at most so much.
func (w *world) limitCost(most budget.USD, more func(*apply.Options)) {
	w.options = func(o *apply.Options) {
		o.Prices = prices()
		o.Costs = map[string]apply.Cost{"qa": {Max: most}}
		if more != nil {
			more(o)
		}
	}
}

// charged is what the service's books say, in all and by job.
func (w *world) charged() (sum float64, jobs map[string]float64) {
	w.t.Helper()
	ledger, err := w.server.Ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	jobs = map[string]float64{}
	for _, p := range ledger.Purchases {
		sum += p.CostUSD
		jobs[p.Job] = p.CostUSD
	}
	return sum, jobs
}

// spending is what qaplan says that its batches have cost.
func (w *world) spending() (sum apply.Spending, of map[planner.Address]apply.Spending) {
	w.t.Helper()
	err := w.process(w.t.Context(), false, func(ctx context.Context, p process) error {
		_, items, err := p.engine.Plan(ctx)
		if err == nil {
			of = p.engine.Spending(items)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for a, s := range of {
		var parts budget.USD
		for _, part := range s.ByAttempt {
			parts += part
		}
		if rec := w.state().Batches[a]; parts != s.Spent || rec != nil && len(s.ByAttempt) != len(rec.Attempts) {
			w.t.Errorf("%s: attempts cost %v, in all %s", a, s.ByAttempt, s.Spent)
		}
		sum.Spent += s.Spent
		sum.ToCome += s.ToCome
		sum.Unknown = sum.Unknown || s.Unknown
	}
	return sum, of
}

// TestCostIsTheServices compares what batches are said to have cost with the
// service's own books, rows that failed, repairs and jobs that failed included.
func TestCostIsTheServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quick(emulator.Fault{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, First: 2, Count: 1})
		cfg.Rows = emulator.RowFaults{ErrorShare: 0.04, TruncatedShare: 0.06, MissingShare: 0.02, DuplicatedShare: 0.03}
		w := newWorld(t, 12, 60, cfg)
		w.repair(&planner.Repair{MaxAttempts: 2})
		w.judge("longer", longer())
		w.limitCost(0, nil)
		w.converge()
		got, of := w.spending()
		want, jobs := w.charged()
		if got.Unknown || got.ToCome != 0 {
			t.Errorf("got %+v, want all to be known", got)
		}
		if math.Abs(got.Spent.Dollars()-want) > 1e-6 || want == 0 {
			t.Errorf("got $%.6f, the service charges $%.6f", got.Spent.Dollars(), want)
		}
		for a, rec := range w.state().Batches {
			sum := 0.0
			for i := range rec.Attempts {
				sum += jobs[rec.Attempts[i].Job]
			}
			if math.Abs(of[a].Spent.Dollars()-sum) > 1e-6 {
				t.Errorf("%s: got $%.6f, the service charges $%.6f", a, of[a].Spent.Dollars(), sum)
			}
		}
	})
}

// TestBuiltInPricesAreTheServices compares costs at the built-in prices with the
// service's own books: of tokens that came from a cache, and of a model that
// charges more for each request with a long prompt.
func TestBuiltInPricesAreTheServices(t *testing.T) {
	const rows = 12
	long := strings.Repeat(".", planner.LongPrompt+1000)
	ask := func(number int) string {
		var b strings.Builder
		for r := range rows {
			question, cache := fmt.Sprintf("What does indicator %d say on day %d?", number, r), ""
			if r%4 == 1 && number%2 == 1 {
				question += long
			}
			if r%2 == 1 {
				cache = `"cached_content":"cachedContents/guide",`
			}
			fmt.Fprintf(&b, `{"key":"b%d-r%d","request":{%s"contents":[{"parts":[{"text":%q}]}]}}`+"\n", number, r, cache, question)
		}
		return b.String()
	}
	for _, of := range []string{"gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro", "gemini-3.8-flash", "gemini-2.0-flash"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := quick()
				cfg.Rows = emulator.RowFaults{TruncatedShare: 0.1, DuplicatedShare: 0.1}
				w := newWorld(t, 0, 0, cfg)
				for n := 51; n < 55; n++ {
					w.add(n, ask(n))
				}
				for i := range w.desired.Batches {
					w.desired.Batches[i].Model = of
				}
				w.repair(&planner.Repair{MaxAttempts: 2})
				w.judge("longer", longer())
				w.converge()
				got, _ := w.spending()
				want, _ := w.charged()
				if math.Abs(got.Spent.Dollars()-want) > 1e-6 || want == 0 || got.Unknown || got.ToCome != 0 {
					t.Errorf("got %+v, the service charges $%.6f", got, want)
				}
				var used planner.Tokens
				for _, rec := range w.state().Batches {
					for i := range rec.Attempts {
						used.Add(rec.Attempts[i].Tokens)
					}
				}
				if used.Cached < 1024 || used.Long.Input < 6*planner.LongPrompt || used.Long.Cached == 0 || used.Long.Input == used.Input {
					t.Errorf("tokens %+v: too few were cached, or were long prompts", used)
				}
			})
		})
	}
}

// TestMaxCostIsNeverExceeded runs again and again under limits on the cost: of the
// block over all runs, and of each run.
func TestMaxCostIsNeverExceeded(t *testing.T) {
	whole := func(t *testing.T, repair bool) float64 {
		w := costly(t, repair)
		w.limitCost(0, nil)
		w.converge()
		sum, _ := w.charged()
		return sum
	}
	for _, repair := range []bool{false, true} {
		for _, share := range []float64{0.2, 0.5, 0.9} {
			t.Run(fmt.Sprintf("repair %v, %v of all", repair, share), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					most := budget.FromDollars(whole(t, repair) * share)
					w := costly(t, repair)
					w.limitCost(most, nil)
					for run := range 3 {
						rep, err := w.apply(t.Context(), true)
						if err != nil {
							t.Fatal(err)
						}
						sum, _ := w.charged()
						if sum > most.Dollars() {
							t.Errorf("run %d: $%.6f were bought, the limit is $%.6f", run, sum, most.Dollars())
						}
						if !refusedFor(rep, apply.BudgetMaxCost) || rep.Summary.Deferred == 0 || rep.Summary.InProgress != 0 {
							t.Errorf("run %d ended so: %+v, left %+v", run, rep.Summary, rep.Left)
						}
						if run > 0 && rep.Summary.Created > 0 {
							t.Errorf("run %d bought %d jobs, although the one before it had ended for want of money", run, rep.Summary.Created)
						}
					}
					if sum, _ := w.charged(); sum < most.Dollars()*0.5 {
						t.Errorf("$%.6f of $%.6f were used", sum, most.Dollars())
					}
					w.limitCost(0, nil)
					w.mustConverge()
				})
			})
		}
	}
}

// costly is a world whose requests have no limit of output.
func costly(t *testing.T, repair bool) *world {
	cfg := quick()
	cfg.Rows = emulator.RowFaults{ErrorShare: 0.03}
	if repair {
		cfg.Rows.TruncatedShare = 0.1
	}
	w := newWorld(t, 24, 30, cfg)
	w.repair(nil)
	if repair {
		w.repair(&planner.Repair{MaxAttempts: 2})
		w.judge("longer", longer())
	}
	return w
}

func refusedFor(rep apply.Report, budget string) bool {
	for _, l := range rep.Left {
		if l.Refused && l.Budget == budget {
			return true
		}
	}
	return false
}

// TestMaxCostOfARun counts the purchases of this run alone.
func TestMaxCostOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := costly(t, false)
		w.limitCost(0, nil)
		w.converge()
		all, _ := w.charged()

		w = costly(t, false)
		most := budget.FromDollars(all * 0.4)
		w.limitCost(0, func(o *apply.Options) { o.MaxCost = most })
		before := 0.0
		for run := 0; ; run++ {
			rep, err := w.apply(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			sum, _ := w.charged()
			if sum-before > most.Dollars() {
				t.Errorf("run %d bought for $%.6f, the limit is $%.6f", run, sum-before, most.Dollars())
			}
			before = sum
			if !refusedFor(rep, apply.BudgetRunCost) {
				break
			}
			if run > 8 {
				t.Fatal("it never ends")
			}
		}
		w.mustBeDone()
	})
}

// TestNoPriceNoPurchase buys nothing under a limit for a model without a price.
func TestNoPriceNoPurchase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := costly(t, false)
		w.limitCost(budget.Dollar, func(o *apply.Options) { o.Prices = []budget.Price{} })
		rep, err := w.apply(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Created != 0 || rep.Summary.Uploaded != 0 || !refusedFor(rep, apply.BudgetMaxCost) {
			t.Errorf("got %+v, left %+v", rep.Summary, rep.Left)
		}
		w.limitCost(budget.Dollar, func(o *apply.Options) {
			o.Prices = []budget.Price{}
			o.Costs["qa"] = apply.Cost{Max: budget.Dollar, Price: &prices()[0]}
		})
		w.mustConverge()
	})
}

// TestOneBatchMeasures sends one batch alone where nothing tells what a row
// costs.
func TestOneBatchMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := costly(t, false)
		w.limitCost(budget.Dollar, nil)
		rep, err := w.apply(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Created != 1 || rep.Summary.Deferred != 2*23 || refusedFor(rep, apply.BudgetMaxCost) {
			t.Errorf("got %+v, left %+v", rep.Summary, rep.Left)
		}
		time.Sleep(time.Hour)
		w.mustConverge()
	})
}
