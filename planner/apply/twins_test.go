package apply_test

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

// repeating is a proxy that sends the first create twice, a second apart, and
// hands back one of the answers, or none.
type repeating struct {
	next   http.RoundTripper
	answer string // "first", "second" or "none"

	mu        sync.Mutex
	done      bool
	downloads map[string]int // by job
}

func (p *repeating) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	twice := !p.done && callName(r) == "create"
	p.done = p.done || twice
	if callName(r) == "download" {
		name := strings.TrimSuffix(filepath.Base(r.URL.Path), ":download")
		p.downloads["batches/"+strings.TrimPrefix(name, "batch-")]++
	}
	p.mu.Unlock()
	if !twice {
		return p.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var answers [2]*http.Response
	for i := range answers {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		if answers[i], err = p.next.RoundTrip(again); err != nil {
			return nil, err
		}
		time.Sleep(time.Second)
	}
	switch p.answer {
	case "first":
		return answers[0], answers[1].Body.Close()
	case "second":
		return answers[1], answers[0].Body.Close()
	}
	answers[0].Body.Close()
	answers[1].Body.Close()
	return nil, io.ErrUnexpectedEOF
}

// twins makes a world in which one create makes two jobs with one token.
func twins(t *testing.T, answer string, cfg emulator.Config) (*world, *repeating) {
	w := newWorld(t, 2, 3, cfg)
	proxy := &repeating{next: emulator.Transport(w.server), answer: answer, downloads: map[string]int{}}
	w.transport = proxy
	return w, proxy
}

// Of two jobs that one create made, the one that answered is the batch's, else
// the older one. The other is shown, and neither used nor touched.
func TestTwoJobsWithOneToken(t *testing.T) {
	for _, answer := range []string{"first", "second", "none"} {
		t.Run("answer of "+answer, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, proxy := twins(t, answer, emulator.Config{})
				w.short()
				l := w.ledger()
				if len(l.Purchases) != 3 || l.Purchases[0].DisplayName != l.Purchases[1].DisplayName {
					t.Fatalf("the service made %+v, want two jobs with one token and another one", l.Purchases)
				}
				used, extra := l.Purchases[0].Job, l.Purchases[1].Job
				if answer == "second" {
					used, extra = extra, used
				}
				if at := w.attempt(51, 1); at.Job != used {
					t.Errorf("%s is on record, want %s", at.Job, used)
				}
				w.mustShowExtra(extra, planner.PhaseSubmitted)
				w.converge()
				w.mustShowExtra(extra, planner.PhaseDone)
				w.mustHaveRightResults()
				l = w.ledger()
				if len(l.Purchases) != 3 || l.Calls[emulator.OpCancel]+l.Calls[emulator.OpDeleteJob] != 0 {
					t.Errorf("%d jobs, %d calls that cancel or delete; want 3 and 0", len(l.Purchases), l.Calls[emulator.OpCancel]+l.Calls[emulator.OpDeleteJob])
				}
				if len(w.record(51).Attempts) != 1 || proxy.downloads[used] != 1 || proxy.downloads[extra] != 0 {
					t.Errorf("attempts %+v, downloads %v; want one attempt, and the output of %s alone", w.record(51).Attempts, proxy.downloads, used)
				}
			})
		})
	}
}

// mustShowExtra checks that a plan has nothing to do, and warns of one job of
// batch 51 that is not used.
func (w *world) mustShowExtra(job string, phase planner.Phase) {
	w.t.Helper()
	p, items := w.plan(w.t.Context())
	if len(p.Changes) != 0 || items[0].Phase != phase {
		w.t.Errorf("51 is %s, changes %+v; want %s and none", items[0].Phase, p.Changes, phase)
	}
	if len(p.Problems) != 1 || p.Problems[0].Code != "extra_job" || p.Problems[0].Job != job || *p.Problems[0].Address != at(51) {
		w.t.Errorf("problems %+v, want one: that %s is extra", p.Problems, job)
	}
}

// A second job is as good as the first where that one fails: what is paid for
// is used before anything is bought again.
func TestTwinOfAFailedJob(t *testing.T) {
	for name, partial := range map[string]bool{"without answers": false, "with some answers": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults := []emulator.Fault{{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, First: 1}}
				if partial {
					faults = append(faults, emulator.Fault{Name: emulator.FaultPartialOutput, Op: emulator.OpCreate, First: 1})
				}
				w, _ := twins(t, "first", emulator.Config{Faults: faults})
				w.converge()
				if n := w.creates(); n != 3 {
					t.Errorf("%d creates arrived, want 3: one twice by the proxy, and one for the other batch", n)
				}
				w.mustHaveRightResults()
				if p, items := w.plan(t.Context()); len(p.Changes) != 0 || items[0].Phase != planner.PhaseDone {
					t.Errorf("51 is %s, changes %+v; want done and none", items[0].Phase, p.Changes)
				}
			})
		})
	}
}
