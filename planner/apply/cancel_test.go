package apply_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// slow makes jobs that run for an hour.
func slow(faults ...emulator.Fault) emulator.Config {
	return emulator.Config{RunTime: emulator.Span{Min: time.Hour, Max: time.Hour}, Faults: faults}
}

func one(number int) []planner.Selector {
	return []planner.Selector{{Block: "qa", First: number, Last: number}}
}

// cancel cancels what is at work for a batch, as one process would.
func (w *world) cancel(ctx context.Context, number int) (results []apply.CancelResult, err error) {
	w.t.Helper()
	err = w.process(ctx, false, func(ctx context.Context, p process) error {
		list, _, err := p.engine.PlanCancel(ctx, one(number), nil)
		if err != nil {
			return err
		}
		results, err = p.engine.Cancel(ctx, p.client, list)
		return err
	})
	return results, err
}

// mustApply runs to the end of what can be done.
func (w *world) mustApply(wait bool) apply.Report {
	w.t.Helper()
	rep, err := w.apply(w.t.Context(), wait)
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

func (w *world) mustBeHeld(number int, why planner.Reason) {
	w.t.Helper()
	p, items := w.plan(w.t.Context())
	if len(p.Changes) > 0 {
		w.t.Errorf("the plan is not empty: %+v", p.Changes)
	}
	for _, it := range items {
		if it.Address.Number == number && (it.Phase != planner.PhaseHeld || it.Reason != why) {
			w.t.Errorf("%s is %s (%s), want held (%s)", it.Address, it.Phase, it.Reason, why)
		}
	}
}

// A cancelled job is held, with what it left behind, and no later run buys it
// again.
func TestCancel(t *testing.T) {
	for _, faults := range [][]emulator.Fault{
		nil,
		{{Name: emulator.FaultCancelDelayed, Op: emulator.OpCancel, Value: "10m"}},
		{{Name: emulator.FaultCancelCode, Op: emulator.OpCancel, Value: "1"}},
		{{Name: emulator.FaultResetAfter, Op: emulator.OpCancel}},
		{{Name: emulator.FaultEmpty200, Op: emulator.OpCancel}},
	} {
		name := "plain"
		if len(faults) > 0 {
			name = faults[0].Name
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 2, slow(faults...))
				w.mustApply(false)
				results, err := w.cancel(t.Context(), 51)
				if err != nil || len(results) != 1 {
					t.Fatalf("the cancel ended with %+v, %v", results, err)
				}
				w.mustApply(true)
				w.mustBeHeld(51, planner.HoldCancelled)
				if n := w.purchases(); n != 2 {
					t.Errorf("%d jobs were bought, want 2", n)
				}
			})
		})
	}
}

// A refused cancel changes nothing: the job is followed to its end.
func TestCancelThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, slow(emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpCancel, Count: -1, Value: "400"}))
		w.mustApply(false)
		results, err := w.cancel(t.Context(), 51)
		if err != nil || results[0].End != apply.CancelFailed || results[0].Err == nil {
			t.Fatalf("the cancel ended with %+v, %v, want one failure", results, err)
		}
		w.mustConverge()
	})
}

// A job that ends while the question is on the screen is left, and delivered.
func TestCancelThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, slow())
		w.mustApply(false)
		err := w.process(t.Context(), false, func(ctx context.Context, p process) error {
			list, _, err := p.engine.PlanCancel(ctx, one(51), nil)
			if err != nil || len(list) != 1 {
				return fmt.Errorf("%d to cancel: %w", len(list), err)
			}
			time.Sleep(3 * time.Hour)
			results, err := p.engine.Cancel(ctx, p.client, list)
			if len(results) != 1 || results[0].End != apply.CancelLate {
				t.Errorf("the cancel ended with %+v, want one that came too late", results)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.mustConverge()
	})
}

// A send whose outcome is not known is marked. When nothing came of it, the
// batch is held; when its job turns up, it runs on, and the plan names the
// command.
func TestCancelOfAnUnknownSend(t *testing.T) {
	for name, arrives := range map[string]bool{emulator.FaultResetBefore: false, emulator.FaultResetAfter: true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, 2, slow(emulator.Fault{Name: name, Op: emulator.OpCreate}, emulator.Fault{Name: emulator.FaultListLag, Op: emulator.OpCreate, Value: "2m"}))
				w.mustApply(false)
				results, err := w.cancel(t.Context(), 51)
				if err != nil || len(results) != 1 || results[0].End != apply.CancelMarked {
					t.Fatalf("the cancel ended with %+v, %v, want one mark", results, err)
				}
				time.Sleep(3 * time.Minute)
				w.mustApply(false)
				p, _ := w.plan(t.Context())
				if arrives {
					if p.Summary.InProgress != 1 || len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Summary, "qaplan cancel 'batch.qa[51]'") {
						t.Errorf("%+v with %+v, want one in progress and a warning that names the command", p.Summary, p.Problems)
					}
					if results, err = w.cancel(t.Context(), 51); err != nil || results[0].End != apply.CancelEnded {
						t.Errorf("the second cancel ended with %+v, %v", results, err)
					}
				}
				w.mustApply(true)
				w.mustBeHeld(51, planner.HoldCancelled)
				if n := w.purchases(); arrives && n != 1 || !arrives && n != 0 {
					t.Errorf("%d jobs were bought", n)
				}
			})
		})
	}
}

// A send that the cancel's own listing settles as absent is marked all the same:
// whoever typed it was told that it is unknown, and wants nothing more sent.
func TestCancelThatSettlesASend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, slow(emulator.Fault{Name: emulator.FaultResetBefore, Op: emulator.OpCreate}))
		w.mustApply(false)
		time.Sleep(20 * time.Minute)
		results, err := w.cancel(t.Context(), 51)
		if err != nil || len(results) != 1 || results[0].End != apply.CancelMarked {
			t.Fatalf("the cancel ended with %+v, %v, want one mark", results, err)
		}
		w.mustApply(true)
		w.mustBeHeld(51, planner.HoldCancelled)
		if n := w.purchases(); n != 0 {
			t.Errorf("%d jobs were bought", n)
		}
		if results, err = w.cancel(t.Context(), 51); err != nil || len(results) != 0 {
			t.Errorf("the second cancel ended with %+v, %v, want nothing to cancel", results, err)
		}
	})
}

// endingJournal ends a run before it can write one thing.
type endingJournal struct {
	apply.Journal
	op string
}

func (j *endingJournal) Write(op string, changes ...state.Change) error {
	if op == j.op {
		return errCrashed
	}
	return j.Journal.Write(op, changes...)
}

// The same where an older state was put back and only a live upload tells that a
// create may have followed.
func TestCancelOfWhatAnUploadTells(t *testing.T) {
	for name, later := range map[string]time.Duration{"open": 0, "settled by the cancel's listing": 20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { cancelOfWhatAnUploadTells(t, later) })
		})
	}
}

func cancelOfWhatAnUploadTells(t *testing.T, later time.Duration) {
	w := newWorld(t, 1, 2, slow())
	until := func(op string) { // a run that ends before it can write that
		t.Helper()
		w.options = func(o *apply.Options) { o.Journal = &endingJournal{o.Journal, op} }
		if _, err := w.apply(t.Context(), false); !errors.Is(err, errCrashed) {
			t.Fatalf("a run until %s ended with %v", op, err)
		}
		w.options = nil
	}
	until("upload_intent")
	old, err := os.ReadFile(w.statePath() + ".journal")
	if err != nil {
		t.Fatal(err)
	}
	until("create_intent")
	if err := os.WriteFile(w.statePath()+".journal", old, 0o600); err != nil {
		t.Fatal(err)
	}
	w.mustApply(false)
	time.Sleep(later)
	results, err := w.cancel(t.Context(), 51)
	if err != nil || len(results) != 1 || results[0].End != apply.CancelMarked {
		t.Fatalf("the cancel ended with %+v, %v, want one mark", results, err)
	}
	for range 3 {
		time.Sleep(20 * time.Minute)
		w.mustApply(true)
	}
	w.mustBeHeld(51, planner.HoldCancelled)
	time.Sleep(50 * time.Hour) // the upload is gone
	w.mustApply(true)
	w.mustBeHeld(51, planner.HoldCancelled)
	if n := w.purchases(); n != 0 {
		t.Errorf("%d jobs were bought", n)
	}
}

// A cancel of the second job of a batch leaves the first one alone.
func TestCancelOfASecondJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, slow())
		w.mustApply(false)
		ledger, err := w.server.Ledger()
		if err != nil {
			t.Fatal(err)
		}
		first := ledger.Purchases[0]
		second, err := w.server.AddJob(emulator.PlantedJob{DisplayName: first.DisplayName, Requests: []byte(requests(51, 2)), InputFile: w.inputOf(51), State: "RUNNING"})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := w.plan(t.Context())
		if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Summary, "qaplan cancel "+second) {
			t.Errorf("problems: %+v, want one that names the command for %s", p.Problems, second)
		}
		err = w.process(t.Context(), false, func(ctx context.Context, p process) error {
			if _, unknown, err := p.engine.PlanCancel(ctx, nil, []string{"batches/nobodys"}); err != nil || len(unknown) != 1 {
				t.Errorf("a job of nobody: %v, %v", unknown, err)
			}
			list, unknown, err := p.engine.PlanCancel(ctx, nil, []string{second})
			if err != nil || len(list) != 1 || len(unknown) != 0 {
				return fmt.Errorf("%+v, %v: %w", list, unknown, err)
			}
			_, err = p.engine.Cancel(ctx, p.client, list)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.converge()
		w.mustHaveRightResults()
	})
}

// inputOf is the upload that the batch's newest attempt names.
func (w *world) inputOf(number int) string {
	return w.state().Batches[planner.Address{Block: "qa", Number: number}].Last().File
}

// A cancel that is killed at any instant is never followed by a purchase in the
// place of what it cancelled.
func TestCancelSurvivesACrash(t *testing.T) {
	cancelled := func(t *testing.T, at int, after bool) (points []string) {
		w := newWorld(t, 2, 2, slow())
		w.mustApply(false)
		w.crash = &crasher{at: at, after: after}
		w.cancel(t.Context(), 51) // it dies on the way
		points = w.crash.points
		w.crash = &crasher{}
		w.mustApply(true)
		if p, items := w.plan(t.Context()); len(p.Changes) > 0 || p.Summary.Done+p.Summary.Held != 2 || p.Summary.Done == 0 {
			t.Errorf("%+v, changes %+v, items %+v", p.Summary, p.Changes, items)
		}
		if n := w.purchases(); n != 2 {
			t.Errorf("%d jobs were bought, want 2", n)
		}
		return points
	}
	var points []string
	synctest.Test(t, func(t *testing.T) { points = cancelled(t, 0, false) })
	if all := strings.Join(points, "; "); !strings.Contains(all, "journal cancel_intent; call POST") || !strings.Contains(all, "journal cancel_complete") {
		t.Fatalf("the points of a cancel are %s", all)
	}
	for i, name := range points {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s %t", i+1, name, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { cancelled(t, i+1, after) })
			})
		}
	}
}

// clean deletes what nothing needs any more, as one process would.
func (w *world) clean(ctx context.Context) (deleted []planner.File, err error) {
	w.t.Helper()
	err = w.process(ctx, false, func(ctx context.Context, p process) error {
		list, err := p.engine.PlanClean(ctx)
		if err != nil {
			return err
		}
		deleted, err = p.engine.Clean(ctx, p.client, list)
		return err
	})
	return deleted, err
}

// A clean that is killed at any instant harms nothing: what is still to be
// bought is bought once, whatever was deleted.
func TestCleanSurvivesACrash(t *testing.T) {
	cleaned := func(t *testing.T, at int, after bool) (points []string) {
		w := newWorld(t, 2, 2, emulator.Config{})
		w.mustApply(true)
		w.add(53, requests(51, 2)) // a twin of 51
		w.add(54, requests(54, 2))
		w.crash = &crasher{at: at, after: after}
		w.clean(t.Context())
		points = w.crash.points
		w.crash = &crasher{}
		w.mustConverge()
		if deleted, err := w.clean(t.Context()); err != nil || len(deleted) < 3 {
			t.Errorf("after all is done %d uploads were deleted, %v", len(deleted), err)
		}
		w.mustBeDone()
		return points
	}
	var points []string
	synctest.Test(t, func(t *testing.T) { points = cleaned(t, 0, false) })
	if all := strings.Join(points, "; "); !strings.Contains(all, "journal clean; call DELETE files") {
		t.Fatalf("the points of a clean are %s", all)
	}
	for i, name := range points {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s %t", i+1, name, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { cleaned(t, i+1, after) })
			})
		}
	}
}
