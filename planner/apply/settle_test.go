package apply_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// short runs once and does not wait, as a schedule would.
func (w *world) short() apply.Report {
	w.t.Helper()
	rep, err := w.apply(w.t.Context(), false)
	if err != nil {
		w.t.Fatalf("apply: %v", err)
	}
	if rep.Stopped != nil {
		w.t.Fatalf("apply stopped: %v", rep.Stopped)
	}
	return rep
}

// record is what the state says of a batch.
func (w *world) record(number int) *planner.Record {
	w.t.Helper()
	s, err := state.Read(w.statePath(), state.Identity{})
	if err != nil {
		w.t.Fatal(err)
	}
	rec := s.Batches[at(number)]
	if rec == nil {
		w.t.Fatalf("the state has no record of %s", at(number))
	}
	return rec
}

// attempt is what the state says of one send for a batch.
func (w *world) attempt(number, attempt int) planner.Attempt {
	w.t.Helper()
	rec := w.record(number)
	i := slices.IndexFunc(rec.Attempts, func(a planner.Attempt) bool { return a.Number == attempt })
	if i < 0 {
		w.t.Fatalf("%s has no attempt %d: %+v", at(number), attempt, rec.Attempts)
	}
	return rec.Attempts[i]
}

// stateFiles are the bytes of the files that hold the state, by base name.
func (w *world) stateFiles() map[string]string {
	w.t.Helper()
	files := map[string]string{}
	for _, path := range []string{w.statePath(), w.statePath() + ".journal"} {
		content, err := os.ReadFile(path)
		if err == nil {
			files[filepath.Base(path)] = string(content)
		} else if !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
	return files
}

// ledger is the service's own books.
func (w *world) ledger() emulator.Ledger {
	w.t.Helper()
	l, err := w.server.Ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) creates() int64 { return w.ledger().Calls[emulator.OpCreate] }

// sleepUntil lets the fake clock reach a time.
func sleepUntil(t *testing.T, at time.Time) {
	t.Helper()
	d := time.Until(at)
	if d < 0 {
		t.Fatalf("%s is over since %s", at, -d)
	}
	time.Sleep(d)
}

// problems gives the codes of a plan's problems, with how often each is there.
func problems(p *planner.Plan) map[string]int {
	codes := map[string]int{}
	for i := range p.Problems {
		codes[p.Problems[i].Code]++
	}
	return codes
}

// lostCreate is a create that buys a job whose answer is lost, and that the
// listing does not show for a while; a service has two ways to do that.
var lostCreate = map[string]func(late time.Duration) []emulator.Fault{
	"listed late": func(late time.Duration) []emulator.Fault {
		return []emulator.Fault{
			{Name: emulator.FaultResetAfter, Op: emulator.OpCreate},
			{Name: emulator.FaultListLag, Op: emulator.OpCreate, Value: late.String()},
		}
	},
	"made late": func(late time.Duration) []emulator.Fault {
		return []emulator.Fault{{Name: emulator.FaultDelayedCreate, Op: emulator.OpCreate, Value: late.String()}}
	},
}

// A job that shows up within the settle time is found, in whatever way the runs
// come, and nothing is bought in its place.
func TestJobThatShowsUpInTime(t *testing.T) {
	for _, way := range slices.Sorted(maps.Keys(lostCreate)) {
		for _, late := range []time.Duration{time.Second, 7 * time.Minute, 15*time.Minute - time.Second, 15 * time.Minute} {
			for _, wait := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 2, 2, emulator.Config{Faults: lostCreate[way](late)})
					began := time.Now()
					for n := 0; !wait && n < 60; n++ {
						w.short()
						first := w.attempt(51, 1)
						visible := time.Since(began) >= late
						if want := map[bool]planner.Outcome{false: planner.OutcomeIntent, true: planner.OutcomeBought}[visible]; first.Outcome != want {
							t.Fatalf("%s by %s: after %s the create is %q, want %q", way, late, time.Since(began), first.Outcome, want)
						}
						time.Sleep(time.Minute)
					}
					w.mustConverge()
					if n := w.creates(); n != 2 {
						t.Errorf("%s by %s, wait %v: %d creates were sent, want 2", way, late, wait, n)
					}
					if res := w.record(51).Result; res == nil || res.Attempt != 1 {
						t.Errorf("%s by %s, wait %v: the result is %+v, want that of attempt 1", way, late, wait, res)
					}
				})
			}
		}
	}
}

// A service that takes longer than the settle time breaks what the README
// assumes of it: the batch is bought twice. Even so nothing is lost: the late
// job is found, shown, and left alone. A longer settle time is the way out.
func TestJobThatShowsUpTooLate(t *testing.T) {
	const late = 20 * time.Minute
	slow := emulator.Config{QueueTime: emulator.Span{Min: time.Hour, Max: time.Hour}}
	for _, way := range slices.Sorted(maps.Keys(lostCreate)) {
		slow.Faults = lostCreate[way](late)
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, 2, slow)
				w.short()
				time.Sleep(16 * time.Minute)
				if rep := w.short(); rep.Summary.Created != 1 {
					t.Fatalf("after the settle time: %+v, want 1 created", rep.Summary)
				}
				time.Sleep(5 * time.Minute) // the late job is there now
				before := w.stateFiles()
				p, items := w.plan(t.Context())
				if len(p.Changes) != 0 || items[0].Phase != planner.PhaseSubmitted || problems(p)["extra_job"] != 1 {
					t.Errorf("with the late job there: changes %+v, phase %s, problems %+v; want the second job shown as extra", p.Changes, items[0].Phase, p.Problems)
				}
				if diff := cmp.Diff(before, w.stateFiles()); diff != "" {
					t.Errorf("the plan changed the state (-before +after):\n%s", diff)
				}
				w.converge()
				l := w.ledger()
				if len(l.Purchases) != 2 || l.Calls[emulator.OpCancel]+l.Calls[emulator.OpDeleteJob] != 0 {
					t.Fatalf("%d jobs were bought and %d calls cancelled or deleted; want 2 and 0", len(l.Purchases), l.Calls[emulator.OpCancel]+l.Calls[emulator.OpDeleteJob])
				}
				if first := w.attempt(51, 1); first.Outcome != planner.OutcomeBought || !slices.ContainsFunc(l.Purchases, func(p emulator.Purchase) bool { return p.Job == first.Job }) {
					t.Errorf("the late job is not on record: %+v", first)
				}
				if res := w.record(51).Result; res == nil || res.Attempt != 2 {
					t.Errorf("the result is %+v, want that of attempt 2", res)
				}
				w.mustHaveRightResults()
				if p, _ := w.plan(t.Context()); len(p.Changes) != 0 {
					t.Errorf("the plan after the apply is not empty: %+v", p.Changes)
				}
			})
		})
		t.Run(way+", longer settle time", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, 2, slow)
				w.desired.SettleTime = 30 * time.Minute
				w.mustConverge()
			})
		})
	}
}

// A late job is taken where nothing was bought in its place yet, and where what
// was bought in its place gave nothing.
func TestLateJobIsTaken(t *testing.T) {
	for _, second := range []emulator.Fault{
		{Name: emulator.FaultQuota429, Op: emulator.OpCreate, First: 2},
		{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, First: 2},
	} {
		t.Run(second.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, 2, emulator.Config{Faults: append(lostCreate["listed late"](20*time.Minute), second)})
				w.late = true
				w.short()
				time.Sleep(16 * time.Minute)
				w.short()
				if out := w.attempt(51, 1).Outcome; out != planner.OutcomeAbsent {
					t.Fatalf("attempt 1 is %q after the settle time, want absent", out)
				}
				time.Sleep(5 * time.Minute)
				w.mustConverge()
				if res := w.record(51).Result; res == nil || res.Attempt != 1 {
					t.Errorf("the result is %+v, want that of attempt 1", res)
				}
				if n := w.creates(); n != 2 {
					t.Errorf("%d creates were sent, want 2: the late job made a third one needless", n)
				}
			})
		})
	}
}

// Runs that last no time, minutes apart, settle a create as surely as one long
// run: the first journals when it began, and it is absent in the first run whose
// listing is a settle time younger, to the second. Plans in between change
// nothing.
func TestShortRunsSettle(t *testing.T) {
	for _, first := range []string{"ends", "is killed before the call", "is killed after the call"} {
		t.Run("the first run "+first, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, 2, emulator.Config{})
				time.Sleep(700 * time.Millisecond) // Date has whole seconds
				w.sendAndLose(first)
				from := w.attempt(51, 1).SettleFrom
				if now := w.server.Now(); from.IsZero() || from.After(now) || now.Sub(from) >= time.Second {
					t.Fatalf("settling counts from %s, want the Date of a listing at %s", from, now)
				}
				creates := w.creates()
				for _, pause := range []time.Duration{0, 3 * time.Minute, 9 * time.Minute, 15*time.Minute - time.Second} {
					sleepUntil(t, from.Add(pause).Add(700*time.Millisecond))
					before := w.stateFiles()
					if _, items := w.plan(t.Context()); items[0].Phase != planner.PhaseUnknown {
						t.Errorf("after %s a plan says %s, want unknown", pause, items[0].Phase)
					}
					rep := w.short()
					if rep.Summary.InProgress != 1 || !rep.Remains || rep.Summary.Created != 0 {
						t.Errorf("after %s: %+v, remains %v; want one create still unknown", pause, rep.Summary, rep.Remains)
					}
					if diff := cmp.Diff(before, w.stateFiles()); diff != "" {
						t.Errorf("after %s a run or a plan that learned nothing changed the state (-before +after):\n%s", pause, diff)
					}
				}
				if n := w.creates(); n != creates {
					t.Fatalf("%d creates were sent before the first was settled", n-creates)
				}
				sleepUntil(t, from.Add(w.desired.SettleTime))
				before := w.stateFiles()
				if p, _ := w.plan(t.Context()); p.Summary.Create != 1 {
					t.Errorf("after the settle time a plan says %+v, want 1 to create", p.Summary)
				}
				if diff := cmp.Diff(before, w.stateFiles()); diff != "" {
					t.Errorf("a plan changed the state (-before +after):\n%s", diff)
				}
				if rep := w.short(); rep.Summary.Created != 1 || w.attempt(51, 1).Outcome != planner.OutcomeAbsent {
					t.Errorf("after the settle time: %+v, attempt 1 is %q; want it absent and 1 created", rep.Summary, w.attempt(51, 1).Outcome)
				}
				w.mustConverge()
			})
		})
	}
}

// sendAndLose makes a state with a create that never arrived and that one
// listing has not shown.
func (w *world) sendAndLose(how string) {
	w.t.Helper()
	switch how {
	case "ends":
		if err := w.server.SetFaults(emulator.Fault{Name: emulator.FaultResetBefore, Op: emulator.OpCreate}); err != nil {
			w.t.Fatal(err)
		}
		w.short()
		return
	case "is killed after the call":
		if err := w.server.SetFaults(emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, Value: "503"}); err != nil {
			w.t.Fatal(err)
		}
		w.killAt("call create", true)
	default:
		w.killAt("call create", false)
	}
	if a := w.attempt(51, 1); a.Outcome != planner.OutcomeIntent || !a.SettleFrom.IsZero() {
		w.t.Fatalf("the run that was killed left %+v, want an intent and no more", a)
	}
	w.short()
}

// killAt kills a run at the first point of that name. It looks for the point in
// a world like this one.
func (w *world) killAt(name string, after bool) {
	w.t.Helper()
	twin := newWorldIn(w.t, w.t.TempDir(), len(w.desired.Batches), 2, emulator.Config{})
	twin.short()
	at := slices.Index(twin.crash.points, name)
	if at < 0 {
		w.t.Fatalf("a run passes no point %q, only %q", name, twin.crash.points)
	}
	w.crash = &crasher{at: at + 1, after: after}
	w.apply(w.t.Context(), false) // it dies on the way
	if last := w.crash.points[len(w.crash.points)-1]; !w.crash.dead || last != name {
		w.t.Fatalf("the run was killed at %q, want %q", last, name)
	}
	w.crash = &crasher{}
}

// Without Date time counts inside one run only: short runs never settle, one
// that waits does, a settle time after its own first listing.
func TestShortRunsSettleNothingWithoutDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, emulator.Config{Faults: []emulator.Fault{
			{Name: emulator.FaultResetBefore, Op: emulator.OpCreate},
			{Name: emulator.FaultNoDate, Count: -1},
		}})
		w.short()
		for range 40 {
			time.Sleep(10 * time.Minute)
			w.short()
		}
		if a := w.attempt(51, 1); a.Outcome != planner.OutcomeIntent || !a.SettleFrom.IsZero() || w.creates() != 1 {
			t.Fatalf("after hours of short runs: %+v, %d creates; want it as unknown as at first", a, w.creates())
		}
		if p, _ := w.plan(t.Context()); problems(p)["no_service_time"] != 1 {
			t.Errorf("the problems are %+v, want that only a run that waits can settle it", p.Problems)
		}
		began := time.Now()
		clock := w.watch(apply.Limits{})
		w.mustConverge()
		again := clock.calls["create"]
		if len(again) != 1 || again[0].Sub(began) < w.desired.SettleTime || again[0].Sub(began) > w.desired.SettleTime+time.Minute {
			t.Errorf("bought again at %v, want once, the settle time after %s", again, began)
		}
	})
}

// A Date that is older than what the listing shows is not the service's time,
// and a create must not seem to be settling since then. Here a cache answers
// one run with the Date of an hour before, and the next run sees the right one.
func TestDateOfThePastSettlesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{Faults: lostCreate["listed late"](10 * time.Minute)})
		w.killAt("call create", true)
		if err := w.server.SetFaults(emulator.Fault{Name: emulator.FaultDateBack, Count: -1}); err != nil {
			t.Fatal(err)
		}
		w.short()
		if from := w.attempt(51, 1).SettleFrom; !from.IsZero() {
			t.Errorf("settling counts from %s, before the create was sent", from)
		}
		if err := w.server.SetFaults(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.short()
		w.mustConverge()
	})
}

// incompleteListing makes every second walk of the job listing leave out the
// newest job, so that no two in a row agree.
func incompleteListing() []emulator.Fault {
	var faults []emulator.Fault
	for first := 1; first <= 399; first += 2 {
		faults = append(faults, emulator.Fault{Name: emulator.FaultListSkip, Op: emulator.OpListJobs, First: first})
	}
	return faults
}

// A listing that is never the same twice is no ground to buy or to settle
// anything on; the run says so, and goes on once the listing stands still.
func TestListingThatNeverAgrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{QueueTime: emulator.Span{Min: time.Hour, Max: time.Hour}})
		// Somebody else's job, which explains itself.
		if _, err := w.server.AddJob(emulator.PlantedJob{Model: "gemini-2.5-pro", Requests: []byte(requests(900, 3)), State: "RUNNING", Age: time.Hour}); err != nil {
			t.Fatal(err)
		}
		late := w.desired.Batches[1]
		w.desired.Batches = w.desired.Batches[:1]
		if err := w.server.SetFaults(emulator.Fault{Name: emulator.FaultResetBefore, Op: emulator.OpCreate}); err != nil {
			t.Fatal(err)
		}
		w.short() // 51 is unknown from now on
		from := w.attempt(51, 1)
		sleepUntil(t, from.SettleFrom.Add(time.Hour))
		w.desired.Batches = append(w.desired.Batches, late)
		if err := w.server.SetFaults(incompleteListing()...); err != nil {
			t.Fatal(err)
		}
		clock := w.watch(apply.Limits{})
		for range 3 {
			walks := len(clock.calls["list jobs"])
			rep := w.short()
			if n := len(clock.calls["list jobs"]) - walks; n%5 != 0 {
				t.Errorf("%d walks of the listing in a run, want five for each look", n)
			}
			if rep.Summary.Created+rep.Summary.Uploaded != 0 || !rep.Remains {
				t.Errorf("on a listing that never agrees: %+v, remains %v; want nothing bought and work left", rep.Summary, rep.Remains)
			}
			if a := w.attempt(51, 1); a != from {
				t.Errorf("on a listing that never agrees attempt 1 became %+v", a)
			}
			if problems(rep.Plan)["listing_incomplete"] != 1 {
				t.Errorf("the problems are %+v, want that the listing is incomplete", rep.Plan.Problems)
			}
		}
		var said []string
		p, _ := w.plan(t.Context())
		for i := range p.Problems {
			said = append(said, p.Problems[i].Summary)
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, "1 purchase ") || !strings.Contains(text, "1 create ") {
			t.Errorf("a plan says %q, want that a purchase and a create without an answer are left", text)
		}
		if n := w.creates(); n != 1 {
			t.Errorf("%d creates were sent, want none but the first", n-1)
		}
		if err := w.server.SetFaults(); err != nil {
			t.Fatal(err)
		}
		w.mustConverge()
	})
}

// A run that waits outlasts a listing that does not agree for a while.
func TestWaitingOutlastsAListingThatDoesNotAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{Faults: incompleteListing()[:40]})
		if _, err := w.server.AddJob(emulator.PlantedJob{Model: "gemini-2.5-pro", Requests: []byte(requests(900, 3)), Age: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if rep := w.short(); rep.Summary.Uploaded+rep.Summary.Created != 0 || !rep.Remains {
			t.Errorf("on a listing that never agrees: %+v, remains %v; want nothing bought and work left", rep.Summary, rep.Remains)
		}
		w.mustConverge()
	})
}
