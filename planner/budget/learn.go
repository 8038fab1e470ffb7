package budget

import (
	"maps"
	"slices"
	"time"
)

// fail learns from a refusal that names nothing: it belongs to the rhythm, or a
// ceiling may explain it, or nothing does. A pause follows unless the reason is
// well known.
func (p *Creates) fail(b *booking, r *Refusal) {
	m := p.know.Models[b.create.Model]
	if m.Pause.Strikes > 0 && !b.sentAt.After(m.Pause.At) {
		return // on its way when the last one came: the same refusal
	}
	p.know.spend(r.now)
	// The first job of all exceeds no limit on jobs.
	jobs := b.at.jobs > max(p.know.Jobs.Good, 1)
	tokens := b.at.tokens > 0 && !m.Tokens.safe(b.at.tokens, tokenSlack)
	reached := p.know.Jobs.reached(b.at.jobs, 0) || m.Tokens.reached(b.at.tokens, tokenSlack)
	if m.Rhythm.expects() && (!jobs && !tokens || m.Rhythm.due(reached)) {
		m.Rhythm.refused(r.now)
	} else {
		p.blame(b, &m, r, jobs, tokens)
	}
	p.change(b.create.Model, func(was *Model) { *was = m })
}

// spend counts a refusal against those that are allowed.
func (k *Knowledge) spend(now time.Time) {
	if k.Due.Before(now) {
		k.Due = now
	}
	k.Due = k.Due.Add(refusalEvery)
}

// blame counts a refusal for the ceilings that may explain it, and pauses.
func (p *Creates) blame(b *booking, m *Model, r *Refusal, jobs, tokens bool) {
	at, model := b.at, b.create.Model
	if jobs && tokens {
		// Where one of them is proven and was reached, it is that one.
		j := p.know.Jobs.proven() && p.know.Jobs.reached(at.jobs, 0)
		t := m.Tokens.proven() && m.Tokens.reached(at.tokens, 0)
		jobs, tokens = j || !t, t || !j
	}
	settled := false
	if jobs {
		settled = p.know.Jobs.settled()
		p.know.Jobs.refused(at.jobs, r.now, model, !tokens, p.recheck(&p.know.Jobs, r.now))
	}
	if tokens {
		settled = settled || m.Tokens.settled() && at.tokens > m.Tokens.Good
		m.Tokens.refused(at.tokens, r.now, model, !jobs, p.recheck(&m.Tokens, r.now))
	}
	m.Pause.strike(r, at)
	m.Pause.Trials = settled
	strikes := m.Pause.Strikes
	if settled {
		strikes = 1
	}
	m.Pause.Until = r.now.Add(jittered(Cooldown(p.set.Cooldown, strikes, r.Delay), p.set.Seed, r.now))
}

// recheck is how long a ceiling is believed before it is tried again.
func (p *Creates) recheck(c *Ceiling, now time.Time) time.Duration {
	return jittered(doubled(p.set.Cooldown, c.Hits+1, max(maxRecheck, p.set.Cooldown)), p.set.Seed, now)
}

// Fresh is what was accepted since the last look. A job may have ended unseen
// before that, so that less was active than it seemed: the next look tells.
type Fresh struct {
	// Jobs and Tokens are the most that was active after a create, To is when the
	// service accepted it, and From the newest end that was known then.
	Jobs   int64     `json:"jobs,omitempty"`
	Tokens int64     `json:"tokens,omitempty"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	// Cycle is when the create was accepted that ended a row of refusals.
	Cycle time.Time `json:"cycle,omitzero"`
}

// succeed notes an accepted create. What it teaches is settled by the next look.
func (p *Creates) succeed(now time.Time, model string, created time.Time) {
	m := p.know.Models[model]
	at := p.ledger.bought(model)
	if at.jobs >= m.Fresh.Jobs || at.tokens >= m.Fresh.Tokens {
		m.Fresh.Jobs, m.Fresh.Tokens = max(at.jobs, m.Fresh.Jobs), max(at.tokens, m.Fresh.Tokens)
		m.Fresh.From, m.Fresh.To = p.freed, created
	}
	ended := m.Pause.Strikes > 0
	if ended {
		p.judge(now, model, at, &m)
		m.Fresh.Cycle = created
	}
	m.Rhythm.accepted(now, at, ended)
	m.Pause.succeed()
	if m.Rhythm.Known {
		m.Pause.Grown = 0 // the rhythm says how many may go
	}
	delete(p.know.Named, Refusals)
	delete(p.know.Named, ofModel(model))
	p.change(model, func(was *Model) { *was = m })
}

// confirm learns from what was accepted since the last look, now that it is known
// which jobs had ended by then.
func (p *Creates) confirm(now time.Time, ends []time.Time) {
	for _, model := range slices.Sorted(maps.Keys(p.know.Models)) {
		m := p.know.Models[model]
		f := m.Fresh
		if f == (Fresh{}) {
			continue
		}
		unseen := between(ends, f.From, f.To)
		p.know.Jobs.accepted(f.Jobs - unseen)
		if unseen == 0 {
			m.Tokens.accepted(f.Tokens)
		}
		if n := len(m.Rhythm.Cycles); n > 0 && !f.Cycle.IsZero() {
			last := &m.Rhythm.Cycles[n-1]
			last.Cured = last.Cured && between(ends, f.From, f.Cycle) == 0
			if m.Rhythm.recognise(now) {
				// What refusals seemed to tell of ceilings they did not.
				p.know.Jobs, m.Tokens = Ceiling{Good: p.know.Jobs.Good}, Ceiling{Good: m.Tokens.Good}
			}
		}
		m.Fresh = Fresh{}
		p.change(model, func(was *Model) { *was = m })
	}
}

// between counts the times after one and up to another.
func between(times []time.Time, from, to time.Time) (n int64) {
	for _, t := range times {
		if t.After(from) && !t.After(to) {
			n++
		}
	}
	return n
}

// judge compares what ended a row of refusals with the last of them.
func (p *Creates) judge(now time.Time, model string, at level, m *Model) {
	last := &m.Pause
	finished := p.freed.After(last.Date)
	asMuch := at.jobs >= last.Jobs && at.tokens >= last.Tokens
	m.Rhythm.ended(Cycle{
		Run: m.Rhythm.Run, Refused: last.At.Sub(m.Rhythm.Run.Last), Waited: now.Sub(m.Rhythm.Run.Last),
		BadJobs: last.Jobs, BadTokens: last.Tokens, Cured: asMuch && !finished,
	})
	switch {
	case asMuch:
		last.Lower = 0
	case finished && last.Jobs <= p.know.Jobs.Good && last.Tokens <= m.Tokens.Good:
		// As much as was refused had been accepted before, and less is now.
		if last.Lower++; last.Lower >= lowered {
			last.Lower = 0
			p.lower(now, model, at, m)
		}
	}
}

// lower begins ceilings anew that used to be higher.
func (p *Creates) lower(now time.Time, model string, at level, m *Model) {
	last := &m.Pause
	if at.jobs < last.Jobs {
		p.know.Jobs = Ceiling{Good: at.jobs}
		p.know.Jobs.refused(last.Jobs, now, model, false, p.recheck(&p.know.Jobs, now))
	}
	if float64(at.tokens) < float64(last.Tokens)*(1-tokenSlack) {
		m.Tokens = Ceiling{Good: at.tokens}
		m.Tokens.refused(last.Tokens, now, model, false, p.recheck(&m.Tokens, now))
	}
}
