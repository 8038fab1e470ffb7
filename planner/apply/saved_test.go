package apply_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// save makes a plan, another job of a batch included where rerunOf names one,
// and lets every run from here on carry that plan out.
func (w *world) save(follow bool) *planner.Plan {
	w.t.Helper()
	var p *planner.Plan
	err := w.process(w.t.Context(), false, func(ctx context.Context, proc process) (err error) {
		p, _, err = proc.engine.Plan(ctx)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.rerunOf = 0
	before := w.options
	w.options = func(o *apply.Options) {
		if before != nil {
			before(o)
		}
		o.Plan.Saved = planner.NewSaved(p, follow)
	}
	w.crash = &crasher{}
	return p
}

// another is a world in which one batch is delivered and another job for it is
// planned, together with two first ones.
func another(t *testing.T) *world {
	w := newWorld(t, 1, 2, quick())
	w.mustConverge()
	w.add(52, requests(52, 2))
	w.add(53, requests(53, 2))
	w.rerunOf, w.asked = 51, 1
	p := w.save(true)
	if p.Summary.Create != 3 {
		t.Fatalf("%d jobs are planned, want 3", p.Summary.Create)
	}
	return w
}

// TestSavedCrash kills the run of a saved plan before and after each journal
// write and each call, and runs the same plan again: each of its purchases, the
// wish for another job included, is made once.
func TestSavedCrash(t *testing.T) {
	var points []string
	synctest.Test(t, func(t *testing.T) {
		w := another(t)
		w.converge()
		points = w.crash.points
		w.mustBeDone()
	})
	for _, want := range []string{"journal create_intent", "call create", "journal create_complete", "call download"} {
		n := 0
		for _, p := range points {
			if p == want {
				n++
			}
		}
		if n < 3 {
			t.Errorf("a run passes %q %d times, want 3", want, n)
		}
	}
	for n := 1; n <= 2*len(points); n += every {
		p := nth(n)
		t.Run(p.String()+" "+points[p.at-1], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := another(t)
				w.crash.at, w.crash.after = p.at, p.after
				_, _ = w.apply(t.Context(), true)
				if !w.crash.dead {
					t.Fatalf("the run was not killed at %d", p.at)
				}
				w.crash = &crasher{}
				time.Sleep(time.Second)
				w.converge()
				w.converge() // a third time there is nothing left of it
				w.mustBeDone()
				if got := w.purchases(); got != 4 {
					t.Errorf("%d jobs were bought, want 4", got)
				}
			})
		})
	}
}

// What a quota refuses is left, and the same plan goes on with it later: a
// refused send bought nothing.
func TestSavedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, quick(emulator.Fault{Name: emulator.FaultQuota429, Op: "create", First: 2, Count: 1}))
		w.save(false)
		first, all := 0, 0
		for run := range 6 {
			rep, err := w.apply(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			if all += rep.Summary.Created; run == 0 {
				first = all
			}
			time.Sleep(time.Hour)
		}
		if first != 1 || all != 3 {
			t.Errorf("the first run bought %d jobs, all of them %d; want 1 and 3", first, all)
		}
		w.mustHaveBoughtOnce()
	})
}

// A job of a saved plan that fails is not bought again: nobody saw that. The
// run ends, and leaves it to the next plan.
func TestSavedBuysNoFurtherAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, quick(emulator.Fault{Name: emulator.FaultJobFailed, Op: "create", First: 1}))
		w.save(true)
		for range 2 {
			rep, err := w.apply(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Summary.Done != 1 || rep.Summary.Deferred != 0 {
				t.Errorf("the run ends with %+v", rep.Summary)
			}
		}
		if got := w.purchases(); got != 2 {
			t.Errorf("%d jobs were bought, want 2", got)
		}
		if p, _ := w.plan(t.Context()); p.Summary.Create != 1 {
			t.Errorf("the next plan is %+v, want one job to create", p.Summary)
		}
	})
}

// A run that was restricted to what was shown is like that of a saved plan.
func TestRestrict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, quick(emulator.Fault{Name: emulator.FaultJobFailed, Op: "create", First: 1}))
		var rep apply.Report
		err := w.process(t.Context(), true, func(ctx context.Context, proc process) error {
			p, _, err := proc.engine.Plan(ctx)
			if err != nil {
				return err
			}
			proc.engine.Restrict(p)
			rep, err = proc.engine.Apply(ctx)
			return err
		})
		if err != nil || rep.Summary.Created != 2 || rep.Summary.Downloaded != 1 || rep.Summary.Done != 1 {
			t.Errorf("the run ends with %+v, %v", rep.Summary, err)
		}
	})
}

// A run that a selection narrows waits for the selected batches alone.
func TestSelectedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, quick())
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		w.options = func(o *apply.Options) { o.Plan.Targets = []planner.Selector{{Block: "qa", First: 51, Last: 51}} }
		began := time.Now()
		rep, err := w.apply(t.Context(), true)
		if err != nil || rep.Summary.Downloaded != 1 || time.Since(began) > time.Hour {
			t.Errorf("after %s: %+v, %v", time.Since(began), rep.Summary, err)
		}
		w.options = nil
		w.mustConverge()
	})
}
