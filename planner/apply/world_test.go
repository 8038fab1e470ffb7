package apply_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/provider/gemini"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
)

const model = "gemini-2.5-flash"

// world is a project with its service: sources on a disk, an emulator in
// process, a state, and a crasher between the engine and all of them. It is
// made for a synctest bubble, where days pass in milliseconds.
type world struct {
	t       *testing.T
	dir     string
	server  *emulator.Server
	desired planner.Desired
	paths   map[planner.Address]apply.Path
	crash   *crasher
	events  []apply.Event
	rerunOf int  // number of a batch for which the next run is asked for another job
	asked   int  // further jobs that a person asked for
	late    bool // the service shows a job later than it promises: rows may be bought twice
	rows    map[string]apply.Rows
	options func(*apply.Options) // what a test wants otherwise
	// transport leads to the service; nil leads straight to the emulator.
	transport http.RoundTripper
	pageSize  int                  // of listings; 0 leaves the client's
	told      []planner.Completion // what on_complete was told, also by runs that died
	// tell is what a completer does; nil is told nothing.
	tell func(ctx context.Context, c *planner.Completion) error
	// counter stands before the client where tokens are counted; nil counts none.
	counter func(apply.Counter) apply.Counter
	// answers stands before the client where outputs are read; nil for nothing.
	answers func(apply.Answers) apply.Answers
	// bucket holds the state, nil for a file; resultsThere lets the results go
	// there as well.
	bucket       blob.Driver
	resultsThere bool
	recognised   *apply.Recognised // shared by both plans, nil for not
}

func newWorld(t *testing.T, batches, rows int, cfg emulator.Config) *world {
	t.Helper()
	return newWorldIn(t, memoryDir(t), batches, rows, cfg)
}

// newWorldIn makes a world in a folder, or comes back to the one that is there.
func newWorldIn(t *testing.T, dir string, batches, rows int, cfg emulator.Config) *world {
	t.Helper()
	w := &world{t: t, dir: dir, paths: map[planner.Address]apply.Path{}, crash: &crasher{}}
	cfg.Dir = filepath.Join(w.dir, "service")
	server, err := emulator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	w.server = server
	w.desired = planner.Desired{ConfigDigest: "test", SettleTime: 15 * time.Minute}
	if err := os.MkdirAll(filepath.Join(w.dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	for n := 51; n < 51+batches; n++ {
		w.add(n, requests(n, rows))
	}
	return w
}

// requests makes the input of a batch: each key and question is its own.
func requests(number, rows int) string {
	var b strings.Builder
	for r := range rows {
		fmt.Fprintf(&b, `{"key":"b%d-r%d","request":{"contents":[{"parts":[{"text":"What does indicator %d say on day %d?"}]}]}}`+"\n", number, r, number, r)
	}
	return b.String()
}

// add writes a source and makes it part of what is desired.
func (w *world) add(number int, content string) {
	w.t.Helper()
	batch, path := batchIn(w.dir, number, content)
	if err := os.WriteFile(path.Source, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.desired.Batches = append(w.desired.Batches, batch)
	w.paths[batch.Address] = path
}

// batchIn is what is desired of a batch whose source is in a folder.
func batchIn(dir string, number int, content string) (planner.Batch, apply.Path) {
	name := fmt.Sprintf("batch_%03d.jsonl", number)
	sum := sha256.Sum256([]byte(content))
	return planner.Batch{
		Address: planner.Address{Block: "qa", Number: number}, Model: model, DisplayName: fmt.Sprintf("qa_%03d", number), Output: "out/" + name,
		Source: planner.Source{Path: "in/" + name, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content)),
			Rows: strings.Count(content, "\n"), Tokens: int64(len(content) / 4)},
		OnChange: planner.OnChangeHold, MaxAttempts: 3,
	}, apply.Path{Source: filepath.Join(dir, "in", name), OutputDir: filepath.Join(dir, "out"), OutputName: name}
}

func (w *world) client(transport http.RoundTripper, gate *apply.Gate) *gemini.Client {
	w.t.Helper()
	c, err := gemini.New(w.t.Context(), gemini.Options{APIKey: "test-key", BaseURL: "http://service.test", Transport: transport, PageSize: w.pageSize, Admit: gate.Admit})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) statePath() string { return filepath.Join(w.dir, "qaplan.state.json") }

// apply runs once, as one process would: it opens the state, plans, applies
// and closes; a crash leaves everything where it stood.
func (w *world) apply(ctx context.Context, wait bool) (rep apply.Report, err error) {
	w.t.Helper()
	err = w.process(ctx, wait, func(ctx context.Context, p process) (err error) {
		if _, _, err := p.engine.Plan(ctx); err != nil {
			return err
		}
		rep, err = p.engine.Apply(ctx)
		return err
	})
	return rep, err
}

// process is what a command has in hand.
type process struct {
	engine *apply.Engine
	client *gemini.Client
	store  *state.Store
}

// process opens the state, does what a command would, and closes.
func (w *world) process(ctx context.Context, wait bool, do func(context.Context, process) error) error {
	w.t.Helper()
	ctx, w.crash.end = context.WithCancel(ctx)
	defer w.crash.end()
	store, err := w.open(ctx)
	if w.crash.isDead() {
		return errCrashed
	}
	if err != nil {
		w.t.Fatalf("open the state: %v", err)
	}
	defer store.Abandon()
	o := apply.Options{
		Journal: &crashingJournal{Store: store, crash: w.crash}, Desired: w.desired, Paths: w.paths, Rows: w.rows, Refresh: true, Wait: wait,
		Limits: apply.Limits{Parallelism: 1},
		Plan:   planner.Options{Version: "test"}, TookOver: store.TookOver(),
		Emit: func(e apply.Event) { w.events = append(w.events, e) }, OpenDir: w.openDir(&crashingBucket{w.bucket, w.crash}),
	}
	if w.options != nil {
		w.options(&o)
	}
	if w.tell != nil {
		o.Completer, o.Completes = (*listener)(w), map[string]bool{"qa": true}
	}
	if w.rerunOf != 0 {
		o.Plan.Rerun = []planner.Selector{{Block: "qa", First: w.rerunOf, Last: w.rerunOf}}
	}
	o.Gate = apply.NewGate(o.Limits, store.State().LastSent())
	next := w.transport
	if next == nil {
		next = emulator.Transport(w.server)
	}
	c := w.client(&crashingTransport{next: next, crash: w.crash}, o.Gate)
	o.Jobs, o.Files, o.Answers, o.Models = c, c, c, c
	if w.counter != nil {
		o.Counter = w.counter(c)
	}
	if w.answers != nil {
		o.Answers = w.answers(c)
	}
	e := apply.New(o)
	defer w.close(e)
	err = do(ctx, process{engine: e, client: c, store: store})
	if err == nil && !w.crash.dead {
		err = store.Close()
	}
	return err
}

func (w *world) close(e *apply.Engine) {
	w.t.Helper()
	if err := e.Close(); err != nil {
		w.t.Error(err)
	}
}

// state is what a reader of the state sees.
func (w *world) state() *state.State {
	w.t.Helper()
	if w.bucket != nil {
		s, err := w.place(w.bucket).Pull(w.t.Context(), state.Identity{})
		if err != nil {
			w.t.Fatalf("read the state: %v", err)
		}
		return &s.State
	}
	s, err := state.Read(w.statePath(), state.Identity{})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// plan plans as `qaplan plan` does: without the lock.
func (w *world) plan(ctx context.Context) (*planner.Plan, []planner.Item) {
	w.t.Helper()
	s := w.state()
	gate := apply.NewGate(apply.Limits{}, time.Time{})
	c := w.client(emulator.Transport(w.server), gate)
	e := apply.New(apply.Options{Jobs: c, Files: c, Answers: c, Recorded: s, Desired: w.desired, Paths: w.paths, Rows: w.rows, Refresh: true, OpenDir: w.openDir(w.bucket), Recognised: w.recognised, Gate: gate})
	defer w.close(e)
	p, items, err := e.Plan(ctx)
	for n := 1; n < 10 && provider.ClassOf(err) == provider.ClassTemporary; n++ { // a fault that is left over
		p, items, err = e.Plan(ctx)
	}
	if err != nil {
		w.t.Fatalf("plan: %v", err)
	}
	if quick := w.planSettled(ctx); quick != nil {
		if diff := cmp.Diff(p, quick, cmpopts.IgnoreFields(planner.Plan{}, "CreatedAt")); diff != "" {
			w.t.Errorf("the plan (-) and that of a settled state (+):\n%s", diff)
		}
	}
	return p, items
}

// planSettled plans as `qaplan plan` tries to before that.
func (w *world) planSettled(ctx context.Context) *planner.Plan {
	at := state.InFile(w.statePath())
	if w.bucket != nil {
		at = w.place(w.bucket)
	}
	return apply.PlanSettled(ctx, apply.SettledOptions{
		Desired: &w.desired, Path: func(i int) apply.Path { return w.paths[w.desired.Batches[i].Address] }, OpenDir: w.openDir(w.bucket), Recognised: w.recognised,
		Plan: planner.Options{Now: time.Now()},
		Records: func(visit func(planner.Address, *planner.Record) bool) (string, int64, bool) {
			s, ok := at.Scan(ctx, state.Identity{}, visit)
			if !ok {
				return "", 0, false
			}
			return s.Lineage, s.Serial, true
		},
	})
}

// mustConverge runs until everything is done and checks the promises.
func (w *world) mustConverge() {
	w.t.Helper()
	w.converge()
	w.mustBeDone()
}

func (w *world) converge() {
	w.t.Helper()
	rep, err := w.apply(w.t.Context(), true)
	if err != nil {
		w.t.Fatalf("apply: %v", err)
	}
	if rep.Stopped != nil {
		w.t.Fatalf("apply stopped: %v", rep.Stopped)
	}
	if w.rerunOf != 0 {
		w.asked++
		w.rerunOf = 0
	}
}

// mustBeDone checks what must hold at the end: every batch done, at most one
// job for each (address, content, model), every answer under its own key, and
// nothing left to do.
func (w *world) mustBeDone() {
	w.t.Helper()
	p, items := w.plan(w.t.Context())
	if len(p.Changes) != 0 {
		w.t.Errorf("the plan after the apply is not empty: %+v", p.Changes)
	}
	for _, i := range items {
		if i.Phase != planner.PhaseDone {
			w.t.Errorf("%s is %s (%s), want done", i.Address, i.Phase, i.Reason)
		}
	}
	w.mustHaveBoughtOnce()
	w.mustHaveRightResults()
}

// mustHaveBoughtOnce reads the service's own books. A further job for the same
// thing is right only after the former one failed.
func (w *world) mustHaveBoughtOnce() {
	w.t.Helper()
	ledger, err := w.server.Ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	count, numbers := map[string]int{}, map[int]bool{}
	for _, p := range ledger.Purchases {
		if p.Foreign || p.State == "BATCH_STATE_FAILED" || p.State == "BATCH_STATE_EXPIRED" {
			continue
		}
		tok, ok := planner.ParseToken(p.DisplayName)
		if !ok {
			w.t.Errorf("a job without a label was bought: %+v", p)
		}
		numbers[tok.Number] = true
		if w.repairs() && !w.isSource(p.SHA256) {
			continue // rows that stay bad are sent again; see mustHaveBoughtNoGoodRowAgain
		}
		count[fmt.Sprintf("%d %s %s", tok.Number, p.SHA256, p.Model)]++
	}
	further := 0
	for what, n := range count {
		further += n - 1
		if n > 1 && w.asked == 0 {
			w.t.Errorf("%d jobs were bought for %s", n, what)
		}
	}
	if further > w.asked {
		w.t.Errorf("%d further jobs were bought, and %d were asked for", further, w.asked)
	}
	if len(numbers) != len(w.desired.Batches) {
		w.t.Errorf("jobs were bought for %d batches, want %d", len(numbers), len(w.desired.Batches))
	}
	if w.asked == 0 && !w.late {
		w.mustHaveBoughtNoGoodRowAgain(ledger)
	}
}

// repairs reports whether bad rows are bought again.
func (w *world) repairs() bool { return w.desired.Batches[0].Repair != nil }

func (w *world) isSource(sha string) bool {
	return slices.ContainsFunc(w.desired.Batches, func(b planner.Batch) bool { return b.Source.SHA256 == sha })
}

// mustHaveBoughtNoGoodRowAgain makes sure that a row which was answered well is
// not in any job that was bought after those answers were there.
func (w *world) mustHaveBoughtNoGoodRowAgain(ledger emulator.Ledger) {
	w.t.Helper()
	type job struct{ number, nth int }
	jobs := map[string]job{}
	for i, p := range ledger.Purchases {
		if tok, ok := planner.ParseToken(p.DisplayName); ok && !p.Foreign {
			jobs[p.Job] = job{tok.Number, i}
		}
	}
	good := map[string]string{} // number and key → the job that answered it well
	err := w.server.RowPurchases(w.t.Context(), func(p emulator.RowPurchase) error {
		j, ours := jobs[p.Job]
		if !ours {
			return nil
		}
		row := fmt.Sprintf("%d %s", j.number, p.Key)
		if first := good[row]; first != "" && first != p.Job {
			w.t.Errorf("%s of batch %d was answered well by %s, and bought again with %s", p.Key, j.number, first, p.Job)
		}
		if p.Outcome == emulator.RowGood || p.Outcome == emulator.RowDuplicated {
			good[row] = p.Job
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// mustHaveRightResults compares each result, line by line, with what the jobs of
// its series answered: of the lines for a key the first good one counts.
func (w *world) mustHaveRightResults() {
	w.t.Helper()
	s := w.state()
	c := w.client(emulator.Transport(w.server), apply.NewGate(apply.Limits{}, time.Time{}))
	for i := range w.desired.Batches {
		b := &w.desired.Batches[i]
		rec := s.Batches[b.Address]
		if rec == nil || rec.Result == nil {
			w.t.Errorf("%s has no result in the state", b.Address)
			continue
		}
		truth := map[string]string{}
		for _, at := range rec.Series(rec.Result.Attempt) {
			if at.Output != "" {
				w.addTruth(c, at.Output, truth)
			}
		}
		w.mustBeTrue(b, truth)
	}
}

// addTruth reads an output.
func (w *world) addTruth(c *gemini.Client, output string, truth map[string]string) {
	w.t.Helper()
	var out bytes.Buffer
	if _, err := c.Download(w.t.Context(), output, 0, &out); err != nil {
		w.t.Fatal(err)
	}
	for line := range bytes.Lines(out.Bytes()) {
		if !json.Valid(line) {
			continue
		}
		text := strings.TrimSpace(string(line))
		if key := keyOf(w.t, line); truth[key] == "" || goodLine(text) && !goodLine(truth[key]) || strings.Contains(truth[key], `"error":{"code":1,`) {
			truth[key] = text
		}
	}
}

// goodLine reports whether an emulated answer is a good one.
func goodLine(line string) bool {
	return strings.Contains(line, `"finishReason":"STOP"`) && strings.Contains(line, `"text":`)
}

func (w *world) mustBeTrue(b *planner.Batch, truth map[string]string) {
	w.t.Helper()
	path := w.paths[b.Address]
	result, err := w.result(path)
	if err != nil {
		w.t.Error(err)
		return
	}
	src, err := os.ReadFile(path.Source)
	if err != nil {
		w.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(result), "\n"), "\n")
	n := 0
	for line := range bytes.Lines(src) {
		key := keyOf(w.t, line)
		if n >= len(lines) || lines[n] != truth[key] && truth[key] != "" {
			w.t.Errorf("%s: line %d is not the service's answer to %s", b.Address, n+1, key)
			break
		}
		n++
	}
	if n != len(lines) {
		w.t.Errorf("%s: %d lines for %d keys", b.Address, len(lines), n)
	}
}

func keyOf(t *testing.T, line []byte) string {
	t.Helper()
	var row struct{ Key string }
	if err := json.Unmarshal(line, &row); err != nil {
		t.Fatalf("a line is no JSON: %v: %s", err, line)
	}
	return row.Key
}

var errCrashed = errors.New("the process is dead")

// crasher kills the process at one point: from then on nothing reaches the
// journal or the service.
type crasher struct {
	mu     sync.Mutex
	at     int  // the point to die at, from 1; 0 never
	after  bool // after the point's effect, else before it
	points []string
	dead   bool
	end    func() // ends what the dead process still waits for
}

func (c *crasher) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// pass runs do as one point.
func (c *crasher) pass(name string, do func() error) error {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return errCrashed
	}
	c.points = append(c.points, name)
	here := len(c.points) == c.at
	if here {
		c.dead = true
		defer c.end()
	}
	c.mu.Unlock()
	if here && !c.after {
		return errCrashed
	}
	err := do()
	if here {
		return errCrashed
	}
	return err
}

type crashingJournal struct {
	*state.Store
	crash *crasher
}

func (j *crashingJournal) Lineage() (lineage string, err error) {
	err = j.crash.pass("journal lineage", func() (err error) {
		lineage, err = j.Store.Lineage()
		return err
	})
	return lineage, err
}

func (j *crashingJournal) Write(op string, changes ...state.Change) error {
	return j.crash.pass("journal "+op, func() error { return j.Store.Write(op, changes...) })
}

func (j *crashingJournal) WriteTold(subject, id string) error {
	return j.crash.pass("journal told", func() error { return j.Store.WriteTold(subject, id) })
}

type crashingTransport struct {
	next  http.RoundTripper
	crash *crasher
}

func (c *crashingTransport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	err = c.crash.pass("call "+callName(r), func() (err error) {
		resp, err = c.next.RoundTrip(r)
		if err != nil {
			return err
		}
		// The whole answer is in before the point is over, as far as it goes.
		body, broken := io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{broken}))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// failing is the end of a body: a good one, or that of a connection that broke.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func callName(r *http.Request) string {
	p := r.URL.Path
	switch {
	case strings.Contains(p, "/upload/"):
		return "upload " + strings.ReplaceAll(r.Header.Get("X-Goog-Upload-Command"), ", ", "+")
	case strings.HasSuffix(p, ":batchGenerateContent"):
		return "create"
	case strings.HasSuffix(p, ":download"):
		return "download"
	case strings.HasSuffix(p, "/batches"):
		return "list jobs"
	case strings.HasSuffix(p, "/files"):
		return "list files"
	}
	return r.Method + " " + filepath.Base(filepath.Dir(p))
}
