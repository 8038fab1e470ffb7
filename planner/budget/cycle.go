package budget

import "time"

// Cycle is a run of accepted creates and the refusals that ended it.
type Cycle struct {
	Run Run `json:"run"`
	// Refused is the time from its last create to the last refusal, Waited the
	// one to the create that was accepted again.
	Refused time.Duration `json:"refused_ns"`
	Waited  time.Duration `json:"waited_ns"`
	// BadJobs and BadTokens are what was active with the create that was refused
	// last.
	BadJobs   int64 `json:"bad_jobs,omitempty"`
	BadTokens int64 `json:"bad_tokens,omitempty"`
	// Cured is set when time alone ended the refusals: nothing had finished, and
	// as much was accepted.
	Cured bool `json:"cured,omitempty"`
}

const (
	keptCycles  = 4 // that are looked at
	alikeCycles = 2 // that make a rhythm
	// What speaks against ceilings has to come to this: a refusal with no more
	// active than was accepted counts one, and one that time alone has cured two.
	unexplained = 2
)

// ended notes that refusals have ended.
func (r *Rhythm) ended(c Cycle) {
	if r.Known {
		return
	}
	kept := r.Cycles[max(0, len(r.Cycles)-keptCycles+1):]
	r.Cycles = append(append(make([]Cycle, 0, keptCycles), kept...), c)
}

// recognise reports whether the cycles have made the rhythm known: the last runs
// were equally long, their pauses fit each other, and ceilings do not explain
// their refusals.
func (r *Rhythm) recognise(now time.Time) bool {
	if r.Known || len(r.Cycles) == 0 {
		return false
	}
	alike := r.Cycles
	count := alike[len(alike)-1].Run.Count
	for i := len(alike) - 1; i >= 0; i-- {
		if alike[i].Run.Count != count {
			alike = alike[i+1:]
			break
		}
	}
	low, high := pauses(alike)
	if len(alike) < alikeCycles || count > largeBurst || low <= 0 || high <= 0 || low > high+high/2 || against(alike) < unexplained {
		return false
	}
	*r = Rhythm{
		Known: true, Run: r.Run, Burst: max(count, 1), Window: min((low+high)/2, maxWindow),
		Low: low, High: high, Larger: now.Add(firstLarger),
	}
	return true
}

// pauses gives the longest time after which a create was still refused, and the
// shortest after which one was accepted.
func pauses(cycles []Cycle) (low, high time.Duration) {
	for i, c := range cycles {
		low = max(low, c.Refused)
		if i == 0 || c.Waited < high {
			high = c.Waited
		}
	}
	return low, high
}

// against counts what speaks against ceilings as the reason for the refusals.
func against(cycles []Cycle) int {
	var most Run
	for _, c := range cycles {
		most.Jobs, most.Tokens = max(most.Jobs, c.Run.Jobs), max(most.Tokens, c.Run.Tokens)
	}
	n := 0
	for _, c := range cycles {
		switch {
		case c.Cured:
			n += 2
		case c.BadJobs <= most.Jobs && float64(c.BadTokens) <= float64(most.Tokens)*(1-tokenSlack):
			n++
		}
	}
	return n
}
