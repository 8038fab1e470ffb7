package planner

import (
	"maps"
	"slices"
	"strings"
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
}

// Learn folds what is live into what is recorded: states of jobs, creates and
// uploads whose answers were lost, things that are gone. It decides nothing
// and is idempotent: learning again from the same listing teaches nothing.
func Learn(d *Desired, o *Observed) Learned {
	l := learner{
		d: d, r: &o.Recorded, live: &o.Live,
		jobs:  make(map[string]*Job, len(o.Live.Jobs)),
		files: make(map[string]*File, len(o.Live.Files)),
		marks: o.Marks,
		out:   Learned{Marks: map[string]time.Time{}},
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
	return l.out
}

type learner struct {
	d       *Desired
	r       *Recorded
	live    *Live
	jobs    map[string]*Job
	files   map[string]*File
	byToken map[string][]*Job // jobs with a token of this lineage that no attempt records
	strange map[string]*File  // by the first 24 digits of the content
	marks   map[string]time.Time
	out     Learned
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

// indexStrange finds live uploads under this state's names that it has no
// record of. Only a number above all that were used tells that the record is
// missing: a lower one is an upload that was replaced since. Of a former
// lineage, which counts no further, each is such that nothing is known to use.
func (l *learner) indexStrange(r *Recorded) {
	l.strange = map[string]*File{}
	if !l.live.FilesListed {
		return
	}
	highest, used := HighestUploads(r, nil), map[string]bool{}
	for _, rec := range r.Batches {
		if rec.Upload != nil {
			used[rec.Upload.File] = true
		}
		for i := range rec.Attempts {
			used[rec.Attempts[i].File] = true
		}
	}
	for i := range l.live.Jobs {
		used[l.live.Jobs[i].InputFile] = true
	}
	for i := range l.live.Files {
		f := &l.live.Files[i]
		p, ok := ParseUploadName(f.Name)
		if !ok || !r.Owns(p.Lineage) || f.SHA256 != "" && !strings.HasPrefix(f.SHA256, p.Content) {
			continue // on other bytes than its name says nothing was bought
		}
		if p.Lineage == r.Lineage6() && p.N > highest[p.Content] || p.Lineage != r.Lineage6() && !used[f.Name] {
			if have := l.strange[p.Content]; have == nil || f.Name < have.Name {
				l.strange[p.Content] = f
			}
		}
	}
}

// HighestUploads gives, for the first 24 digits of each content that this state
// uploaded, the highest number in use, by the records and by live files.
func HighestUploads(r *Recorded, files []File) map[string]int {
	highest := map[string]int{}
	note := func(file string) {
		if p, ok := ParseUploadName(file); ok && p.Lineage == r.Lineage6() {
			highest[p.Content] = max(highest[p.Content], p.N)
		}
	}
	for _, rec := range r.Batches {
		if len(rec.Source.SHA256) == 64 {
			highest[rec.Source.SHA256[:24]] = max(highest[rec.Source.SHA256[:24]], rec.UploadN)
		}
		if rec.Upload != nil {
			note(rec.Upload.File)
		}
		for i := range rec.Attempts {
			note(rec.Attempts[i].File)
		}
	}
	for i := range files {
		note(files[i].Name)
	}
	return highest
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

// learnStrange settles uploads that a restored older state does not know of.
func (l *learner) learnStrange(b *Batch) {
	if len(b.Source.SHA256) != 64 || l.out.OtherProject {
		return
	}
	old := l.out.Recorded.Batches[b.Address]
	f := l.strangeUpload(b, old)
	if f == nil {
		if old != nil && old.Strange != nil && l.live.FilesListed && l.files[old.Strange.File] == nil {
			rec := old.Clone()
			if rec.Strange.Settled = true; !rec.Strange.CancelAsked {
				rec.Strange = nil
			}
			if rec.Strange != nil && *rec.Strange == *old.Strange {
				return
			}
			l.put("refresh", b.Address, rec, nil)
		}
		return
	}
	rec := old.Clone()
	if rec == nil {
		rec = &Record{}
	}
	if rec.Strange == nil || rec.Strange.File != f.Name {
		rec.Strange = &StrangeUpload{File: f.Name, CancelAsked: rec.Strange != nil && rec.Strange.CancelAsked}
	}
	s := rec.Strange
	if s.Settled || !l.live.Complete {
		if old == nil || old.Strange == nil || *old.Strange != *s {
			l.put("strange_upload", b.Address, rec, nil)
		}
		return
	}
	from := s.SettleFrom
	if l.live.LocalClock {
		from = l.marks[s.File]
	}
	switch {
	case from.IsZero() && l.live.LocalClock:
		l.out.Marks[s.File] = l.live.Last
	case from.IsZero():
		s.SettleFrom = l.live.Last.UTC()
	case !l.live.First.Before(from.Add(l.d.SettleTime)):
		s.Settled = true
	case l.live.LocalClock:
		l.out.Marks[s.File] = from
	}
	if old == nil || old.Strange == nil || *old.Strange != *s {
		l.put("strange_upload", b.Address, rec, nil)
	}
}

// strangeUpload gives an unknown upload of what would be bought next: of the
// source, or of the rows that are left open. Where the newest attempt was sent
// just that, what was bought is known.
func (l *learner) strangeUpload(b *Batch, rec *Record) *File {
	last := rec.Last()
	if rest := rec.rest(b); rest != nil && len(rest.SHA256) == 64 {
		if f := l.strange[rest.SHA256[:24]]; f != nil && last.content() != rest.SHA256 {
			return f
		}
	}
	if last != nil && last.SHA256 == b.Source.SHA256 && (last.Model == b.Model || last.Repair) {
		return nil
	}
	return l.strange[b.Source.SHA256[:24]]
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
