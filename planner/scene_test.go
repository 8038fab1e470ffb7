package planner

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The words in which the tests of transitions are written. A scene is one
// batch, what is recorded of it, and what the service shows; a fact changes a
// scene. Time stands still at now, which is the service's time.

var (
	now        = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	subject    = Address{Block: "r", Number: 1}
	contentA   = strings.Repeat("a", 64)
	contentB   = strings.Repeat("b", 64)
	contentC   = strings.Repeat("c", 64)
	settleTime = 15 * time.Minute
)

const (
	lineage  = "0123456789abcdef0123456789abcdef"
	ours6    = "012345"
	theirs6  = "fedcba"
	goodRows = 10
)

type scene struct {
	d    Desired
	o    Observed
	opts Options
}

type fact func(*scene)

func newScene(facts ...fact) *scene {
	s := &scene{
		d: Desired{ConfigDigest: "c0ffee", SettleTime: settleTime, Batches: []Batch{wanted(subject, contentA)}},
		o: Observed{
			Recorded: Recorded{Lineage: lineage, Serial: 7, Batches: map[Address]*Record{}},
			Live:     Live{Refreshed: true, Complete: true, FilesListed: true, First: now, Last: now, Missing: map[string]bool{}},
			Results:  map[Address]ResultSeen{},
			Judged:   map[Address]*Judgement{},
			Marks:    map[string]time.Time{},
		},
		opts: Options{Version: "0.1.0", Service: Service{Kind: "gemini", BaseURL: "https://example.com"}, Now: now},
	}
	for _, f := range facts {
		f(s)
	}
	return s
}

func wanted(a Address, sha string) Batch {
	name := fmt.Sprintf("in/%s_%d.jsonl", a.Block, a.Number)
	return Batch{
		Address: a, Model: "m1", DisplayName: fmt.Sprintf("%s_%d", a.Block, a.Number), Output: fmt.Sprintf("out/%s_%d.jsonl", a.Block, a.Number),
		Source:   Source{Path: name, SHA256: sha, Bytes: 1000, Rows: goodRows, Tokens: 500},
		OnChange: OnChangeHold, MaxAttempts: 3,
	}
}

func (s *scene) diff() (*Plan, []Item) { return Diff(&s.d, &s.o, s.opts) }

// batch is the subject as it is wanted.
func (s *scene) batch() *Batch { return &s.d.Batches[0] }

// rec is the record of the subject, made when it is first spoken of.
func (s *scene) rec() *Record { return s.recOf(subject) }

func (s *scene) recOf(a Address) *Record {
	if s.o.Recorded.Batches[a] == nil {
		s.o.Recorded.Batches[a] = &Record{}
	}
	return s.o.Recorded.Batches[a]
}

// both makes one fact of several.
func both(facts ...fact) fact {
	return func(s *scene) {
		for _, f := range facts {
			f(s)
		}
	}
}

// What is wanted.

func wantModel(m string) fact     { return func(s *scene) { s.batch().Model = m } }
func wantSource(sha string) fact  { return func(s *scene) { s.batch().Source.SHA256 = sha } }
func onChange(p OnChange) fact    { return func(s *scene) { s.batch().OnChange = p } }
func maxAttempts(n int) fact      { return func(s *scene) { s.batch().MaxAttempts = n } }
func ignoreUnclaimed(s *scene)    { s.batch().IgnoreUnclaimed = true }
func sourceGone(s *scene)         { s.batch().Source = Source{Path: s.batch().Source.Path, Missing: true} }
func outOfConfig(s *scene)        { s.d.Batches = s.d.Batches[1:] }
func rerun(s *scene)              { s.opts.Rerun = []Selector{{Block: subject.Block, Whole: true}} }
func alsoWanted(bs ...Batch) fact { return func(s *scene) { s.d.Batches = append(s.d.Batches, bs...) } }
func blockRenamed(to string) fact { return func(s *scene) { s.batch().Address.Block = to } }
func only(sel string) fact {
	return func(s *scene) { s.opts.Targets = append(s.opts.Targets, selector(sel)) }
}
func except(sel string) fact {
	return func(s *scene) { s.opts.Excludes = append(s.opts.Excludes, selector(sel)) }
}
func seen(r ResultSeen) fact { return func(s *scene) { s.o.Results[subject] = r } }
func rerunFixedAt(number int) fact {
	return both(rerun, func(s *scene) { s.opts.RerunFrom = map[Address]int{subject: number} })
}

func selector(text string) Selector {
	s, err := ParseSelector(text)
	if err != nil {
		panic(err)
	}
	return s
}

// What the service shows beside the subject's own job.

func notRefreshed(s *scene)   { s.o.Live = Live{} }
func incomplete(s *scene)     { s.o.Live.Complete = false }
func noLineage(s *scene)      { s.o.Recorded.Lineage, s.o.Recorded.Serial = "", 0 }
func filesNotListed(s *scene) { s.o.Live.FilesListed, s.o.Live.Files = false, nil }
func localClock(s *scene)     { s.o.Live.LocalClock = true }
func missing(job string) fact { return func(s *scene) { s.o.Live.Missing[job] = true } }
func marked(t time.Time) fact { return func(s *scene) { s.o.Marks[s.rec().Last().Token] = t } }

// otherJobOfOurs is a recorded job of another batch, so that not all of ours
// are out of sight.
func otherJobOfOurs(s *scene) {
	a := Address{Block: "r", Number: 2}
	s.d.Batches = append(s.d.Batches, wanted(a, contentB))
	s.recOf(a).Attempts = []Attempt{{Number: 1, Outcome: OutcomeBought, Model: "m1", SHA256: contentB, Rows: goodRows, Job: "batches/other", State: "RUNNING"}}
	s.o.Live.Jobs = append(s.o.Live.Jobs, Job{Name: "batches/other", Model: "m1", State: JobRunning, RawState: "BATCH_STATE_RUNNING", Created: now.Add(-time.Hour)})
}

// A part of a job's or an attempt's description.
type trait func(*Attempt, *Job)

// bought records the subject's next attempt, pending when it was last seen,
// with a job that is live in the given state.
func bought(state JobState, traits ...trait) fact {
	return func(s *scene) {
		rec := s.rec()
		n := rec.NextNumber()
		at := Attempt{
			Number: n, Outcome: OutcomeBought, Model: "m1", SHA256: contentA, Rows: goodRows, File: uploadOfOurs(contentA, 1),
			Token: NewToken(ours6, subject, n, contentA, "m1").String(),
			Job:   fmt.Sprintf("batches/j%d", n), State: string(JobPending), Created: now.Add(-2 * time.Hour),
		}
		j := Job{Name: at.Job, DisplayName: "r_1 [" + at.Token + "]", Model: "m1", InputFile: at.File, State: state, RawState: "BATCH_STATE_" + string(state), Created: at.Created}
		if j.Final() {
			j.Ended, j.Done = now.Add(-time.Hour), true
		}
		for _, t := range traits {
			t(&at, &j)
		}
		rec.Attempts = append(rec.Attempts, at)
		if rec.Source.SHA256 == "" {
			rec.Source = SourceRecord{SHA256: at.SHA256}
		}
		if j.Name != "" {
			s.o.Live.Jobs = append(s.o.Live.Jobs, j)
		}
	}
}

func output(_ *Attempt, j *Job)       { j.Output = "files/batch-" + strings.TrimPrefix(j.Name, "batches/") }
func inline(_ *Attempt, j *Job)       { j.Inline = true }
func read(at *Attempt, _ *Job)        { at.OutputRead = true }
func outputGone(at *Attempt, _ *Job)  { at.OutputGone = true }
func wrongJob(at *Attempt, _ *Job)    { at.Wrong = true }
func cancelAsked(at *Attempt, _ *Job) { at.CancelAsked = true }
func askedFor(at *Attempt, _ *Job)    { at.Rerun = true }
func part(at *Attempt, _ *Job) {
	at.OutputRead, at.Part = true, &Part{Path: ".parts/j", SHA256: contentA, Rows: 3}
}
func unlisted(_ *Attempt, j *Job)       { j.Name = "" }
func doneState(_ *Attempt, j *Job)      { j.Done, j.Ended = true, now.Add(-time.Hour) }
func endedAgo(d time.Duration) trait    { return func(_ *Attempt, j *Job) { j.Ended = now.Add(-d) } }
func failedSaying(message string) trait { return func(_ *Attempt, j *Job) { j.Error = message } }
func lastSeen(state JobState) trait     { return func(at *Attempt, _ *Job) { at.State = string(state) } }

func forModel(m string) trait {
	return func(at *Attempt, j *Job) { at.Model, j.Model = m, m; relabel(at, j) }
}

func forSource(sha string) trait {
	return func(at *Attempt, j *Job) {
		at.SHA256, at.File, j.InputFile = sha, uploadOfOurs(sha, 1), uploadOfOurs(sha, 1)
		relabel(at, j)
	}
}

func relabel(at *Attempt, j *Job) {
	at.Token = NewToken(ours6, subject, at.Number, at.content(), at.Model).String()
	j.DisplayName = "r_1 [" + at.Token + "]"
}

// deliveredBy gives the subject the verified result of an attempt.
func deliveredBy(attempt int, sha string) fact {
	return both(seen(ResultOurs), func(s *scene) {
		s.rec().Result = &Result{Path: s.batch().Output, SHA256: contentB, Attempt: attempt, Source: sha, Rows: goodRows, Succeeded: goodRows}
	})
}

// finished is the usual delivered attempt.
func finished(traits ...trait) fact {
	return both(bought(JobSucceeded, append([]trait{output, read}, traits...)...), deliveredBy(1, contentA))
}

// sent records the subject's next attempt, of which no answer came.
func sent(outcome Outcome, change ...func(*Attempt)) fact {
	return func(s *scene) {
		rec := s.rec()
		n := rec.NextNumber()
		at := Attempt{Number: n, Outcome: outcome, Model: "m1", SHA256: contentA, Rows: goodRows, File: uploadOfOurs(contentA, 1),
			Token: NewToken(ours6, subject, n, contentA, "m1").String(), Sent: now.Add(-49 * time.Hour)} // its input has expired since
		for _, f := range change {
			f(&at)
		}
		rec.Attempts = append(rec.Attempts, at)
		rec.Source = SourceRecord{SHA256: contentA}
	}
}

func lately(at *Attempt)                       { at.Sent = now.Add(-20 * time.Minute) }
func settlingSince(t time.Time) func(*Attempt) { return func(at *Attempt) { at.SettleFrom = t } }
func askedBy(at *Attempt)                      { at.Rerun = true }
func cancelledMeanwhile(at *Attempt)           { at.CancelAsked = true }

func refused(sha, model string, final bool) fact {
	return func(s *scene) {
		s.rec().Refused = &Refusal{SHA256: sha, Model: model, Message: "line 3 is no request", Times: 1, Final: final}
	}
}

// Uploads.

func uploadOfOurs(sha string, n int) string { return UploadName(sha, ours6, n) }

func liveFile(name, sha string, lives time.Duration) fact {
	return func(s *scene) {
		s.o.Live.Files = append(s.o.Live.Files, File{Name: name, SHA256: sha, Bytes: 1000, Expires: now.Add(lives), Active: true})
	}
}

// uploaded is the subject's recorded upload of content A, alive for that long.
func uploaded(lives time.Duration) fact {
	return both(uploadRecorded(lives), liveFile(uploadOfOurs(contentA, 1), contentA, lives))
}

func uploadRecorded(lives time.Duration) fact {
	return func(s *scene) {
		s.rec().Source = SourceRecord{SHA256: contentA}
		s.rec().UploadN = 1
		s.rec().Upload = &Upload{File: uploadOfOurs(contentA, 1), SHA256: contentA, Bytes: 1000, Done: true, Expires: now.Add(lives)}
	}
}

func uploadBegun(s *scene) {
	uploadRecorded(0)(s)
	s.rec().Upload.Done = false
}

// uploadReplaced: the subject's second upload is recorded and gone since.
func uploadReplaced(s *scene) {
	s.rec().Source, s.rec().UploadN = SourceRecord{SHA256: contentA}, 2
}

// strangeSince: the upload that nothing records was seen, and is being settled.
func strangeSince(t time.Time) fact {
	return func(s *scene) {
		s.rec().Strange = &StrangeUpload{File: uploadOfOurs(contentA, 1), SettleFrom: t}
	}
}

func settledStrange(n int) fact {
	return func(s *scene) {
		s.rec().Strange = &StrangeUpload{File: uploadOfOurs(contentA, n), SettleFrom: now.Add(-time.Hour), Settled: true}
	}
}

func filesProcessing(s *scene) {
	for i := range s.o.Live.Files {
		s.o.Live.Files[i].Active = false
	}
}

func filesShorter(s *scene) {
	for i := range s.o.Live.Files {
		s.o.Live.Files[i].Bytes--
	}
}

// leftWithSameBytes: a batch of another block, out of the config too, has the
// subject's number and content.
func leftWithSameBytes(s *scene) {
	rec := s.recOf(Address{Block: "z", Number: subject.Number})
	rec.Attempts = []Attempt{{Number: 1, Outcome: OutcomeBought, Model: "m1", SHA256: contentA, Job: "batches/z", State: string(JobRunning)}}
}

// twinHolds: another batch with the same bytes has the upload on record.
func twinHolds(file string) fact {
	return func(s *scene) {
		a := Address{Block: "r", Number: 2}
		s.d.Batches = append(s.d.Batches, wanted(a, contentA))
		s.recOf(a).Upload = &Upload{File: file, SHA256: contentA, Bytes: 1000, Done: true, Foreign: true, Expires: now.Add(40 * time.Hour)}
	}
}

func seenAt(block string, r ResultSeen) fact {
	return func(s *scene) { s.o.Results[Address{Block: block, Number: subject.Number}] = r }
}

// otherIsMissing: a job of another batch is awaited, and the service does not
// have it.
func otherIsMissing(s *scene) {
	otherJobOfOurs(s)
	s.o.Live.Jobs = s.o.Live.Jobs[:len(s.o.Live.Jobs)-1]
	s.o.Live.Missing["batches/other"] = true
}

// otherLost: a job with this state's label for another batch is not recorded.
func otherLost(s *scene) {
	a := Address{Block: "r", Number: 2}
	s.d.Batches = append(s.d.Batches, wanted(a, contentA))
	labelledFor(a, "lost", ours6, 1, JobRunning)(s)
}

// Jobs that nothing records.

// labelled is a job with the label of a state for the subject's content A.
func labelled(name, lineage6 string, attempt int, state JobState, traits ...trait) fact {
	return labelledFor(subject, name, lineage6, attempt, state, traits...)
}

func labelledFor(a Address, name, lineage6 string, attempt int, state JobState, traits ...trait) fact {
	return func(s *scene) {
		j := Job{Name: "batches/" + name, DisplayName: JobDisplayName("any", NewToken(lineage6, a, attempt, contentA, "m1")), Model: "m1",
			InputFile: UploadName(contentA, lineage6, 1), State: state, RawState: "BATCH_STATE_" + string(state), Created: now.Add(-2 * time.Hour)}
		if j.Final() {
			j.Done, j.Ended = true, now.Add(-time.Hour)
		}
		for _, t := range traits {
			t(new(Attempt), &j)
		}
		s.o.Live.Jobs = append(s.o.Live.Jobs, j)
	}
}

// unlabelledJob is a job whose maker gave it no label.
func unlabelledJob(name, input, model string, rows int64, state JobState, traits ...trait) fact {
	return func(s *scene) {
		j := Job{Name: "batches/" + name, Model: model, InputFile: input, State: state, RawState: "BATCH_STATE_" + string(state),
			Created: now.Add(-2 * time.Hour), Stats: Stats{Requests: rows}}
		for _, t := range traits {
			t(new(Attempt), &j)
		}
		s.o.Live.Jobs = append(s.o.Live.Jobs, j)
	}
}

func input(file string) trait          { return func(_ *Attempt, j *Job) { j.InputFile = file } }
func createdAgo(d time.Duration) trait { return func(_ *Attempt, j *Job) { j.Created = now.Add(-d) } }

// outcome writes what a plan says of one batch, in one line. Keys that have
// nothing to say after warn are left out.
func outcome(p *Plan, items []Item, a Address) string {
	i := slices.IndexFunc(items, func(it Item) bool { return it.Address == a })
	if i < 0 {
		return "no such batch"
	}
	it := items[i]
	var change Change
	for _, c := range p.Changes {
		if c.Address == a {
			change = c
		}
	}
	var actions, warn []string
	for _, act := range change.Actions {
		actions = append(actions, string(act))
	}
	for _, pr := range p.Problems {
		if pr.Address != nil && *pr.Address == a {
			warn = append(warn, pr.Code)
		}
	}
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	line := fmt.Sprintf("phase=%s actions=%s reason=%s held=%s attempt=%d warn=%s", it.Phase, dash(strings.Join(actions, "+")),
		dash(string(change.Reason)), dash(string(it.Reason)), change.Attempt, dash(strings.Join(warn, "+")))
	more := func(key, value string) {
		if value != "" {
			line += " " + key + "=" + value
		}
	}
	jobs := slices.Clone(change.Detail.Jobs)
	if change.Detail.Job != "" {
		jobs = append(jobs, change.Detail.Job)
	}
	for i := range jobs {
		jobs[i] = strings.TrimPrefix(jobs[i], "batches/")
	}
	more("job", strings.Join(jobs, "+"))
	more("file", strings.TrimPrefix(change.Detail.File, "files/"))
	if change.Detail.Subset {
		more("subset", change.Detail.SHA256[:4])
		if change.Has(ActionCreate) && change.Detail.Model != it.Want.Model {
			more("model", change.Detail.Model)
		}
	}
	more("from", change.Detail.From)
	for _, h := range p.Held {
		if h.Address == a {
			more("heldjob", strings.TrimPrefix(h.Job, "batches/"))
		}
	}
	if !p.Complete {
		line += " complete=false"
	}
	return line
}

// checkSound fails when a plan breaks what every plan promises.
func checkSound(t *testing.T, s *scene, p *Plan, items []Item) {
	t.Helper()
	counted := Summary{}
	phases := map[Address]Phase{}
	for _, it := range items {
		if _, twice := phases[it.Address]; twice {
			t.Errorf("%s stands in the items twice", it.Address)
		}
		if !slices.Contains(Phases(), it.Phase) {
			t.Errorf("%s is in phase %q, which there is not", it.Address, it.Phase)
		}
		if (it.Reason != "") != (it.Phase == PhaseHeld || it.Phase == PhaseFailed) {
			t.Errorf("%s: reason %q in phase %s", it.Address, it.Reason, it.Phase)
		}
		phases[it.Address] = it.Phase
		counted.phase(it.Phase)
	}
	seen := map[Address]bool{}
	for i := range p.Changes {
		c := &p.Changes[i]
		if seen[c.Address] {
			t.Errorf("%s has two changes", c.Address)
		}
		seen[c.Address] = true
		for _, act := range c.Actions {
			counted.count(act)
		}
		if c.Phase != phases[c.Address] {
			t.Errorf("%s: phase %s in the change, %s in the item", c.Address, c.Phase, phases[c.Address])
		}
		if c.Reason == "" {
			t.Errorf("%s: a change without a reason", c.Address)
		}
		if c.Has(ActionCreate) {
			i := slices.IndexFunc(items, func(it Item) bool { return it.Address == c.Address })
			checkPurchase(t, s, items[i].Record, c)
			checkSubset(t, &items[i], c)
		}
	}
	if counted != p.Summary {
		t.Errorf("the summary says %+v, counted are %+v", p.Summary, counted)
	}
	if p.Applyable != (len(p.Changes) > 0) {
		t.Errorf("applyable is %t with %d changes", p.Applyable, len(p.Changes))
	}
	if len(p.Held) != counted.Held || len(p.Failed) != counted.Failed {
		t.Errorf("%d held and %d failed are listed, %d and %d are counted", len(p.Held), len(p.Failed), counted.Held, counted.Failed)
	}
	for _, h := range p.Held {
		if phases[h.Address] != PhaseHeld || !slices.Contains(HoldReasons(), h.Reason) {
			t.Errorf("%s is listed as held for %q in phase %s", h.Address, h.Reason, phases[h.Address])
		}
	}
}

// checkPurchase fails when a create could pay twice.
func checkPurchase(t *testing.T, s *scene, rec *Record, c *Change) {
	t.Helper()
	switch c.Phase {
	case PhaseAbsent, PhaseUploaded, PhaseDone:
	case PhaseSucceeded:
		if c.Reason != ReasonRepair {
			t.Errorf("%s: a create in phase %s for the reason %s", c.Address, c.Phase, c.Reason)
		}
	default:
		t.Errorf("%s: a create in phase %s", c.Address, c.Phase)
	}
	if s.o.Live.Refreshed && !s.o.Live.Complete {
		t.Errorf("%s: a create on an incomplete listing", c.Address)
	}
	if rec == nil {
		return
	}
	otherProject := Learn(&s.d, &s.o).OtherProject
	for i := range rec.Attempts {
		at := &rec.Attempts[i]
		if at.Number >= c.Attempt {
			t.Errorf("%s: create %d, and attempt %d exists", c.Address, c.Attempt, at.Number)
		}
		if at.Outcome == OutcomeIntent {
			t.Errorf("%s: a create while attempt %d is unknown", c.Address, at.Number)
		}
		if otherProject {
			continue // none of the jobs is there, and a person asked
		}
		if at.active() {
			t.Errorf("%s: a create while attempt %d is active", c.Address, at.Number)
		}
		asked := slices.ContainsFunc(rec.Attempts[i:], func(later Attempt) bool { return later.Rerun })
		if c.Reason != ReasonRerun && c.Reason != ReasonRepair && !asked && at.content() == c.Detail.SHA256 && at.Model == c.Detail.Model && at.Outcome == OutcomeBought && JobState(at.State) == JobSucceeded {
			t.Errorf("%s: buys again what attempt %d answered", c.Address, at.Number)
		}
	}
}

// checkSubset fails when a create is of other rows than those that are open, or
// of all rows where some are in hand.
func checkSubset(t *testing.T, it *Item, c *Change) {
	t.Helper()
	d, rec, want := &c.Detail, it.Record, it.Want
	if !d.Subset {
		if c.Reason == ReasonRepair || d.SHA256 != want.Source.SHA256 || d.Model != want.Model {
			t.Errorf("%s: the whole source for %s: %+v", c.Address, c.Reason, d)
		}
		if rest := rec.unreached(want); rest != nil {
			t.Errorf("%s: the whole source (%s), and only %d rows are open", c.Address, c.Reason, rest.Rows)
		}
		return
	}
	rest := rec.rest(want)
	if rest == nil || d.SHA256 != rest.SHA256 || d.Rows != rest.Rows || d.Bytes != rest.Bytes || rest.Repair != (c.Reason == ReasonRepair) {
		t.Fatalf("%s: %s buys rows %+v, open are %+v", c.Address, c.Reason, d, rest)
	}
	base, repairs := rec.baseFor(want), 0
	for at := range rec.from(base) {
		if at.Repair {
			repairs++
		}
	}
	switch {
	case !rest.Repair && (d.Model != want.Model || base.Model != want.Model):
		t.Errorf("%s: rows of a batch of %s are bought with %s", c.Address, base.Model, d.Model)
	case rest.Repair && (want.Repair == nil || repairs >= want.Repair.MaxAttempts):
		t.Errorf("%s: after %d repairs there is another, %+v are declared", c.Address, repairs, want.Repair)
	case rest.Repair && d.Model != want.Model && d.Model != want.Repair.Model:
		t.Errorf("%s: repaired with %s, and nobody asked for that", c.Address, d.Model)
	}
}
