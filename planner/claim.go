package planner

import (
	"fmt"
	"strings"
)

// Claim is what a person, or a text, says of a job or an upload: that it is a
// batch's.
type Claim struct {
	Address Address
	ID      string // batches/… or files/…
}

// IsJob reports whether the claim is about a job, and not about an upload.
func (c Claim) IsJob() bool { return strings.HasPrefix(c.ID, "batches/") }

// ClaimVerdict is how far a claim is borne out.
type ClaimVerdict string

const (
	// ClaimVerified: the service's own words bear it out.
	ClaimVerified ClaimVerdict = "verified"
	// ClaimUnverified: nothing contradicts it, and nothing proves it.
	ClaimUnverified ClaimVerdict = "unverified"
	// ClaimContradicted: it cannot be true, or would put two jobs in one place.
	ClaimContradicted ClaimVerdict = "contradicted"
	// ClaimRecorded: the state knows it already, or has no need of it.
	ClaimRecorded ClaimVerdict = "recorded"
	// ClaimGone: the service does not have what it names.
	ClaimGone ClaimVerdict = "gone"
)

// Evidence is what is known of a claim. Why is a clause for people.
type Evidence struct {
	Verdict ClaimVerdict
	Why     string
}

// Judge compares claims with all that is known, each by itself. Two claims that
// exclude each other are for the caller to find.
func Judge(d *Desired, o *Observed, claims []Claim) []Evidence {
	x, m := survey(d, o)
	jobs := make(map[string]*Job, len(o.Live.Jobs))
	for i := range o.Live.Jobs {
		jobs[o.Live.Jobs[i].Name] = &o.Live.Jobs[i]
	}
	files := make(map[string]*File, len(o.Live.Files))
	for i := range o.Live.Files {
		files[o.Live.Files[i].Name] = &o.Live.Files[i]
	}
	m.known = knownJobs(x.r) // the config's import blocks claim as well, and are no proof
	list := make([]Evidence, len(claims))
	for i, c := range claims {
		b := x.want[c.Address]
		switch {
		case b == nil:
			list[i] = contradicted("the config has no %s", c.Address)
		case c.IsJob():
			list[i] = m.judgeJob(b, c.ID, jobs[c.ID])
		default:
			list[i] = m.judgeFile(b, files[c.ID])
		}
	}
	return list
}

func contradicted(format string, args ...any) Evidence {
	return Evidence{ClaimContradicted, fmt.Sprintf(format, args...)}
}

// judgeJob says whether a job may be taken for a batch, and what proves it.
func (m *matcher) judgeJob(b *Batch, id string, j *Job) Evidence {
	rec := m.record(b.Address)
	switch {
	case rec.hasJob(id) && m.known[id]:
		return Evidence{ClaimRecorded, "the state records it for this batch"}
	case rec.hasJob(id):
		return contradicted("it was adopted before, and its answers have other keys than the source")
	case m.known[id]:
		return contradicted("the state records it for another batch")
	case j == nil:
		return Evidence{ClaimGone, "the service does not have this job"}
	}
	if e := m.contradictedJob(b, j); e.Why != "" {
		return e
	}
	for i := range m.recordAttempts(rec) {
		a := &rec.Attempts[i]
		if a.Outcome == OutcomeIntent || a.active() || JobState(a.State) == JobSucceeded && !a.Wrong && !a.Gone && !a.OutputGone {
			return contradicted("the batch has a job of its own (attempt %d)", a.Number)
		}
	}
	return m.proofOf(b, j)
}

// contradictedJob compares what the service tells of a job with the batch.
func (m *matcher) contradictedJob(b *Batch, j *Job) Evidence {
	sha := m.fileSHA[j.InputFile]
	owner, told := m.live.Owners[j.Name]
	switch {
	case j.Model != b.Model:
		return contradicted("it was made with %s, and the batch wants %s", j.Model, b.Model)
	case j.Stats.Requests != 0 && b.Source.Rows != 0 && j.Stats.Requests != int64(b.Source.Rows):
		return contradicted("it has %d rows, and the source has %d", j.Stats.Requests, b.Source.Rows)
	case sha != "" && b.Source.SHA256 != "" && sha != b.Source.SHA256:
		return contradicted("its input %s holds other bytes than the source", j.InputFile)
	case told && !owner.may(b.Address):
		if a, one := owner.only(); one {
			return contradicted("its answers are to %s", a)
		}
		return contradicted("its answers have other keys than the source")
	}
	return Evidence{}
}

// proofOf says what bears out that a job, which nothing contradicts, is the
// batch's.
func (m *matcher) proofOf(b *Batch, j *Job) Evidence {
	sha := b.Source.SHA256
	upload, named := ParseUploadName(j.InputFile)
	label, labelled := ParseToken(j.DisplayName)
	owner, told := m.live.Owners[j.Name]
	switch a, one := owner.only(); {
	case sha != "" && m.fileSHA[j.InputFile] == sha:
		return Evidence{ClaimVerified, "its input holds the source's bytes"}
	case named && len(sha) == 64 && upload.Content == sha[:24]:
		return Evidence{ClaimVerified, "its input is named after the source's bytes"}
	case labelled && label.Number == b.Address.Number && ContentSum(b.Address, sha, b.Model) == label.Sum:
		return Evidence{ClaimVerified, "its label names this batch and its content"}
	case told && one && a == b.Address:
		return Evidence{ClaimVerified, "its answers have the keys of this source, and of no other"}
	case told:
		return Evidence{ClaimUnverified, "its answers have the keys of this source, and of others too"}
	case j.Stats.Requests == 0:
		return Evidence{ClaimUnverified, "the model is the same; its rows and its input are not told"}
	case j.Active():
		return Evidence{ClaimUnverified, "model and number of rows are the same; its input is gone, and it has no answers yet"}
	}
	return Evidence{ClaimUnverified, "model and number of rows are the same; its input is gone"}
}

// judgeFile says whether an upload may be taken for a batch.
func (m *matcher) judgeFile(b *Batch, f *File) Evidence {
	rec := m.record(b.Address)
	switch {
	case rec.Accepted() > 0:
		return Evidence{ClaimRecorded, "a job was bought already, so no upload is needed"}
	case f == nil:
		return Evidence{ClaimGone, "the service does not have this file; uploads live 48 h"}
	case rec.usedFile(f.Name):
		return Evidence{ClaimRecorded, "the state records it for this batch"}
	case f.SHA256 != b.Source.SHA256 || f.Bytes != b.Source.Bytes:
		return contradicted("it holds other bytes than the source")
	}
	return Evidence{ClaimVerified, "it holds the source's bytes"}
}
