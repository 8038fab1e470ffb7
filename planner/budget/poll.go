package budget

import "time"

// Running is a job at work.
type Running struct {
	Model  string
	Age    time.Duration
	Tokens Estimate
}

// History is how long jobs take, by model.
type History map[string]*Durations

// of gives the durations of a model, those of all where the model has none.
func (h History) of(model string) *Durations {
	if d := h[model]; d != nil && d.n > 0 {
		return d
	}
	all := &Durations{}
	for _, d := range h {
		if d != nil {
			all.add(d)
		}
	}
	return all
}

// Waiting says what the next look at the service is for.
type Waiting struct {
	Running []Running
	// Finish is set when a create waits for a job to finish.
	Finish bool
	// Until is the soonest time at which a create that waits for a time may go.
	Until time.Time
}

const (
	// A look is due when so many jobs are expected to have ended since the last
	// one. So polling costs about 1/endsALook listings a job, however long jobs
	// take and whatever the interval.
	endsALook = 0.65
	// While few jobs run at once, a place that stands idle until the next look
	// weighs more: looks are so frequent that it idles for a twentieth of its
	// job's time at most.
	idleShare = 0.1
	// Where no create waits for a finish, only downloads do.
	endsALookIdle = 2
	idleShareIdle = 0.25
	// A look is never further away than this: somebody may have cancelled a job,
	// or started one.
	longestPause = 10 * time.Minute
)

// NextLook says when to look at the service again: never sooner than the
// interval that is configured, and later when nothing is expected to have
// happened by then. A job just begun does not end at once, and one that has
// taken a day does not end in the next half minute: asking every 30 s for days
// would cost more calls than all uploads, creates and downloads together.
func NextLook(now time.Time, interval time.Duration, h History, w Waiting) time.Time {
	interval = max(interval, time.Second)
	wanted := min(endsALookIdle, idleShareIdle*float64(len(w.Running)))
	if w.Finish {
		wanted = min(endsALook, idleShare*float64(len(w.Running)))
	}
	pause := interval
	if limit := max(interval, longestPause); len(w.Running) > 0 {
		pause = whenEnded(w.Running, h, wanted, interval, limit)
	} else if !w.Until.IsZero() {
		pause = limit
	}
	at := now.Add(pause)
	if !w.Until.IsZero() && w.Until.Before(at) {
		at = w.Until
		if soonest := now.Add(interval); at.Before(soonest) {
			at = soonest
		}
	}
	return at
}

// whenEnded is how long it takes until so many jobs are expected to have ended,
// in whole seconds between two bounds.
func whenEnded(jobs []Running, h History, wanted float64, from, to time.Duration) time.Duration {
	known := map[string]*Durations{}
	for _, j := range jobs {
		if known[j.Model] == nil {
			known[j.Model] = h.of(j.Model)
		}
	}
	ended := func(within time.Duration) (n float64) {
		for _, j := range jobs {
			n += known[j.Model].ends(j.Age, within)
		}
		return n
	}
	if ended(from) >= wanted {
		return from
	}
	for to-from > time.Second {
		if mid := from + (to-from)/2; ended(mid) < wanted {
			from = mid
		} else {
			to = mid
		}
	}
	return to.Round(time.Second)
}
