package budget

import (
	"maps"
	"slices"
	"time"
)

// Knowledge is what creates have taught, and what the service has counted when it
// was asked. It is small, lives in the state and is
// worth the same on another machine. Its zero value is a state that has met no
// limit yet.
type Knowledge struct {
	// Jobs is the ceiling of active jobs in the project.
	Jobs Ceiling `json:"jobs,omitzero"`
	// Models holds what concerns a model's creates alone.
	Models map[string]Model `json:"models,omitempty"`
	// Named are the pauses for quotas that the service named, by budget, with
	// the model behind a space where it is a model's.
	Named map[string]Named `json:"named,omitempty"`
	// Counted are the samples that the service has counted, by block and model.
	Counted map[string]map[string]Sample `json:"counted,omitempty"`
	// Due is when the refusals so far would all be due if they came evenly.
	Due time.Time `json:"due,omitzero"`
	// Sent is when the last create was sent.
	Sent time.Time `json:"sent,omitzero"`
}

// Model is what is known of one model's creates.
type Model struct {
	Fresh  Fresh   `json:"fresh,omitzero"`
	Tokens Ceiling `json:"tokens,omitzero"`
	Pause  Pause   `json:"pause,omitzero"`
	Rhythm Rhythm  `json:"rhythm,omitzero"`
}

// clone shares nothing with k.
func (k Knowledge) clone() Knowledge {
	k.Models, k.Named = maps.Clone(k.Models), maps.Clone(k.Named)
	k.Counted = cloneSamples(k.Counted)
	for name, m := range k.Models {
		m.Rhythm.Cycles = slices.Clone(m.Rhythm.Cycles)
		k.Models[name] = m
	}
	return k
}

// sane mends what a damaged or edited state may hold: what is impossible is
// forgotten. Counts are bounded, since they are doubled and multiplied.
func (k Knowledge) sane() Knowledge {
	k = k.clone()
	k.Jobs = k.Jobs.sane()
	k.Counted = saneSamples(k.Counted)
	for name, m := range k.Models {
		m.Tokens, m.Rhythm = m.Tokens.sane(), m.Rhythm.sane()
		m.Fresh.Jobs, m.Fresh.Tokens = min(max(m.Fresh.Jobs, 0), maxTokens), min(max(m.Fresh.Tokens, 0), maxTokens)
		m.Pause.Strikes, m.Pause.Grown = bounded(m.Pause.Strikes), bounded(m.Pause.Grown)
		m.Pause.Lower = bounded(m.Pause.Lower)
		k.Models[name] = m
	}
	for name, n := range k.Named {
		n.Strikes = bounded(n.Strikes)
		k.Named[name] = n
	}
	return k
}

func bounded(n int) int { return min(max(n, 0), 1<<20) }

func (c Ceiling) sane() Ceiling {
	c.Good, c.Bad = min(max(c.Good, 0), maxTokens), min(max(c.Bad, 0), maxTokens)
	c.Hits, c.Sole = bounded(c.Hits), bounded(c.Sole)
	if c.Bad > 0 && c.Good >= c.Bad {
		c.Good = c.Bad - 1
	}
	return c
}

func (r Rhythm) sane() Rhythm {
	if r.Window < 0 || r.Window > maxWindow || r.Low < 0 || r.High < 0 || r.Known && (r.Burst <= 0 || r.Burst > largeBurst || r.Window == 0) {
		return Rhythm{}
	}
	r.Run.Count, r.Burst = bounded(r.Run.Count), bounded(r.Burst)
	r.Tried, r.InVain = bounded(r.Tried), bounded(r.InVain)
	r.Cycles = slices.Clone(r.Cycles[max(0, len(r.Cycles)-keptCycles):])
	return r
}

// settle brings times that another clock may have written into reach of this
// one. What lies ahead counts as having happened now, what follows from it as much
// later as it would have there, and nothing further ahead than its rule allows.
func (k *Knowledge) settle(now time.Time, first time.Duration) {
	k.Sent = earlier(k.Sent, now)
	k.Due = earlier(k.Due, now.Add(refusalBurst*refusalEvery))
	recheck := withJitter(max(maxRecheck, first))
	shift(now, &k.Jobs.At, recheck, &k.Jobs.Next)
	for name, m := range k.Models {
		shift(now, &m.Tokens.At, recheck, &m.Tokens.Next)
		shift(now, &m.Pause.At, withJitter(max(first, MaxCooldown)), &m.Pause.Until)
		shift(now, &m.Rhythm.Run.Last, 2*maxWindow, &m.Rhythm.Next, &m.Rhythm.Larger)
		k.Models[name] = m
	}
	for name, n := range k.Named {
		n.Until = earlier(n.Until, now.Add(maxDay))
		k.Named[name] = n
	}
}

// shift moves a time that lies ahead to now, the times that follow from it by as
// much, and keeps these within a length of time from now.
func shift(now time.Time, at *time.Time, most time.Duration, then ...*time.Time) {
	ahead := at.Sub(now)
	for _, t := range then {
		if ahead > 0 && !t.IsZero() {
			*t = t.Add(-ahead)
		}
		*t = earlier(*t, now.Add(most))
	}
	*at = earlier(*at, now)
}

// maxDay is the longest time to the next midnight.
const maxDay = 25 * time.Hour

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// jittered lengthens a pause by up to a quarter, so that the machines of a
// project that were refused together do not come back together. The same seed
// and time give the same length.
func jittered(d time.Duration, seed uint64, now time.Time) time.Duration {
	const steps = 1024
	return d + d/4/steps*time.Duration(mixed(seed^uint64(now.Unix()))%steps)
}

// mixed makes of a number one that has nothing to do with it, always the same: the
// finalizer of splitmix64.
func mixed(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// withJitter is the most that jittered makes of a pause.
func withJitter(d time.Duration) time.Duration { return d + d/4 }
