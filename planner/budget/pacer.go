package budget

import "time"

// Pacer spaces calls evenly. Its zero value, and one made for 0 a minute, is
// unlimited. It is not safe for concurrent use.
type Pacer struct {
	interval time.Duration
	next     time.Time
	gone     time.Time // when the last call went out
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

// Go says whether a booked call may go out now, and counts it as gone; else when it
// may be asked for again. A call that was held up after its time came must not be
// followed more closely than others.
func (p *Pacer) Go(now time.Time) (at time.Time, ok bool) {
	if at = p.gone.Add(p.interval); p.interval > 0 && !p.gone.IsZero() && now.Before(at) && !now.Before(p.gone) {
		return at, false
	}
	p.gone = now
	return now, true
}

// slack is how much longer than a minute a minute's calls are spread over. The
// service counts calls when they arrive: one that is so much longer on its way than
// the one a minute later still falls into another minute.
const slack = 3 * time.Second

// spacing is the time between two calls of so many a minute, 0 for no limit.
// It is rounded up: spacing may only err on the slow side.
func spacing(perMinute int) time.Duration {
	if perMinute <= 0 {
		return 0
	}
	return (time.Minute + slack + time.Duration(perMinute) - 1) / time.Duration(perMinute)
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
