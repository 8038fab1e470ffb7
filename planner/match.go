package planner

import (
	"cmp"
	"slices"
)

// matches is what the live side holds for desired batches beyond what the
// state records.
type matches struct {
	adopt       map[Address][]*Job // jobs that are this batch's, oldest attempt first
	extra       map[Address][]*Job // further jobs for a batch that has one
	claimed     map[Address]*Job   // a job that another state made for it
	claimedRest map[Address]*Job   // a job that another state made for the rows that it leaves open
	claimedUp   map[Address]*File  // an upload that another state made for it
	restUp      map[Address]*File  // an upload that another state made for the rows that it leaves open
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
		want: want, d: d, r: r, live: live, renamed: renamed,
		byNumber:  map[int][]*Batch{},
		byContent: map[string][]*Batch{},
		byPrefix:  map[string]string{},
		fileSHA:   map[string]string{},
		out: matches{
			adopt: map[Address][]*Job{}, extra: map[Address][]*Job{}, claimed: map[Address]*Job{}, claimedRest: map[Address]*Job{},
			claimedUp: map[Address]*File{}, restUp: map[Address]*File{}, maybe: map[Address]*Job{}, stale: map[Address]*Job{}, uploads: map[Address]*File{},
			offer: map[Address]*Job{},
		},
	}
	if !live.Refreshed {
		return m
	}
	m.known = knownJobs(r)
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
