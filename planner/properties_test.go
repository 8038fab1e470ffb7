package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rounds is how many random scenes a property is tried on.
const rounds = 1200

// eachScene hands out random scenes. A scene is built anew for each use, from
// the same seed, so that a use cannot spoil the next.
func eachScene(t *testing.T, use func(t *testing.T, build func() *scene)) {
	t.Helper()
	seed := testSeed(t)
	t.Logf("seed %d", seed)
	for n := range uint64(rounds) {
		use(t, func() *scene { return randomScene(rand.New(rand.NewPCG(seed, n))) })
		if t.Failed() {
			t.Fatalf("in scene %d of seed %d", n, seed)
		}
	}
}

// dice makes scenes: some of them could never come about, and the promises
// hold in them all the same.
type dice struct {
	*rand.Rand
	s       *scene
	names   int
	uploads int
}

func (r *dice) percent(n int) bool { return r.IntN(100) < n }

func pick[T any](r *dice, from ...T) T { return from[r.IntN(len(from))] }

func (r *dice) name(prefix string) string {
	r.names++
	return fmt.Sprintf("%s%d", prefix, r.names)
}

func (r *dice) content() string { return pick(r, contentA, contentB, contentC) }
func (r *dice) subset() string  { return pick(r, rest1, rest1, rest2) }
func (r *dice) rules() string   { return pick(r, "", "", "", "strict") }
func (r *dice) model() string   { return pick(r, "m1", "m1", "m1", "m2") }
func (r *dice) ago() time.Time  { return now.Add(-time.Duration(r.IntN(60)) * time.Hour) }

func (r *dice) state() JobState {
	return pick(r, JobPending, JobRunning, JobSucceeded, JobSucceeded, JobFailed, JobCancelled, JobExpired, JobUnknown)
}

func randomScene(rng *rand.Rand) *scene {
	r := &dice{Rand: rng, s: newScene()}
	s := r.s
	s.d.Batches = nil
	if r.percent(5) {
		noLineage(s)
	}
	ignore := map[string]bool{"q": r.percent(20), "r": r.percent(20)}
	for _, block := range []string{"q", "r"} {
		for number := range 4 {
			a := Address{Block: block, Number: number}
			if r.percent(35) {
				r.record(a)
			}
			if r.percent(70) {
				r.want(a, ignore[block])
			}
		}
	}
	for range r.IntN(4) {
		r.strayJob()
	}
	for range r.IntN(4) {
		r.strayFile()
	}
	s.o.Live.Complete = r.percent(85)
	s.o.Live.FilesListed = r.percent(85)
	s.o.Live.LocalClock = r.percent(10)
	s.o.Live.Refreshed = r.percent(90)
	for _, sel := range []string{"batch.q", "batch.r", "batch.q[1]", "batch.r[0-2]"} {
		if r.percent(8) {
			s.opts.Rerun = append(s.opts.Rerun, selector(sel))
		}
		if r.percent(4) {
			s.opts.Targets = append(s.opts.Targets, selector(sel))
		}
		if r.percent(4) {
			s.opts.Excludes = append(s.opts.Excludes, selector(sel))
		}
	}
	return s
}

func (r *dice) want(a Address, ignore bool) {
	b := wanted(a, r.content())
	if last := r.s.o.Recorded.Batches[a].Last(); last != nil && r.percent(60) {
		b.Source.SHA256 = last.SHA256
	}
	b.Model = r.model()
	b.Source.Rows = pick(r, goodRows, goodRows, goodRows+1)
	b.OnChange = pick(r, OnChangeHold, OnChangeRerun, OnChangeKeep)
	b.MaxAttempts = 1 + r.IntN(3)
	b.IgnoreUnclaimed = ignore
	b.Rules = r.rules()
	if r.percent(50) {
		b.Repair = &Repair{MaxAttempts: 1 + r.IntN(3), Model: pick(r, "", "", "m2")}
	}
	if r.percent(8) {
		b.Source = Source{Path: b.Source.Path, Missing: true}
	}
	r.s.d.Batches = append(r.s.d.Batches, b)
	if rec := r.s.o.Recorded.Batches[a]; rec != nil && rec.Result != nil {
		r.s.o.Results[a] = pick(r, ResultOurs, ResultOurs, ResultOurs, ResultNone, ResultChanged)
	} else if r.percent(10) {
		r.s.o.Results[a] = ResultForeign
	}
}

func (r *dice) record(a Address) {
	rec := r.s.recOf(a)
	rec.Source = SourceRecord{SHA256: r.content(), Bytes: 1000, Rows: goodRows}
	if r.percent(30) {
		r.series(a, rec)
	} else {
		for range r.IntN(4) {
			r.attempt(a, rec, r.content(), pick(r, "", "", r.subset()), r.percent(60))
		}
		if r.percent(30) {
			rec.Judged = r.judgement(rec)
		}
	}
	r.upload(rec)
	if r.percent(10) {
		r.s.o.Judged[a] = r.judgement(rec)
	}
	if r.percent(10) {
		rec.Refused = &Refusal{SHA256: pick(r, r.content(), r.subset()), Model: r.model(), Message: "no", Times: 1, Final: r.percent(70)}
	}
	if r.percent(8) {
		rec.Strange = &StrangeUpload{File: uploadOfOurs(pick(r, r.content(), r.subset()), 1+r.IntN(3)), Settled: r.percent(40), CancelAsked: r.percent(20)}
	}
}

// series records a batch with some rows in hand, and what was bought for others.
func (r *dice) series(a Address, rec *Record) {
	sha, repair := r.content(), r.percent(60)
	state := pick(r, JobFailed, JobExpired, JobCancelled)
	if repair {
		state = JobSucceeded
	}
	base := Attempt{Number: 1, Outcome: OutcomeBought, Model: r.model(), SHA256: sha, Rows: goodRows, File: uploadOfOurs(sha, 1), Rerun: r.percent(20),
		Job: r.name("batches/s"), State: string(state), Created: now.Add(-3 * time.Hour), Ended: now.Add(-2 * time.Hour), OutputRead: true}
	base.Output = "files/batch-" + strings.TrimPrefix(base.Job, "batches/")
	if repair && r.percent(40) {
		rec.Result = &Result{SHA256: contentA, Attempt: 1, Source: sha, Rows: goodRows, Succeeded: goodRows - restRows, Failed: restRows}
	} else {
		base.Part = &Part{Path: ".parts/" + base.Job, Rows: goodRows}
	}
	rec.Attempts = []Attempt{base}
	rec.Judged = &Judgement{Source: sha, Rules: r.rules(), Attempt: 1, Classes: Classes{Good: goodRows - restRows, Error: restRows},
		Rest: &Rest{Repair: repair, SHA256: r.subset(), Bytes: 300, Rows: restRows}}
	for range r.IntN(3) {
		r.attempt(a, rec, sha, pick(r, rec.Judged.Rest.SHA256, rec.Judged.Rest.SHA256, r.subset()), repair)
	}
}

// attempt records some attempt, for some rows where those are given.
func (r *dice) attempt(a Address, rec *Record, sha, rows string, repair bool) {
	at := Attempt{Number: rec.NextNumber(), Model: r.model(), SHA256: sha, Rows: goodRows, Rerun: r.percent(20), CancelAsked: r.percent(8),
		Outcome: pick(r, OutcomeBought, OutcomeBought, OutcomeBought, OutcomeBought, OutcomeIntent, OutcomeRefused, OutcomeAbsent, OutcomeNotSent)}
	if rows != "" {
		at.Input, at.Repair, at.Rows = rows, repair, restRows
	}
	at.Token = NewToken(ours6, a, at.Number, at.content(), at.Model).String()
	at.File = uploadOfOurs(at.content(), 1+r.IntN(3))
	if at.Outcome == OutcomeIntent && r.percent(60) {
		at.SettleFrom = now.Add(-time.Duration(r.IntN(40)) * time.Minute)
		r.s.o.Marks[at.Token] = at.SettleFrom
	}
	j := r.job(at.Model, at.File, "x ["+at.Token+"]")
	if at.Outcome == OutcomeBought {
		at.See(&j)
		if r.percent(50) {
			at.State, at.Ended, at.Output = string(JobPending), time.Time{}, "" // as it was last seen
		}
		at.OutputGone, at.OutputRead, at.Wrong, at.RowsCancelled = r.percent(5), r.percent(30), r.percent(3), r.percent(3)
		if r.percent(20) {
			at.OutputRead, at.Part = true, &Part{Path: ".parts/" + j.Name, Rows: 3}
		}
	}
	if r.percent(80) && at.Outcome != OutcomeRefused && at.Outcome != OutcomeNotSent {
		r.s.o.Live.Jobs = append(r.s.o.Live.Jobs, j)
	} else if at.Job != "" && r.percent(50) {
		r.s.o.Live.Missing[at.Job] = true
	}
	if at.Outcome == OutcomeBought && r.percent(20) {
		rec.Result = &Result{SHA256: contentA, Attempt: at.Number, Source: at.SHA256, Rows: goodRows, Succeeded: goodRows - r.IntN(2)}
	}
	rec.Attempts = append(rec.Attempts, at)
}

// upload records an upload of the source or, where there are some, of the rows
// that are left open.
func (r *dice) upload(rec *Record) {
	if r.percent(60) {
		return
	}
	r.uploads++ // a name is one file
	sha, size := rec.Source.SHA256, int64(1000)
	if rec.Judged != nil && rec.Judged.Rest != nil && r.percent(50) {
		sha, size = rec.Judged.Rest.SHA256, rec.Judged.Rest.Bytes
	} else {
		rec.UploadN = r.uploads
	}
	rec.Upload = &Upload{File: uploadOfOurs(sha, r.uploads), SHA256: sha, Bytes: size, Done: r.percent(80), Expires: now.Add(time.Duration(r.IntN(100)) * time.Minute)}
	if r.percent(70) {
		r.s.o.Live.Files = append(r.s.o.Live.Files, File{Name: rec.Upload.File, SHA256: pick(r, sha, sha, contentB),
			Bytes: size, Expires: rec.Upload.Expires, Active: r.percent(90)})
	}
}

// judgement is some judgement of the rows in hand.
func (r *dice) judgement(rec *Record) *Judgement {
	j := &Judgement{Source: r.content(), Rules: r.rules(), Attempt: 1 + r.IntN(3), Classes: Classes{Good: goodRows - restRows, Missing: restRows * r.IntN(2)}}
	if last := rec.Last(); last != nil && r.percent(80) {
		j.Source, j.Attempt = last.SHA256, last.Number
	}
	if r.percent(80) {
		j.Rest = &Rest{Repair: r.percent(60), SHA256: r.subset(), Bytes: 300, Rows: restRows}
	}
	return j
}

// job is some job; most say what a job in their state says.
func (r *dice) job(model, input, display string) Job {
	j := Job{Name: r.name("batches/x"), DisplayName: display, Model: model, InputFile: input, State: r.state(), Created: r.ago(),
		Stats: Stats{Requests: pick(r, int64(0), goodRows, goodRows+1)}}
	j.RawState = "BATCH_STATE_" + string(j.State)
	if j.State == JobUnknown {
		j.RawState, j.Done = "BATCH_STATE_PAUSED", r.percent(50)
	}
	if j.Final() {
		j.Done = true
		if r.percent(90) {
			j.Ended = j.Created.Add(time.Hour)
		}
		if r.percent(70) && j.State == JobSucceeded || r.percent(20) {
			j.Output = "files/batch-" + j.Name[len("batches/"):]
			j.Inline = r.percent(10)
		}
	}
	return j
}

// strayJob shows a job that nothing records.
func (r *dice) strayJob() {
	a := Address{Block: pick(r, "q", "r"), Number: r.IntN(4)}
	sha, model := pick(r, r.content(), r.content(), r.subset()), r.model()
	input := pick(r, uploadOfOurs(sha, 1), uploadOfOurs(r.content(), 2), UploadName(sha, theirs6, 1), "files/f1", "files/f2", "")
	display := pick(r, "", "", "somebody's",
		JobDisplayName("x", NewToken(ours6, a, 1+r.IntN(3), sha, model)), JobDisplayName("x", NewToken(ours6, a, 1+r.IntN(3), sha, model)),
		JobDisplayName("x", NewToken(theirs6, a, 1, sha, model)))
	r.s.o.Live.Jobs = append(r.s.o.Live.Jobs, r.job(model, input, display))
}

func (r *dice) strayFile() {
	sha, size := r.content(), pick(r, int64(1000), 1000, 1000, 999)
	if r.percent(30) {
		sha, size = r.subset(), 300
	}
	name := pick(r, "files/f1", "files/f2", uploadOfOurs(sha, 1+r.IntN(4)), UploadName(sha, theirs6, 1))
	for _, f := range r.s.o.Live.Files {
		if f.Name == name {
			return // a name is one file
		}
	}
	r.s.o.Live.Files = append(r.s.o.Live.Files, File{Name: name, SHA256: sha, Bytes: size,
		Expires: now.Add(time.Duration(r.IntN(100)) * time.Minute), Active: r.percent(90)})
}

func planText(t *testing.T, s *scene) string {
	t.Helper()
	p, items := s.diff()
	text, err := json.MarshalIndent(struct {
		Plan  *Plan
		Items []Item
	}{p, items}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func same(t *testing.T, what, want, got string) {
	t.Helper()
	if want != got {
		t.Errorf("%s (-want +got):\n%s", what, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
	}
}

func TestPlansAreSound(t *testing.T) {
	eachScene(t, func(t *testing.T, build func() *scene) {
		s := build()
		p, items := s.diff()
		checkSound(t, s, p, items)
	})
}

// TestScenesVary makes sure that the random scenes reach every phase, action
// and reason: a property that is never put to the test holds easily.
func TestScenesVary(t *testing.T) {
	reached := map[string]bool{}
	for n := range uint64(rounds) {
		p, items := randomScene(rand.New(rand.NewPCG(1, n))).diff()
		for _, it := range items {
			reached[string(it.Phase)] = true
			reached[string(it.Reason)] = true
		}
		for _, c := range p.Changes {
			reached[string(c.Reason)] = true
			for _, act := range c.Actions {
				reached[string(act)] = true
			}
		}
	}
	var want []string
	for _, p := range Phases() {
		want = append(want, string(p))
	}
	for _, why := range append(HoldReasons(), FailRefused, FailAttemptsUsedUp, ReasonRenamed, ReasonCreateAbsent, ReasonJobFound, ReasonPartialOutput, ReasonRepair, ReasonRowsInHand) {
		want = append(want, string(why))
	}
	for _, act := range []Action{ActionAdopt, ActionUpload, ActionCreate, ActionDownload, ActionForget} {
		want = append(want, string(act))
	}
	for _, word := range want {
		if !reached[word] {
			t.Errorf("no scene reaches %s", word)
		}
	}
}

func TestDiffIsDeterministic(t *testing.T) {
	eachScene(t, func(t *testing.T, build func() *scene) {
		same(t, "the second time", planText(t, build()), planText(t, build()))
	})
}

func TestDiffIsOrderFree(t *testing.T) {
	eachScene(t, func(t *testing.T, build func() *scene) {
		s := build()
		rand.Shuffle(len(s.d.Batches), func(i, j int) { s.d.Batches[i], s.d.Batches[j] = s.d.Batches[j], s.d.Batches[i] })
		jobs, files := s.o.Live.Jobs, s.o.Live.Files
		rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
		rand.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		same(t, "shuffled", planText(t, build()), planText(t, s))
	})
}

func TestDiffMutatesNothing(t *testing.T) {
	eachScene(t, func(t *testing.T, build func() *scene) {
		want, got := build(), build()
		got.diff()
		Learn(&got.d, &got.o)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(scene{})); diff != "" {
			t.Errorf("the arguments changed (-before +after):\n%s", diff)
		}
	})
}

// TestLearnIsIdempotent: what was learned from a listing is learned once.
func TestLearnIsIdempotent(t *testing.T) {
	eachScene(t, func(t *testing.T, build func() *scene) {
		s := build()
		before := planText(t, s)
		l := Learn(&s.d, &s.o)
		learned := maps.Clone(s.o.Recorded.Batches)
		for _, u := range l.Updates {
			learned[u.Address] = u.Record // several updates of one batch go on with each other
		}
		if diff := cmp.Diff(l.Recorded.Batches, learned); diff != "" {
			t.Errorf("the updates do not make what was learned (-learned +updates):\n%s", diff)
		}
		s.o.Recorded = l.Recorded
		if s.o.Live.Refreshed {
			s.o.Marks = l.Marks
		}
		again := Learn(&s.d, &s.o)
		if len(again.Updates) > 0 {
			t.Errorf("learning again teaches %+v", again.Updates)
		}
		if diff := cmp.Diff(l.Marks, again.Marks); diff != "" && s.o.Live.Refreshed {
			t.Errorf("the marks move: %s", diff)
		}
		same(t, "after learning", before, planText(t, s))
	})
}

// TestNoRefreshTouchesNoLiveFacts: without the service, the plan is what is
// recorded.
func TestNoRefreshTouchesNoLiveFacts(t *testing.T) {
	eachScene(t, func(t *testing.T, build func() *scene) {
		s, blind := build(), build()
		s.o.Live.Refreshed = false
		notRefreshed(blind)
		same(t, "with live facts that were not asked for", planText(t, blind), planText(t, s))
		l := Learn(&s.d, &s.o)
		if i := slices.IndexFunc(l.Updates, func(u Update) bool { return u.Op != "judged" }); i >= 0 || l.OtherProject {
			t.Errorf("something is learned: %+v", l)
		}
	})
}

// testSeed is the same in every run, so that a failure is one of the change at
// hand; QAPLAN_SEED gives another, for soaking.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("QAPLAN_SEED")
	if text == "" {
		return 20261123
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("QAPLAN_SEED: %v", err)
	}
	return seed
}
