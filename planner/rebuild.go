package planner

import (
	"slices"
	"strings"
	"time"
)

// Stranger is another state, as its labels show it: the six digits of its
// lineage, and what it made for batches of this config.
type Stranger struct {
	Lineage     string
	Jobs        int
	Uploads     int       // for which it made no job that is listed
	Batches     []Address // sorted
	First, Last time.Time // when the first and the last of the jobs was made; service time
}

// Strangers lists the other states, sorted by lineage, whose labels name batches
// of this config by number, content and model. After the own state was lost,
// its former self is one of them.
func Strangers(d *Desired, o *Observed) []Stranger {
	x, m := survey(d, o)
	if x.otherProject {
		return nil
	}
	found := map[string]*Stranger{}
	of := func(lineage string) *Stranger {
		if found[lineage] == nil {
			found[lineage] = &Stranger{Lineage: lineage}
		}
		return found[lineage]
	}
	inputs := map[string]bool{}
	for i := range o.Live.Jobs {
		j := &o.Live.Jobs[i]
		tok, ok := ParseToken(j.DisplayName)
		if !ok || x.r.Owns(tok.Lineage) {
			continue
		}
		inputs[j.InputFile] = true
		if b := m.named(tok, j); b != nil {
			of(tok.Lineage).made(j, b.Address)
		}
	}
	for i := range o.Live.Files {
		f := &o.Live.Files[i]
		p, ok := ParseUploadName(f.Name)
		if !ok || x.r.Owns(p.Lineage) || inputs[f.Name] {
			continue
		}
		if b := m.uploadedFor(f.SHA256); b != nil {
			s := of(p.Lineage)
			s.Uploads++
			s.Batches = append(s.Batches, b.Address)
		}
	}
	list := make([]Stranger, 0, len(found))
	for _, s := range found {
		slices.SortFunc(s.Batches, Address.Compare)
		s.Batches = slices.Compact(s.Batches)
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Stranger) int { return strings.Compare(a.Lineage, b.Lineage) })
	return list
}

// made notes a job.
func (s *Stranger) made(j *Job, a Address) {
	s.Jobs++
	s.Batches = append(s.Batches, a)
	if s.First.IsZero() || j.Created.Before(s.First) {
		s.First = j.Created
	}
	if j.Created.After(s.Last) {
		s.Last = j.Created
	}
}

// uploadedFor gives a batch for which those bytes may be bought: its source, or
// the rows that it leaves open.
func (m *matcher) uploadedFor(sha string) *Batch {
	for _, b := range m.byContent[sha] {
		return b
	}
	for i := range m.d.Batches {
		if b := &m.d.Batches[i]; sha != "" {
			if rest := m.record(b.Address).rest(b); rest != nil && rest.SHA256 == sha {
				return b
			}
		}
	}
	return nil
}

// named gives the batch of the config that a label names, by what the config
// wants now or by what the job was made from.
func (m *matcher) named(tok Token, j *Job) *Batch {
	for _, b := range m.byNumber[tok.Number] {
		shas := []string{b.Source.SHA256, m.fileSHA[j.InputFile]}
		if rest := m.record(b.Address).rest(b); rest != nil {
			shas = append(shas, rest.SHA256)
		}
		for _, sha := range shas {
			if sha != "" && (ContentSum(b.Address, sha, b.Model) == tok.Sum || ContentSum(b.Address, sha, j.Model) == tok.Sum) {
				return b
			}
		}
	}
	return nil
}
