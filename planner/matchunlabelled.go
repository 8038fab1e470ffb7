package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

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
