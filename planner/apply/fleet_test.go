package apply_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// fleetSize is how many batches a fleet has at first.
const fleetSize = 300

// fleetRows is how many rows each of them has: a repair of one half still has
// more than one, so that no single missing row leaves a job without any.
const fleetRows = 4

// quietTime lies between two faults of downloads: whole answers come meanwhile.
// The same damage again, a settle time later, would be believed.
const quietTime = 10 * time.Minute

// switches are the faults that a fleet meets: each one alone, or with those that
// it needs to strike. Every fault of the wire hits creates, and one of the other
// calls. Left out is what one batch cannot recover from without a person, and
// what needs sources of many megabytes.
func switches() [][]emulator.Fault {
	others := []string{emulator.OpListJobs, emulator.OpUploadFinalize, emulator.OpDownload, emulator.OpUploadStart, emulator.OpListFiles}
	var list [][]emulator.Fault
	same := func(a, b emulator.Fault) bool { return a.Name == b.Name && a.Op == b.Op && a.Value == b.Value }
	known := func(faults []emulator.Fault) bool {
		return slices.ContainsFunc(list, func(have []emulator.Fault) bool { return slices.EqualFunc(have, faults, same) })
	}
	add := func(faults ...emulator.Fault) {
		for i := range faults {
			// On until it strikes: what is due at a create that is refused, or at a
			// first page, may do nothing there.
			faults[i].First, faults[i].Count = 1, -1
			if faults[i].Name == emulator.FaultJobStuck {
				faults[i].Count = 2 // they are cancelled when nothing else is left
			}
		}
		list = append(list, faults)
	}
	add(on(emulator.FaultStatusBefore, emulator.OpGetModel, "503", 1, 1)) // asked for once a run: it comes first
	// Far from its like below: a type that is refused twice in a row is refused
	// for good.
	add(on(emulator.FaultUnsupportedMIME200, emulator.OpUploadStart, "", 1, 1))
	for i, f := range slices.Concat(lostAnswers(), quotaShapes()) {
		f.Op = emulator.OpCreate
		add(f)
		f.Op = others[i%len(others)]
		if (reach{op: f.Op}).harmedBy(f) {
			add(f)
		}
	}
	for _, r := range reaches() {
		if len(r.base) > 0 {
			add(append(slices.Clone(r.base), on(emulator.FaultResetAfter, r.op, "", 1, 1))...)
		}
	}
	for _, op := range []string{emulator.OpListJobs, emulator.OpListFiles} {
		add(on(emulator.FaultListRepeat, op, "", 1, 1))
		add(on(emulator.FaultListSkip, op, "2", 1, 1))
		add(on(emulator.FaultListShift, op, "3", 1, 1))
		add(on(emulator.FaultListFailPage, op, "3", 1, 1))
	}
	add(on(emulator.FaultListLag, emulator.OpCreate, "10m", 1, 1), on(emulator.FaultResetAfter, emulator.OpCreate, "", 1, 1))
	add(on(emulator.FaultJobExpired, emulator.OpCreate, "1h", 1, 1), on(emulator.FaultPartialOutput, emulator.OpCreate, "", 1, 1))
	for _, s := range slices.Concat(createTales(), fileTales(), answerTales()) {
		first := s.faults[0]
		done := s.end == nil || first.Op == emulator.OpCreate && first.Count == 1 // with bad rows
		once := first.Count > 0 && first.Name != emulator.FaultJobExpired && first.Op != emulator.OpUploadStart
		if done && once && s.poll == 0 && !s.big && !known(s.faults) {
			add(slices.Clone(s.faults)...)
		}
	}
	add(on(emulator.FaultJobStuck, emulator.OpCreate, "", 1, 1),
		on(emulator.FaultCancelDelayed, emulator.OpCancel, "", 1, 1), on(emulator.FaultCancelCode, emulator.OpCancel, "", 1, 1))
	return list
}

// TestFleetUnderEachSwitchInTurn buys 300 batches while one switch after the
// other is on, each until it has struck; the last one leaves a job that never ends,
// which somebody cancels.
func TestFleetUnderEachSwitchInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFleet(t)
		turns := &turns{w: w, left: switches(), next: w.transport}
		w.transport = turns
		limits := w.options
		w.options = func(o *apply.Options) { limits(o); o.Limits.MaxActiveJobs = 8 }
		w.untilDone(turns.over)
		met := turns.met
		if len(turns.left) > 0 {
			t.Errorf("%d switches were never on, the first: %+v", len(turns.left), turns.left[0])
		}
		for _, name := range emulator.FaultNames() {
			// No apply asks for the file of an answer by its name.
			if !met[name] && name != emulator.FaultLongNameGet {
				t.Errorf("the fleet never met %s", name)
			}
		}
		w.mustBeDone()
		w.printLedger(len(switches()))
	})
}

// TestFleetUnderAllSwitches buys 300 batches with all switches on at once, each
// at another call of its kind.
func TestFleetUnderAllSwitches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFleet(t)
		all := scattered(switches())
		if err := w.server.SetFaults(all...); err != nil {
			t.Fatal(err)
		}
		w.untilDone(func() bool { return true })
		struck := map[string]int{}
		for i, n := range w.server.Struck() {
			struck[all[i].Name+" "+all[i].Op+" "+all[i].Value] += n
		}
		for what, n := range struck {
			if n == 0 {
				t.Errorf("%s never struck", what)
			}
		}
		if err := w.server.SetFaults(); err != nil {
			t.Fatal(err)
		}
		w.mustBeDone()
		w.printLedger(len(struck))
	})
}

func newFleet(t *testing.T) *world {
	w := newQuickWorldOf(t, fleetSize, fleetRows)
	w.pageSize = 40
	w.options = func(o *apply.Options) { o.PollInterval, o.Limits.Parallelism = 4*time.Minute, 4 }
	return w
}

// scattered lets each group of faults strike at a call of its own among the
// calls of its kind.
func scattered(groups [][]emulator.Fault) []emulator.Fault {
	var list []emulator.Fault
	next := map[string]int{}
	for _, g := range groups {
		for i, f := range g {
			if i == 0 || g[i-1].Op != f.Op {
				next[f.Op] += 2
			}
			f.First = next[f.Op] - 1
			f.Count = 1
			switch f.Name {
			case emulator.FaultListFailPage: // counts the calls for its page alone
				f.First = 1
			case emulator.FaultListShift: // strikes at later pages alone: some of many calls are for those
				for f.First = 41; f.First < 1000; f.First += 17 {
					list = append(list, f)
				}
			case emulator.FaultIgnoreRange: // strikes at ranges
				f.Count = -1
			}
			list = append(list, f)
		}
	}
	return list
}

// turns switches one group of faults on after the other, each when the former
// one has struck.
type turns struct {
	w        *world
	next     http.RoundTripper
	mu       sync.Mutex
	left     [][]emulator.Fault
	on       []emulator.Fault
	met      map[string]bool
	download time.Time // when a fault of downloads struck last
}

func (o *turns) RoundTrip(r *http.Request) (*http.Response, error) {
	o.over()
	return o.next.RoundTrip(r)
}

// over goes on to the next switch when it is time, and reports whether all had
// their turn.
func (o *turns) over() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.Contains(o.w.server.Struck(), 0) {
		return false
	}
	if o.met == nil {
		o.met = map[string]bool{}
	}
	for _, f := range o.on {
		o.met[f.Name] = true
	}
	if ofDownloads(o.on) {
		o.download = time.Now()
	}
	quiet := time.Since(o.download) < quietTime
	i := slices.IndexFunc(o.left, func(g []emulator.Fault) bool { return !quiet || !ofDownloads(g) })
	if i < 0 {
		o.on = nil
	} else {
		o.on = o.left[i]
		o.left = slices.Delete(o.left, i, i+1)
	}
	if err := o.w.server.SetFaults(o.on...); err != nil {
		o.w.t.Error(err)
	}
	return len(o.on) == 0 && len(o.left) == 0
}

func ofDownloads(faults []emulator.Fault) bool {
	return slices.ContainsFunc(faults, func(f emulator.Fault) bool { return f.Op == emulator.OpDownload })
}

// untilDone runs again and again, an hour each, as somebody with a timer would.
// When nothing but jobs that never end is left, it cancels them and asks for
// others. When all is done and there are faults that have not struck, the fleet
// grows.
func (w *world) untilDone(over func() bool) {
	w.t.Helper()
	options, done := w.options, -1
	for run := 1; ; run++ {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
		rep, err := w.apply(ctx, true)
		timedOut := ctx.Err() != nil
		cancel()
		if err != nil && !timedOut {
			w.t.Fatalf("run %d: %v", run, err)
		}
		s := rep.Summary
		switch {
		case s.Done == len(w.desired.Batches) && over():
			w.t.Logf("%d runs, %d reruns of cancelled jobs", run, w.asked)
			return
		case run == 100:
			w.t.Errorf("not done after %d runs: %+v, held %+v, failed %+v, errors %v", run, s, rep.Plan.Held, rep.Plan.Failed, rep.Errors)
			return
		case s.Failed > 0:
			w.t.Fatalf("run %d: failed %+v", run, rep.Plan.Failed)
		case s.Held > 0:
			var again []planner.Selector
			for _, h := range rep.Plan.Held {
				if h.Reason == planner.HoldStateUnknown {
					continue // a listing told an odd word of a job that failed; the next one tells more
				}
				if h.Reason != planner.HoldCancelled {
					w.t.Fatalf("run %d: held %+v\n%s", run, h, w.storyOf(h.Address))
				}
				again = append(again, planner.Selector{Block: h.Address.Block, First: h.Address.Number, Last: h.Address.Number})
			}
			w.asked += len(again)
			w.options = func(o *apply.Options) { options(o); o.Plan.Rerun = again }
		case s.Done == len(w.desired.Batches):
			w.options = options
			for range fleetSize / 3 {
				n := len(w.desired.Batches)
				w.add(51+n, requests(51+n, fleetRows))
			}
		default:
			w.options = options
			// For an hour nothing moved. Where no job is left to be cancelled, it is a
			// send without an answer whose upload is gone, and those take two days.
			if s.Done == done && s.InProgress > 0 && w.cancelRemotely() == 0 {
				time.Sleep(48 * time.Hour)
			}
		}
		done = s.Done
	}
}

// storyOf tells what happened to a batch.
func (w *world) storyOf(a planner.Address) string {
	var b strings.Builder
	for _, e := range w.events {
		if e.Address != nil && *e.Address == a {
			fmt.Fprintf(&b, "  %+v\n", e)
		}
	}
	record, _ := json.Marshal(w.state().Batches[a])
	fmt.Fprintf(&b, "  %s", record)
	return b.String()
}

// printLedger shows the service's own books.
func (w *world) printLedger(faults int) {
	w.t.Helper()
	ledger, err := w.server.Ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	states := map[string]int{}
	tokens := int64(0)
	for _, p := range ledger.Purchases {
		states[strings.TrimPrefix(p.State, "BATCH_STATE_")]++
		tokens += p.Tokens
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ledger of %d batches under %d faults: %d jobs bought, %d input tokens\n", len(w.desired.Batches), faults, len(ledger.Purchases), tokens)
	for _, s := range slices.Sorted(maps.Keys(states)) {
		fmt.Fprintf(&b, "  %-16s %6d jobs\n", s, states[s])
	}
	for _, op := range slices.Sorted(maps.Keys(ledger.Calls)) {
		fmt.Fprintf(&b, "  %-16s %6d calls\n", op, ledger.Calls[op])
	}
	w.t.Log(b.String())
}
