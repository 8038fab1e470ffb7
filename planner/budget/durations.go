package budget

import (
	"slices"
	"sort"
	"time"
)

// Durations is what is known of how long jobs take: a count for each length,
// the lengths grouped so that one group is an eleventh longer than the one before.
// It takes the same memory however many jobs it has seen. The zero value has
// seen none.
type Durations struct {
	groups [durationGroups]float64 // jobs; parts of them where they have not ended
	n      int
	total  time.Duration
}

const (
	shortestJob    = 10 * time.Second
	longestJob     = 48 * time.Hour // the service gives up on it then
	groupsToDouble = 8
	durationGroups = 17*groupsToDouble + 1 // up to 15 days; the last takes all that are longer

	// Before jobs have finished, half of them are taken to end within 40 minutes;
	// the older one is, the longer it is taken to go on. It counts as three jobs, and
	// is all there is to go by for a job older than any that has finished.
	usualJobs  = 3
	usualScale = 97 * time.Minute
)

// usualLasting is the share of jobs that are taken to last longer than an age.
func usualLasting(age time.Duration) float64 {
	x := 1 + float64(age)/float64(usualScale)
	return 1 / float64(x*x)
}

// Add takes in a job that finished.
func (d *Durations) Add(took time.Duration) {
	if took <= 0 {
		return // clocks that disagree
	}
	d.groups[groupOf(took)]++
	d.n++
	d.total += min(took, 1000*time.Hour)
}

// Count is how many jobs were seen.
func (d *Durations) Count() int { return d.n }

// Mean is how long they took on average.
func (d *Durations) Mean() time.Duration {
	if d.n == 0 {
		return 0
	}
	return d.total / time.Duration(d.n)
}

// groupOf is the group of a length.
func groupOf(took time.Duration) int {
	return sort.Search(durationGroups-1, func(i int) bool { return took <= upTo(i) })
}

// upTo is the longest duration in a group.
func upTo(group int) time.Duration {
	// The eighth roots of two.
	parts := [groupsToDouble]float64{
		1, 1.0905077326652577, 1.189207115002721, 1.2968395546510096,
		1.4142135623730951, 1.5422108254079407, 1.681792830507429, 1.8340080864093424,
	}
	return time.Duration(float64(shortestJob<<(group/groupsToDouble)) * parts[group%groupsToDouble])
}

// Quantile is the length that a share of the jobs did not exceed, 0 when none
// was seen.
func (d *Durations) Quantile(share float64) time.Duration {
	rank := share * float64(d.n)
	below := 0.0
	for i, n := range d.groups {
		if n == 0 || below+n < rank {
			below += n
			continue
		}
		var from time.Duration
		if i > 0 {
			from = upTo(i - 1)
		}
		part := max(rank-below, 0) / n
		return from + time.Duration(part*float64(upTo(i)-from))
	}
	return 0
}

// lasting is the share of jobs that take longer than an age, what is usual
// counted in.
func (d *Durations) lasting(age time.Duration) float64 {
	age = max(age, 0)
	longer := usualJobs * usualLasting(age)
	for i := durationGroups - 1; i >= 0; i-- {
		n := d.groups[i]
		if n == 0 {
			continue
		}
		var from time.Duration
		if i > 0 {
			from = upTo(i - 1)
		}
		to := upTo(i)
		if age >= to {
			break
		}
		if age > from {
			n = float64(n * float64(to-age) / float64(to-from))
		}
		longer += n
	}
	return longer / float64(d.n+usualJobs)
}

// ends is how likely a job of an age is to end within a time.
func (d *Durations) ends(age, within time.Duration) float64 {
	return 1 - d.lasting(age+within)/d.lasting(age)
}

// rest is how much longer a job of an age takes, at a share of those that are
// as old.
func (d *Durations) rest(age time.Duration, share float64) time.Duration {
	left := d.lasting(age) * (1 - share)
	low, high := time.Duration(0), longestJob
	for high-low > time.Minute {
		if mid := low + (high-low)/2; d.lasting(age+mid) > left {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// withRunning counts jobs that have not ended, too. Those that have are the short
// ones to begin with, so they alone would promise too much. Each one at work is
// spread over the longer ones that it may turn out to be, as they are spread
// themselves, the youngest first.
func (d *Durations) withRunning(ages []time.Duration) *Durations {
	all := *d
	ages = slices.Clone(ages)
	slices.Sort(ages)
	for _, age := range ages {
		first := groupOf(age)
		var usual, longer float64
		parts := [durationGroups]float64{}
		for i := first; i < durationGroups; i++ {
			from := age
			if i > first {
				from = upTo(i - 1)
			}
			usual = usualJobs * (usualLasting(from) - usualLasting(max(upTo(i), from)))
			parts[i] = all.groups[i] + usual
			longer += parts[i]
		}
		for i := first; i < durationGroups && longer > 0; i++ {
			all.groups[i] += parts[i] / longer
		}
		all.n++
	}
	return &all
}

// add takes in what others have seen.
func (d *Durations) add(o *Durations) {
	for i, n := range o.groups {
		d.groups[i] += n
	}
	d.n += o.n
	d.total += o.total
}
