package budget

import (
	"maps"
	"slices"
)

// Limit is one that creates are held to.
type Limit struct {
	Budget string
	Model  string // where it is a model's
	// Most is how much it allows: jobs, tokens, creates in a row or in a minute.
	Most int64
	// Learned tells that refusals have taught it, Confidence how sure it is then,
	// from 0 to 1; a declared one is sure.
	Learned    bool
	Confidence float64
}

// Limits are the limits that are declared or were learned, those of jobs first
// and then by model. Where both are known the lower one counts.
func (p *Creates) Limits() []Limit {
	models := slices.Collect(maps.Keys(p.know.Models))
	for model := range p.set.Limits.TokensByModel {
		models = append(models, model)
	}
	slices.Sort(models)
	list := []Limit{p.limit(ActiveJobs, ""), p.limit(CreatesPerMinute, "")}
	for _, model := range slices.Compact(models) {
		list = append(list, p.limit(EnqueuedTokens, model), p.limit(Refusals, model))
	}
	return slices.DeleteFunc(list, func(l Limit) bool { return l.Most == 0 })
}

// limit describes the limit of a budget; Most is 0 where there is none.
func (p *Creates) limit(budget, model string) Limit {
	l := Limit{Budget: budget, Model: model, Confidence: 1}
	m := p.know.Models[model]
	learned := func(c *Ceiling) {
		if most := c.limit(); most > 0 && lower(l.Most, most) != l.Most {
			l.Most, l.Learned, l.Confidence = most, true, c.Confidence()
		}
	}
	switch budget {
	case ActiveJobs:
		l.Most, l.Model = int64(p.set.Limits.MaxActiveJobs), ""
		learned(&p.know.Jobs)
	case EnqueuedTokens:
		l.Most = p.set.Limits.EnqueuedTokens(model)
		learned(&m.Tokens)
	case CreatesPerMinute:
		l.Most, l.Model = int64(p.set.Limits.CreatesPerMinute), ""
	case Refusals:
		if m.Rhythm.Known {
			l.Most, l.Learned = int64(m.Rhythm.Burst), true
			l.Confidence = m.Rhythm.confidence()
		}
	}
	if l.Most == 0 {
		return Limit{}
	}
	return l
}
