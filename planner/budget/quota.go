package budget

import (
	"strings"
	"time"
)

// Refusal is a 429 in the service's own words.
type Refusal struct {
	// Quotas are the quota ids that it names, usually none.
	Quotas []string
	// Delay is the service's hint, 0 when it gave none. It is only a hint: it was
	// seen to be 2^63-1 s, and short where the quota was for the day.
	Delay time.Duration
	// Date is the service's time, zero when it told none.
	Date    time.Time
	Message string

	now time.Time
}

// at completes a refusal that came now.
func (r *Refusal) at(now time.Time) {
	r.now, r.Date = wall(now), wall(r.Date)
	if r.Date.IsZero() {
		r.Date = r.now
	}
}

// quota is what a quota id tells.
type quota int

const (
	quotaUnnamed quota = iota
	quotaPerMinute
	quotaPerDay
	quotaStorage
	quotaJobs
	quotaTokens
)

// quotaOf reads a quota id. No id for enqueued tokens or active jobs is known;
// the last two rows are for the day that the service gives them one.
func quotaOf(id string) quota {
	id = strings.ToLower(id)
	for _, row := range []struct {
		part string
		is   quota
	}{
		{"filestorage", quotaStorage}, {"perminute", quotaPerMinute}, {"perday", quotaPerDay},
		{"enqueuedtoken", quotaTokens}, {"concurrentbatch", quotaJobs}, {"activebatch", quotaJobs},
	} {
		if strings.Contains(id, row.part) {
			return row.is
		}
	}
	return quotaUnnamed
}

// Named is a pause for a quota that the service named.
type Named struct {
	Until   time.Time `json:"until,omitzero"`
	Strikes int       `json:"strikes,omitempty"`
	Quota   string    `json:"quota,omitempty"`
}

// ofModel is the name of a pause that is one model's.
func ofModel(model string) string { return Refusals + " " + model }

// maxMinutePause bounds the hint for a quota that is a minute's.
const maxMinutePause = 10 * time.Minute

// until is when a named quota may have room again.
func (q quota) until(now time.Time, strikes int, first time.Duration, hint time.Duration) time.Time {
	switch q {
	case quotaPerMinute:
		return now.Add(min(max(doubled(time.Minute, strikes, maxMinutePause), hint), maxMinutePause))
	case quotaPerDay:
		return pacificMidnight(now)
	}
	return now.Add(Cooldown(first, strikes, hint))
}

// obey obeys the quotas that a refusal names, each for what it concerns. It
// reports whether it named one that is understood.
func (p *Creates) obey(b *booking, r *Refusal) (understood bool) {
	m := p.know.Models[b.create.Model]
	for _, id := range r.Quotas {
		q := quotaOf(id)
		switch q {
		case quotaUnnamed:
			continue
		case quotaStorage:
			p.strike(FileStorage, q, id, r)
		case quotaJobs:
			p.know.spend(r.now)
			p.know.Jobs.refused(b.at.jobs, r.now, b.create.Model, true, p.recheck(&p.know.Jobs, r.now))
		case quotaTokens:
			p.know.spend(r.now)
			m.Tokens.refused(b.at.tokens, r.now, b.create.Model, true, p.recheck(&m.Tokens, r.now))
			p.change(b.create.Model, func(was *Model) { *was = m })
		default:
			name := Refusals
			if strings.Contains(strings.ToLower(id), "permodel") {
				name = ofModel(b.create.Model)
			}
			p.strike(name, q, id, r)
		}
		understood = true
	}
	return understood
}

// sameMoment is how far apart the ends of two pauses may be that are told as one.
const sameMoment = time.Second

// strike makes a named pause, or makes it longer. What was on its way when it
// began counts as the same refusal, and a moment more is no news.
func (p *Creates) strike(name string, q quota, id string, r *Refusal) {
	n := p.know.Named[name]
	if !r.now.Before(n.Until) {
		n.Strikes++
	}
	if until := q.until(r.now, n.Strikes, p.set.Cooldown, r.Delay); until.Sub(n.Until) > sameMoment {
		n.Until, n.Quota = until, id
	}
	if p.know.Named == nil {
		p.know.Named = map[string]Named{}
	}
	p.know.Named[name] = n
}

// named keeps the pauses that a create is concerned by.
func (p *Creates) named(now time.Time, c *Create) Decision {
	if len(p.know.Named) == 0 {
		return Decision{}
	}
	d := Decision{Cause: CauseNamed, Budget: Refusals}
	n := p.know.Named[Refusals]
	if !now.Before(n.Until) {
		n, d.Model = p.know.Named[ofModel(c.Model)], c.Model
	}
	if !now.Before(n.Until) && c.Upload {
		n, d.Model, d.Budget = p.know.Named[FileStorage], "", FileStorage
	}
	if !now.Before(n.Until) {
		return Decision{}
	}
	d.Until, d.Message = n.Until, n.Quota
	return d
}

// pacificMidnight is the next midnight in California, when daily quotas begin
// anew. The rule of its summer time stands here, since not every machine has a
// database of time zones.
func pacificMidnight(now time.Time) time.Time {
	now = now.UTC()
	for day := -1; ; day++ {
		at := time.Date(now.Year(), now.Month(), now.Day()+day, 8, 0, 0, 0, time.UTC)
		if pacificSummer(at) {
			at = at.Add(-time.Hour)
		}
		if at.After(now) {
			return at
		}
	}
}

// pacificSummer reports whether California's clocks are an hour ahead at the
// midnight that begins the UTC day of at: from the day after the second Sunday
// of March to the first Sunday of November.
func pacificSummer(at time.Time) bool {
	begin := sunday(at.Year(), time.March, 2)
	end := sunday(at.Year(), time.November, 1)
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	return day.After(begin) && !day.After(end)
}

// sunday is the n-th Sunday of a month.
func sunday(year int, m time.Month, n int) time.Time {
	first := time.Date(year, m, 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, (7-int(first.Weekday()))%7+7*(n-1))
}
