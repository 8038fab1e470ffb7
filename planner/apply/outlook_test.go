package apply_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider/emulator"
)

// TestOutlook follows a run: limits are used up by its creates, never beyond what
// is declared, batches and money go on from look to look, and the forecast ends
// with the last job.
func TestOutlook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limited(t, 12, emulator.Quota{}, func(l *apply.Limits) { l.MaxActiveJobs = 5 })
		var mu sync.Mutex
		var told []apply.Outlook
		limit := w.options
		w.options = func(o *apply.Options) {
			limit(o)
			o.MaxCost = budget.FromDollars(100)
			o.Outlook = func(o apply.Outlook) {
				if !mu.TryLock() {
					t.Error("told twice at the same time")
					return
				}
				defer mu.Unlock()
				told = append(told, o)
			}
		}
		if _, err := w.apply(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		w.mustBeDone()

		most, forecasts, looks := int64(0), 0, 0
		var spent budget.USD
		for i, o := range told {
			for _, u := range o.Limits {
				if u.Budget != budget.ActiveJobs || u.Most != 5 || u.Used > 5 || u.Learned {
					t.Errorf("%d: the limit %+v", i, u)
				}
				most = max(most, u.Used)
			}
			if o.Spending.Spent < spent {
				t.Errorf("%d: spent $%s after $%s", i, o.Spending.Spent, spent)
			}
			spent = o.Spending.Spent
			if len(o.Purses) != 1 || o.Purses[0].Block != "" || o.Purses[0].Used > o.Purses[0].Limit {
				t.Errorf("%d: purses %+v", i, o.Purses)
			}
			if o.Items != nil {
				looks++
			}
			if f := o.Forecast; f != nil {
				forecasts++
				if time.Duration(f.OverMax)*time.Second > 200*time.Hour {
					t.Errorf("%d: forecast %+v", i, f)
				}
			}
		}
		last := told[len(told)-1]
		if most != 5 || spent <= 0 || forecasts < looks/2 || looks < 5 {
			t.Errorf("%d jobs at most, $%s spent, %d forecasts in %d looks", most, spent, forecasts, looks)
		}
		if last.Items == nil || last.Forecast != nil && len(last.Limits) > 0 {
			t.Errorf("the last is %+v", last)
		}
		for _, it := range told[0].Items {
			if it.Phase != planner.PhaseAbsent {
				t.Errorf("%s begins as %s", it.Address, it.Phase)
			}
		}
	})
}

// BenchmarkForecast is what a look costs more on a terminal, for 10,000 batches.
func BenchmarkForecast(b *testing.B) {
	p := budget.NewCreates(budget.Settings{Limits: budget.Limits{MaxActiveJobs: 100, CreatesPerMinute: 10}}, budget.Knowledge{})
	var waiting []budget.Create
	for range 10_000 {
		waiting = append(waiting, budget.Create{Model: model, Tokens: budget.Estimate{Tokens: 270_000}})
	}
	h := budget.History{model: &budget.Durations{}}
	for i := range 50 {
		h[model].Add(time.Duration(i+1) * time.Minute)
	}
	for b.Loop() {
		p.Forecast(time.Now(), waiting, nil, h)
	}
}
