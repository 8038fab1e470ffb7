package apply_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/provider/emulator"
)

// asked notes what the service is asked to count.
type asked struct {
	requests []string
	before   func() // each question; nil for nothing
}

// counting passes questions on.
type counting struct {
	apply.Counter
	*asked
}

func (c counting) CountTokens(ctx context.Context, model string, request []byte) (int64, error) {
	c.requests = append(c.requests, string(request))
	if c.before != nil {
		c.before()
	}
	return c.Counter.CountTokens(ctx, model, request)
}

// counting lets the service count so many requests of each block and model.
func (w *world) counting(n int, more func(*apply.Options)) *asked {
	a := &asked{}
	w.counter = func(c apply.Counter) apply.Counter { return counting{c, a} }
	w.options = func(o *apply.Options) {
		if o.CountTokens = n; more != nil {
			more(o)
		}
	}
	return a
}

// counted is how often the service was asked to count.
func (w *world) counted() int64 { return w.ledger().Calls[emulator.OpCountTokens] }

// basis is what a plan says about its numbers of tokens, and how many of input
// those are.
func (w *world) basis() (string, int64) {
	w.t.Helper()
	p, _ := w.plan(w.t.Context())
	return p.Estimate.Basis, p.Estimate.InputTokens
}

// TestTokensAreCounted lets the service count a sample before the first purchase:
// what it said is in the state as numbers, makes the next plan's estimates right,
// and no later run asks again.
func TestTokensAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quick()
		cfg.Quota.ActiveJobs = 2
		w := newWorld(t, 12, 5, cfg)
		for i := range w.desired.Batches { // as the config reads them
			s := &w.desired.Batches[i].Source
			f, err := os.Open(w.paths[w.desired.Batches[i].Address].Source)
			if err != nil {
				t.Fatal(err)
			}
			summary, _, err := batchfile.Scan(t.Context(), f, batchfile.ScanOptions{})
			if s.Tokens = summary.Tokens; errors.Join(err, f.Close()) != nil {
				t.Fatal(err)
			}
		}
		ask := w.counting(6, func(o *apply.Options) { o.Limits.MaxActiveJobs = 2 })
		if basis, _ := w.basis(); !strings.Contains(basis, "input tokens: characters/4") || w.counted() != 0 {
			t.Errorf("a plan asked %d times, basis %q", w.counted(), basis)
		}
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if w.counted() != 6 || len(ask.requests) != 6 {
			t.Errorf("the service counted %d requests, want 6", w.counted())
		}
		seen := map[string]bool{}
		for _, q := range ask.requests {
			seen[q] = true
		}
		if len(seen) != 6 || !strings.Contains(ask.requests[5], "indicator 61") {
			t.Errorf("asked for %d different requests of all batches: %s", len(seen), ask.requests)
		}
		basis, tokens := w.basis()
		real := int64(0)
		for _, p := range w.ledger().Purchases {
			real += p.Tokens
		}
		if real *= 5; !strings.Contains(basis, "input tokens: a sample counted by the service") || tokens < real*92/100 || tokens > real*108/100 {
			t.Errorf("basis %q with %d tokens for 10 batches, the service counts %d", basis, tokens, real)
		}
		sample := w.state().Learned.Counted["qa"][model]
		text, err := os.ReadFile(w.statePath())
		if err != nil {
			t.Fatal(err)
		}
		if sample.Requests != 6 || bytes.Contains(text, []byte("indicator")) {
			t.Errorf("sample %+v; state:\n%s", sample, text)
		}
		time.Sleep(time.Hour)
		w.mustConverge()
		if w.counted() != 6 {
			t.Errorf("later runs asked %d times more", w.counted()-6)
		}
	})
}

// TestCountsAreNotForced buys without an answer, whatever the service has in its
// place, warns of it once, and asks again in the next run as long as that may
// still help.
func TestCountsAreNotForced(t *testing.T) {
	for _, f := range []emulator.Fault{
		{Name: emulator.FaultQuota429, Value: "per_minute"}, {Name: emulator.FaultStatusBefore, Value: "404"}, {Name: emulator.FaultStatusBefore, Value: "503"},
		{Name: emulator.FaultHTML200}, {Name: emulator.FaultEmpty200}, {Name: emulator.FaultResetBefore}, {Name: emulator.FaultTimeoutBefore},
	} {
		t.Run(f.Name+f.Value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f.Op, f.Count = emulator.OpCountTokens, -1
				w := newWorld(t, 3, 4, quick(f))
				w.counting(5, nil)
				rep, err := w.apply(t.Context(), false)
				if err != nil || rep.Summary.Created != 3 {
					t.Fatalf("%+v, %v", rep.Summary, err)
				}
				warned := 0
				for _, e := range w.events {
					if e.Type == apply.EventDiagnostic && strings.Contains(e.Message, "did not count tokens") {
						warned++
					}
				}
				if warned != 1 || len(w.state().Learned.Counted) != 0 {
					t.Errorf("%d warnings, want 1; kept %v", warned, w.state().Learned.Counted)
				}
				time.Sleep(time.Hour)
				w.mustConverge()
			})
		})
	}
}

// TestCountsEndHalfway keeps what was counted before the service said no.
func TestCountsEndHalfway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 4, quick(emulator.Fault{Name: emulator.FaultQuota429, Op: emulator.OpCountTokens, First: 4, Count: -1}))
		w.counting(5, nil)
		w.mustConverge()
		if got := w.state().Learned.Counted["qa"][model].Requests; got != 3 {
			t.Errorf("kept %d requests, want the 3 that were counted", got)
		}
	})
}

// TestCountsAreCalls holds counts to the declared calls a minute, as the service
// counts them.
func TestCountsAreCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quick()
		cfg.Quota.RequestsPerMinute = 30
		w := newWorld(t, 4, 30, cfg)
		w.counting(40, func(o *apply.Options) { o.Limits.RequestsPerMinute, o.PollInterval = 30, time.Minute })
		var refused atomic.Int64
		w.transport = seeing(emulator.Transport(w.server), func(status int) {
			if status == http.StatusTooManyRequests {
				refused.Add(1)
			}
		})
		began := time.Now()
		w.mustConverge()
		if w.counted() < 38 || time.Since(began) < time.Minute {
			t.Errorf("%d counts in %s", w.counted(), time.Since(began))
		}
		if n := refused.Load(); n != 0 {
			t.Errorf("%d calls were refused", n)
		}
	})
}

// TestCountsEndWithTheRun asks nothing more once a run is interrupted.
func TestCountsEndWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 10, quick())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ask := w.counting(10, nil)
		ask.before = cancel
		if _, err := w.apply(ctx, true); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if len(ask.requests) != 1 {
			t.Errorf("asked %d times", len(ask.requests))
		}
		ask.before = nil
		w.mustConverge()
	})
}

// seeing tells the status of each answer.
func seeing(next http.RoundTripper, tell func(status int)) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil {
			tell(resp.StatusCode)
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
