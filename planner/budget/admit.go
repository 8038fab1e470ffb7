package budget

import "time"

// decide goes through what may stand against a create: what is declared, what
// the service has named, and what was learned, in this order.
func (p *Creates) decide(now time.Time, c *Create) Decision {
	if p.ledger.seen == nil {
		return Decision{Cause: CauseLook, Budget: Refusals}
	}
	jobs, load := p.ledger.with(c)
	if d := p.declared(c, jobs, &load); !d.Admit() {
		return d
	}
	if d := p.named(now, c); !d.Admit() {
		return d
	}
	m := p.know.Models[c.Model]
	return p.learned(now, c, &m, level{jobs: int64(jobs), tokens: load.Tokens})
}

// declared keeps the limits that a person set. jobs and load count the create.
func (p *Creates) declared(c *Create, jobs int, load *Load) Decision {
	if limit := p.set.Limits.MaxActiveJobs; limit > 0 && jobs > limit {
		return Decision{Cause: CauseDeclared, Budget: ActiveJobs, Used: int64(jobs) - 1, Limit: int64(limit), Wanted: 1}
	}
	if d := p.TooLarge(c); !d.Admit() {
		return d
	}
	limit := p.set.Limits.EnqueuedTokens(c.Model)
	if limit <= 0 {
		return Decision{}
	}
	d := Decision{Budget: EnqueuedTokens, Model: c.Model, Limit: limit, Wanted: c.Tokens.Upper()}
	switch upper := load.Upper(); {
	case upper <= limit, load.Jobs == 1 && load.Tokens <= limit:
		// A job whose margin alone is too much goes alone, by its estimate: no
		// finished job could make room for it.
		return Decision{}
	default:
		d.Cause, d.Used = CauseDeclared, max(upper-d.Wanted, 0)
	}
	return d
}

// learned keeps away from what would be refused.
func (p *Creates) learned(now time.Time, c *Create, m *Model, at level) Decision {
	d := Decision{Budget: Refusals, Model: c.Model, Message: m.Pause.Reason}
	if p.alone != "" && p.alone != c.ID {
		d.Cause = CauseProbe
		return d
	}
	if until := exhausted(p.know.Due); until.After(now) {
		d.Cause, d.Until = CauseTooMany, until
		return d
	}
	paused := m.Pause.stands(now, p.freed, m.Rhythm.Known)
	if paused && !m.Pause.Trials {
		d.Cause, d.Used, d.Until, d.Early = CauseRefused, m.Pause.Jobs, m.Pause.Until, !m.Rhythm.Known
		return d
	}
	soonest, trial := m.Rhythm.ready(now)
	if soonest.After(now) {
		d.Cause, d.Until, d.Limit, d.Learned = CauseRhythm, soonest, int64(m.Rhythm.Burst), true
		return d
	}
	if m.Pause.Grown > 0 && p.grow[c.Model] <= 0 && p.ledger.booked[c.ID] == nil {
		d.Cause, d.Until = CauseGrowth, p.looked.Add(growStep)
		return d
	}
	jobs, tokens := p.rooms(now, c.Model, m, at)
	switch {
	case jobs == roomClosed:
		return p.closed(now, ActiveJobs, "", at.jobs, 1, &p.know.Jobs)
	case tokens == roomClosed:
		return p.closed(now, EnqueuedTokens, c.Model, at.tokens, c.Tokens.Tokens, &m.Tokens)
	case jobs == roomTrial || tokens == roomTrial:
		if paused {
			d.Cause, d.Used, d.Until, d.Early = CauseRefused, m.Pause.Jobs, m.Pause.Until, !m.Rhythm.Known
			return d
		}
		trial = true
	}
	trial = trial || m.Pause.Grown > 0 || m.Pause.Strikes > 0 && !m.Pause.Trials
	if trial && p.alone != c.ID && p.ledger.pending > 0 {
		d.Cause = CauseProbe
		return d
	}
	return Decision{Trial: trial}
}

// rooms judges a level by both ceilings. One that is unproven does not stand
// where another one is proven: that one explains the refusals of both. And jobs
// that were refused to one model only may be accepted from another one.
func (p *Creates) rooms(now time.Time, model string, m *Model, at level) (jobs, tokens room) {
	j, t := &p.know.Jobs, &m.Tokens
	elsewhere := j.By != model && !j.Several
	jobs = j.room(at.jobs, now, elsewhere || t.safe(at.tokens, tokenSlack), 0)
	tokens = t.room(at.tokens, now, j.safe(at.jobs, 0), tokenSlack)
	if jobs == roomClosed && !j.proven() && t.proven() {
		jobs = roomTrial
	}
	if tokens == roomClosed && !t.proven() && j.proven() {
		tokens = roomTrial
	}
	return jobs, tokens
}

// closed is the decision where a ceiling stands against a create. model is ""
// for that of jobs.
func (p *Creates) closed(now time.Time, budget, model string, level, wanted int64, at *Ceiling) Decision {
	d := Decision{Cause: CauseLearned, Budget: budget, Model: model, Used: level - wanted, Limit: at.limit(), Wanted: wanted, Learned: true}
	if p.ledger.active(model) == 0 {
		// Nothing will finish. Only a try can tell.
		if d.Until = at.Next; !d.Until.After(now) {
			d.Until = at.Next.Add(at.Next.Sub(at.At))
		}
	}
	return d
}
