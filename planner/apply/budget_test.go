package apply_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// limited is a project with so many batches, heavy-tailed durations and limits.
func limited(t *testing.T, batches int, q emulator.Quota, declare func(*apply.Limits)) *world {
	w := newWorld(t, batches, 3, emulator.Config{
		QueueTime: emulator.Span{Min: time.Minute, Max: 20 * time.Minute},
		RunTime:   emulator.Span{Min: 10 * time.Minute, Max: 90 * time.Minute},
		Quota:     q,
	})
	w.options = func(o *apply.Options) {
		o.Limits.Parallelism = 4
		declare(&o.Limits)
	}
	return w
}

// tokensOf is what the emulator counts for one batch of the world.
func (w *world) tokensOf() int64 {
	w.t.Helper()
	one := newWorld(w.t, 1, 3, quick())
	one.mustConverge()
	return one.ledger().Purchases[0].Tokens
}

// TestDeclaredLimitsAreNeverRefused keeps the service's own limits of jobs and of
// enqueued tokens, told in the config, without one refusal; undeclared ones are
// learned from few, and what was learned outlives the process.
func TestDeclaredLimitsAreNeverRefused(t *testing.T) {
	none := func(*apply.Limits) {}
	for name, tc := range map[string]struct {
		quota   func(tokens int64) emulator.Quota
		declare func(tokens int64) func(*apply.Limits)
		most    int // refusals in a simulated hour
	}{
		"jobs declared": {func(int64) emulator.Quota { return emulator.Quota{ActiveJobs: 7} },
			func(int64) func(*apply.Limits) { return func(l *apply.Limits) { l.MaxActiveJobs = 7 } }, 0},
		"tokens declared": {func(n int64) emulator.Quota {
			return emulator.Quota{EnqueuedTokens: map[string]int64{model: 10 * n}}
		}, func(n int64) func(*apply.Limits) { return func(l *apply.Limits) { l.EnqueuedTokens = 10 * n } }, 0},
		"jobs undeclared": {func(int64) emulator.Quota { return emulator.Quota{ActiveJobs: 7} },
			func(int64) func(*apply.Limits) { return none }, 4},
		"tokens undeclared": {func(n int64) emulator.Quota {
			return emulator.Quota{EnqueuedTokens: map[string]int64{model: 10 * n}}
		}, func(int64) func(*apply.Limits) { return none }, 4},
		"a pause after every second create": {func(int64) emulator.Quota {
			return emulator.Quota{Burst: 2, BurstPause: emulator.Span{Min: 15 * time.Minute, Max: 20 * time.Minute}}
		}, func(int64) func(*apply.Limits) { return none }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tokens := (&world{t: t}).tokensOf()
				w := limited(t, 60, tc.quota(tokens), tc.declare(tokens))
				began := time.Now()
				w.converge()
				took := time.Since(began)
				refused := len(w.eventsOf(apply.EventCreateRefused))
				calls := 0.0
				for _, n := range w.ledger().Calls {
					calls += float64(n) / 60
				}
				w.mustBeDone() // which downloads all once more
				t.Logf("60 batches in %s, %d refusals, %.1f calls a batch", took.Round(time.Minute), refused, calls)
				if calls > 7 {
					t.Errorf("%.1f calls a batch", calls)
				}
				if limit := 12 + tc.most*int(took/time.Hour+1); tc.most == 0 && refused > 0 || refused > limit {
					t.Errorf("%d creates were refused in %s, want at most %d", refused, took, limit)
				}
			})
		})
	}
}

// TestADayOfScheduledRuns applies every quarter of an hour, each time as a new
// process that does not wait, at a service whose limits nobody declared.
func TestADayOfScheduledRuns(t *testing.T) {
	for name, quota := range map[string]emulator.Quota{
		"jobs":  {ActiveJobs: 12},
		"burst": {Burst: 2, BurstPause: emulator.Span{Min: 15 * time.Minute, Max: 20 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := limited(t, 100, quota, func(*apply.Limits) {})
				// Two at most in half an hour: whoever knew all would need a day of runs
				// for them. When to try again is learned, with chance in it.
				const most = 3 * 96
				runs, refused := 0, 0
				for done := 0; done < 100; runs++ {
					if runs > most {
						t.Fatalf("%d runs and %d of 100 batches are done", most, done)
					}
					rep := w.mustApply(false)
					done = rep.Summary.Done
					refused = len(w.eventsOf(apply.EventCreateRefused))
					time.Sleep(15 * time.Minute)
				}
				w.mustBeDone()
				t.Logf("%d runs, a quarter of an hour apart; %d refusals", runs, refused)
				if refused > runs+12 {
					t.Errorf("%d refusals in %d runs", refused, runs)
				}
			})
		})
	}
}

// What was learned is worth the same to the next process: it does not run into
// the same refusals again.
func TestTheNextRunKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limited(t, 40, emulator.Quota{ActiveJobs: 5}, func(*apply.Limits) {})
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Hour)
		w.apply(ctx, true) // it ends with its time
		cancel()
		first := len(w.eventsOf(apply.EventCreateRefused))
		w.events = nil
		w.mustConverge()
		second := len(w.eventsOf(apply.EventCreateRefused))
		t.Logf("%d refusals in the first six hours, %d afterwards", first, second)
		if first == 0 || second > first+8 {
			t.Errorf("%d refusals, then %d", first, second)
		}
	})
}

// A batch that is larger than the declared limit can never be bought: the run
// says so, does the others, and does not wait for ever.
func TestABatchLargerThanTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, quick())
		w.add(60, requests(60, 400))
		w.options = func(o *apply.Options) { o.Limits.EnqueuedTokens = 2000 }
		rep := w.mustApply(true)
		if rep.Summary.Done != 2 || len(rep.Errors) != 1 {
			t.Fatalf("%+v, errors %v", rep.Summary, rep.Errors)
		}
		for a, err := range rep.Errors {
			if a.Number != 60 || !strings.Contains(fmt.Sprint(err), "split the batch") {
				t.Errorf("%s: %v", a, err)
			}
		}
	})
}
