package apply_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// attempts are those of batch 51.
func (w *world) attempts() []planner.Attempt {
	w.t.Helper()
	return w.state().Batches[planner.Address{Block: "qa", Number: 51}].Attempts
}

// skewed is a service whose clock differs from the local one by a changing
// offset.
func skewed(offset *time.Duration, cfg emulator.Config) emulator.Config {
	cfg.Clock = func() time.Time { return time.Now().Add(*offset) }
	return cfg
}

// Two machines whose clocks are an hour apart work on one state: what counts is
// the service's time. The hour between their clocks settles nothing, and makes no
// upload expire.
func TestClocksAnHourApart(t *testing.T) {
	for _, service := range []time.Duration{-time.Hour, 0, time.Hour} {
		t.Run(service.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				offset := service
				w := newWorld(t, 2, 2, skewed(&offset, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultResetBefore, Op: emulator.OpCreate}, {Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, First: 2, Value: "400"}}}))
				w.mustApply(false) // 51 unknown, 52 uploaded
				// The other machine's clock is an hour ahead of this one's.
				time.Sleep(time.Hour)
				offset -= time.Hour
				time.Sleep(time.Second)
				w.mustApply(false)
				if at := w.attempts()[0]; at.Outcome != planner.OutcomeIntent {
					t.Fatalf("an hour between two clocks settled the create: %+v", at)
				}
				// Its upload has 45 minutes left by the service's clock, and is over
				// by that of a third machine.
				if expires := w.state().Batches[w.desired.Batches[1].Address].Upload.Expires; !expires.IsZero() {
					left := expires.Sub(w.server.Now()) - 45*time.Minute
					time.Sleep(left + time.Hour)
					offset -= time.Hour
				}
				w.converge()
				w.mustBeDone()
				ledger, err := w.server.Ledger()
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range ledger.Purchases {
					if tok, _ := planner.ParseToken(p.DisplayName); tok.Number == 52 && tok.Attempt > 2 {
						t.Errorf("batch 52 took %d attempts", tok.Attempt)
					}
				}
			})
		})
	}
}

// sleepyJournal stands for a machine that is suspended right after an intent was
// made durable.
type sleepyJournal struct {
	apply.Journal
	naps  int
	sleep time.Duration
}

func (j *sleepyJournal) Write(op string, changes ...state.Change) error {
	err := j.Journal.Write(op, changes...)
	if op == "create_intent" && j.naps > 0 {
		j.naps--
		time.Sleep(j.sleep)
	}
	return err
}

// A machine that was suspended between an intent and its call does not send: the
// listing may have been settled by another run meanwhile.
func TestSuspendedBetweenIntentAndSend(t *testing.T) {
	for nap, sent := range map[time.Duration]bool{4 * time.Second: true, 6 * time.Second: false, 9 * time.Hour: false} {
		t.Run(nap.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 2, emulator.Config{})
				options := w.options
				w.options = func(o *apply.Options) {
					o.Journal = &sleepyJournal{Journal: o.Journal, naps: 1, sleep: nap}
				}
				w.mustApply(false)
				w.options = options
				if at := w.attempts()[0]; (at.Outcome == planner.OutcomeNotSent) == sent {
					t.Errorf("after %s the attempt is %s", nap, at.Outcome)
				}
				if n, want := w.purchases(), map[bool]int{true: 2, false: 1}[sent]; n != want {
					t.Errorf("%d jobs were bought, want %d", n, want)
				}
				w.mustConverge()
			})
		})
	}
}
