package budget

import "time"

// Rhythm is what is known of a limit on creates themselves: after so many
// accepted ones every further one is refused for a while, whatever is active
// (discuss 115183). It counts as known when refusals that no ceiling explains
// keep coming after the same number of creates; see recognise.
type Rhythm struct {
	Known bool `json:"known,omitempty"`
	// Run is the creates accepted since the last refusals ended.
	Run Run `json:"run,omitzero"`
	// Cycles are the last runs that refusals ended, oldest first.
	Cycles []Cycle `json:"cycles,omitempty"`

	// Burst is how many are accepted in a row, and Window how long to stay away
	// after the last of them.
	Burst  int           `json:"burst,omitempty"`
	Window time.Duration `json:"window_ns,omitempty"`
	// Low is the longest time after which a create was still refused, High the
	// shortest after which one was accepted.
	Low  time.Duration `json:"low_ns,omitempty"`
	High time.Duration `json:"high_ns,omitempty"`
	// Tried counts the refusals since the run; Next is when to try again.
	Tried int       `json:"tried,omitempty"`
	Next  time.Time `json:"next,omitzero"`
	// Early is the count at which refusals came before they were expected, Earlies
	// how often in a row that was the same one.
	Early   int `json:"early,omitempty"`
	Earlies int `json:"earlies,omitempty"`
	// Larger is when one create more than Burst may be tried, and InVain how
	// often that was refused.
	Larger time.Time `json:"larger,omitzero"`
	InVain int       `json:"in_vain,omitempty"`
}

// Run is a row of accepted creates.
type Run struct {
	Count int       `json:"count,omitempty"`
	Last  time.Time `json:"last,omitzero"` // when the last of them was accepted
	// Jobs and Tokens are the most that was active after one of them.
	Jobs   int64 `json:"jobs,omitempty"`
	Tokens int64 `json:"tokens,omitempty"`
}

func (r *Run) add(now time.Time, at level) {
	r.Count, r.Last = r.Count+1, now
	r.Jobs, r.Tokens = max(r.Jobs, at.jobs), max(r.Tokens, at.tokens)
}

const (
	manyTries  = 8  // refusals in one pause that no rhythm explains
	largeBurst = 64 // creates in a row that no rhythm limits
	maxWindow  = 24 * time.Hour

	// One create more than the burst is tried after so long, and later and later
	// when it is in vain.
	firstLarger = time.Hour
	maxLarger   = 24 * time.Hour

	// Where the pause is not always equally long, each first try that succeeds
	// shortens the window by this share; one that fails lengthens it by as much
	// more as makes first tries fail as often as can be afforded.
	windowStep = 0.025
	maxStep    = 0.5

	// A second try follows an eighth of the window later, but not sooner than
	// this.
	shortestStep = 15 * time.Second
)

// ready says when the next create may go: now, or then. trial tells that it may
// be refused.
func (r *Rhythm) ready(now time.Time) (at time.Time, trial bool) {
	if !r.Known || r.Run.Count < r.Burst {
		return now, false
	}
	at = r.Run.Last.Add(r.Window)
	switch {
	case r.Tried > 0:
		at = r.Next
	case !r.Larger.IsZero() && !now.Before(r.Larger):
		at = now
	}
	if at.Before(now) {
		at = now
	}
	return at, true
}

// expects reports whether a refusal may be part of the rhythm.
func (r *Rhythm) expects() bool { return r.Known && r.Tried < manyTries }

// due notes a refusal and reports whether it is the rhythm's: it comes after as
// many creates as are accepted in a row, or again and again after as many fewer.
// ceiling tells that one is known to be there.
func (r *Rhythm) due(ceiling bool) bool {
	if r.Run.Count >= r.Burst || ceiling {
		return r.Run.Count >= r.Burst
	}
	if r.Early != r.Run.Count {
		r.Early, r.Earlies = r.Run.Count, 0
	}
	r.Earlies++
	return r.Earlies > alikeCycles
}

// confidence is how sure the rhythm is: less with each try in a row that it does
// not explain.
func (r *Rhythm) confidence() float64 { return 0.9 / float64(1+max(r.Tried-1, 0)) }

// early reports whether a create after the last one is one more than was known
// to be possible: nowhere near the time at which the pause may be over.
func (r *Rhythm) early(since time.Duration) bool {
	return r.Tried == 0 && since < r.Window-r.Window/4
}

// accepted notes a success. ended tells that it ended a row of refusals.
func (r *Rhythm) accepted(now time.Time, at level, ended bool) {
	since := now.Sub(r.Run.Last)
	switch {
	case !r.Known && !ended, r.Known && r.Run.Count < r.Burst:
		r.Run.add(now, at)
	case r.Known && r.early(since):
		r.Run.add(now, at)
		if r.Burst = r.Run.Count; r.Burst > largeBurst {
			*r = Rhythm{Run: r.Run}
		}
	default:
		if r.Known && r.Tried == 0 {
			r.shorten(since)
		}
		r.Run = Run{}
		r.Run.add(now, at)
	}
	r.Tried, r.Next = 0, time.Time{}
}

// refused notes a refusal that belongs to the rhythm.
func (r *Rhythm) refused(now time.Time) {
	since := now.Sub(r.Run.Last)
	switch {
	case r.Run.Count < r.Burst:
		r.Burst = max(r.Run.Count, 1)
		r.Run.Count, r.Earlies = r.Burst, 0
		r.Larger, r.InVain = now.Add(firstLarger), 0
		r.Tried++
		if r.Next = r.Run.Last.Add(r.Window); !r.Next.After(now) {
			r.Next = now.Add(r.step())
		}
	case r.early(since):
		r.InVain++
		r.Larger = now.Add(doubled(firstLarger, r.InVain, maxLarger))
	default:
		if r.Tried == 0 {
			r.lengthen(since)
		}
		r.Tried++
		r.Next = now.Add(r.step())
	}
}

// step is how long after a refused try the next one follows.
func (r *Rhythm) step() time.Duration { return max(r.Window/8, shortestStep) }

// shorten and lengthen bring the window nearer to how long the pause lasts:
// halfway between what was refused and what was accepted as long as these are
// apart, and in steps when they no longer are.
func (r *Rhythm) shorten(accepted time.Duration) {
	if r.High == 0 || accepted < r.High {
		r.High = max(accepted, 0)
	}
	if !r.halve() {
		r.Window -= time.Duration(windowStep * float64(r.Window))
	}
}

func (r *Rhythm) lengthen(refused time.Duration) {
	r.Low = max(r.Low, refused)
	if !r.halve() {
		share := r.affordable()
		longer := min(windowStep*(1-share)/share, maxStep) * float64(r.Window)
		r.Window = min(r.Window+time.Duration(longer), maxWindow)
	}
}

func (r *Rhythm) halve() bool {
	gap := r.High - r.Low
	if gap <= r.High/20 {
		return false
	}
	r.Window = min(r.Low+gap/2, maxWindow)
	return true
}

// affordable is the share of first tries that may fail: waiting for the longest
// pause costs time with every one, and a refusal a call. Half of the refusals
// that are allowed at all are spent on it.
func (r *Rhythm) affordable() float64 {
	return min(max(float64(r.Window)/float64(2*refusalEvery), 0.01), 0.5)
}
