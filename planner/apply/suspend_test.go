package apply_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// sleepyJournal is of a machine that is suspended, once, right after an
// intent became durable.
type sleepyJournal struct {
	apply.Journal
	nap   time.Duration
	slept bool
}

func (j *sleepyJournal) Write(op string, changes ...state.Change) error {
	if err := j.Journal.Write(op, changes...); err != nil {
		return err
	}
	if op == "create_intent" && !j.slept {
		j.slept = true
		time.Sleep(j.nap)
	}
	return nil
}

// suspend makes the next run sleep between its first intent and the call.
func (w *world) suspend(nap time.Duration) {
	w.options = func(o *apply.Options) { o.Journal = &sleepyJournal{Journal: o.Journal, nap: nap} }
}

// A send goes out within five seconds of its intent or not at all: what a
// machine that slept in between meant to buy, somebody else may have settled.
func TestSuspendedBetweenIntentAndSend(t *testing.T) {
	for _, tt := range []struct {
		nap  time.Duration
		sent bool
	}{{5 * time.Second, true}, {5*time.Second + 1, false}, {10 * time.Minute, false}, {72 * time.Hour, false}} {
		t.Run(tt.nap.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, 2, emulator.Config{})
				w.suspend(tt.nap)
				rep := w.short()
				w.options = nil
				if tt.sent {
					if rep.Summary.Created != 1 {
						t.Errorf("%+v, want 1 created", rep.Summary)
					}
					w.mustConverge()
					return
				}
				if a := w.attempt(51, 1); a.Outcome != planner.OutcomeNotSent {
					t.Errorf("attempt 1 is %q, want not_sent", a.Outcome)
				}
				if n := w.creates(); n != 0 || rep.Summary.Created != 0 || !rep.Remains {
					t.Errorf("%d creates were sent, %+v, remains %v; want none, and work left", n, rep.Summary, rep.Remains)
				}
				said := false
				for _, e := range w.eventsOf(apply.EventDiagnostic) {
					said = said || e.Address != nil && *e.Address == at(51) && strings.Contains(e.Message, "nothing was sent")
				}
				if !said {
					t.Errorf("nothing said that the create was not sent: %+v", w.events)
				}
				if rep := w.short(); rep.Summary.Created != 1 || w.attempt(51, 2).Outcome != planner.OutcomeBought {
					t.Errorf("the next run: %+v, want attempt 2 bought", rep.Summary)
				}
				w.mustConverge()
				if n := w.creates(); n != 1 {
					t.Errorf("%d creates were sent in all, want 1", n)
				}
			})
		})
	}
}

// A run that waits goes on by itself when the machine wakes up.
func TestWaitingRunIsSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2, emulator.Config{})
		w.suspend(72 * time.Hour)
		w.mustConverge()
		if n := w.creates(); n != 3 {
			t.Errorf("%d creates were sent, want 3", n)
		}
	})
}

// sleepyTransport is of a machine that is suspended, once, when the create is
// on its way out.
type sleepyTransport struct {
	next  http.RoundTripper
	nap   time.Duration
	slept bool
}

func (s *sleepyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if callName(r) == "create" && !s.slept {
		s.slept = true
		time.Sleep(s.nap)
	}
	return s.next.RoundTrip(r)
}

// Where the sleep comes too late for the run to notice, the call's own deadline
// has passed: the outcome is unknown, and is settled like any other.
func TestSuspendedInTheSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, emulator.Config{})
		w.transport = &sleepyTransport{next: emulator.Transport(w.server), nap: time.Hour}
		w.short()
		if a := w.attempt(51, 1); a.Outcome != planner.OutcomeIntent {
			t.Errorf("attempt 1 is %q, want unknown", a.Outcome)
		}
		w.mustConverge()
	})
}

// The worst case: a machine sleeps between intent and call, its lock is taken
// by force, and another run settles the intent and buys. When the machine wakes
// up, it buys nothing and writes nothing, whatever it sleeps for.
func TestSuspendedAndTakenOver(t *testing.T) {
	for _, nap := range []time.Duration{4 * time.Second, 30 * time.Second, 20 * time.Minute, time.Hour} {
		t.Run(nap.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 2, emulator.Config{})
				second := *w // the other run, before anything has happened
				second.crash = &crasher{}
				w.suspend(nap)
				woke := make(chan error, 1)
				go func() {
					_, err := w.apply(t.Context(), true)
					woke <- err
				}()
				time.Sleep(time.Second)
				synctest.Wait()
				if s, err := state.Read(w.statePath(), state.Identity{}); err != nil || s.Batches[at(51)].Last().Outcome != planner.OutcomeIntent {
					t.Fatalf("the first run is not asleep after its intent: %v", err)
				}
				switch err := state.ForceUnlock(w.statePath(), "test", state.Holder{Operation: "force-unlock"}); {
				case runtime.GOOS == "windows": // the lock stays with its process
					if err == nil {
						t.Error("the lock was taken from a process that lives")
					}
					<-woke
					second.mustConverge()
					return
				case err != nil:
					t.Fatal(err)
				}
				second.mustConverge()
				if err := <-woke; err == nil || errors.Is(err, context.Canceled) {
					t.Errorf("the run that lost its lock ended with %v, want an error that says so", err)
				}
				second.mustBeDone()
				if n := second.creates(); nap > 5*time.Second && n != 2 {
					t.Errorf("%d creates were sent, want 2: none by the run that slept", n)
				}
			})
		})
	}
}
