package apply_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// machines work by turns on one project with one state. The clock of a bubble
// is a machine's own, so that each turn has a bubble of its own, while the
// service's time goes on from turn to turn.
type machines struct {
	t       *testing.T
	dir     string
	batches int
	now     time.Time // the service's
}

func newMachines(t *testing.T, batches int) *machines {
	return &machines{t: t, dir: t.TempDir(), batches: batches, now: time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)}
}

// turn lets a machine work at a time of the service, its clock being that much
// ahead of the service's.
func (m *machines) turn(at time.Time, ahead time.Duration, faults []emulator.Fault, do func(w *world)) {
	m.t.Helper()
	if at.Before(m.now) {
		m.t.Fatalf("a turn at %s, and it is %s already", at, m.now)
	}
	synctest.Test(m.t, func(t *testing.T) {
		sleepUntil(t, at.Add(ahead))
		w := newWorldIn(t, m.dir, m.batches, 2, emulator.Config{
			Clock:  func() time.Time { return time.Now().Add(-ahead) },
			Faults: faults,
		})
		do(w)
		m.now = w.server.Now()
	})
}

// Clocks of two machines that differ by an hour, in either direction, neither
// hasten nor delay what is settled by the service's time.
func TestSettlingByMachinesAnHourApart(t *testing.T) {
	never := []emulator.Fault{{Name: emulator.FaultResetBefore, Op: emulator.OpCreate}}
	for _, ahead := range [][2]time.Duration{{0, time.Hour}, {time.Hour, 0}, {0, -time.Hour}, {-time.Hour, time.Hour}} {
		t.Run(fmt.Sprintf("the first %s ahead, the second %s", ahead[0], ahead[1]), func(t *testing.T) {
			m := newMachines(t, 1)
			var from time.Time
			m.turn(m.now, ahead[0], never, func(w *world) {
				w.short()
				from = w.attempt(51, 1).SettleFrom
				if !from.Equal(w.server.Now()) {
					w.t.Errorf("settling counts from %s, want the service's time %s", from, w.server.Now())
				}
			})
			for i, pause := range []time.Duration{time.Minute, 7 * time.Minute, 14 * time.Minute, 15*time.Minute - time.Second} {
				m.turn(from.Add(pause), ahead[(i+1)%2], nil, func(w *world) {
					w.short()
					if a := w.attempt(51, 1); a.Outcome != planner.OutcomeIntent || !a.SettleFrom.Equal(from) {
						w.t.Errorf("after %s attempt 1 is %q and counts from %s, want it unknown since %s", pause, a.Outcome, a.SettleFrom, from)
					}
				})
			}
			m.turn(from.Add(15*time.Minute), ahead[1], nil, func(w *world) {
				if rep := w.short(); rep.Summary.Created != 1 {
					w.t.Errorf("after the settle time: %+v, want 1 created", rep.Summary)
				}
			})
			m.turn(m.now.Add(time.Hour), ahead[0], nil, (*world).mustConverge)
		})
	}
}

// A job that shows up late is found by whichever machine looks.
func TestLateJobAndMachinesAnHourApart(t *testing.T) {
	for _, ahead := range [][2]time.Duration{{0, time.Hour}, {time.Hour, 0}, {0, -time.Hour}} {
		t.Run(fmt.Sprintf("the first %s ahead, the second %s", ahead[0], ahead[1]), func(t *testing.T) {
			m := newMachines(t, 2)
			m.turn(m.now, ahead[0], lostCreate["listed late"](14*time.Minute), func(w *world) { w.short() })
			began := m.now
			for i := range 4 {
				m.turn(began.Add(time.Duration(i)*4*time.Minute), ahead[(i+1)%2], nil, func(w *world) { w.short() })
			}
			m.turn(began.Add(14*time.Minute), ahead[0], nil, func(w *world) {
				w.short()
				if a := w.attempt(51, 1); a.Outcome != planner.OutcomeBought {
					w.t.Errorf("attempt 1 is %q, want bought", a.Outcome)
				}
			})
			m.turn(m.now.Add(time.Minute), ahead[1], nil, (*world).mustConverge)
		})
	}
}

// Whether an upload still lives is judged by the service's time, with half an
// hour to spare. Where the service tells no time the local clock has to do, with
// an hour more.
func TestExpiryAndClocksThatDiffer(t *testing.T) {
	refused := []emulator.Fault{{Name: emulator.FaultQuota429, Op: emulator.OpCreate}}
	noDate := []emulator.Fault{{Name: emulator.FaultNoDate, Count: -1}}
	for _, tt := range []struct {
		ahead  time.Duration
		faults []emulator.Fault
		limit  time.Duration // the last age, by the service's clock, at which the upload is used
	}{
		{0, nil, 47*time.Hour + 30*time.Minute},
		{time.Hour, nil, 47*time.Hour + 30*time.Minute},
		{-time.Hour, nil, 47*time.Hour + 30*time.Minute},
		{0, noDate, 46*time.Hour + 30*time.Minute},
		{time.Hour, noDate, 45*time.Hour + 30*time.Minute},
		{-time.Hour, noDate, 47*time.Hour + 30*time.Minute},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("clock %s ahead, Date %v, late %v", tt.ahead, tt.faults == nil, late), func(t *testing.T) {
				m := newMachines(t, 1)
				began := m.now
				m.turn(began, 0, refused, func(w *world) {
					if rep := w.short(); rep.Summary.Uploaded != 1 || rep.Summary.Created != 0 {
						w.t.Fatalf("before: %+v, want an upload and no job", rep.Summary)
					}
				})
				when, uploads := began.Add(tt.limit-time.Second), 0
				if late {
					when, uploads = began.Add(tt.limit), 1
				}
				m.turn(when, tt.ahead, tt.faults, func(w *world) {
					if rep := w.short(); rep.Summary.Uploaded != uploads || rep.Summary.Created != 1 {
						w.t.Errorf("%+v, want %d uploads and 1 job", rep.Summary, uploads)
					}
				})
				m.turn(m.now.Add(time.Hour), 0, nil, (*world).mustConverge)
			})
		}
	}
}

// A machine whose clock is ahead leaves times of the future in the state; one
// that comes after it does not wait for them.
func TestCreateRateAndAClockAhead(t *testing.T) {
	m := newMachines(t, 3)
	limited := func(w *world) { w.watch(apply.Limits{CreatesPerMinute: 6, Parallelism: 1}) }
	m.turn(m.now, time.Hour, nil, func(w *world) {
		limited(w)
		w.desired.Batches = w.desired.Batches[:1]
		w.short()
	})
	m.turn(m.now, 0, nil, func(w *world) {
		limited(w)
		began := time.Now()
		w.short()
		if took := time.Since(began); took < 20*time.Second || took > time.Minute {
			w.t.Errorf("two creates took %s, want 10 s before each", took)
		}
		w.mustConverge()
	})
}

// Without Date nothing tells how old the jobs of a listing are by the local
// clock, which may be behind: two walks must agree on all of them.
func TestListingThatNeverAgreesWithoutDate(t *testing.T) {
	// Once the create was sent no walk shows its job, whose answer is lost, and
	// every second one leaves out another job as well.
	faults := []emulator.Fault{{Name: emulator.FaultNoDate, Count: -1}, {Name: emulator.FaultResetAfter, Op: emulator.OpCreate}}
	for walk := 3; walk <= 400; walk++ {
		faults = append(faults, emulator.Fault{Name: emulator.FaultListSkip, Op: emulator.OpListJobs, First: walk, Value: fmt.Sprint(1 + walk%2)})
	}
	m := newMachines(t, 1)
	m.turn(m.now, -time.Hour, faults, func(w *world) {
		if _, err := w.server.AddJob(emulator.PlantedJob{Model: "gemini-2.5-pro", Requests: []byte(requests(900, 3)), Age: 10 * time.Minute}); err != nil {
			w.t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), 25*time.Minute)
		defer cancel()
		if _, err := w.apply(ctx, true); err != nil {
			w.t.Fatal(err)
		}
		if a := w.attempt(51, 1); a.Outcome != planner.OutcomeIntent || w.creates() != 1 {
			w.t.Errorf("on a listing that never agrees attempt 1 became %q, and %d creates were sent; want it unknown, and one", a.Outcome, w.creates())
		}
		if err := w.server.SetFaults(faults[0]); err != nil {
			w.t.Fatal(err)
		}
		w.mustConverge()
	})
}

// Machines that share a state, but neither clock nor output folder, take turns
// through a whole piece of work: each batch is bought once, limits hold over all
// turns, and each machine gets every result.
func TestMachinesTakeTurns(t *testing.T) {
	const batches, active = 6, 2
	m := newMachines(t, batches)
	aheads := []time.Duration{0, time.Hour, -time.Hour}
	faults := []emulator.Fault{{Name: emulator.FaultResetAfter, Op: emulator.OpCreate}} // of each turn's first create
	done := make([]bool, len(aheads))
	for turn := 0; slices.Contains(done, false); turn++ {
		if turn == 100 {
			t.Fatal("the machines do not come to an end")
		}
		who := turn % len(aheads)
		m.turn(m.now.Add(2*time.Minute), aheads[who], faults, func(w *world) {
			w.watch(apply.Limits{MaxActiveJobs: active, Parallelism: 1})
			for a, p := range w.paths {
				p.OutputDir = filepath.Join(w.dir, fmt.Sprint("out", who))
				w.paths[a] = p
			}
			rep := w.short()
			working := 0
			for _, p := range w.ledger().Purchases {
				if p.State == "BATCH_STATE_PENDING" || p.State == "BATCH_STATE_RUNNING" {
					working++
				}
			}
			if working > active {
				w.t.Errorf("turn %d: %d jobs are active, want at most %d", turn, working, active)
			}
			if done[who] = rep.Summary.Done == batches; done[who] {
				w.mustBeDone()
			}
		})
	}
}
