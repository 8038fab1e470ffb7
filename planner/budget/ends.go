package budget

import "time"

// The quarters of an expectation: in half of all cases what is expected comes
// between them.
const (
	soonShare = 0.25
	lateShare = 0.75
)

// Ends says in what time the first of some jobs at work is expected to end, and in
// what time the last one; zero where no job of any model has finished yet.
func Ends(h History, jobs []Running) (first, last Span) {
	known := map[string]*Durations{}
	seen := 0
	for _, j := range jobs {
		if known[j.Model] == nil {
			known[j.Model] = h.of(j.Model)
			seen = max(seen, known[j.Model].Count())
		}
	}
	if len(jobs) == 0 || seen == 0 {
		return Span{}, Span{}
	}
	any := func(within time.Duration) float64 {
		none := 1.0
		for _, j := range jobs {
			none *= 1 - known[j.Model].ends(j.Age, within)
		}
		return 1 - none
	}
	all := func(within time.Duration) float64 {
		every := 1.0
		for _, j := range jobs {
			every *= known[j.Model].ends(j.Age, within)
		}
		return every
	}
	first = Span{Low: whenLikely(any, soonShare), High: whenLikely(any, lateShare)}.rounded()
	last = Span{Low: whenLikely(all, soonShare), High: whenLikely(all, lateShare)}.rounded()
	return first, last
}

// whenLikely is the time by which something has happened with a probability, in
// whole minutes, as long as a job may take at most.
func whenLikely(happened func(time.Duration) float64, share float64) time.Duration {
	low, high := time.Duration(0), longestJob
	for high-low > time.Minute {
		if mid := low + (high-low)/2; happened(mid) < share {
			low = mid
		} else {
			high = mid
		}
	}
	return high.Round(time.Minute)
}
