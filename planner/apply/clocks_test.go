package apply_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
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

// attempts are those of batch 51.
func (w *world) attempts() []planner.Attempt {
	w.t.Helper()
	return w.state().Batches[planner.Address{Block: "qa", Number: 51}].Attempts
}

// lostAnswer makes the first create succeed without an answer.
var lostAnswer = emulator.Fault{Name: emulator.FaultResetAfter, Op: emulator.OpCreate}

// lostCreate makes the first create be lost on its way.
var lostCreate = emulator.Fault{Name: emulator.FaultResetBefore, Op: emulator.OpCreate}

// A job whose create had no answer is found whenever it shows up within the
// settle time, and nothing else is bought. One that comes later than the service
// is trusted to be breaks the assumption that the README states: a second job is
// bought, and the late one is found all the same.
func TestLateAppearance(t *testing.T) {
	late := func(name, after string) []emulator.Fault {
		if name == emulator.FaultListLag {
			return []emulator.Fault{lostAnswer, {Name: name, Op: emulator.OpCreate, Value: after}}
		}
		return []emulator.Fault{{Name: name, Op: emulator.OpCreate, Value: after}}
	}
	for _, name := range []string{emulator.FaultListLag, emulator.FaultDelayedCreate} {
		for after, jobs := range map[string]int{"1s": 1, "5m": 1, "14m50s": 1, "40m": 2} {
			t.Run(name+" "+after, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 1, 2, emulator.Config{RunTime: emulator.Span{Min: 2 * time.Hour, Max: 2 * time.Hour}, Faults: late(name, after)})
					w.converge()
					w.mustHaveRightResults()
					if n := w.purchases(); n != jobs {
						t.Errorf("%d jobs were bought, want %d", n, jobs)
					}
					for _, at := range w.attempts() {
						if at.Job == "" {
							t.Errorf("attempt %d has no job: %+v", at.Number, at)
						}
					}
					time.Sleep(3 * time.Hour)
					if p, _ := w.plan(t.Context()); len(p.Changes) != 0 || p.Summary.Done != 1 {
						t.Errorf("the plan afterwards: %+v", p)
					}
				})
			})
		}
	}
}

// Runs that are much shorter than the settle time settle an unknown create
// between them: the first one notes where the time begins, and the first one
// after it is over calls the create absent. A plan in between notes nothing.
func TestShortRunsSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, emulator.Config{Faults: []emulator.Fault{lostCreate}})
		w.mustApply(false)
		from := w.attempts()[0].SettleFrom
		if from.IsZero() {
			t.Fatal("the first run noted no time to settle from")
		}
		for time.Until(from.Add(w.desired.SettleTime)) > time.Minute {
			time.Sleep(50 * time.Second)
			before := w.stateBytes()
			if p, _ := w.plan(t.Context()); p.Summary.InProgress != 1 || len(p.Changes) != 0 {
				t.Fatalf("%s before the end: %+v", time.Until(from.Add(w.desired.SettleTime)), p.Summary)
			}
			if after := w.stateBytes(); before != after {
				t.Fatal("a plan changed the state")
			}
			w.mustApply(false)
			if at := w.attempts()[0]; at.Outcome != planner.OutcomeIntent || !at.SettleFrom.Equal(from) {
				t.Fatalf("settled too early, or from another time: %+v", at)
			}
		}
		time.Sleep(time.Until(from.Add(w.desired.SettleTime)))
		w.mustApply(false)
		if n := w.purchases(); n != 1 {
			t.Errorf("%d jobs were bought after the settle time, want 1", n)
		}
		w.mustConverge()
	})
}

func (w *world) stateBytes() string {
	w.t.Helper()
	var all bytes.Buffer
	for _, name := range []string{"", ".journal"} {
		text, err := os.ReadFile(w.statePath() + name)
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
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
				w := newWorld(t, 2, 2, skewed(&offset, emulator.Config{Faults: []emulator.Fault{lostCreate, {Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, First: 2, Value: "400"}}}))
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

// doubler sends each create twice, as a proxy that repeats requests does. The
// answer is the second one's, or none.
type doubler struct {
	next http.RoundTripper
	lose bool
}

func (d *doubler) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, ":batchGenerateContent") {
		return d.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	send := func() (*http.Response, error) {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		return d.next.RoundTrip(again)
	}
	first, err := send()
	if err != nil {
		return nil, err
	}
	first.Body.Close()
	time.Sleep(2 * time.Second)
	resp, err := send()
	if err == nil && d.lose {
		resp.Body.Close()
		return nil, fmt.Errorf("connection reset")
	}
	return resp, err
}

// Two jobs with one token: one is recorded, the other is shown with the command
// that cancels it, and is neither used nor cancelled.
func TestTwoJobsWithOneToken(t *testing.T) {
	for _, lose := range []bool{false, true} {
		t.Run(fmt.Sprintf("lost %t", lose), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 2, emulator.Config{RunTime: emulator.Span{Min: time.Hour, Max: time.Hour}})
				w.transport = &doubler{emulator.Transport(w.server), lose}
				w.mustApply(false)
				w.transport = nil
				w.mustApply(false)
				p, _ := w.plan(t.Context())
				extra := 0
				for _, pr := range p.Problems {
					if pr.Code == "extra_job" && strings.Contains(pr.Summary, "qaplan cancel "+pr.Job) {
						extra++
					}
				}
				if extra != 2 || p.Summary.InProgress != 2 || len(p.Changes) != 0 {
					t.Errorf("%d extra jobs shown, %+v, want 2 and 2 in progress; problems %+v", extra, p.Summary, p.Problems)
				}
				w.converge()
				w.mustHaveRightResults()
				if n := w.purchases(); n != 4 {
					t.Errorf("%d jobs at the service, want the 4 that the proxy made", n)
				}
				if attempts := w.attempts(); len(attempts) != 1 {
					t.Errorf("%d attempts are recorded, want 1", len(attempts))
				}
				ledger, err := w.server.Ledger()
				if err != nil {
					t.Fatal(err)
				}
				if n := ledger.Calls[emulator.OpCancel]; n != 0 {
					t.Errorf("%d cancels were sent", n)
				}
				if p, _ := w.plan(t.Context()); len(p.Changes) != 0 || p.Summary.Done != 2 {
					t.Errorf("the plan afterwards: %+v", p)
				}
			})
		})
	}
}

// Without a Date in the answers time counts inside one run only: runs that are
// shorter than the settle time settle nothing, however many there are.
func TestShortRunsWithoutDatesSettleNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, emulator.Config{Faults: []emulator.Fault{lostCreate, {Name: emulator.FaultNoDate, Count: -1}}})
		for range 10 {
			w.mustApply(false)
			time.Sleep(20 * time.Minute)
		}
		if at := w.attempts()[0]; at.Outcome != planner.OutcomeIntent || w.purchases() != 0 {
			t.Fatalf("runs without dates settled a create: %+v, %d bought", at, w.purchases())
		}
		began := time.Now()
		w.converge()
		if took := time.Since(began); took < w.desired.SettleTime {
			t.Errorf("one run settled it within %s", took)
		}
		w.mustBeDone()
	})
}

// flicker leaves another job out of each listing.
type flicker struct {
	next http.RoundTripper
	n    int
	jobs []string
}

func (f *flicker) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(r)
	if err != nil || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/batches") {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	f.n++
	body = bytes.ReplaceAll(body, []byte(f.jobs[f.n%len(f.jobs)]), []byte(fmt.Sprintf("batches/flicker%d", f.n)))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, err
}

// While walks of the listing do not agree, nothing is bought and nothing is
// settled, and the run says so.
func TestListingThatNeverAgrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{Faults: []emulator.Fault{lostCreate}})
		var jobs []string
		for n := range 3 {
			job, err := w.server.AddJob(emulator.PlantedJob{Model: "gemini-2.5-pro", Requests: []byte(requests(900+n, 1)), Age: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, job)
		}
		only51 := func(o *apply.Options) { o.Plan.Targets = one(51) }
		w.options = only51
		w.mustApply(false)
		w.options = nil
		from := w.attempts()[0].SettleFrom
		w.transport = &flicker{next: emulator.Transport(w.server), jobs: jobs}
		for range 5 {
			time.Sleep(time.Hour)
			rep := w.mustApply(false)
			told := false
			for _, pr := range rep.Plan.Problems {
				told = told || pr.Code == "listing_incomplete"
			}
			if !told || rep.Plan.Complete {
				t.Errorf("the run does not say that the listing is not to be trusted: %+v", rep.Plan.Problems)
			}
		}
		if at := w.attempts()[0]; at.Outcome != planner.OutcomeIntent || !at.SettleFrom.Equal(from) || w.purchases() != 0 {
			t.Errorf("on listings that disagree: %+v, %d bought", at, w.purchases())
		}
		w.transport = nil
		w.converge()
		w.mustBeDone()
	})
}
