package apply_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
)

func at(n int) planner.Address { return planner.Address{Block: "qa", Number: n} }

// eventsOf picks the events of one type.
func (w *world) eventsOf(typ apply.EventType) (list []apply.Event) {
	for _, e := range w.events {
		if e.Type == typ {
			list = append(list, e)
		}
	}
	return list
}

// mostInAMinute is the largest number of times within any minute.
func mostInAMinute(times []time.Time) int {
	slices.SortFunc(times, time.Time.Compare)
	most := 0
	for i, from := range times {
		n := 0
		for _, t := range times[i:] {
			if t.Sub(from) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// clocked notes when calls go out.
type clocked struct {
	next  http.RoundTripper
	mu    sync.Mutex
	calls map[string][]time.Time
}

func (c *clocked) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	if c.calls == nil {
		c.calls = map[string][]time.Time{}
	}
	c.calls[callName(r)] = append(c.calls[callName(r)], time.Now())
	c.calls[""] = append(c.calls[""], time.Now())
	c.mu.Unlock()
	return c.next.RoundTrip(r)
}

// watch puts a clock into the engine's way to the service.
func (w *world) watch(limits apply.Limits) *clocked {
	clock := &clocked{next: emulator.Transport(w.server)}
	w.transport = clock
	w.options = func(o *apply.Options) { o.Limits = limits }
	return clock
}

func TestCreatesAMinuteHoldOverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 25, 1, emulator.Config{Quota: emulator.Quota{ActiveJobs: -1}})
		clock := w.watch(apply.Limits{CreatesPerMinute: 10, Parallelism: 4})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
			if _, err := w.apply(ctx, false); err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			cancel()
		}
		if got := mostInAMinute(clock.calls["create"]); got > 10 || got < 9 {
			t.Errorf("%d creates in one minute over back-to-back runs, want 9 or 10", got)
		}
		w.mustConverge()
	})
}

func TestRequestsAMinuteHoldOverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 12, 1, emulator.Config{Quota: emulator.Quota{RequestsPerMinute: 30}})
		clock := w.watch(apply.Limits{RequestsPerMinute: 30, Parallelism: 8})
		for range 3 {
			if _, err := w.apply(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		if got := mostInAMinute(clock.calls[""]); got > 30 {
			t.Errorf("%d calls in one minute over back-to-back runs, want at most 30", got)
		}
		if n := len(w.eventsOf(apply.EventCreateRefused)); n > 0 {
			t.Errorf("%d creates were refused although the limit was declared", n)
		}
	})
}

func TestActiveJobsAreNeverExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 12, 1, emulator.Config{Quota: emulator.Quota{ActiveJobs: 3}})
		// A job of somebody else's counts as well.
		if _, err := w.server.AddJob(emulator.PlantedJob{Model: "gemini-2.5-pro", Requests: []byte(requests(900, 3)), State: "RUNNING"}); err != nil {
			t.Fatal(err)
		}
		w.watch(apply.Limits{MaxActiveJobs: 3, Parallelism: 4})
		w.mustConverge()
		if n := len(w.eventsOf(apply.EventCreateRefused)); n > 0 {
			t.Errorf("%d creates were refused although the limit was declared", n)
		}
		if len(w.eventsOf(apply.EventDeferred)) == 0 {
			t.Error("nothing was deferred, so the limit was not met")
		}
	})
}

func TestUndeclaredLimitIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20, 1, emulator.Config{Quota: emulator.Quota{ActiveJobs: 5}})
		w.watch(apply.Limits{Parallelism: 4})
		began := time.Now()
		w.mustConverge()
		refused := len(w.eventsOf(apply.EventCreateRefused))
		if refused == 0 {
			t.Fatal("no create was refused, so the limit was not met")
		}
		t.Logf("20 batches at 5 active jobs: %d refusals in %s", refused, time.Since(began).Round(time.Second))
		if refused > 40 {
			t.Errorf("%d creates were refused for 20 batches", refused)
		}
	})
}

func TestRefusalDefersAndTheNextRunKeepsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, 1, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultQuota429, Op: emulator.OpCreate, First: 2, Count: 1}},
			QueueTime: emulator.Span{Min: time.Hour, Max: time.Hour}})
		clock := w.watch(apply.Limits{Parallelism: 1})
		rep, err := w.apply(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Created != 1 || rep.Summary.Deferred == 0 || !rep.Remains || rep.Stopped != nil || rep.Summary.Failed != 0 {
			t.Errorf("after a refusal: %+v, remains %v, stopped %v", rep.Summary, rep.Remains, rep.Stopped)
		}
		if n := len(clock.calls["create"]); n != 2 {
			t.Errorf("%d creates were sent, want 2: nothing may follow a refusal at once", n)
		}
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if n := len(clock.calls["create"]); n != 2 {
			t.Errorf("the next run sent %d creates inside the pause", n-2)
		}
		time.Sleep(3 * time.Minute)
		if rep, err = w.apply(t.Context(), false); err != nil || rep.Summary.Created != 1 || rep.Summary.Deferred == 0 {
			t.Errorf("after the pause: %+v, %v; want one created, which finds out", rep.Summary, err)
		}
		for range 3 {
			time.Sleep(2 * time.Minute)
			w.mustApply(false)
		}
		if n := len(clock.calls["create"]); n != 5 {
			t.Errorf("%d creates were sent, want 5: four that were accepted and the one that was not", n)
		}
	})
}

func TestFinishedJobEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultQuota429, Op: emulator.OpCreate, First: 2, Count: 1}},
			QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: time.Minute, Max: time.Minute}})
		w.watch(apply.Limits{Parallelism: 1})
		limits := w.options
		w.options = func(o *apply.Options) { limits(o); o.Cooldown = 10 * time.Hour }
		began := time.Now()
		w.mustConverge()
		if took := time.Since(began); took > time.Hour {
			t.Errorf("it took %s: the job that finished after a minute did not end the pause of 10 h", took)
		}
	})
}

func TestInterruptFinishesTheCreateInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, 1, emulator.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		w.options = func(o *apply.Options) {
			emit := o.Emit
			o.Emit = func(e apply.Event) {
				emit(e)
				if e.Type == apply.EventCreateIntent && *e.Address == at(52) {
					cancel()
				}
			}
		}
		rep, err := w.apply(ctx, true)
		if err != nil || !rep.Interrupted {
			t.Fatalf("interrupted %v, error %v", rep.Interrupted, err)
		}
		if rep.Summary.Created != 2 {
			t.Errorf("%d jobs were created, want 2: the one in flight is finished and recorded, and nothing follows", rep.Summary.Created)
		}
		s, err := state.Read(w.statePath(), state.Identity{})
		if err != nil {
			t.Fatal(err)
		}
		if last := s.Batches[at(52)].Last(); last.Outcome != planner.OutcomeBought {
			t.Errorf("the create in flight is recorded as %s", last.Outcome)
		}
		w.options = nil
		w.mustConverge()
	})
}

// interrupting cancels a run while a call is on its way.
type interrupting struct {
	next   http.RoundTripper
	call   string
	cancel context.CancelFunc
}

func (i *interrupting) RoundTrip(r *http.Request) (*http.Response, error) {
	if callName(r) == i.call {
		i.cancel()
	}
	return i.next.RoundTrip(r)
}

func TestInterruptFinishesTheUploadInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, emulator.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		w.transport = &interrupting{next: emulator.Transport(w.server), call: "upload upload+finalize", cancel: cancel}
		rep, err := w.apply(ctx, true)
		if err != nil || !rep.Interrupted {
			t.Fatalf("interrupted %v, error %v", rep.Interrupted, err)
		}
		if rep.Summary.Uploaded != 1 || rep.Summary.Created != 0 {
			t.Errorf("summary %+v, want the upload in flight finished and recorded, and nothing after it", rep.Summary)
		}
		w.transport = nil
		w.mustConverge()
	})
}

// TestInterruptTellsOfARefusedUpload does not keep the service's no to itself because
// the run is to end.
func TestInterruptTellsOfARefusedUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, emulator.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		next := emulator.Transport(w.server)
		w.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if !strings.HasPrefix(callName(r), "upload") {
				return next.RoundTrip(r)
			}
			cancel()
			body := `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"not for this key"}}`
			return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
		rep, err := w.apply(ctx, true)
		if err != nil || !rep.Interrupted {
			t.Fatalf("interrupted %v, error %v", rep.Interrupted, err)
		}
		if rep.Stopped == nil || !strings.Contains(rep.Stopped.Error(), "not for this key") {
			t.Errorf("stopped: %v, want the service's words", rep.Stopped)
		}
		w.transport = nil
		w.mustConverge()
	})
}

// interrupted buys batches, whose jobs end, and interrupts the apply that fetches their
// answers when so many downloads are on their way, 0 for never; each passes coming.
func (w *world) interrupted(downloads int, coming func(*http.Response)) (rep apply.Report, took time.Duration, err error) {
	w.t.Helper()
	w.mustApply(false)
	time.Sleep(48 * time.Hour)
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	next := emulator.Transport(w.server)
	var mu sync.Mutex
	w.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil && callName(r) == "download" {
			mu.Lock()
			defer mu.Unlock()
			coming(resp)
			if downloads--; downloads == 0 {
				cancel()
			}
		}
		return resp, err
	})
	began := time.Now()
	rep, err = w.apply(ctx, true)
	took = time.Since(began)
	if wanted := ctx.Err() != nil; err == nil && rep.Interrupted != wanted {
		w.t.Errorf("interrupted: %v, want %v", rep.Interrupted, wanted)
	}
	w.transport, w.options = nil, nil
	return rep, took, err
}

func TestInterruptFinishesTheDownloadInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, emulator.Config{})
		rep, _, err := w.interrupted(1, func(*http.Response) {})
		if err != nil || rep.Summary.Downloaded != 1 || w.calls()[emulator.OpDownload] != 1 {
			t.Errorf("error %v, summary %+v after %d downloads, want the one in flight delivered, and none after it", err, rep.Summary, w.calls()[emulator.OpDownload])
		}
		done := 0
		for _, rec := range w.state().Batches {
			if rec.Result != nil {
				done++
			}
		}
		if done != 1 {
			t.Errorf("%d results are recorded, want 1", done)
		}
		w.mustConverge()
	})
}

func TestInterruptedDownloadIsNotBegunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, emulator.Config{})
		rep, took, err := w.interrupted(1, func(resp *http.Response) {
			resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 10), iotest.ErrReader(io.ErrUnexpectedEOF)))
		})
		if err != nil || rep.Summary.Downloaded != 0 || w.calls()[emulator.OpDownload] != 1 {
			t.Errorf("error %v, summary %+v after %d downloads, want one that broke and none after it", err, rep.Summary, w.calls()[emulator.OpDownload])
		}
		if took > 0 {
			t.Errorf("it took %s, want no pause for a download that is not begun again", took)
		}
		if len(rep.Errors) != 0 {
			t.Errorf("errors %v, want none: the run ended before the download could be tried again", rep.Errors)
		}
		w.mustConverge()
	})
}

// putsFail is a bucket that takes nothing.
type putsFail struct {
	blob.Driver
	err error
}

func (b putsFail) Put(context.Context, string, io.ReadSeeker, int64, blob.Condition) (v blob.Version, err error) {
	return v, b.err
}

// TestInterruptTellsWhatCouldNotBeDelivered tries a bucket once after an interrupt, and
// tells that it did not take the answers that came, unless that may pass: the next run
// fetches them again.
func TestInterruptTellsWhatCouldNotBeDelivered(t *testing.T) {
	for kind, why := range map[blob.Kind]string{blob.KindDenied: "no room", blob.KindTemporary: ""} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1, 1, emulator.Config{})
			w.useBucket(true)
			out := w.at("out")
			w.options = func(o *apply.Options) {
				o.OpenDir = w.openDir(putsFail{w.bucket, &blob.Error{Op: "write", Location: out, Kind: kind, Err: errors.New("no room")}})
			}
			rep, took, err := w.interrupted(1, func(*http.Response) {})
			if err != nil || rep.Summary.Downloaded != 0 {
				t.Errorf("%s: error %v, summary %+v, want nothing delivered", kind, err, rep.Summary)
			}
			if told := rep.Errors[at(51)]; (told != nil) != (why != "") || told != nil && !strings.Contains(told.Error(), why) {
				t.Errorf("%s: told %v, want %q", kind, told, why)
			}
			if took > 0 {
				t.Errorf("%s: it took %s, want no pause and no second try", kind, took)
			}
			w.mustConverge()
		})
	}
}

// TestTimeLimitIsNoError ends runs by the clock while uploads, creates and downloads
// wait for their minute.
func TestTimeLimitIsNoError(t *testing.T) {
	errOver := errors.New("the time is over")
	for _, fetching := range []bool{false, true} {
		for _, limit := range []time.Duration{65 * time.Second, 90 * time.Second, 150 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 8, 1, emulator.Config{})
				if fetching {
					w.mustApply(false)
					time.Sleep(48 * time.Hour)
				}
				w.options = func(o *apply.Options) { o.Limits.Parallelism, o.Limits.RequestsPerMinute = 3, 2 }
				ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errOver)
				defer cancel()
				rep, err := w.apply(ctx, true)
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("fetching %v, %s: error %v", fetching, limit, err)
				}
				if err == nil && (!rep.Interrupted || len(rep.Errors) > 0 || rep.Stopped != nil) {
					t.Errorf("fetching %v, %s: interrupted %v, stopped: %v, errors: %v; want an end and nothing else", fetching, limit, rep.Interrupted, rep.Stopped, rep.Errors)
				}
				w.options = nil
				w.mustConverge()
			})
		}
	}
}

// fullDisk is a journal that records no result.
type fullDisk struct{ apply.Journal }

func (j fullDisk) Write(op string, changes ...state.Change) error {
	if op == "download_complete" {
		return errors.New("no room")
	}
	return j.Journal.Write(op, changes...)
}

// TestUnrecordedResultBreaksDownloadsOff ends a run whose disk is full, interrupted or
// not, before answers have come that could not be recorded either.
func TestUnrecordedResultBreaksDownloadsOff(t *testing.T) {
	for _, downloads := range []int{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2, 1, emulator.Config{})
			w.options = func(o *apply.Options) {
				o.Journal, o.Limits.Parallelism = fullDisk{o.Journal}, 2
			}
			slow := 50 * time.Second
			coming := func(resp *http.Response) {
				resp.Body = &lateBody{resp.Body, resp.Request.Context(), slow}
				slow = 5 * time.Second
			}
			_, took, err := w.interrupted(downloads, coming)
			if err == nil || !strings.Contains(err.Error(), "no room") {
				t.Errorf("interrupted at %d: error %v, want that of the journal", downloads, err)
			}
			if took >= 50*time.Second {
				t.Errorf("interrupted at %d: it took %s, want the second download broken off after 5 s", downloads, took)
			}
			w.mustConverge()
		})
	}
}

// lateBody comes after a while, unless the request ends before.
type lateBody struct {
	io.ReadCloser
	ctx  context.Context
	wait time.Duration
}

func (b *lateBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(b.wait):
		b.wait = 0
		return b.ReadCloser.Read(p)
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func TestModelThatIsNotThereStopsItsBlockOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, 1, emulator.Config{})
		for i := range w.desired.Batches[:2] {
			b := &w.desired.Batches[i]
			path := w.paths[b.Address]
			b.Address.Block, b.Model = "other", "gemini-9-typo"
			w.paths[b.Address] = path
		}
		rep, err := w.apply(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Stopped == nil || !strings.Contains(rep.Stopped.Error(), "gemini-9-typo") {
			t.Errorf("stopped: %v, want the model's name", rep.Stopped)
		}
		if rep.Summary.Uploaded != 2 {
			t.Errorf("%d uploads, want 2: nothing is uploaded for a model that does not exist", rep.Summary.Uploaded)
		}
		if rep.Summary.Done != 2 || rep.Summary.Failed != 0 {
			t.Errorf("summary %+v, want the other block's 2 batches done and none failed", rep.Summary)
		}
	})
}

func TestRefusedInputFailsAloneAndForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, emulator.Config{})
		w.add(60, `{"key":"k","request":{"contents":[{"parts":[{"text":"x"}]}],"no_such_field":1}}`+"\n")
		rep, err := w.apply(t.Context(), true)
		if err != nil || rep.Stopped != nil {
			t.Fatalf("error %v, stopped %v", err, rep.Stopped)
		}
		if rep.Summary.Done != 2 || rep.Summary.Failed != 1 {
			t.Errorf("summary %+v, want 2 done and 1 failed", rep.Summary)
		}
		p, _ := w.plan(t.Context())
		if len(p.Failed) != 1 || p.Failed[0].Reason != planner.FailRefused || !strings.Contains(p.Failed[0].Message, "no_such_field") {
			t.Errorf("failed: %+v, want refused with the service's words", p.Failed)
		}
		if len(p.Changes) != 0 {
			t.Errorf("the plan wants to send it again: %+v", p.Changes)
		}
	})
}

func TestResultsInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{})
		if err := os.Mkdir(filepath.Join(w.dir, "out"), 0o700); err != nil {
			t.Fatal(err)
		}
		foreign := filepath.Join(w.dir, "out", "batch_051.jsonl")
		if err := os.WriteFile(foreign, []byte("mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		rep, err := w.apply(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Held != 1 || rep.Summary.Done != 1 || rep.Summary.Created != 1 {
			t.Errorf("summary %+v, want one held before anything was bought for it", rep.Summary)
		}
		if text, _ := os.ReadFile(foreign); string(text) != "mine\n" {
			t.Errorf("the file in the way was changed to %q", text)
		}
		if err := os.Remove(foreign); err != nil {
			t.Fatal(err)
		}
		w.mustConverge()
	})
}

func TestResultInTheWayThatAppearsAfterBuying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, emulator.Config{})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(w.dir, "out"), 0o700); err != nil {
			t.Fatal(err)
		}
		foreign := filepath.Join(w.dir, "out", "batch_051.jsonl")
		if err := os.WriteFile(foreign, []byte("mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		rep, err := w.apply(t.Context(), true)
		if err != nil || rep.Summary.Held != 1 {
			t.Fatalf("summary %+v, error %v; want it held", rep.Summary, err)
		}
		if err := os.Remove(foreign); err != nil {
			t.Fatal(err)
		}
		w.mustConverge()
		if _, err := os.Stat(filepath.Join(w.dir, "out", ".parts")); !os.IsNotExist(err) {
			t.Errorf("the kept rows are still there: %v", err)
		}
	})
}

func TestSourceChangedAfterBuying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, emulator.Config{})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		before := w.desired.Batches[0]
		path := w.paths[at(51)]
		w.desired.Batches = nil
		w.add(51, requests(51, 3))
		rep, err := w.apply(t.Context(), true)
		if err != nil || rep.Summary.Held != 1 || rep.Summary.Created != 0 {
			t.Fatalf("summary %+v, error %v; want it held and nothing bought", rep.Summary, err)
		}
		if err := os.WriteFile(path.Source, []byte(requests(51, 2)), 0o600); err != nil {
			t.Fatal(err)
		}
		w.desired.Batches[0] = before
		clock := w.watch(apply.Limits{})
		w.mustConverge()
		if n := len(clock.calls["download"]); n != 0 {
			t.Errorf("%d downloads although the answers were kept", n)
		}
	})
}

func TestResultThatIsGoneIsFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{})
		w.mustConverge()
		result := filepath.Join(w.dir, "out", "batch_051.jsonl")
		if err := os.Remove(result); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "out", "batch_052.jsonl"), []byte("changed"), 0o600); err != nil {
			t.Fatal(err)
		}
		p, _ := w.plan(t.Context())
		if p.Summary.Download != 2 || p.Summary.Create != 0 {
			t.Errorf("planned %+v, want 2 downloads", p.Summary)
		}
		w.mustConverge()
		// Six weeks later the service has it no more.
		time.Sleep(43 * 24 * time.Hour)
		if err := os.Remove(result); err != nil {
			t.Fatal(err)
		}
		rep, err := w.apply(t.Context(), true)
		if err != nil || rep.Summary.Held != 1 || rep.Summary.Created != 0 {
			t.Errorf("summary %+v, error %v; want it held, and never bought again", rep.Summary, err)
		}
	})
}

func TestRestoredOlderState(t *testing.T) {
	for _, lag := range []string{"0s", "5m"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3, 2, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultListLag, Op: emulator.OpCreate, Count: -1, Value: lag}}})
			w.desired.Batches = w.desired.Batches[:2]
			if _, err := w.apply(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			old, err := os.ReadFile(w.statePath())
			if err != nil {
				t.Fatal(err)
			}
			w.add(70, requests(70, 2))
			if _, err := w.apply(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(w.statePath(), old, 0o600); err != nil {
				t.Fatal(err)
			}
			w.mustConverge()
		})
	}
}

func TestLostStateBuysNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(w.statePath()); err != nil {
			t.Fatal(err)
		}
		rep, err := w.apply(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Created != 0 || rep.Summary.Held != 2 {
			t.Errorf("summary %+v, want both held: another lineage's labels are never taken silently", rep.Summary)
		}
		for _, h := range rep.Plan.Held {
			if h.Reason != planner.HoldClaimedElsewhere {
				t.Errorf("%s is held for %s", h.Address, h.Reason)
			}
		}
	})
}

func TestUnknownCreateSettlesWithoutDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{Faults: []emulator.Fault{
			{Name: emulator.FaultResetBefore, Op: emulator.OpCreate, Count: 1},
			{Name: emulator.FaultNoDate, Count: -1},
		}})
		began := time.Now()
		w.mustConverge()
		if took := time.Since(began); took < w.desired.SettleTime {
			t.Errorf("the create was settled after %s, before the settle time", took)
		}
	})
}

func TestForeignUploadIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{})
		name, err := w.server.AddFile("", "batch_051.jsonl", []byte(requests(51, 2)), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := w.apply(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Adopted != 1 || rep.Summary.Uploaded != 1 || rep.Summary.Created != 2 {
			t.Errorf("summary %+v, want 1 adopted, 1 uploaded, 2 created", rep.Summary)
		}
		ledger, err := w.server.Ledger()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(ledger.Purchases, func(p emulator.Purchase) bool { return p.InputFile == name }) {
			t.Errorf("no job uses %s: %+v", name, ledger.Purchases)
		}
		w.mustConverge()
	})
}

func TestManyBatchesConverge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 154, 3, emulator.Config{})
		clock := w.watch(apply.Limits{Parallelism: 4})
		w.mustConverge()
		t.Logf("154 batches: %d calls, of which %d creates and %d listings", len(clock.calls[""]), len(clock.calls["create"]), len(clock.calls["list jobs"]))
	})
}

// A rerun is one more job, however many rounds the run has.
func TestRerunBuysOneJob(t *testing.T) {
	for _, wait := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2, 2, emulator.Config{})
			w.mustConverge()
			w.options = func(o *apply.Options) { o.Plan.Rerun = []planner.Selector{{Block: "qa", First: 51, Last: 51}} }
			if _, err := w.apply(t.Context(), wait); err != nil {
				t.Fatal(err)
			}
			w.options = nil
			if _, err := w.apply(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			if n := w.purchases(); n != 3 {
				t.Errorf("wait %v: %d jobs were bought, want 3: two, and the one that was asked for", wait, n)
			}
			w.mustHaveRightResults()
		})
	}
}

func (w *world) purchases() int {
	w.t.Helper()
	ledger, err := w.server.Ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, p := range ledger.Purchases {
		if !p.Foreign {
			n++
		}
	}
	return n
}

// Without Date headers an unknown create is settled by listings that began
// after its send, and by no earlier one.
func TestLocalClockCountsFromAfterTheSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{Faults: []emulator.Fault{
			{Name: emulator.FaultNoDate, Count: -1},
			{Name: emulator.FaultResetAfter, Op: emulator.OpCreate, Count: 1},
			{Name: emulator.FaultSlow, Op: emulator.OpUploadFinalize, Count: 2, Value: "50s"},
			{Name: emulator.FaultListLag, Op: emulator.OpCreate, Count: 1, Value: "40s"},
		}})
		w.desired.SettleTime = time.Minute
		w.mustConverge()
	})
}

// A run that does not wait buys what was shown and nothing else.
func TestNothingIsBoughtThatWasNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{Faults: []emulator.Fault{
			{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, Count: 1},
			{Name: emulator.FaultPartialOutput, Op: emulator.OpCreate, Count: 1},
		}})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		rep, err := w.apply(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Created != 0 || rep.Summary.Deferred != 2 || !rep.Remains {
			t.Errorf("summary %+v, remains %v; want no purchase, since none was shown, and the rows that were not answered left for the next plan", rep.Summary, rep.Remains)
		}
		w.mustConverge()
		left, err := filepath.Glob(filepath.Join(w.dir, "out", ".parts", "*"))
		if err != nil || len(left) != 0 {
			t.Errorf("kept rows are left over: %v, %v", left, err)
		}
	})
}

func TestUploadThatIsAlwaysLost(t *testing.T) {
	for _, wait := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2, 1, emulator.Config{Faults: []emulator.Fault{
				{Name: emulator.FaultFileExpiredEarly, Op: emulator.OpUploadFinalize, Count: -1, Value: "0s"},
			}})
			clock := w.watch(apply.Limits{Parallelism: 1}) // the lost file is looked up with the only slot
			rep, err := w.apply(t.Context(), wait)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(clock.calls["upload start"]); n != 4 {
				t.Errorf("wait %v: %d uploads, want 4: each batch again, once a run", wait, n)
			}
			if len(rep.Errors) != 2 {
				t.Errorf("wait %v: errors %v, want one for each batch", wait, rep.Errors)
			}
		})
	}
}

func TestRefusalWithoutKnownCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, Count: -1, Value: "400"}}})
		clock := w.watch(apply.Limits{})
		for run := 1; run <= 4; run++ {
			rep, err := w.apply(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			if n, want := len(clock.calls["create"]), min(run, 3); n != want {
				t.Errorf("after run %d: %d creates, want %d", run, n, want)
			}
			if failed := rep.Summary.Failed == 1; failed != (run >= 3) {
				t.Errorf("after run %d: summary %+v", run, rep.Summary)
			}
		}
	})
}

func TestEmptyAnswersAreNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 3, emulator.Config{})
		w.mustConverge()
		before, err := os.ReadFile(filepath.Join(w.dir, "out", "batch_051.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.server.SetFaults(emulator.Fault{Name: emulator.FaultEmpty200, Op: emulator.OpDownload, Count: -1}); err != nil {
			t.Fatal(err)
		}
		w.options = func(o *apply.Options) { o.Plan.Rerun = []planner.Selector{{Block: "qa", First: 51, Last: 51}} }
		if _, err := w.apply(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(filepath.Join(w.dir, "out", "batch_051.jsonl"))
		if err != nil || string(after) != string(before) {
			t.Errorf("the former result was replaced by\n%s(%v)", after, err)
		}
	})
}

func TestOne404LosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultStatusBefore, Op: emulator.OpDownload, Count: 1, Value: "404"}}})
		w.mustConverge()
	})
}

func TestCancelledRowsAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultAllRowsFailed, Op: emulator.OpCreate, Count: 1, Value: "1"}}})
		rep, err := w.apply(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Held != 1 || rep.Summary.Done != 1 || rep.Plan.Held[0].Reason != planner.HoldCancelled {
			t.Errorf("summary %+v, held %+v; want one held as cancelled", rep.Summary, rep.Plan.Held)
		}
	})
}

func TestForeignJobIsExplainedByItsInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{})
		if _, err := w.server.AddJob(emulator.PlantedJob{Model: model, Requests: []byte(requests(51, 2)), Age: time.Hour}); err != nil {
			t.Fatal(err)
		}
		// Other bytes of as many rows: somebody else's, and no reason to hold.
		if _, err := w.server.AddJob(emulator.PlantedJob{Model: model, Requests: []byte(requests(999, 2)), Age: time.Hour}); err != nil {
			t.Fatal(err)
		}
		rep, err := w.apply(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Adopted != 1 || rep.Summary.Created != 1 || rep.Summary.Done != 2 {
			t.Errorf("summary %+v, want 1 adopted, 1 created, 2 done", rep.Summary)
		}
	})
}

func TestOutageIsWaitedOut(t *testing.T) {
	for _, fault := range []emulator.Fault{
		{Name: emulator.FaultHTML503, Op: emulator.OpListJobs, First: 4, Count: 60},
		{Name: emulator.FaultQuota429, Op: emulator.OpListJobs, First: 1, Count: 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2, 1, emulator.Config{Faults: []emulator.Fault{fault}})
			w.mustConverge()
			if len(w.eventsOf(apply.EventRateWait)) == 0 {
				t.Errorf("%s: nothing said that the run waits", fault.Name)
			}
		})
	}
}

func TestFullDiskEndsTheRunWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{})
		// A file where the output folder should be.
		if err := os.WriteFile(filepath.Join(w.dir, "blocked"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p := w.paths[at(51)]
		p.OutputDir = filepath.Join(w.dir, "blocked", "out")
		good := w.paths[at(51)]
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		w.paths[at(51)] = p
		if rep, err := w.apply(t.Context(), true); err == nil && len(rep.Errors) == 0 {
			t.Errorf("no error, summary %+v", rep.Summary)
		}
		w.paths[at(51)] = good
		w.mustConverge()
	})
}

// Places under the limit of active jobs go to the first batches of the plan.
func TestFirstBatchesAreBoughtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8, 1, emulator.Config{})
		w.watch(apply.Limits{MaxActiveJobs: 3, Parallelism: 4})
		rep, err := w.apply(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		var bought []int
		for _, e := range w.eventsOf(apply.EventCreateComplete) {
			bought = append(bought, e.Address.Number)
		}
		slices.Sort(bought)
		if !slices.Equal(bought, []int{51, 52, 53}) {
			t.Errorf("bought %v, want the first three", bought)
		}
		if len(rep.Left) != 1 || rep.Left[0].Count != 5 || rep.Left[0].Budget != apply.BudgetActiveJobs {
			t.Errorf("left %+v, want 5 batches for the limit on active jobs", rep.Left)
		}
	})
}

func TestWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, emulator.Config{})
		w.watch(apply.Limits{CreatesPerMinute: 6, Parallelism: 1})
		w.mustConverge()
		told := map[string]bool{}
		for _, e := range w.eventsOf(apply.EventRateWait) {
			told[e.Budget] = true
			if e.Reason == "" || e.Until.IsZero() {
				t.Errorf("a wait without reason or end: %+v", e)
			}
		}
		if !told[apply.BudgetCreateRate] || !told[apply.BudgetPoll] {
			t.Errorf("waits were told for %v, want creates_per_minute and poll_interval", told)
		}
	})
}

// An import block settles what nothing else can: a job without a label whose
// input is gone, and which has no answers yet.
func TestImportBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{RunTime: emulator.Span{Min: time.Hour, Max: time.Hour}})
		job, err := w.server.AddJob(emulator.PlantedJob{Model: model, Requests: []byte(requests(51, 2)), InputFile: "files/long-gone", Age: 60 * time.Hour, State: "RUNNING"})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := w.plan(t.Context())
		if p.Summary.Held != 2 || p.Summary.Create != 0 {
			t.Errorf("before the import: %+v, want both held: the job may be either's", p.Summary)
		}
		w.desired.Batches[0].Imports = []string{job}
		rep, err := w.apply(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Adopted != 1 || rep.Summary.Created != 1 || rep.Summary.Done != 2 {
			t.Errorf("summary %+v, want 1 adopted, 1 created, 2 done", rep.Summary)
		}
		w.mustHaveRightResults()
		if p, _ := w.plan(t.Context()); len(p.Changes)+len(p.Problems) != 0 {
			t.Errorf("the import block is not settled: %+v, %+v", p.Changes, p.Problems)
		}
	})
}

func TestImportsThatAreContradicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2, emulator.Config{})
		add := func(p emulator.PlantedJob) string {
			t.Helper()
			p.InputFile, p.Age = "files/long-gone", 60*time.Hour
			job, err := w.server.AddJob(p)
			if err != nil {
				t.Fatal(err)
			}
			return job
		}
		w.desired.Batches[0].Imports = []string{add(emulator.PlantedJob{Model: "gemini-2.5-pro", Requests: []byte(requests(51, 2))})}
		w.desired.Batches[1].Imports = []string{add(emulator.PlantedJob{Model: model, Requests: []byte(requests(52, 7))})}
		w.desired.Batches[2].Imports = []string{"batches/no-such-job"}
		_, err := w.apply(t.Context(), true)
		if err == nil {
			t.Fatal("no error")
		}
		for _, words := range []string{"gemini-2.5-pro", "7 rows", "does not have this job", "batch.qa[51]", "batch.qa[52]", "batch.qa[53]"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("the error lacks %q: %v", words, err)
			}
		}
		if n := w.purchases(); n != 0 {
			t.Errorf("%d jobs were bought", n)
		}
	})
}

// After a lock was taken by force, the former run's last send counts as over
// only once it cannot be on its way any more.
func TestTakeOverOutlastsTheFormerSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultResetBefore, Op: emulator.OpCreate, Count: 1}}})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		clock := w.watch(apply.Limits{})
		limits := w.options
		w.options = func(o *apply.Options) { limits(o); o.TookOver = true }
		began := time.Now()
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if first := clock.calls["list jobs"][0]; first.Sub(began) < 40*time.Second {
			t.Errorf("the first listing began after %s, want at least 40 s", first.Sub(began))
		}
		w.options = nil
		w.mustConverge()
	})
}
