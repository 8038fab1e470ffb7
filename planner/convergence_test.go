package planner

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is a service, a disk and a state in memory, on which plans are carried
// out the way an apply does it. It loses answers, fails jobs, restores old
// states and changes sources, until its time of troubles is over.
type world struct {
	t     *testing.T
	r     *dice
	d     Desired
	opts  Options
	rec   Recorded
	saved Recorded // an older state, to be restored
	clock time.Time
	jobs  map[string]*Job
	files map[string]*File
	disk  map[Address]string // what stands at the result path, by its id
	marks map[string]time.Time
	sold  []sale
	names int

	inputs  map[string]rowSet  // the rows of a content
	sent    map[string]rowSet  // the rows that a job was sent
	answers map[string]answers // of a job that has ended
	results map[string]answers // by their id
	lost    map[string]bool    // jobs that the service has no more
	hidden  map[Address]Source // of sources that are gone
	trouble bool
}

// sale is one job that the service made for this state.
type sale struct {
	a          Address
	sha, model string
	job        string
	rerun      bool
	repairs    string // the job with which the series began, for a repair
	rules      string // by which its rows were bad
}

// troubled is how many rounds of a world bring faults and changes.
const troubled = 25

func newWorld(t *testing.T, rng *rand.Rand) *world {
	w := &world{t: t, r: &dice{Rand: rng}, clock: now, jobs: map[string]*Job{}, files: map[string]*File{}, disk: map[Address]string{}, marks: map[string]time.Time{},
		inputs: map[string]rowSet{contentA: allRows, contentB: allRows, contentC: allRows}, sent: map[string]rowSet{}, answers: map[string]answers{}, results: map[string]answers{}, lost: map[string]bool{}, hidden: map[Address]Source{},
		rec: Recorded{Lineage: lineage, Batches: map[Address]*Record{}}, d: Desired{ConfigDigest: "c", SettleTime: settleTime}}
	for number := range 5 {
		b := wanted(Address{Block: "r", Number: number}, pick(w.r, contentA, contentB, contentC))
		b.OnChange = pick(w.r, OnChangeHold, OnChangeRerun, OnChangeKeep)
		b.MaxAttempts = 1 + w.r.IntN(3)
		if w.r.percent(60) {
			b.Repair = &Repair{MaxAttempts: 1 + w.r.IntN(3), Model: pick(w.r, "", "", "m3")}
		}
		w.d.Batches = append(w.d.Batches, b)
	}
	if w.r.percent(30) {
		w.opts.Rerun = []Selector{selector("batch.r[1-2]")}
	}
	if w.r.percent(40) { // uploads that somebody else made
		for i, sha := range []string{contentA, contentB} {
			name := fmt.Sprintf("files/foreign%d", i)
			w.files[name] = &File{Name: name, SHA256: sha, Bytes: 1000, Expires: w.clock.Add(40 * time.Hour), Active: true}
		}
	}
	w.saved = w.snapshot()
	return w
}

func (w *world) snapshot() Recorded {
	c := w.rec
	c.Batches = map[Address]*Record{}
	for a, rec := range w.rec.Batches {
		c.Batches[a] = rec.Clone()
	}
	return c
}

func (w *world) batch(a Address) *Batch {
	i := slices.IndexFunc(w.d.Batches, func(b Batch) bool { return b.Address == a })
	return &w.d.Batches[i]
}

// observe lists the service and looks at the disk.
func (w *world) observe() *Observed {
	o := &Observed{Recorded: w.rec, Results: map[Address]ResultSeen{}, Judged: map[Address]*Judgement{}, Marks: w.marks,
		Live: Live{Refreshed: true, Complete: true, FilesListed: true, First: w.clock, Last: w.clock, Missing: map[string]bool{}}}
	w.told(o)
	w.judgeAgain(o)
	for i := range w.d.Batches {
		a := w.d.Batches[i].Address
		rec := w.rec.Batches[a]
		switch there := w.disk[a]; {
		case there == "":
		case rec == nil || rec.Result == nil:
			o.Results[a] = ResultForeign
		case rec.Result.SHA256 != there:
			o.Results[a] = ResultChanged
		default:
			o.Results[a] = ResultOurs
		}
	}
	return o
}

// round observes, learns, plans and carries out; it reports what is left.
func (w *world) round() (*Plan, []Item) {
	o := w.observe()
	l := Learn(&w.d, o)
	w.marks = l.Marks
	p, items := Diff(&w.d, o, w.opts)
	checkSound(w.t, &scene{d: w.d, o: *o, opts: w.opts}, p, items)
	w.opts.FixReruns(items)
	w.rec = l.Recorded
	for i := range p.Changes {
		w.carryOut(&p.Changes[i])
	}
	return p, items
}

func (w *world) carryOut(c *Change) {
	rec := w.rec.Batches[c.Address].Clone()
	if rec == nil {
		rec = &Record{}
	}
	b := w.batch(c.Address)
	for _, act := range c.Actions {
		switch act {
		case ActionAdopt:
			var found []*Job
			for _, name := range append(slices.Clone(c.Detail.Jobs), c.Detail.Job) {
				if j := w.jobs[name]; j != nil {
					found = append(found, j)
				}
			}
			if len(found) > 0 {
				rec = AdoptJobs(rec, b, found)
			}
			if f := w.files[c.Detail.File]; f != nil && c.Has(ActionCreate) {
				AdoptUpload(rec, b, f, ours6)
			}
		case ActionUpload:
			w.upload(rec, b, c)
		case ActionCreate:
			w.create(rec, b, c)
		case ActionDownload:
			w.download(rec, b, c)
		default:
			w.t.Fatalf("%s: nobody taught the world to %s", c.Address, act)
		}
		w.rec.Batches[c.Address] = rec
	}
}

func (w *world) upload(rec *Record, b *Batch, c *Change) {
	var files []File
	for _, f := range w.files {
		files = append(files, *f)
	}
	sha := c.Detail.SHA256
	n := HighestUploads(&w.rec, files)[sha[:24]] + 1
	f := &File{Name: UploadName(sha, ours6, n), SHA256: sha, Bytes: c.Detail.Bytes, Expires: w.clock.Add(48 * time.Hour), Active: true}
	if w.files[f.Name] != nil {
		w.t.Errorf("%s: the name %s is used twice", b.Address, f.Name)
	}
	w.files[f.Name] = f
	if !c.Detail.Subset {
		rec.Source, rec.UploadN = b.Source.Record(), n
	}
	rec.Upload = &Upload{File: f.Name, SHA256: f.SHA256, Bytes: f.Bytes, Done: true, Expires: f.Expires}
}

// create buys a job. In troubled times the answer may be lost, on the way there
// or on the way back, or the service may refuse.
func (w *world) create(rec *Record, b *Batch, c *Change) {
	tok := NewToken(ours6, c.Address, c.Attempt, c.Detail.SHA256, c.Detail.Model)
	at := Attempt{Number: c.Attempt, Outcome: OutcomeIntent, Model: c.Detail.Model, SHA256: b.Source.SHA256, Rows: c.Detail.Rows, Token: tok.String(),
		File: rec.Upload.File, Sent: w.clock, Rerun: c.Reason == ReasonRerun, Repair: c.Reason == ReasonRepair}
	if c.Detail.Subset {
		at.Input = c.Detail.SHA256
	}
	w.checkRows(rec, b, c)
	if rec.Upload.SHA256 != c.Detail.SHA256 || w.files[rec.Upload.File] == nil {
		w.t.Errorf("%s: buys on an upload that is not the planned one", c.Address)
	}
	luck := 100
	if w.trouble {
		luck = w.r.IntN(100)
	}
	switch {
	case luck < 10: // the service answers that it is too much
		at.Outcome = OutcomeRefused
		if luck < 2 && c.Detail.Subset { // or that it never takes these bytes
			rec.Refused = &Refusal{SHA256: c.Detail.SHA256, Model: at.Model, Message: "no", Times: 1, Final: true}
		}
	case luck < 20: // lost on the way there
	default:
		w.names++
		j := &Job{Name: fmt.Sprintf("batches/w%03d", w.names), DisplayName: JobDisplayName(b.DisplayName, tok), Model: at.Model, InputFile: at.File,
			State: JobPending, RawState: "BATCH_STATE_PENDING", Created: w.clock}
		w.jobs[j.Name], w.sent[j.Name] = j, w.inputs[c.Detail.SHA256]
		sold := sale{a: c.Address, sha: c.Detail.SHA256, model: at.Model, job: j.Name, rerun: at.Rerun}
		if at.Repair {
			sold.repairs, sold.rules = rec.baseFor(b).Job, b.Rules
		}
		w.sold = append(w.sold, sold)
		if luck >= 35 { // else lost on the way back
			at.Outcome = OutcomeBought
			at.See(j)
		}
	}
	rec.Attempts = append(rec.Attempts, at)
}

// pass lets time go by: jobs go on, uploads expire.
func (w *world) pass() {
	w.clock = w.clock.Add(20 * time.Minute)
	for _, name := range slices.Sorted(maps.Keys(w.jobs)) {
		j := w.jobs[name]
		switch {
		case j.State == JobPending:
			j.State, j.RawState = JobRunning, "BATCH_STATE_RUNNING"
		case j.State == JobRunning && w.r.percent(60):
			state := JobSucceeded
			if w.trouble {
				state = pick(w.r, JobSucceeded, JobSucceeded, JobSucceeded, JobFailed, JobExpired, JobCancelled)
			}
			w.end(j, state)
		}
	}
	for name, f := range w.files {
		if !f.Expires.After(w.clock) {
			delete(w.files, name)
		}
	}
}

// disturb changes what a person or an accident may change.
func (w *world) disturb() {
	b := &w.d.Batches[w.r.IntN(len(w.d.Batches))]
	switch w.r.IntN(12) {
	case 0:
		if !b.Source.Missing {
			b.Source.SHA256 = pick(w.r, contentA, contentB, contentC)
		}
	case 1:
		b.Model = pick(w.r, "m1", "m2")
	case 2:
		delete(w.disk, b.Address) // somebody deleted the result
	case 3:
		if w.disk[b.Address] != "" {
			w.disk[b.Address] = "edited" // somebody wrote to it
		}
	case 4:
		w.saved = w.snapshot()
	case 5:
		if w.r.percent(50) {
			w.rec = w.saved
			w.saved = w.snapshot()
			w.opts = Options{} // a new run, in which nobody asks for more
		}
	case 6:
		b.Rules = pick(w.r, "", "strict")
	case 7:
		w.loseJob()
	case 8:
		if w.hidden[b.Address].SHA256 != "" || w.r.percent(30) {
			w.hide(b)
		}
	case 9:
		if w.r.percent(30) {
			w.cancel(b.Address)
		}
	}
}

// TestPlansConverge lets worlds go through their troubles and then come to
// rest: the plan gets empty, and no content was paid twice.
func TestPlansConverge(t *testing.T) {
	seed := testSeed(t)
	t.Logf("seed %d", seed)
	for n := range uint64(300) {
		w := newWorld(t, rand.New(rand.NewPCG(seed, n)))
		w.trouble = true
		for range troubled {
			w.round()
			w.pass()
			w.disturb()
		}
		w.trouble = false
		for a := range w.hidden {
			w.hide(w.batch(a))
		}
		rest := false
		for i := 0; i < 400 && !rest; i++ {
			p, _ := w.round()
			rest = len(p.Changes) == 0 && p.Summary.InProgress == 0
			w.pass()
		}
		p, items := w.round()
		if !rest || len(p.Changes) > 0 {
			t.Errorf("the plan does not come to rest: %+v", p.Changes)
		}
		w.checkSales()
		w.checkItems(p, items)
		if t.Failed() {
			t.Fatalf("in world %d of seed %d", n, seed)
		}
	}
}

// checkSales: for one address, content and model at most one job succeeded or
// still works, but for those that a person asked for.
func (w *world) checkSales() {
	type key struct {
		a          Address
		sha, model string
	}
	good, asked := map[key]int{}, map[key]int{}
	for _, s := range w.sold {
		if s.repairs != "" {
			continue // of the same rows there may be several; see checkRows
		}
		k := key{s.a, s.sha, s.model}
		if s.rerun {
			asked[k]++
		}
		if j := w.jobs[s.job]; j.Active() || j.State == JobSucceeded {
			good[k]++
		}
	}
	for k, n := range good {
		if n > 1+asked[k] {
			w.t.Errorf("%s: %d jobs for content %.4s and model %s, %d of them asked for", k.a, n, k.sha, k.model, asked[k])
		}
	}
	// A wish stands until a job answers it; a job that failed does not, nor one
	// for what is no longer wanted.
	reruns := map[key]int{}
	for _, s := range w.sold {
		if j := w.jobs[s.job]; s.rerun && (j.Active() || j.State == JobSucceeded) {
			reruns[key{s.a, s.sha, s.model}]++
		}
	}
	for k, n := range reruns {
		if n > 1 {
			w.t.Errorf("%s: %d jobs were bought for content %.4s and model %s, one was asked for", k.a, n, k.sha, k.model)
		}
	}
}

// checkItems: what is done has its result on the disk, and nobody waits for a
// person without need.
func (w *world) checkItems(p *Plan, items []Item) {
	for _, it := range items {
		switch it.Phase {
		case PhaseDone:
			if res := it.Record.Result; res == nil || w.disk[it.Address] != res.SHA256 {
				w.t.Errorf("%s is done, and %q is on the disk", it.Address, w.disk[it.Address])
			}
			w.checkDone(p, &it)
		case PhaseHeld, PhaseFailed:
		default:
			w.t.Errorf("%s ends in phase %s", it.Address, it.Phase)
		}
	}
}
