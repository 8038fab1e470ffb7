package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ExpiryMargin is how long an upload must still live to be worth a create.
const ExpiryMargin = 30 * time.Minute

// matches is what the live side holds for desired batches beyond what the
// state records.
type matches struct {
	adopt       map[Address][]*Job // jobs that are this batch's, oldest attempt first
	extra       map[Address][]*Job // further jobs for a batch that has one
	claimed     map[Address]*Job   // a job that another state made for it
	claimedRest map[Address]*Job   // a job that another state made for the rows that it leaves open
	claimedUp   map[Address]*File  // an upload that another state made for it
	maybe       map[Address]*Job   // a job that may be the batch's
	problems    []Problem
	stale       map[Address]*Job  // a job of this state's for a former content or model of it
	uploads     map[Address]*File // a usable upload with the batch's bytes
	offer       map[Address]*Job  // the batch's own job, where one was adopted that is another's
}

// match finds out whose the unrecorded live jobs and files are. renamed gives
// the former address of a batch whose block has another name now.
func match(want map[Address]*Batch, d *Desired, r *Recorded, live *Live, renamed map[Address]Address) *matcher {
	m := &matcher{
		want: want, d: d, r: r, live: live, renamed: renamed, known: knownJobs(r),
		byNumber:  map[int][]*Batch{},
		byContent: map[string][]*Batch{},
		byPrefix:  map[string]string{},
		fileSHA:   map[string]string{},
		out: matches{
			adopt: map[Address][]*Job{}, extra: map[Address][]*Job{}, claimed: map[Address]*Job{}, claimedRest: map[Address]*Job{},
			claimedUp: map[Address]*File{}, maybe: map[Address]*Job{}, stale: map[Address]*Job{}, uploads: map[Address]*File{},
			offer: map[Address]*Job{},
		},
	}
	if !live.Refreshed {
		return m
	}
	for i := range d.Batches {
		b := &d.Batches[i]
		m.byNumber[b.Address.Number] = append(m.byNumber[b.Address.Number], b)
		if b.Source.SHA256 != "" {
			m.byContent[b.Source.SHA256] = append(m.byContent[b.Source.SHA256], b)
		}
		if len(b.Source.SHA256) == 64 {
			m.byPrefix[b.Source.SHA256[:24]] = b.Source.SHA256
		}
	}
	for _, same := range m.byContent {
		slices.SortFunc(same, func(a, b *Batch) int { return a.Address.Compare(b.Address) })
	}
	for i := range live.Files {
		m.fileSHA[live.Files[i].Name] = live.Files[i].SHA256
	}
	m.imports()
	m.jobs()
	m.files()
	return m
}

type matcher struct {
	want      map[Address]*Batch
	d         *Desired
	r         *Recorded
	live      *Live
	renamed   map[Address]Address
	known     map[string]bool
	byNumber  map[int][]*Batch
	byContent map[string][]*Batch
	byPrefix  map[string]string // wanted sha256 by its first 24 digits
	fileSHA   map[string]string // sha256 by the name of a live file
	// unexplained are jobs that only their answers, or a person, can tell of.
	unexplained []*Job
	out         matches
}

// record gives what is recorded for a batch, under its former name too.
func (m *matcher) record(a Address) *Record {
	if from, ok := m.renamed[a]; ok {
		return m.r.Batches[from]
	}
	return m.r.Batches[a]
}

func (m *matcher) jobs() {
	var unclaimed []*Job
	jobs := make([]*Job, 0, len(m.live.Jobs))
	for i := range m.live.Jobs {
		if j := &m.live.Jobs[i]; !m.known[j.Name] {
			jobs = append(jobs, j)
		}
	}
	slices.SortFunc(jobs, olderJob)
	for _, j := range jobs {
		tok, labelled := ParseToken(j.DisplayName)
		switch {
		case labelled && m.r.Owns(tok.Lineage):
			m.ours(j, tok)
		case labelled:
			m.theirs(j, tok)
		case !m.unlabelled(j):
			unclaimed = append(unclaimed, j)
		}
	}
	m.guard(unclaimed)
	for a, found := range m.out.adopt {
		slices.SortStableFunc(found, func(x, y *Job) int { return cmp.Compare(attemptOf(x), attemptOf(y)) })
		m.out.adopt[a] = found
	}
}

// attemptOf is the attempt that a job's label names, 0 without one.
func attemptOf(j *Job) int {
	tok, _ := ParseToken(j.DisplayName)
	return tok.Attempt
}

// ours takes a job with this state's label that no attempt records: a record
// was lost, or the job is a second one.
func (m *matcher) ours(j *Job, tok Token) {
	for _, b := range m.byNumber[tok.Number] {
		rec := m.record(b.Address)
		for _, content := range contentsOf(b, rec) {
			if ContentSum(b.Address, content.sha, content.model) != tok.Sum {
				continue
			}
			switch fits, told := m.inputFits(j, b.Address, rec, tok.Attempt, content.sha); {
			case rec.hasJob(j.Name):
				// It was adopted, and its answers turned out to be another's.
			case !told:
				// Its input is gone, and only its answers could tell.
				m.unexplained = append(m.unexplained, j)
				if !b.IgnoreUnclaimed && m.out.maybe[b.Address] == nil && j.promising() {
					m.out.maybe[b.Address] = j
				}
			case !fits:
				// The display name was copied.
			case m.oneTooMany(b, rec, j, tok, content):
				m.out.extra[b.Address] = append(m.out.extra[b.Address], j)
			default:
				m.out.adopt[b.Address] = append(m.out.adopt[b.Address], j)
			}
			return
		}
	}
	m.ofFormer(j, tok)
}

// ofFormer notes a job of this state's that fits nothing that is known: an
// older state was restored, and the source or the model changed since the job
// was bought. It may be any batch's of that number.
func (m *matcher) ofFormer(j *Job, tok Token) {
	if !j.promising() {
		return
	}
	for _, b := range m.byNumber[tok.Number] {
		rec := m.record(b.Address)
		if m.out.stale[b.Address] == nil && (rec == nil || rec.NextNumber() <= tok.Attempt) && m.mayBeOf(b, j, tok) {
			m.out.stale[b.Address] = j
		}
	}
}

// mayBeOf reports whether a label may be one of b's. Where the content is
// known, the label tells.
func (m *matcher) mayBeOf(b *Batch, j *Job, tok Token) bool {
	if sha := m.fileSHA[j.InputFile]; sha != "" {
		return ContentSum(b.Address, sha, j.Model) == tok.Sum
	}
	p, ok := ParseUploadName(j.InputFile)
	wanted := ok && len(b.Source.SHA256) == 64 && p.Content == b.Source.SHA256[:24] && j.Model == b.Model
	return !wanted // with what is wanted now it would have fitted
}

type contentModel struct{ sha, model string }

// bytesModel is what may have been bought for a batch: bytes, for a model. Where
// they are some rows of a source, source is that one's sha256.
type bytesModel struct {
	contentModel
	source string
	repair bool
	rows   int
	tokens int64
}

// fill makes an adopted attempt one of these bytes.
func (c *bytesModel) fill(at *Attempt) {
	at.Model = c.model
	if c.source == "" {
		at.SHA256 = c.sha
		return
	}
	at.SHA256, at.Input, at.Repair, at.Rows, at.Estimate = c.source, c.sha, c.repair, c.rows, c.tokens
}

// contentsOf lists what may have been bought for a batch: what is wanted now,
// what was sent before, and the rows that were left open.
func contentsOf(b *Batch, rec *Record) []bytesModel {
	list := []bytesModel{{contentModel: contentModel{b.Source.SHA256, b.Model}}}
	if rec == nil {
		return list
	}
	for i := range rec.Attempts {
		a := &rec.Attempts[i]
		c := bytesModel{contentModel: contentModel{a.content(), a.Model}}
		if a.partial() {
			c.source, c.repair, c.rows, c.tokens = a.SHA256, a.Repair, a.Rows, a.Estimate
		}
		list = append(list, c)
	}
	if rest := rec.rest(b); rest != nil {
		list = append(list, bytesModel{contentModel{rest.SHA256, rec.restModel(b)}, b.Source.SHA256, rest.Repair, rest.Rows, rest.Tokens})
	}
	return list
}

// inputFits checks the second name: the input is the journaled one, carries our
// hash of the content, or is alive and has those bytes. Where it is gone, the
// keys of the answers tell. told is false where none of this can be known.
func (m *matcher) inputFits(j *Job, a Address, rec *Record, attempt int, sha string) (fits, told bool) {
	if rec != nil {
		for i := range rec.Attempts {
			if a := &rec.Attempts[i]; a.Number == attempt && a.File != "" && a.File == j.InputFile {
				return true, true
			}
		}
	}
	if p, ok := ParseUploadName(j.InputFile); ok {
		return len(sha) == 64 && p.Content == sha[:24], true
	}
	if live := m.fileSHA[j.InputFile]; live != "" {
		return live == sha, true
	}
	owner, told := m.live.Owners[j.Name]
	return told && owner.may(a), told
}

// oneTooMany reports whether a job for that content has nothing to give to its
// batch: its attempt has a job already that did not fail, or a later attempt at
// the same content has one that is at work or succeeded. For a content that is
// no longer wanted any later job tells that it was given up.
func (m *matcher) oneTooMany(b *Batch, rec *Record, j *Job, tok Token, content bytesModel) bool {
	wanted := content.source != "" || content.contentModel == contentModel{b.Source.SHA256, b.Model}
	if rec != nil {
		for i := range rec.Attempts {
			a := &rec.Attempts[i]
			same := content.contentModel == contentModel{a.content(), a.Model}
			switch {
			case a.Job == "" || a.Number < tok.Attempt:
			case !wanted, same && !a.fruitless():
				return true
			case same && a.Number == tok.Attempt && !(j.promising() && a.failed()):
				return true // and what a person ended is not gone on with
			}
		}
	}
	return slices.ContainsFunc(m.out.adopt[b.Address], func(o *Job) bool {
		other, _ := ParseToken(o.DisplayName)
		return other.Attempt == tok.Attempt && (!wanted || other.Sum == tok.Sum && (o.promising() || !j.promising()))
	})
}

// theirs notes a job that another state made for a batch of this config.
func (m *matcher) theirs(j *Job, tok Token) {
	if !j.promising() {
		return
	}
	for _, b := range m.byNumber[tok.Number] {
		if ContentSum(b.Address, b.Source.SHA256, b.Model) == tok.Sum && m.out.claimed[b.Address] == nil {
			m.out.claimed[b.Address] = j
		}
		rec := m.record(b.Address)
		if rest := rec.rest(b); rest != nil && ContentSum(b.Address, rest.SHA256, rec.restModel(b)) == tok.Sum && m.out.claimedRest[b.Address] == nil {
			m.out.claimedRest[b.Address] = j
		}
	}
}

// unlabelled tells whose a job without a label is, by its input or its answers,
// and reports whether that could be told.
func (m *matcher) unlabelled(j *Job) bool {
	sha := m.fileSHA[j.InputFile]
	if sha == "" {
		if p, ok := ParseUploadName(j.InputFile); ok {
			if sha = m.byPrefix[p.Content]; sha == "" {
				return true // some qaplan's, for content that is not wanted here
			}
		}
	}
	if sha == "" {
		return m.byAnswers(j)
	}
	if !j.promising() {
		return true
	}
	for _, b := range m.byContent[sha] {
		if m.give(b, j) {
			return true
		}
	}
	return true
}

// give makes a job without a label the batch's own, where it lacks one.
func (m *matcher) give(b *Batch, j *Job) bool {
	rec := m.record(b.Address)
	switch {
	case b.Model != j.Model || len(m.out.adopt[b.Address]) > 0:
		return false
	case rec.lacksJob():
		m.out.adopt[b.Address] = append(m.out.adopt[b.Address], j)
		return true
	case rec.wrong() && !rec.hasJob(j.Name) && m.out.offer[b.Address] == nil:
		m.out.offer[b.Address] = j // a person took another one; a person takes this one
		return true
	}
	return false
}

// byAnswers tells by the keys of its answers whose a job is.
func (m *matcher) byAnswers(j *Job) bool {
	owner, told := m.live.Owners[j.Name]
	if !told {
		return false
	}
	if owner.nobodys() {
		return true
	}
	a, one := owner.only()
	b := m.want[a]
	if !one || b == nil {
		return false
	}
	if n := j.Stats.Requests; n != 0 && b.Source.Rows != 0 && n != int64(b.Source.Rows) {
		return false // the same keys, but not all of them, or more
	}
	m.give(b, j)
	return true
}

// guard marks the batches that an unclaimed job may belong to: same model, and
// a row count that fits or is not told.
func (m *matcher) guard(unclaimed []*Job) {
	type key struct {
		model string
		rows  int
	}
	first, number := map[key]*Job{}, map[key]int{}
	for _, j := range unclaimed {
		if j.promising() && m.mayBeNew(j) {
			k := key{j.Model, int(j.Stats.Requests)}
			if first[k] == nil {
				first[k] = j
			}
			number[k]++
		}
	}
	if len(first) == 0 {
		return
	}
	fitting := map[key]bool{}
	held := map[string]*Job{} // by block
	keys := map[string]map[key]bool{}
	batches := m.d.sorted()
	for _, b := range batches {
		if m.record(b.Address).wrong() {
			fitting[key{b.Model, b.Source.Rows}], fitting[key{b.Model, 0}] = true, true // one may be offered to it
		}
		if b.IgnoreUnclaimed || m.hasJob(b.Address) {
			continue
		}
		if j := cmp.Or(first[key{b.Model, b.Source.Rows}], first[key{b.Model, 0}]); j != nil {
			fitting[key{b.Model, b.Source.Rows}], fitting[key{b.Model, 0}] = true, true
			m.out.maybe[b.Address] = cmp.Or(m.out.maybe[b.Address], j)
			held[b.Address.Block] = cmp.Or(held[b.Address.Block], j)
			if keys[b.Address.Block] == nil {
				keys[b.Address.Block] = map[key]bool{}
			}
			keys[b.Address.Block][key{b.Model, b.Source.Rows}], keys[b.Address.Block][key{b.Model, 0}] = true, true
		}
	}
	for _, b := range batches {
		if j := held[b.Address.Block]; j != nil && !b.IgnoreUnclaimed {
			m.out.maybe[b.Address] = cmp.Or(m.out.maybe[b.Address], j)
		}
	}
	for _, block := range slices.Sorted(maps.Keys(keys)) {
		jobs := 0
		for k := range keys[block] {
			jobs += number[k]
		}
		if jobs > 1 {
			m.out.problems = append(m.out.problems, Problem{Severity: SeverityWarning, Code: "unexplained_jobs", Job: held[block].Name,
				Summary: fmt.Sprintf("%d jobs that nothing explains may be batches of %q; the first is %s", jobs, block, held[block].Name)})
		}
	}
	for _, j := range unclaimed {
		if fitting[key{j.Model, int(j.Stats.Requests)}] {
			m.unexplained = append(m.unexplained, j)
		}
	}
}

// hasJob reports whether a job was bought for the batch, or is adopted now.
func (m *matcher) hasJob(a Address) bool {
	return m.record(a).Accepted() > 0 || len(m.out.adopt[a]) > 0
}

// mayBeNew reports whether an unclaimed job may be one that a batch lacks. Its
// answers may tell that it is not: those with its keys have jobs of their own.
func (m *matcher) mayBeNew(j *Job) bool {
	owner, told := m.live.Owners[j.Name]
	return !told || owner.More || slices.ContainsFunc(owner.Fits, func(a Address) bool { return !m.hasJob(a) })
}

// files finds a live upload for each batch, its own first, then the one that
// lives longest.
func (m *matcher) files() {
	if !m.live.FilesListed {
		return
	}
	best := map[string]*File{}
	foreign := map[string]*File{} // uploads under another lineage, by content
	for i := range m.live.Files {
		f := &m.live.Files[i]
		if !f.Active || f.SHA256 == "" {
			continue
		}
		if p, ok := ParseUploadName(f.Name); ok && !m.r.Owns(p.Lineage) {
			if have := foreign[f.SHA256]; have == nil || f.Name < have.Name {
				foreign[f.SHA256] = f
			}
			continue
		}
		if !m.live.outlives(f.Expires) {
			continue
		}
		if have := best[f.SHA256]; have == nil || f.Expires.After(have.Expires) || f.Expires.Equal(have.Expires) && f.Name < have.Name {
			best[f.SHA256] = f
		}
	}
	for i := range m.d.Batches {
		b := &m.d.Batches[i]
		if f := best[b.Source.SHA256]; f != nil && f.Bytes == b.Source.Bytes {
			m.out.uploads[b.Address] = f
		}
		if f := foreign[b.Source.SHA256]; f != nil {
			m.out.claimedUp[b.Address] = f
		}
	}
	m.shareUploads()
}

// shareUploads gives each upload to one batch only: two batches with the same
// bytes have an upload each, so that a job's input tells whose it is.
func (m *matcher) shareUploads() {
	owner := map[string]Address{}
	for a, rec := range m.r.Batches {
		if rec.Upload == nil {
			continue
		}
		if have, taken := owner[rec.Upload.File]; !taken || a.Compare(have) < 0 {
			owner[rec.Upload.File] = a
		}
	}
	for a, from := range m.renamed {
		if rec := m.r.Batches[from]; rec.Upload != nil {
			owner[rec.Upload.File] = a
		}
	}
	order := make([]Address, 0, len(m.out.uploads))
	for a := range m.out.uploads {
		order = append(order, a)
	}
	slices.SortFunc(order, Address.Compare)
	for _, a := range order {
		file := m.out.uploads[a].Name
		if own, taken := owner[file]; taken && own != a {
			delete(m.out.uploads, a)
			continue
		}
		owner[file] = a
	}
}

// outlives reports whether something that expires then is still worth using,
// judged by the service's clock. Where only the local clock is to be had, an
// hour more is kept.
func (l *Live) outlives(expires time.Time) bool {
	margin := ExpiryMargin
	if l.LocalClock {
		margin += time.Hour
	}
	return expires.After(l.Last.Add(margin))
}
