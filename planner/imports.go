package planner

import (
	"fmt"
	"strings"
)

// CodeImport marks problems with import blocks; they are errors of the config,
// and nothing is done while there are any.
const CodeImport = "import"

// PendingImports lists the jobs and files that import blocks name and that no
// record has yet: the service has to be asked for them.
func PendingImports(d *Desired, r *Recorded) (jobs, files []string) {
	known := knownJobs(r)
	for i := range d.Batches {
		b := &d.Batches[i]
		for _, id := range b.Imports {
			switch {
			case strings.HasPrefix(id, "batches/"):
				if !known[id] {
					jobs = append(jobs, id)
				}
			case !r.Batches[b.Address].usedFile(id):
				files = append(files, id)
			}
		}
	}
	return jobs, files
}

// usedFile reports whether the record names the file as its input.
func (r *Record) usedFile(name string) bool {
	if r == nil {
		return false
	}
	if r.Upload != nil && r.Upload.File == name {
		return true
	}
	for i := range r.Attempts {
		if r.Attempts[i].File == name {
			return true
		}
	}
	return false
}

// imports takes what import blocks name as their batches' own, where nothing
// that is known contradicts it. Jobs and files taken here are not looked at
// again.
func (m *matcher) imports() {
	jobs := make(map[string]*Job, len(m.live.Jobs))
	for i := range m.live.Jobs {
		jobs[m.live.Jobs[i].Name] = &m.live.Jobs[i]
	}
	files := make(map[string]*File, len(m.live.Files))
	for i := range m.live.Files {
		files[m.live.Files[i].Name] = &m.live.Files[i]
	}
	for i := range m.d.Batches {
		b := &m.d.Batches[i]
		for _, id := range b.Imports {
			var wrong string
			if strings.HasPrefix(id, "batches/") {
				wrong = m.importJob(b, id, jobs[id])
			} else if m.live.FilesListed && !m.record(b.Address).usedFile(id) {
				wrong = m.importFile(b, files[id])
			}
			if wrong != "" {
				a := b.Address
				m.out.problems = append(m.out.problems, Problem{Severity: SeverityError, Code: CodeImport, Address: &a, Job: id,
					Summary: fmt.Sprintf("cannot import %s: %s; correct or remove the import block", id, wrong)})
			}
		}
	}
}

// importJob takes a job, or says what is wrong with that.
func (m *matcher) importJob(b *Batch, id string, j *Job) (wrong string) {
	rec := m.record(b.Address)
	if m.known[id] {
		for i := range m.recordAttempts(rec) {
			if rec.Attempts[i].Job == id {
				return "" // done in an earlier run
			}
		}
		return "the state records it for another batch"
	}
	if j == nil {
		return "the service does not have this job"
	}
	m.known[id] = true // from here on it is explained
	sha := m.fileSHA[j.InputFile]
	switch {
	case j.Model != b.Model:
		return fmt.Sprintf("it was made with %s, and the batch wants %s", j.Model, b.Model)
	case j.Stats.Requests != 0 && b.Source.Rows != 0 && j.Stats.Requests != int64(b.Source.Rows):
		return fmt.Sprintf("it has %d rows, and the source has %d", j.Stats.Requests, b.Source.Rows)
	case sha != "" && b.Source.SHA256 != "" && sha != b.Source.SHA256:
		return fmt.Sprintf("its input %s holds other bytes than the source", j.InputFile)
	}
	for i := range m.recordAttempts(rec) {
		a := &rec.Attempts[i]
		if a.Outcome == OutcomeIntent || a.Outcome == OutcomeBought && (a.Ended.IsZero() || JobState(a.State) == JobSucceeded && !a.Wrong && !a.Gone && !a.OutputGone) {
			return "the batch has a job of its own (attempt " + fmt.Sprint(a.Number) + ")"
		}
	}
	m.out.adopt[b.Address] = append(m.out.adopt[b.Address], j)
	return ""
}

func (m *matcher) recordAttempts(rec *Record) []Attempt {
	if rec == nil {
		return nil
	}
	return rec.Attempts
}

// importFile takes an upload, or says what is wrong with that.
func (m *matcher) importFile(b *Batch, f *File) (wrong string) {
	switch {
	case m.record(b.Address).Accepted() > 0:
		return "" // nothing is to be uploaded for it any more
	case f == nil:
		return "the service does not have this file; uploads live 48 h"
	case f.SHA256 != b.Source.SHA256 || f.Bytes != b.Source.Bytes:
		return "it holds other bytes than the source"
	}
	return "" // it is found by its bytes, as every upload is
}

// AdoptOnly reduces the plan to its adoptions.
func (p *Plan) AdoptOnly() {
	kept := []Change{}
	for _, c := range p.Changes {
		if c.Has(ActionAdopt) {
			c.Actions = []Action{ActionAdopt}
			kept = append(kept, c)
		}
	}
	s := &p.Summary
	s.Upload, s.Create, s.Adopt, s.Download, s.Forget = 0, 0, len(kept), 0, 0
	p.Changes, p.Applyable, p.Complete, p.Estimate = kept, len(kept) > 0, false, Estimate{}
}
