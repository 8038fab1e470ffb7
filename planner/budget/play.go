package budget

import (
	"container/heap"
	"time"
)

// played is how one way of playing the rest through went.
type played struct {
	took          time.Duration
	atOnce        int
	budget, model string // what held creates back most often
}

// stage is one way of playing through, under way.
type stage struct {
	*play
	now    time.Duration
	active endHeap
	tokens map[*playModel]int64
	sent   map[*playModel]int
	free   map[*playModel]time.Duration // when the next create of a model may go
	next   time.Duration                // when the next create may go at all
	held   map[[2]string]int
	draw   float64 // between 0 and 1
}

// run sends what the limits allow, in order, passing over what does not fit.
func (pl *play) run(draw int) played {
	s := &stage{
		play: pl, tokens: map[*playModel]int64{}, sent: map[*playModel]int{}, free: map[*playModel]time.Duration{},
		held: map[[2]string]int{}, draw: (float64(draw) + 0.5) / forecastDraws,
	}
	for _, j := range pl.running {
		s.start(j)
	}
	waiting := append([]playJob(nil), pl.waiting...)
	var busy float64 // jobs times seconds while some wait
	var filled time.Duration
	atOnce := len(s.active)
	for {
		waiting = s.send(waiting)
		if len(waiting) == 0 && filled == 0 {
			filled = s.now
			if atOnce = len(s.active); filled > 0 {
				atOnce = int(busy/filled.Seconds() + 0.5)
			}
		}
		at, ok := s.until(len(waiting) > 0)
		if !ok {
			break
		}
		busy += float64(len(s.active)) * (at - s.now).Seconds()
		s.advance(at)
	}
	r := played{took: time.Duration(float64(filled)/pl.share) + s.now - filled, atOnce: max(atOnce, 1)}
	if pl.share < 1 && filled == 0 {
		r.atOnce = int(float64(r.atOnce) / pl.share) // nothing holds them back
	}
	most := 0
	for why, n := range s.held {
		if n > most || n == most && (why[0] < r.budget || why[0] == r.budget && why[1] < r.model) {
			most, r.budget, r.model = n, why[0], why[1]
		}
	}
	return r
}

// send starts what fits, and gives what is left.
func (s *stage) send(waiting []playJob) []playJob {
	left := waiting[:0]
	for i, j := range waiting {
		why := s.obstacle(j)
		if why[0] == "" {
			s.start(j)
			s.pace(j.model)
			continue
		}
		if left = append(left, j); len(left) == 1 {
			s.held[why]++
		}
		if why[0] == ActiveJobs || why[0] == CreatesPerMinute || len(left) >= forecastLook {
			return append(left, waiting[i+1:]...)
		}
	}
	return left
}

// obstacle names the budget that stands against a job, and its model.
func (s *stage) obstacle(j playJob) [2]string {
	m := j.model
	switch {
	case s.jobs > 0 && int64(len(s.active)) >= s.jobs:
		return [2]string{ActiveJobs, ""}
	case m.tokens > 0 && s.tokens[m] > 0 && s.tokens[m]+j.tokens > m.tokens:
		return [2]string{EnqueuedTokens, m.name}
	case s.now < s.free[m]:
		return [2]string{Refusals, m.name}
	case s.now < s.next:
		return [2]string{CreatesPerMinute, ""}
	}
	return [2]string{}
}

// pace notes a create.
func (s *stage) pace(m *playModel) {
	s.next = s.now + s.gap
	if s.sent[m]++; m.burst > 0 && s.sent[m]%m.burst == 0 {
		s.free[m] = s.now + m.window
	}
}

// start gives a job the next duration: shares go up by the golden ratio, which
// spreads any number of them evenly.
func (s *stage) start(j playJob) {
	const golden = 0.6180339887498949
	if s.draw += golden; s.draw >= 1 {
		s.draw--
	}
	took := j.model.took.rest(j.age, s.draw)
	if j.age == 0 && j.model.took.Count() > 0 {
		took = j.model.took.Quantile(s.draw)
	}
	s.tokens[j.model] += j.tokens
	heap.Push(&s.active, end{at: s.now + took, job: j})
}

// until is when something happens next.
func (s *stage) until(waiting bool) (at time.Duration, ok bool) {
	if len(s.active) > 0 {
		at, ok = s.active[0].at, true
	}
	if !waiting {
		return at, ok
	}
	times := []time.Duration{s.next}
	for _, t := range s.free {
		times = append(times, t)
	}
	for _, t := range times {
		if t > s.now && (!ok || t < at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// advance ends the jobs that end by then.
func (s *stage) advance(at time.Duration) {
	for len(s.active) > 0 && s.active[0].at <= at {
		j := heap.Pop(&s.active).(end).job
		s.tokens[j.model] -= j.tokens
	}
	s.now = at
}

// end is when a job ends.
type end struct {
	at  time.Duration
	job playJob
}

type endHeap []end

func (h endHeap) Len() int           { return len(h) }
func (h endHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h endHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *endHeap) Push(x any)        { *h = append(*h, x.(end)) }
func (h *endHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
