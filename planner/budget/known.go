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
	learned := func(c *Ceiling, fresh int64) {
		if most := c.seen(fresh); most > 0 && lower(l.Most, most) != l.Most {
			l.Most, l.Learned, l.Confidence = most, true, c.Confidence()
		}
	}
	switch budget {
	case ActiveJobs:
		l.Most, l.Model = int64(p.set.Limits.MaxActiveJobs), ""
		learned(&p.know.Jobs, p.freshJobs())
	case EnqueuedTokens:
		l.Most = p.set.Limits.EnqueuedTokens(model)
		learned(&m.Tokens, m.Fresh.Tokens)
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

// freshJobs is the most that was active after a create since the last look.
func (p *Creates) freshJobs() (most int64) {
	for _, m := range p.know.Models {
		most = max(most, m.Fresh.Jobs)
	}
	return most
}

// explains tells by which of the learned ceilings a model's creates are expected to
// go on. One that is unproven does not stand where the other one is proven, as when
// creates are admitted. Where the same refusals made both and prove neither, jobs
// stand for both: they are counted, and tokens are estimates.
func (p *Creates) explains(model string) (jobs, tokens bool) {
	j, t := &p.know.Jobs, p.know.Models[model].Tokens
	if j.Bad == 0 || t.Bad == 0 || j.By != model && !j.Several {
		return j.Bad > 0, t.Bad > 0
	}
	return j.proven() || !t.proven(), t.proven()
}

// doubt is the limit that may be the reason in place of that on jobs; Most is 0
// where there is no doubt.
func (p *Creates) doubt(model string) Limit {
	if t := p.know.Models[model].Tokens; t.proven() || p.know.Jobs.proven() {
		return Limit{}
	}
	if l := p.limit(EnqueuedTokens, model); l.Learned && p.know.Jobs.Bad > 0 {
		return l
	}
	return Limit{}
}
