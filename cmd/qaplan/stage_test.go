package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	// cooldown is the first pause after a refusal, in real time.
	cooldown string
}

func newStage(t *testing.T, batches int, faults ...emulator.Fault) *stage {
	t.Helper()
	s := &stage{site: newSite(t, batches), ahead: &atomic.Int64{}, cfg: stageConfig{last: batches, block: "qa", model: "gemini-2.5-flash", cooldown: "100ms"}}
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
  cooldown      = %q
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
`, c.cooldown, c.block, c.last, c.model, c.attrs, c.more))
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
	s.send(method, path, "")
}

func (s *stage) send(method, path, body string) []byte {
	s.t.Helper()
	r := httptest.NewRequest(method, s.url+"/v1beta/"+path, strings.NewReader(body))
	r.Header.Set("X-Goog-Api-Key", "test-key-of-no-value")
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.Bytes()
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

// refuse answers creates, of that model unless it is "", in the service's words,
// and counts them. It ends with obey.
func (s *stage) refuse(model string, code int, status, message string) *atomic.Int64 {
	n := &atomic.Int64{}
	s.front.mu.Lock()
	defer s.front.mu.Unlock()
	s.front.answer = func(call string, w http.ResponseWriter, r *http.Request) bool {
		if call != callCreate || model != "" && !strings.HasSuffix(r.URL.Path, "/"+model+":batchGenerateContent") {
			return false
		}
		n.Add(1)
		io.Copy(io.Discard, r.Body) //nolint:errcheck // so that the answer arrives
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.Header().Set("Date", s.server.Now().UTC().Format(http.TimeFormat))
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"error":{"code":%d,"status":%q,"message":%q}}`, code, status, message)
		return true
	}
	return n
}

func (s *stage) obey() {
	s.front.mu.Lock()
	defer s.front.mu.Unlock()
	s.front.answer = nil
}

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

// held checks that a batch is held for the reason, that the plan shows the way
// out, and that further applies do nothing for it.
func (s *stage) held(number int, why planner.Reason, exit string) {
	s.t.Helper()
	s.stuck(number, "held "+string(why), exit)
}

// failed is held for a batch that failed.
func (s *stage) failed(number int, why planner.Reason, exit string) {
	s.t.Helper()
	s.stuck(number, "failed "+string(why), exit)
}

func (s *stage) stuck(number int, want, exit string) {
	s.t.Helper()
	before, calls := s.seen(number), s.bought()
	if word, _, _ := strings.Cut(before, " !"); word != want {
		s.t.Fatalf("batch %d: %s, want %s", number, before, want)
	}
	if text := s.mustRun(exitDone, "plan", "--verbose").stdout.String(); !strings.Contains(oneLine(text), oneLine(exit)) {
		s.t.Errorf("the plan does not show the way out %q:\n%s", exit, text)
	}
	s.run("apply", "--auto-approve") // what else there is to do, it does
	if after := s.seen(number); after != before {
		s.t.Errorf("batch %d: %s after another apply, %s before", number, after, before)
	}
	if n := s.bought(); n != calls {
		s.t.Errorf("%d jobs were bought for what is held", n-calls)
	}
	s.settled()
}

// settled checks that there is nothing to do, and that an apply then changes no
// byte. It ends with 6 where a person has to look and no job is awaited.
func (s *stage) settled() {
	s.t.Helper()
	before, code := s.kept(), exitDone
	p := s.plan()
	if len(p.Changes) > 0 {
		s.t.Fatalf("there is something to do: %+v", p.Changes)
	}
	if p.Summary.InProgress == 0 && p.Summary.Held+p.Summary.Failed+s.badRows() > 0 {
		code = exitStuck
	}
	if out := s.apply(code).stdout.String(); !strings.Contains(out, "No changes. ") {
		s.t.Errorf("the apply says %s", out)
	}
	if diff := cmp.Diff(before, s.kept()); diff != "" {
		s.t.Errorf("an apply with nothing to do changed something (-before +now):\n%s", diff)
	}
}

// badRows counts the rows of results that stay without a good answer.
func (s *stage) badRows() int {
	s.t.Helper()
	var st ui.Status
	if err := json.Unmarshal(s.run("status", "--format", "json").stdout.Bytes(), &st); err != nil {
		s.t.Fatalf("the status is no JSON: %v", err)
	}
	bad := 0
	for _, b := range st.Batches {
		if b.Phase == planner.PhaseDone {
			bad += int(b.Failed)
		}
	}
	return bad
}

// kept is what an apply with nothing to do must leave as it is: all files, but
// for the trace of who held the lock, and what was bought.
func (s *stage) kept() map[string]string {
	s.t.Helper()
	files := s.files()
	for name := range files {
		if strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, ".qaplan/") {
			delete(files, name)
		}
	}
	l := s.ledger()
	files["bought"] = fmt.Sprintf("%d jobs, %d creates, %d uploads", len(l.Purchases), l.Calls[emulator.OpCreate], l.Calls[emulator.OpUploadStart])
	return files
}

// follow carries out the command that the way out of a held or failed batch
// names, as it is printed; it must end with the code.
func (s *stage) follow(number int, command string, code int) {
	s.t.Helper()
	addr := planner.Address{Block: s.cfg.block, Number: number}
	p := s.plan()
	exit := ""
	for _, h := range p.Held {
		if h.Address == addr {
			exit = h.Exit
		}
	}
	for _, f := range p.Failed {
		if f.Address == addr {
			exit = f.Exit
		}
	}
	_, printed, ok := strings.Cut(exit, "qaplan "+command+" ")
	if !ok {
		s.t.Fatalf("the way out of %s names no qaplan %s: %q", addr, command, exit)
	}
	printed, _, _ = strings.Cut(printed, ", ")
	words := strings.Fields(strings.ReplaceAll(printed, "'", ""))
	s.mustRun(code, slices.Concat(strings.Fields(command), []string{"--auto-approve"}, words)...)
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

// inline makes a job of another tool for a batch, whose requests and answers
// stand in the job itself.
func (s *stage) inline(number int) string {
	s.t.Helper()
	var requests []map[string]any
	for line := range strings.Lines(s.read(s.source(number))) {
		var row struct {
			Key     string
			Request any
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			s.t.Fatal(err)
		}
		requests = append(requests, map[string]any{"request": row.Request, "metadata": map[string]string{"key": row.Key}})
	}
	body, err := json.Marshal(map[string]any{"batch": map[string]any{"inputConfig": map[string]any{"requests": map[string]any{"requests": requests}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	var job struct{ Name string }
	if err := json.Unmarshal(s.send("POST", "models/"+s.cfg.model+":batchGenerateContent", string(body)), &job); err != nil {
		s.t.Fatal(err)
	}
	return job.Name
}

// foreign plants a job of another tool for a batch: no label, and an input that
// is gone.
func (s *stage) foreign(number int, jobState string) string {
	s.t.Helper()
	job, err := s.server.AddJob(emulator.PlantedJob{
		Requests: []byte(s.read(s.source(number))), InputFile: "files/long-gone", Age: 72 * time.Hour, State: jobState,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return job
}
