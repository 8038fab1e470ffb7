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

// obstacle is a budget that stands against a create, and its model.
type obstacle struct{ budget, model string }

// stage is one way of playing the rest through, under way.
type stage struct {
	*play
	now    time.Duration
	active endHeap
	tokens map[*playModel]int64
	sent   map[*playModel]int
	free   map[*playModel]time.Duration // when the next create of a model may go
	next   time.Duration                // when the next create may go at all
	held   map[obstacle]int
	draws  uint64
}

// run sends what the limits allow, in order, passing over what does not fit.
func (pl *play) run(draw int) played {
	s := &stage{
		play: pl, tokens: map[*playModel]int64{}, sent: map[*playModel]int{}, free: map[*playModel]time.Duration{},
		held: map[obstacle]int{}, draws: uint64(draw) << 32,
	}
	for _, m := range pl.models {
		s.free[m] = m.first
	}
	for _, j := range pl.running {
		s.start(j)
	}
	waiting := append([]playJob(nil), pl.waiting...)
	var busy float64 // jobs times seconds while some wait
	filled := time.Duration(-1)
	atOnce := 0.0
	for {
		waiting = s.send(waiting)
		if len(waiting) == 0 && filled < 0 {
			filled, atOnce = s.now, float64(len(s.active))
			if filled > 0 {
				atOnce = busy / filled.Seconds()
			}
		}
		at, ok := s.until(len(waiting) > 0)
		if !ok {
			break
		}
		busy += float64(len(s.active)) * (at - s.now).Seconds()
		s.advance(at)
	}
	r := played{
		took:   time.Duration(float64(filled)*pl.longer) + s.now - filled,
		atOnce: max(int(atOnce*pl.scale+0.5), 1),
	}
	most := 0
	for why, n := range s.held {
		if n > most || n == most && (why.budget < r.budget || why.budget == r.budget && why.model < r.model) {
			most, r.budget, r.model = n, why.budget, why.model
		}
	}
	return r
}

// send starts what fits, and gives what is left.
func (s *stage) send(waiting []playJob) []playJob {
	left := waiting[:0]
	for i, j := range waiting {
		why := s.against(j)
		if why.budget == "" {
			s.start(j)
			s.pace(j.model)
			continue
		}
		if left = append(left, j); len(left) == 1 {
			s.held[why]++
		}
		if why.budget == ActiveJobs || why.budget == CreatesPerMinute || len(left) >= forecastAhead {
			return append(left, waiting[i+1:]...)
		}
	}
	return left
}

// against names the budget that stands against a job. One alone always goes.
func (s *stage) against(j playJob) obstacle {
	m := j.model
	switch {
	case s.jobs > 0 && int64(len(s.active)) >= s.jobs:
		return obstacle{ActiveJobs, ""}
	case m.tokens > 0 && s.tokens[m] > 0 && s.tokens[m]+j.tokens > m.tokens:
		return obstacle{EnqueuedTokens, m.name}
	case s.now < s.free[m]:
		return obstacle{Refusals, m.name}
	case s.now < s.next:
		return obstacle{CreatesPerMinute, ""}
	}
	return obstacle{}
}

// pace notes a create.
func (s *stage) pace(m *playModel) {
	s.next = s.now + s.gap
	if s.sent[m]++; m.burst > 0 && s.sent[m]%m.burst == 0 {
		s.free[m] = s.now + m.window
	}
}

// start gives a job a duration.
func (s *stage) start(j playJob) {
	share := s.share()
	took := j.model.times[int(share*forecastTimes)]
	if j.age > 0 || share > 1-10.0/forecastTimes {
		took = j.model.took.rest(j.age, share) // the longest ones decide when it is over
	}
	s.tokens[j.model] += j.tokens
	heap.Push(&s.active, end{at: s.now + took, job: j})
}

// share gives the next of a row of numbers between 0 and 1 that fall like drawn
// ones, and are the same each time.
func (s *stage) share() float64 {
	s.draws++
	return float64(mixed(s.draws)>>11) / (1 << 53)
}

// until is when something happens next.
func (s *stage) until(waiting bool) (at time.Duration, ok bool) {
	if len(s.active) > 0 {
		at, ok = s.active[0].at, true
	}
	if !waiting {
		return at, ok
	}
	soonest := func(t time.Duration) {
		if t > s.now && (!ok || t < at) {
			at, ok = t, true
		}
	}
	soonest(s.next)
	for _, t := range s.free {
		soonest(t)
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
