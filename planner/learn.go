package planner

import (
	"maps"
	"slices"
	"time"
)

// Update is a fact about a batch that the live side taught; an apply makes it
// durable before it acts on it.
type Update struct {
	Op      string // a word for the journal
	Address Address
	Record  *Record
	Found   *Attempt // the create whose outcome became known, when one did
}

// Learned is the recorded side brought up to what the service says.
type Learned struct {
	Recorded Recorded
	Updates  []Update // sorted by address
	// OtherProject tells that the service was asked for awaited jobs and shows
	// not one recorded job at all: the key is another project's.
	OtherProject bool
	// Marks are settle marks that hold for this process only; see Observed.
	Marks map[string]time.Time

	suspects suspects
}

// Learn folds what is live into what is recorded: states of jobs, creates and
// uploads whose answers were lost, things that are gone. It decides nothing
// and is idempotent: learning again from the same listing teaches nothing.
func Learn(d *Desired, o *Observed) Learned {
	l := learner{
		d: d, r: &o.Recorded, live: &o.Live,
		jobs:  make(map[string]*Job, len(o.Live.Jobs)),
		marks: o.Marks,
		suspects: suspects{
			former: len(o.Recorded.Former) > 0, files: make(map[string]*File, len(o.Live.Files)), strange: map[string]*File{},
		},
		out: Learned{Marks: map[string]time.Time{}},
	}
	l.out.Recorded = o.Recorded // whose map is copied when something is learned
	l.takeJudgements(o.Judged)
	if !o.Live.Refreshed {
		l.sortUpdates()
		return l.out
	}
	for i := range o.Live.Jobs {
		l.jobs[o.Live.Jobs[i].Name] = &o.Live.Jobs[i]
	}
	for i := range o.Live.Files {
		l.files[o.Live.Files[i].Name] = &o.Live.Files[i]
	}
	l.out.OtherProject = l.seesNoneOfOurs(&o.Recorded)
	l.indexTokens(&o.Recorded)
	l.indexStrange(&o.Recorded)
	l.learnAll(&o.Recorded)
	l.out.suspects = l.suspects
	return l.out
}

type learner struct {
	d       *Desired
	r       *Recorded
	live    *Live
	jobs    map[string]*Job
	byToken map[string][]*Job // jobs with a token of this lineage that no attempt records
	marks   map[string]time.Time
	suspects
	out Learned
}

// seesNoneOfOurs reports whether not one recorded job is visible, and none with
// this state's label, although the service was asked for one that is awaited.
func (l *learner) seesNoneOfOurs(r *Recorded) bool {
	for i := range l.live.Jobs {
		if tok, ok := ParseToken(l.live.Jobs[i].DisplayName); ok && r.Owns(tok.Lineage) {
			return false
		}
	}
	missing := false
	for _, rec := range r.Batches {
		for i := range rec.Attempts {
			job := rec.Attempts[i].Job
			if job != "" && l.jobs[job] != nil {
				return false
			}
			missing = missing || job != "" && l.live.Missing[job]
		}
	}
	return missing
}

// indexTokens finds the live jobs that carry this lineage and that no attempt
// names, oldest first.
func (l *learner) indexTokens(r *Recorded) {
	known := knownJobs(r)
	l.byToken = map[string][]*Job{}
	for i := range l.live.Jobs {
		j := &l.live.Jobs[i]
		if tok, ok := ParseToken(j.DisplayName); ok && r.Owns(tok.Lineage) && !known[j.Name] {
			l.byToken[tok.String()] = append(l.byToken[tok.String()], j)
		}
	}
	for _, jobs := range l.byToken {
		slices.SortFunc(jobs, olderJob)
	}
}

func (l *learner) learnAll(r *Recorded) {
	for a := range r.Batches {
		l.learn(a, l.out.Recorded.Batches[a])
	}
	for i := range l.d.Batches {
		l.learnStrange(&l.d.Batches[i])
	}
	l.sortUpdates()
}

func (l *learner) sortUpdates() {
	slices.SortStableFunc(l.out.Updates, func(x, y Update) int { return x.Address.Compare(y.Address) })
}

// takeJudgements notes what the rows in hand were found to be by the rules as
// they are now.
func (l *learner) takeJudgements(judged map[Address]*Judgement) {
	for a, j := range judged {
		if rec := l.r.Batches[a].Clone(); rec != nil && !j.equal(rec.Judged) {
			rec.Judge(j)
			l.put("judged", a, rec, nil)
		}
	}
}

// Judge takes over what the rows in hand were found to be. Where those are the
// rows of the result, its counts follow.
func (r *Record) Judge(j *Judgement) {
	r.Judged = j
	if res := r.Result; res != nil && res.Source == j.Source && j.Attempt <= res.Attempt && r.resultIn(r.attempt(j.Attempt)) {
		res.Succeeded, res.Missing = j.Classes.Good, j.Classes.Missing
		res.Failed = j.Classes.Bad() - j.Classes.Missing
	}
}

// put notes a changed record; several changes of one batch become one update.
func (l *learner) put(op string, a Address, rec *Record, found *Attempt) {
	if len(l.out.Updates) == 0 {
		l.out.Recorded.Batches = maps.Clone(l.r.Batches)
		if l.out.Recorded.Batches == nil {
			l.out.Recorded.Batches = map[Address]*Record{}
		}
	}
	l.out.Recorded.Batches[a] = rec
	l.out.Updates = append(l.out.Updates, Update{Op: op, Address: a, Record: rec, Found: found})
}

func (l *learner) learn(a Address, old *Record) {
	if old.settledForGood() {
		return // nothing that the service may say changes a delivered batch
	}
	rec, changed, op := old.Clone(), false, "refresh"
	var found *Attempt
	for i := range rec.Attempts {
		at := &rec.Attempts[i]
		switch {
		case at.Job != "":
			changed = l.learnJob(at) || changed
		case at.Token != "" && l.findSend(at):
			changed, op, found = true, "create_found", at
		case at.Outcome == OutcomeIntent:
			if l.settle(at) {
				changed = true
				if at.Outcome == OutcomeAbsent {
					op, found = "create_absent", at
				}
			}
		}
	}
	changed = l.learnUpload(rec) || changed
	changed = l.learnSecond(rec) || changed
	if changed {
		l.put(op, a, rec, found)
	}
}

// learnSecond notes whether a send seems to have bought two jobs.
func (l *learner) learnSecond(rec *Record) bool {
	if l.out.OtherProject {
		return false
	}
	second := slices.ContainsFunc(rec.Attempts, func(a Attempt) bool { return a.Token != "" && len(l.byToken[a.Token]) > 0 })
	changed := rec.SecondJob != second
	rec.SecondJob = second
	return changed
}

// learnJob takes over what the listing says of a recorded job.
func (l *learner) learnJob(at *Attempt) bool {
	if j := l.jobs[at.Job]; j != nil {
		return at.See(j)
	}
	if l.live.Missing[at.Job] && !at.Gone && !l.out.OtherProject {
		at.Gone = true
		return true
	}
	return false
}

// See takes over what the service says of the attempt's job and reports
// whether anything is new. Times and names are never unlearned: a listing may
// tell less than an earlier answer did.
func (at *Attempt) See(j *Job) bool {
	before := *at
	at.Job, at.Gone = j.Name, false
	at.State = string(j.State)
	if j.State == JobUnknown {
		at.State = j.RawState
	}
	if !j.Created.IsZero() {
		at.Created = j.Created.UTC()
	}
	if !j.Ended.IsZero() {
		at.Ended = j.Ended.UTC()
	} else if j.Final() && at.Ended.IsZero() {
		at.Ended = at.Created
	}
	if j.Output != "" {
		at.Output = j.Output
	}
	at.Inline = at.Inline || j.Inline
	if j.Stats != (Stats{}) {
		at.Stats = j.Stats
	}
	if j.Error != "" {
		at.Error = j.Error
	}
	return before != *at
}

// Final reports whether the job's state can no longer change.
func (j *Job) Final() bool {
	switch j.State {
	case JobSucceeded, JobFailed, JobCancelled, JobExpired:
		return true
	case JobUnknown:
		return j.Done
	}
	return false
}

// findSend looks for the job of a send whose answer was lost. An attempt that
// was held for absent and turns up late is found too: what was bought is never
// lost, even where the service broke its own delays.
func (l *learner) findSend(at *Attempt) bool {
	jobs := l.byToken[at.Token]
	for i, j := range jobs {
		// The input is compared as well: a display name may have been copied.
		if j.InputFile != "" && j.InputFile != at.File {
			continue
		}
		at.See(j)
		at.Outcome = OutcomeBought
		l.byToken[at.Token] = slices.Delete(slices.Clone(jobs), i, i+1)
		return true
	}
	return false
}

// settle works towards calling a send absent and reports whether the attempt
// changed. The service's times decide where it tells them; where it does not,
// the mark lives in this process only.
func (l *learner) settle(at *Attempt) bool {
	if !l.live.Complete || l.out.OtherProject {
		return false // a listing that would not show the job tells nothing
	}
	if !l.inputVisible(at) {
		return false
	}
	from := at.SettleFrom
	if l.live.LocalClock {
		from = l.marks[at.Token]
	}
	if !from.IsZero() && !l.live.First.Before(from.Add(l.d.SettleTime)) {
		at.Outcome = OutcomeAbsent
		return true
	}
	if l.live.LocalClock {
		if from.IsZero() {
			from = l.live.Last
		}
		l.out.Marks[at.Token] = from
		return false
	}
	if from.IsZero() {
		at.SettleFrom = l.live.Last.UTC()
		return true
	}
	return false
}

// uploadLife is how long an upload lives at the service.
const uploadLife = 48 * time.Hour

// inputVisible reports whether the listing is one that would show the send's
// job: it shows the send's input, or so much time has passed that the input
// has expired. Another project's key shows neither.
func (l *learner) inputVisible(at *Attempt) bool {
	return l.files[at.File] != nil || l.live.Last.After(at.Sent.Add(uploadLife))
}

// learnUpload takes over what the listing says of the batch's upload.
func (l *learner) learnUpload(rec *Record) bool {
	up := rec.Upload
	if up == nil || !l.live.FilesListed || l.out.OtherProject {
		return false
	}
	f := l.files[up.File]
	switch {
	case f == nil && up.Done:
		// Expired, or deleted by somebody.
		rec.Upload = nil
		return true
	case f == nil:
		return false // begun; it goes on or is sent again
	case f.SHA256 != up.SHA256 || f.Bytes != up.Bytes:
		// Another file under that name; never buy on it.
		rec.Upload = nil
		return true
	case !up.Done && f.Active:
		up.Done, up.Expires, up.Session = true, f.Expires.UTC(), ""
		return true
	}
	return false
}

// knownJobs are the jobs that some attempt names. One that was adopted and
// turned out to be another batch's is free again.
func knownJobs(r *Recorded) map[string]bool {
	known := map[string]bool{}
	for _, rec := range r.Batches {
		for i := range rec.Attempts {
			if job := rec.Attempts[i].Job; job != "" && !rec.Attempts[i].unbound() {
				known[job] = true
			}
		}
	}
	return known
}

// olderJob orders by age, then by name so that equal times are stable.
func olderJob(a, b *Job) int {
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	if a.Name < b.Name {
		return -1
	}
	if a.Name > b.Name {
		return 1
	}
	return 0
}
