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
	p := Pacer{interval: spacing(perMinute)}
	if p.interval > 0 && !last.IsZero() {
		p.next = last.Add(p.interval)
	}
	return p
}

// spacing is the time between two calls of so many a minute, 0 for no limit.
// It is rounded up: spacing may only err on the slow side.
func spacing(perMinute int) time.Duration {
	if perMinute <= 0 {
		return 0
	}
	return (time.Minute + time.Duration(perMinute) - 1) / time.Duration(perMinute)
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
