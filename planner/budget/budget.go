// Package budget holds the arithmetic of limits: when the next call may go
// out, and how long to stay away after a refusal. It is pure: times come in as
// arguments, and nothing here waits.
//
// A declared limit a minute is spent evenly, one call at a time: a burst
// followed by silence would fit the letter of a limit and still be refused.
// A limit that is not declared is met as a refusal; each refusal in a row
// doubles the pause, and a success forgets them.
package budget

import "time"

// Pacer spaces calls evenly. Its zero value, and one made for 0 a minute, is
// unlimited. It is not safe for concurrent use.
type Pacer struct {
	interval time.Duration
	next     time.Time
}

// NewPacer spaces calls so that at most perMinute fall into any minute. last
// is when the previous call went out, zero when there was none.
func NewPacer(perMinute int, last time.Time) Pacer {
	if perMinute <= 0 {
		return Pacer{}
	}
	// Rounded up: spacing may only err on the slow side.
	interval := (time.Minute + time.Duration(perMinute) - 1) / time.Duration(perMinute)
	p := Pacer{interval: interval}
	if !last.IsZero() {
		p.next = last.Add(interval)
	}
	return p
}

// Take books the next call and says when it may go out: now, or later.
func (p *Pacer) Take(now time.Time) time.Time {
	if p.interval == 0 {
		return now
	}
	at := now
	if p.next.After(at) {
		at = p.next
	}
	p.next = at.Add(p.interval)
	return at
}

// MaxCooldown is the longest pause after a refusal. Creates were seen to
// recover after 15 to 20 minutes and to be refused for hours (discuss 115183,
// 112624), so a longer pause would only waste what is free.
const MaxCooldown = time.Hour

// Cooldown is the pause after the strikes-th refusal in a row: the first one
// doubled each time, never more than MaxCooldown, and never less than the
// service's own hint within the same bound.
func Cooldown(first time.Duration, strikes int, hint time.Duration) time.Duration {
	pause := first
	for i := 1; i < strikes && pause < MaxCooldown; i++ {
		pause *= 2
	}
	return min(max(pause, hint), max(first, MaxCooldown))
}
