package budget

import "time"

// Ceiling is what refusals and successes tell of a limit on what is active: on
// jobs, or on the tokens of a model. The limit itself is told by nobody.
type Ceiling struct {
	// Good is the most that was active after a create that was accepted.
	Good int64 `json:"good,omitempty"`
	// Bad is the least that would have been active after one that was refused, of
	// those that this ceiling may explain; 0 when there is none.
	Bad int64 `json:"bad,omitempty"`
	// Hits counts those refusals, Sole those among them that nothing else
	// explains.
	Hits int `json:"hits,omitempty"`
	Sole int `json:"sole,omitempty"`
	// By is the model whose creates they were, Several that other models' were
	// among them.
	By      string `json:"by,omitempty"`
	Several bool   `json:"several,omitempty"`
	// At is when the last of them came. At Next, Bad is tried again: the limit
	// may have been raised, or what held it may have been released.
	At   time.Time `json:"at,omitzero"`
	Next time.Time `json:"next,omitzero"`
}

// maxRecheck is the longest time between two tries beyond a known ceiling. Two
// refusals a day find out within half a day that a tier has changed.
const maxRecheck = 12 * time.Hour

// settledHits is how many refusals make a ceiling known well enough that
// another one is no reason to pause.
const settledHits = 3

// room is what a ceiling says of a create.
type room int

const (
	roomFree   room = iota // as much was accepted before, or nothing is known
	roomTrial              // may be tried, alone
	roomClosed             // would be refused
)

// tokenSlack is how far two sums of estimates may be apart and still mean the
// same to the service.
const tokenSlack = 0.04

// narrow is the gap between what was accepted and what was refused, as a share,
// that is not worth another refusal.
const narrow = 0.02

// safe reports whether a level is so well below what was accepted that this
// ceiling cannot be the reason for a refusal there.
func (c *Ceiling) safe(level int64, slack float64) bool {
	return float64(level) <= float64(c.Good)*(1-slack)
}

// room judges a level. other tells that every other ceiling is safe there: an
// unproven one is put to the test then, since its refusals may have had another
// reason.
func (c *Ceiling) room(level int64, now time.Time, other bool, slack float64) room {
	switch {
	case c.Bad == 0:
		return roomFree
	case level < c.Bad && level <= c.Good:
		return roomFree
	case level < c.Bad:
		if slack > 0 && float64(c.Bad-c.Good) <= narrow*float64(c.Bad) {
			return roomClosed
		}
		return roomTrial
	case c.Sole == 0 && other:
		return roomTrial
	case now.Before(c.Next):
		return roomClosed
	case level <= c.Bad+c.Bad/4 || now.Sub(c.Next) >= c.Next.Sub(c.At):
		return roomTrial
	}
	return roomClosed
}

// refused notes a refusal at a level. One soon after another, before Bad was to
// be tried again, tells more of where the ceiling is, and nothing more of whether
// there is one, unless it is the first that nothing else explains.
func (c *Ceiling) refused(level int64, now time.Time, model string, sole bool, pause time.Duration) {
	if c.Bad == 0 || level < c.Bad {
		c.Bad = level
	}
	if c.Good >= c.Bad {
		c.Good = c.Bad - max(1, c.Bad/100)
	}
	if c.By == "" {
		c.By = model
	}
	c.Several = c.Several || c.By != model
	if now.Before(c.Next) && (!sole || c.Sole > 0) {
		return
	}
	if c.Hits++; sole {
		c.Sole++
	}
	c.At, c.Next = now, now.Add(pause)
}

// accepted notes a success at a level. One beyond what was refused refutes what
// was thought of the ceiling.
func (c *Ceiling) accepted(level int64) {
	c.Good = max(c.Good, level)
	if c.Bad > 0 && level >= c.Bad {
		// Half of what is known of it stays: the next refusal is close.
		*c = Ceiling{Good: c.Good, Hits: c.Hits / 2, Sole: c.Sole / 2}
	}
}

// limit is how much is known to be accepted, 0 where nothing was refused.
func (c *Ceiling) limit() int64 {
	if c.Bad == 0 {
		return 0
	}
	return max(c.Good, 1)
}

// seen is limit with what was accepted since the last look, as far as that seems
// to have been active.
func (c *Ceiling) seen(fresh int64) int64 {
	if c.Bad == 0 {
		return 0
	}
	return max(c.limit(), min(fresh, c.Bad-1))
}

// proven reports whether it is there and has explained a refusal that nothing
// else does.
func (c *Ceiling) proven() bool { return c.Sole > 0 && c.Bad > 0 }

// reached reports whether a level was refused before.
func (c *Ceiling) reached(level int64, slack float64) bool {
	return c.Bad > 0 && float64(level) >= float64(c.Bad)*(1-slack)
}

// settled reports whether refusals at this ceiling are known for what they are.
func (c *Ceiling) settled() bool { return c.proven() && c.Hits >= settledHits }

// Confidence is how sure it is that this ceiling is there, from 0 to 1: refusals
// that nothing else explains count, others only to a half.
func (c Ceiling) Confidence() float64 {
	switch {
	case c.Bad == 0:
		return 0
	case c.Sole > 0:
		return float64(c.Sole+1) / float64(c.Sole+2)
	}
	return 0.5 * float64(c.Hits) / float64(c.Hits+1)
}
