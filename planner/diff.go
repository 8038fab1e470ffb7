package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options are what a person asked for on the command line.
type Options struct {
	Targets  []Selector // only these; all when empty
	Excludes []Selector // never these
	// Rerun names batches for which another job is wanted, whatever was bought.
	Rerun []Selector
	// RerunFrom fixes the attempt that a rerun stands for. Once an attempt of
	// that number or a higher one was sent, the wish is fulfilled. A run that
	// plans more than once fills it with FixReruns: each plan would ask for one
	// more job otherwise.
	RerunFrom map[Address]int
	// Saved restricts a run to what a saved plan holds, nil when none does.
	Saved   *Saved
	Version string    // of qaplan, for the plan's JSON
	Service Service   // for the plan's JSON
	Now     time.Time // becomes CreatedAt; decides nothing
}

// FixReruns notes, for each batch for which another job is asked, which
// attempt that will be. Items are those of the run's first Diff; what was noted
// before stays.
func (o *Options) FixReruns(items []Item) {
	for i := range items {
		it := &items[i]
		if _, fixed := o.RerunFrom[it.Address]; fixed || !o.asksRerun(it.Address) {
			continue
		}
		if o.RerunFrom == nil {
			o.RerunFrom = map[Address]int{}
		}
		o.RerunFrom[it.Address] = it.Record.NextNumber()
	}
}

func (o *Options) asksRerun(a Address) bool {
	return slices.ContainsFunc(o.Rerun, func(s Selector) bool { return s.Contains(a) })
}

// wantsRerun reports whether another job is asked for and was not sent yet.
func (o *Options) wantsRerun(a Address, rec *Record) bool {
	from, fixed := o.RerunFrom[a]
	if n := o.Saved.rerunFrom(a); n > 0 {
		from, fixed = n, true
	} else if !o.asksRerun(a) {
		return false
	}
	return !fixed || rec == nil || !slices.ContainsFunc(rec.Attempts, func(at Attempt) bool {
		return at.Number >= from && !at.Repair && (at.Outcome == OutcomeBought || at.Outcome == OutcomeIntent || rec.refusedForGood(&at))
	})
}

func (o *Options) selection() *Selection {
	if len(o.Targets)+len(o.Excludes)+len(o.Rerun) == 0 {
		return nil
	}
	return &Selection{Targets: slices.Clone(o.Targets), Excludes: slices.Clone(o.Excludes), Rerun: slices.Clone(o.Rerun)}
}

// Diff compares what is wanted with what is recorded and live, and says what
// is to be done. It is pure: the same arguments give the same plan.
func Diff(d *Desired, o *Observed, opts Options) (*Plan, []Item) {
	x, m := survey(d, o)
	x.matches, x.results, x.opts = &m.out, o.Results, opts
	x.plan = newPlan(d, &opts)
	x.plan.Lineage, x.plan.Serial = o.Recorded.Lineage, o.Recorded.Serial
	x.plan.Problems = append(x.plan.Problems, x.matches.problems...)
	addresses := x.addresses()
	x.items = make([]Item, 0, len(addresses))
	for _, a := range addresses {
		x.one(a)
	}
	x.finish()
	return x.plan, x.items
}

// newPlan gives a plan in which nothing was decided yet.
func newPlan(d *Desired, opts *Options) *Plan {
	return &Plan{
		FormatVersion: FormatVersion, QaplanVersion: opts.Version, CreatedAt: opts.Now.UTC(),
		ConfigDigest: "sha256:" + d.ConfigDigest, InputsDigest: d.inputsDigest(), Service: opts.Service,
		Complete: true, Selection: opts.selection(),
		Changes: []Change{}, Waiting: []Waiting{}, Held: []Held{}, Failed: []Failed{}, Problems: []Problem{},
	}
}

// survey learns from what is live, and finds out whose the rest of it is.
func survey(d *Desired, o *Observed) (*differ, *matcher) {
	l := Learn(d, o)
	x := &differ{d: d, r: &l.Recorded, live: &o.Live, otherProject: l.OtherProject, suspects: l.suspects, want: make(map[Address]*Batch, len(d.Batches))}
	for i := range d.Batches {
		x.want[d.Batches[i].Address] = &d.Batches[i]
	}
	x.findRenamed()
	seen := x.live
	if x.otherProject {
		seen = &Live{} // nothing of another project is taken for ours
	}
	return x, match(x.want, d, x.r, seen, x.renamed)
}

type differ struct {
	d            *Desired
	r            *Recorded
	live         *Live
	results      map[Address]ResultSeen
	opts         Options
	want         map[Address]*Batch
	matches      *matches
	suspects     suspects
	renamed      map[Address]Address // new address → former one
	leaving      map[Address]bool    // former addresses of renamed batches
	otherProject bool
	unsure       int // purchases left out because the listing is not to be trusted
	unknown      int // creates whose outcome a listing is to tell
	plan         *Plan
	items        []Item
	looking      view // at the batch whose turn it is
}

// addresses lists every batch that is desired or recorded, sorted.
func (x *differ) addresses() []Address {
	list := make([]Address, 0, len(x.want)+len(x.r.Batches))
	for a := range x.want {
		list = append(list, a)
	}
	for a := range x.r.Batches {
		if x.want[a] == nil {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, Address.Compare)
	return list
}

// findRenamed recognises batches whose block was given another name, by number
// and content: they keep what was bought.
func (x *differ) findRenamed() {
	x.renamed, x.leaving = map[Address]Address{}, map[Address]bool{}
	type key struct {
		number     int
		sha, model string
	}
	homeless := map[key][]Address{}
	for a, rec := range x.r.Batches {
		if last := rec.Last(); x.want[a] == nil && last != nil {
			k := key{a.Number, last.SHA256, rec.boughtWith(last)}
			homeless[k] = append(homeless[k], a)
		}
	}
	if len(homeless) == 0 {
		return
	}
	for _, b := range x.d.sorted() {
		from := homeless[key{b.Address.Number, b.Source.SHA256, b.Model}]
		// Several would be a guess; each is held for a person instead.
		if x.r.Batches[b.Address].onlyDoubt() && len(from) == 1 && !x.leaving[from[0]] {
			x.renamed[b.Address] = from[0]
			x.leaving[from[0]] = true
		}
	}
}

func (x *differ) selected(a Address) bool {
	in := func(s Selector) bool { return s.Contains(a) }
	return (len(x.opts.Targets) == 0 || slices.ContainsFunc(x.opts.Targets, in)) && !slices.ContainsFunc(x.opts.Excludes, in)
}

// one decides for one address and files the outcome.
func (x *differ) one(a Address) {
	if x.leaving[a] {
		return // counted under its new name
	}
	v := x.view(a)
	out := v.decide()
	x.plan.Problems = append(x.plan.Problems, out.problems...)
	item := Item{Address: a, Phase: out.phase, Record: v.rec, Want: v.want, Extra: v.extra, Undelivered: v.undelivered(), prior: v.prior()}
	item.Change = v.change(&out, item.prior)
	if v.rec != nil && v.rec.Result != nil {
		item.BadRows = v.rec.Result.Failed + v.rec.Result.Missing
	}
	switch out.phase {
	case PhaseHeld:
		h := *out.held
		item.Reason = h.Reason
		x.plan.Held = append(x.plan.Held, h)
	case PhaseFailed:
		f := *out.failed
		item.Reason = f.Reason
		x.plan.Failed = append(x.plan.Failed, f)
	case PhaseSubmitted, PhaseUnknown:
		if out.phase == PhaseUnknown {
			x.unknown++
		}
		if out.waiting != nil {
			x.plan.Waiting = append(x.plan.Waiting, *out.waiting)
		}
	}
	x.plan.Summary.phase(out.phase)
	item.Left = !x.selected(a) || !x.opts.Saved.admits(&item)
	x.items = append(x.items, item)
	x.include(&item)
}

// change gives what a decision comes to, nil where nothing is to be done.
func (v *view) change(out *verdict, prior Prior) *Change {
	if len(out.actions) == 0 {
		return nil
	}
	return &Change{Address: v.addr, Block: v.addr.Block, Number: v.addr.Number, Phase: out.phase, Actions: out.actions,
		Reason: out.reason, Attempt: out.attempt, Detail: out.detail, Prior: prior}
}

// include puts a change into the plan, unless something leaves it out.
func (x *differ) include(it *Item) {
	c := it.Change
	switch {
	case c == nil:
		return
	case it.Left:
		x.plan.Complete = false
		return
	case x.live.Refreshed && !x.live.Complete && c.Has(ActionCreate):
		x.plan.Complete = false
		x.unsure++
		return
	}
	for _, act := range c.Actions {
		x.plan.Summary.count(act)
	}
	if c.Has(ActionCreate) {
		x.plan.Estimate.Requests += int64(c.Detail.Rows)
		x.plan.Estimate.InputTokens += c.Detail.Tokens
	}
	x.plan.Changes = append(x.plan.Changes, *c)
}

func (x *differ) finish() {
	p := x.plan
	x.sayOld()
	if x.live.Refreshed {
		x.tellListing()
	}
	if p.Estimate.Requests > 0 {
		p.Estimate.Basis = "input tokens: characters/4; output tokens and cost are not estimated"
	}
	p.Applyable = len(p.Changes) > 0
	p.Digest = p.digest()
}

// tellListing says what was left because the listing is not to be trusted, or
// does not tell its time.
func (x *differ) tellListing() {
	warn := func(code, summary string) {
		x.plan.Problems = append(x.plan.Problems, Problem{Severity: SeverityWarning, Code: code, Summary: summary})
	}
	var left []string
	if x.unsure > 0 {
		left = append(left, counted(x.unsure, "purchase is", "purchases are")+" left for a later run")
	}
	if x.unknown > 0 {
		left = append(left, counted(x.unknown, "create stays", "creates stay")+" unknown")
	}
	if !x.live.Complete && len(left) > 0 {
		warn(codeListing, "the service's job listing kept changing while it was read; "+strings.Join(left, ", "))
	}
	if x.live.LocalClock && x.unknown > 0 {
		warn("no_service_time", "the service tells no time to rely on; only apply --wait can settle "+
			counted(x.unknown, "create", "creates")+" whose outcome is unknown")
	}
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func (x *differ) view(a Address) *view {
	v := &x.looking
	*v = view{
		addr: a, want: x.want[a], rec: x.r.Batches[a], live: x.live, seen: x.results[a],
		claimed: x.matches.claimed[a], claimedRest: x.matches.claimedRest[a], claimedUp: x.matches.claimedUp[a], restUp: x.matches.restUp[a], maybe: x.matches.maybe[a], stale: x.matches.stale[a],
		extra: x.matches.extra[a], offer: x.matches.offer[a], otherProject: x.otherProject,
	}
	if from, ok := x.renamed[a]; ok {
		v.rec, v.from = x.suspects.doubt(v.want, x.r.Batches[from].Clone()), from
	}
	if jobs := x.matches.adopt[a]; len(jobs) > 0 {
		v.rec = x.suspects.doubt(v.want, AdoptJobs(v.rec, v.want, jobs))
		v.adopted = jobs
	}
	if v.want != nil {
		v.upload = x.uploadFor(v)
		if rest := v.rec.rest(v.want); rest != nil {
			v.restUpload = x.recordedUpload(v.rec, rest.SHA256)
		}
		v.rerun = x.opts.wantsRerun(a, v.rec) || v.rec.rerunAbsent()
	}
	return v
}

// uploadFor finds an upload that a create may use: the recorded one, else one
// that the listing shows.
func (x *differ) uploadFor(v *view) *Upload {
	if up := x.recordedUpload(v.rec, v.want.Source.SHA256); up != nil {
		return up
	}
	if f := x.matches.uploads[v.addr]; f != nil {
		return f.upload()
	}
	return nil
}

// recordedUpload gives the recorded upload where it has those bytes and lives
// long enough.
func (x *differ) recordedUpload(rec *Record, sha string) *Upload {
	if rec == nil || rec.Upload == nil {
		return nil
	}
	if up := rec.Upload; up.Done && up.SHA256 == sha && (!x.live.Refreshed || x.live.outlives(up.Expires, x.d.SettleTime)) {
		return up
	}
	return nil
}

func (f *File) upload() *Upload {
	_, named := ParseUploadName(f.Name)
	return &Upload{File: f.Name, SHA256: f.SHA256, Bytes: f.Bytes, Done: true, Foreign: !named, Expires: f.Expires.UTC()}
}

// AdoptUpload makes a live file the batch's upload.
func AdoptUpload(rec *Record, b *Batch, f *File, lineage6 string) {
	rec.Source, rec.Upload = b.Source.Record(), f.upload()
	if s := rec.Strange; s != nil && s.Settled {
		s.CancelAsked = false // nothing is bought with it unless a person asks again
	} else {
		rec.Strange = nil
	}
	if p, ok := ParseUploadName(f.Name); ok && p.Lineage == lineage6 {
		rec.UploadN = max(rec.UploadN, p.N)
	}
}

// AdoptJobs gives the record as it stands once live jobs are taken as the
// batch's own. The jobs are in the order of their attempts; a job without a
// label gets the next number.
func AdoptJobs(old *Record, b *Batch, jobs []*Job) *Record {
	rec := old.Clone()
	if rec == nil {
		rec = &Record{}
	}
	for _, j := range jobs {
		if rec.names(j.Name) {
			continue // a renamed block's own: what was sent stands in the record
		}
		at := Attempt{Number: rec.NextNumber(), Outcome: OutcomeBought, Model: b.Model, SHA256: b.Source.SHA256,
			Rows: b.Source.Rows, Estimate: b.Source.Tokens, File: j.InputFile, Adopted: true}
		if tok, ok := ParseToken(j.DisplayName); ok {
			at.Token = tok.String()
			at.Number = tok.Attempt
			for _, content := range contentsOf(b, old) {
				if ContentSum(b.Address, content.sha, content.model) == tok.Sum {
					content.fill(&at)
					break
				}
			}
			if at.partial() && rec.newestJob() > at.Number {
				at.Number = rec.NextNumber() // what it answers was open still, so it counts now
			}
		}
		at.See(j)
		rec.place(at)
		if rec.Strange != nil && rec.Strange.File == j.InputFile {
			rec.Strange = nil // this is what followed it
		}
	}
	if s := rec.Strange; s != nil && !s.Settled && !s.CancelAsked && rec.Last().stands(b, b.Source.SHA256) {
		rec.Strange = nil // nothing else followed, or it is found out once this one fails
	}
	if rec.Source.SHA256 == "" {
		rec.Source = b.Source.Record()
	}
	return rec
}

// names reports whether a job is recorded as one of the batch's own.
func (r *Record) names(job string) bool {
	return slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.Job == job && !a.unbound() })
}

// newestJob is the highest number of an attempt that has a job.
func (r *Record) newestJob() int {
	newest := 0
	for i := range r.Attempts {
		if r.Attempts[i].Job != "" {
			newest = r.Attempts[i].Number
		}
	}
	return newest
}

// place puts an adopted attempt where its number belongs. A number that
// another send has used since an older state was restored is left to that one,
// and so is one that has another job already.
func (r *Record) place(at Attempt) {
	i, taken := slices.BinarySearchFunc(r.Attempts, at.Number, func(x Attempt, n int) int { return x.Number - n })
	switch {
	case !taken:
		r.Attempts = slices.Insert(r.Attempts, i, at)
	case r.Attempts[i].Job == "" && r.Attempts[i].Token == at.Token, r.Attempts[i].Job == at.Job:
		r.Attempts[i] = at
	default:
		at.Number = r.NextNumber()
		r.Attempts = append(r.Attempts, at)
	}
}

// Record gives the source as the state keeps it.
func (s *Source) Record() SourceRecord {
	return SourceRecord{Path: s.Path, SHA256: s.SHA256, Bytes: s.Bytes, Rows: s.Rows, Tokens: s.Tokens}
}
