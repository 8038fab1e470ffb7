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
				if !known[id] && !r.Batches[b.Address].hasJob(id) {
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
	if m.record(b.Address).hasJob(id) {
		return "" // done in an earlier run
	}
	e := m.judgeJob(b, id, j)
	if j != nil {
		m.known[id] = true // from here on it is explained
	}
	if e.Verdict == ClaimGone || e.Verdict == ClaimContradicted {
		return e.Why
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

// importFile says what is wrong with taking an upload. One that fits is found by
// its bytes, as every upload is.
func (m *matcher) importFile(b *Batch, f *File) (wrong string) {
	if e := m.judgeFile(b, f); e.Verdict == ClaimGone || e.Verdict == ClaimContradicted {
		return e.Why
	}
	return ""
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
