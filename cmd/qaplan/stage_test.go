package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// stage is a site whose service lives in a time that the test sets: jobs take
// an hour, and a test that wants two days to pass says so.
type stage struct {
	*site
	server *emulator.Server
	ahead  *atomic.Int64 // how far the service's time is, in nanoseconds
	cfg    stageConfig
}

// stageConfig is what a stage's config says beside what all do.
type stageConfig struct {
	last  int // of the range, from 1
	block string
	model string
	attrs string // further lines of the block
	more  string // further blocks
}

func newStage(t *testing.T, batches int, faults ...emulator.Fault) *stage {
	t.Helper()
	s := &stage{site: newSite(t, batches), ahead: &atomic.Int64{}, cfg: stageConfig{last: batches, block: "qa", model: "gemini-2.5-flash"}}
	s.server = s.project(faults...)
	s.configure()
	return s
}

// project makes the service another project's, which is empty.
func (s *stage) project(faults ...emulator.Fault) *emulator.Server {
	s.t.Helper()
	ahead := s.ahead
	return s.serve(s.t.TempDir(), emulator.Config{
		Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		// Nothing is pending, so that only the end of a job is waited for.
		QueueTime: emulator.Span{Min: time.Millisecond, Max: time.Millisecond},
		RunTime:   emulator.Span{Min: time.Hour, Max: time.Hour},
		Faults:    faults,
	})
}

// later lets so much time pass at the service.
func (s *stage) later(d time.Duration) { s.ahead.Add(int64(d)) }

// ended lets all jobs end.
func (s *stage) ended() { s.later(2 * time.Hour) }

func (s *stage) faults(faults ...emulator.Fault) {
	s.t.Helper()
	if err := s.server.SetFaults(faults...); err != nil {
		s.t.Fatal(err)
	}
}

// configure writes the config, after a change of it when one is given.
func (s *stage) configure(change ...func(*stageConfig)) {
	s.t.Helper()
	for _, f := range change {
		f(&s.cfg)
	}
	c := s.cfg
	s.write("qaplan.hcl", fmt.Sprintf(`provider "gemini" {
  settle_time   = "15m"
  poll_interval = "100ms"
  cooldown      = "100ms"
  rate {
    parallelism = 1
  }
}

batch %q {
  range      = [1, %d]
  model      = %q
  source     = "in/batch_*_proper.jsonl"
  output_dir = "out"
%s
}
%s
`, c.block, c.last, c.model, c.attrs, c.more))
}

func attrs(text string) func(*stageConfig)    { return func(c *stageConfig) { c.attrs = text } }
func useModel(name string) func(*stageConfig) { return func(c *stageConfig) { c.model = name } }

func (s *stage) source(number int) string {
	return s.path("in", fmt.Sprintf("batch_%03d_proper.jsonl", number))
}

func (s *stage) result(number int) string {
	return s.path("out", fmt.Sprintf("batch_%03d_proper.jsonl", number))
}

func (s *stage) read(path string) string {
	s.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *stage) put(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) remove(path string) {
	s.t.Helper()
	if err := os.Remove(path); err != nil {
		s.t.Fatal(err)
	}
}

// edit changes a source: other questions under the same keys.
func (s *stage) edit(number int) {
	s.t.Helper()
	s.put(s.source(number), strings.ReplaceAll(s.read(s.source(number)), "measure", "say of tomorrow"))
}

// apply is an apply without a question; it must end with the code.
func (s *stage) apply(code int, args ...string) *child {
	s.t.Helper()
	return s.mustRun(code, append([]string{"apply", "--auto-approve"}, args...)...)
}

// call does what another program might do at the service.
func (s *stage) call(method, path string) {
	s.t.Helper()
	r := httptest.NewRequest(method, s.url+"/v1beta/"+path, http.NoBody)
	r.Header.Set("X-Goog-Api-Key", "test-key-of-no-value")
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

// record is what the state knows of a batch.
func (s *stage) record(number int) *planner.Record {
	s.t.Helper()
	st, err := state.Read(s.path("qaplan.state.json"), state.Identity{})
	if err != nil {
		s.t.Fatal(err)
	}
	rec := st.Batches[planner.Address{Block: s.cfg.block, Number: number}]
	if rec == nil {
		s.t.Fatalf("the state knows nothing of batch %d", number)
	}
	return rec
}

// job is the batch's newest job.
func (s *stage) job(number int) string { return s.record(number).Last().Job }

// plan is the plan as programs read it.
func (s *stage) plan(args ...string) *planner.Plan {
	s.t.Helper()
	c := s.mustRun(exitDone, append([]string{"plan", "--format", "json"}, args...)...)
	p := &planner.Plan{}
	if err := json.Unmarshal(c.stdout.Bytes(), p); err != nil {
		s.t.Fatalf("the plan is no JSON: %v: %s", err, &c.stdout)
	}
	return p
}

// seen puts into words how a batch stands: "PHASE ACTIONS REASON", where
// ACTIONS are joined by +, without actions "PHASE REASON" of a hold or a failure
// or "PHASE" alone; with the codes of its warnings behind it, each after a !.
func (s *stage) seen(number int, args ...string) string {
	s.t.Helper()
	p := s.plan(args...)
	addr := planner.Address{Block: s.cfg.block, Number: number}
	var words, warnings []string
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Address == addr {
			actions := make([]string, len(c.Actions))
			for k, a := range c.Actions {
				actions[k] = string(a)
			}
			words = []string{string(c.Phase), strings.Join(actions, "+"), string(c.Reason)}
		}
	}
	for _, h := range p.Held {
		if h.Address == addr {
			words = []string{"held", string(h.Reason)}
			if h.Exit == "" {
				s.t.Errorf("%s is held for %s without a way out", addr, h.Reason)
			}
		}
	}
	for _, f := range p.Failed {
		if f.Address == addr {
			words = []string{"failed", string(f.Reason)}
		}
	}
	for _, pr := range p.Problems {
		if pr.Address != nil && *pr.Address == addr {
			warnings = append(warnings, " !"+pr.Code)
		}
	}
	if words == nil {
		words = []string{s.phase(addr)}
	}
	slices.Sort(warnings)
	return strings.Join(words, " ") + strings.Join(warnings, "")
}

// phase is what status says of a batch.
func (s *stage) phase(addr planner.Address) string {
	s.t.Helper()
	c := s.run("status", "--format", "json")
	var st ui.Status
	if err := json.Unmarshal(c.stdout.Bytes(), &st); err != nil {
		s.t.Fatalf("the status is no JSON: %v: %s%s", err, &c.stdout, &c.stderr)
	}
	for _, b := range st.Batches {
		if b.Address == addr {
			return string(b.Phase)
		}
	}
	s.t.Fatalf("status lists no %s", addr)
	return ""
}

// is compares how a batch stands, and that looking again changes nothing.
func (s *stage) is(number int, want string, args ...string) {
	s.t.Helper()
	if got := s.seen(number, args...); got != want {
		s.t.Fatalf("batch %d: %s, want %s", number, got, want)
	}
}

// held checks that a batch is held for the reason, that the plan and the apply
// show the way out, and that an apply changes nothing and ends with 6 when
// nothing else is left to do.
func (s *stage) held(number int, why planner.Reason, exit string) {
	s.t.Helper()
	before, calls := s.seen(number), s.bought()
	if word, _, _ := strings.Cut(before, " !"); word != "held "+string(why) {
		s.t.Fatalf("batch %d: %s, want held %s", number, before, why)
	}
	if text := s.mustRun(exitDone, "plan", "--verbose").stdout.String(); !strings.Contains(oneLine(text), oneLine(exit)) {
		s.t.Errorf("the plan does not show the way out %q:\n%s", exit, text)
	}
	s.run("apply", "--auto-approve")
	if after := s.seen(number); after != before {
		s.t.Errorf("batch %d: %s after another apply, %s before", number, after, before)
	}
	if n := s.bought(); n != calls {
		s.t.Errorf("%d jobs were bought for what is held", n-calls)
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// finish lets everything come to its end.
func (s *stage) finish(done int, args ...string) {
	s.t.Helper()
	s.apply(exitDone, args...)
	s.ended()
	s.run("apply", "--auto-approve")
	s.ended()
	s.mustBe(done)
}

// mustBe checks that so many batches are done, and that nothing is left to do.
func (s *stage) mustBe(done int) {
	s.t.Helper()
	p := s.plan()
	if len(p.Changes) > 0 || p.Summary.Done != done {
		s.t.Fatalf("%+v with %d changes, want %d done and no change", p.Summary, len(p.Changes), done)
	}
}

// mustHaveBought compares the number of jobs that were bought through the
// service.
func (s *stage) mustHaveBought(n int) {
	s.t.Helper()
	got := 0
	for _, p := range s.ledger().Purchases {
		if !p.Foreign {
			got++
		}
	}
	if got != n {
		s.t.Fatalf("%d jobs were bought, want %d", got, n)
	}
}

// mustHaveUploaded compares the number of uploads that were begun.
func (s *stage) mustHaveUploaded(n int64) {
	s.t.Helper()
	if got := s.ledger().Calls[emulator.OpUploadStart]; got != n {
		s.t.Fatalf("%d uploads, want %d", got, n)
	}
}

// foreign plants a job of another tool for a batch: no label, and an input that
// is gone.
func (s *stage) foreign(number int, jobState string) string {
	s.t.Helper()
	job, err := s.server.AddJob(emulator.PlantedJob{
		Requests: []byte(s.read(s.source(number))), InputFile: "files/long-gone", Age: 72 * time.Hour, State: cmp.Or(jobState, "SUCCEEDED"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return job
}
