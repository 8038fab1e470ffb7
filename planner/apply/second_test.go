package apply_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// anotherMachine gives another working copy of the same project on another machine:
// the same sources and the same service, with a state and results of its own.
func (w *world) anotherMachine() *world {
	w.t.Helper()
	other := *w
	other.dir, other.crash, other.events = w.t.TempDir(), &crasher{}, nil
	other.paths = maps.Clone(w.paths)
	for a, p := range other.paths {
		p.OutputDir = filepath.Join(other.dir, "out")
		other.paths[a] = p
	}
	return &other
}

// A second state on the same project takes nothing of the first one's, and buys
// nothing again, at whatever stage the first one is.
func TestSecondStateTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newWorld(t, 3, 2, slow(emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, First: 2, Value: "400"}))
		second := first.anotherMachine()
		must := func(when string) {
			t.Helper()
			bought := first.purchases()
			rep := second.mustApply(false)
			if rep.Summary.Held != 3 || rep.Summary.Created+rep.Summary.Adopted+rep.Summary.Uploaded != 0 {
				t.Errorf("%s: %+v, want all three held", when, rep.Summary)
			}
			for _, h := range rep.Plan.Held {
				if h.Reason != planner.HoldClaimedElsewhere {
					t.Errorf("%s: %s is held for %s", when, h.Address, h.Reason)
				}
			}
			if n := first.purchases(); n != bought {
				t.Errorf("%s: the second state bought %d jobs", when, n-bought)
			}
		}
		first.mustApply(false) // 51 and 53 are bought, 52 is uploaded
		must("while two run and one is uploaded")
		first.mustApply(false)
		must("while all run")
		time.Sleep(2 * time.Hour)
		must("when all have ended")
		first.mustConverge()
		must("when all are delivered")
		time.Sleep(50 * time.Hour)
		must("when the uploads are gone")
		// The first one is lost; the second one takes its place.
		if _, err := second.rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		second.mustConverge()
	})
}

// copyingJournal keeps the state's files as they are after each write.
type copyingJournal struct {
	apply.Journal
	path   string
	copies *[]map[string][]byte
}

func (j *copyingJournal) Write(op string, changes ...state.Change) error {
	err := j.Journal.Write(op, changes...)
	files := map[string][]byte{}
	for _, name := range []string{"", ".journal"} {
		if text, err := os.ReadFile(j.path + name); err == nil {
			files[name] = text
		}
	}
	*j.copies = append(*j.copies, files)
	return err
}

// restore puts an older copy of the state back.
func (w *world) restore(files map[string][]byte) {
	w.t.Helper()
	for _, name := range []string{"", ".journal", ".backup"} {
		if err := os.Remove(w.statePath() + name); err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
		if text, ok := files[name]; ok {
			if err := os.WriteFile(w.statePath()+name, text, 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// The state as it was after any write of a run is put back later: what was
// bought since is found again, and nothing is bought twice. Soon after, the
// uploads tell as well; days later the jobs alone do.
func TestRestoredStateOfAnyInstant(t *testing.T) {
	for _, after := range []time.Duration{time.Minute, 72 * time.Hour} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3, 2, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultResetAfter, Op: emulator.OpCreate}, {Name: emulator.FaultMissingRow, Op: emulator.OpCreate, First: 3}}})
				var copies []map[string][]byte
				w.options = func(o *apply.Options) {
					o.Limits.Parallelism = 1
					o.Journal = &copyingJournal{Journal: o.Journal, path: w.statePath(), copies: &copies}
				}
				w.mustConverge()
				w.options = nil
				if len(copies) < 12 {
					t.Fatalf("the run wrote %d times", len(copies))
				}
				time.Sleep(after)
				for i, files := range copies {
					w.restore(files)
					if _, err := w.apply(t.Context(), true); err != nil {
						t.Fatalf("copy %d: %v", i, err)
					}
					w.mustBeDone()
					if t.Failed() {
						t.Fatalf("copy %d of %d", i, len(copies))
					}
				}
			})
		})
	}
}

// Two machines take turns with one state that they hand to each other. One of
// them keeps an old copy now and then.
func TestTwoMachinesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 6, 2, emulator.Config{Quota: emulator.Quota{ActiveJobs: 2}, RunTime: emulator.Span{Min: 10 * time.Minute, Max: 20 * time.Minute}})
		other := w.anotherMachine()
		hand := func(from, to *world) {
			t.Helper()
			files := map[string][]byte{}
			for _, name := range []string{"", ".journal"} {
				if text, err := os.ReadFile(from.statePath() + name); err == nil {
					files[name] = text
				}
			}
			to.restore(files)
		}
		for turn := range 40 {
			w.mustApply(false)
			time.Sleep(7 * time.Minute)
			if turn%3 != 0 { // every third time it forgets to hand it over
				hand(w, other)
			}
			if turn > 0 {
				other.mustApply(false)
				time.Sleep(7 * time.Minute)
				hand(other, w)
			}
		}
		w.converge()
		w.mustHaveBoughtOnce()
		if n := w.purchases(); n != 6 {
			t.Errorf("%d jobs were bought, want 6", n)
		}
		for i, at := range w.state().Batches {
			if at.Result == nil {
				t.Error(fmt.Sprint(i) + " has no result")
			}
		}
	})
}
