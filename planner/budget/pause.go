package budget

import "time"

// MaxCooldown is the longest pause after a refusal. Creates were seen to
// recover after 15 to 20 minutes and to be refused for hours (discuss 115183,
// 112624), so a longer pause would only waste what is free.
const MaxCooldown = time.Hour

// Cooldown is the pause after the strikes-th refusal in a row: the first one
// doubled each time, never more than MaxCooldown, and never less than the
// service's own hint within the same bound.
func Cooldown(first time.Duration, strikes int, hint time.Duration) time.Duration {
	return min(max(doubled(first, strikes, MaxCooldown), hint), max(first, MaxCooldown))
}

// doubled is the first length, doubled with each strike after the first until it
// reaches a limit.
func doubled(first time.Duration, strikes int, limit time.Duration) time.Duration {
	pause := first
	for i := 1; i < strikes && pause < limit; i++ {
		pause *= 2
	}
	return pause
}

// Pause is what follows a refusal of a model's creates: the last one, and how
// long to stay away.
type Pause struct {
	// Strikes counts the refusals in a row that no accepted create has ended.
	Strikes int `json:"strikes,omitempty"`
	// Until ends the pause. A job that finishes ends it early.
	Until time.Time `json:"until,omitzero"`
	// Trials is set when the pause concerns only creates beyond what was
	// accepted before: a ceiling that is known explains the refusal.
	Trials bool `json:"trials,omitempty"`
	// Date is the service's time of the last refusal, At is ours.
	Date time.Time `json:"date,omitzero"`
	At   time.Time `json:"at,omitzero"`
	// Jobs and Tokens are what was active with the refused create.
	Jobs   int64 `json:"jobs,omitempty"`
	Tokens int64 `json:"tokens,omitempty"`
	// Grown counts the creates accepted since, until they are enough to go on as
	// before; 0 when nothing is being grown.
	Grown int `json:"grown,omitempty"`
	// Lower counts pauses in a row that ended with less active than was refused,
	// although as much had been accepted before.
	Lower  int    `json:"lower,omitempty"`
	Reason string `json:"reason,omitempty"` // the service's words
}

const (
	// grownUp is how many creates accepted in a row after a refusal end the slow
	// growth; growStep is how long the next ones wait for when those that a look
	// allows are used up.
	grownUp  = 16
	growStep = time.Minute
	// lowered is how many pauses in a row make a ceiling count as lowered.
	lowered = 3
)

const (
	// However the service refuses, it is asked in vain this often at most: a
	// dozen times, and once in each interval. A dozen find out what the rule is.
	refusalEvery = 20 * time.Minute
	refusalBurst = 12
)

// exhausted says until when nothing is sent because too many creates were
// refused lately. due is when the refusals so far would all be due if they came
// evenly.
func exhausted(due time.Time) time.Time { return due.Add(-(refusalBurst - 1) * refusalEvery) }

// stands reports whether the pause still lasts. A job that has finished since the
// refusal ends it early, unless it is known that refusals end with time alone.
func (p *Pause) stands(now, freed time.Time, rhythm bool) bool {
	return p.Strikes > 0 && now.Before(p.Until) && (rhythm || !freed.After(p.Date))
}

// strike notes a refusal of a create that was sent after the one before it.
func (p *Pause) strike(r *Refusal, at level) {
	p.Strikes++
	p.Grown = 0
	p.At, p.Date = r.now, r.Date
	p.Jobs, p.Tokens = at.jobs, at.tokens
	p.Reason = r.Message
}

// succeed ends a row of refusals: the next creates are few, and more with each
// look.
func (p *Pause) succeed() {
	switch {
	case p.Strikes > 0:
		grown := 1
		if p.Trials {
			grown = 0 // what is known to be accepted needs no growing
		}
		*p = Pause{Lower: p.Lower, Grown: grown}
	case p.Grown > 0:
		p.Grown++
	}
	if p.Grown >= grownUp {
		p.Grown = 0
	}
}
