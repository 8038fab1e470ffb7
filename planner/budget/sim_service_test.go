package budget

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// simModel is the one model of the simulations.
const simModel = "gemini-2.5-flash"

// simBatch is a batch as it really is. None of it is told to the policy before
// it happens.
type simBatch struct {
	tokens   int64 // as the service counts
	quarter  int64 // characters/4
	duration time.Duration
}

// simRule is what a service refuses for. What is zero is not limited.
type simRule struct {
	name   string
	jobs   int
	tokens int64
	// After every burst-th accepted create all are refused for a time between
	// from and to.
	burst    int
	from, to time.Duration
	// The limit on jobs is another one from a time on.
	laterAt   time.Duration
	laterJobs int
	// What a job held is free only some time after its end.
	held time.Duration
	// At most so many creates are accepted within any time span.
	window    time.Duration
	perWindow int
}

// The rules of the four scenarios; (a) and (b) have the same one.
func ruleTokens() simRule { return simRule{name: "3 M enqueued tokens", tokens: 3_000_000} }
func ruleJobs() simRule   { return simRule{name: "20 active jobs", jobs: 20} }
func ruleRhythm() simRule {
	return simRule{name: "refusals for 15-20 min after every second create", burst: 2, from: 15 * time.Minute, to: 20 * time.Minute}
}

// simBatches draws batches: tokens are log-normal around 270 k between 40 k and
// 1.2 M, so that about ten of them fill 3 M; durations are log-normal around 40
// min, the 99th percentile 5.4 h, at most 24 h. The characters of all batches
// mislead by one factor between 0.88 and 1.12, and of each by another 2 %.
func simBatches(n int, seed uint64) []simBatch {
	rng := rand.New(rand.NewPCG(seed, 1))
	bias := 0.88 + 0.24*rng.Float64()
	list := make([]simBatch, n)
	for i := range list {
		tokens := math.Min(math.Max(270e3*math.Exp(0.5*rng.NormFloat64()), 40e3), 1.2e6)
		minutes := math.Min(40*math.Exp(0.9*rng.NormFloat64()), 24*60)
		list[i] = simBatch{
			tokens:   int64(tokens),
			quarter:  int64(tokens / bias * math.Exp(0.02*rng.NormFloat64())),
			duration: time.Duration(minutes*60) * time.Second,
		}
	}
	return list
}

// simService is a service with a rule, at a time that only moves forward.
type simService struct {
	rule    simRule
	batches []simBatch
	locks   *rand.Rand
	now     time.Time

	active simHeap
	jobs   int
	tokens int64
	count  int // accepted creates
	locked time.Time
	sent   []time.Time // accepted creates within the window

	holding []simJob // ended, not released yet
}

func newSimService(rule simRule, batches []simBatch, seed uint64) *simService {
	return &simService{rule: rule, batches: batches, locks: rand.New(rand.NewPCG(seed, 2)), now: simStart()}
}

func simStart() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

// simJob is a job that runs.
type simJob struct {
	batch       int
	began, ends time.Time
}

type simHeap []simJob

func (h simHeap) Len() int { return len(h) }
func (h simHeap) Less(i, j int) bool {
	return h[i].ends.Before(h[j].ends) || h[i].ends.Equal(h[j].ends) && h[i].batch < h[j].batch
}
func (h simHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *simHeap) Push(x any)   { *h = append(*h, x.(simJob)) }
func (h *simHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// until moves the time on and gives the jobs that ended by then.
func (s *simService) until(at time.Time) []simJob {
	var ended []simJob
	for len(s.active) > 0 && !s.active[0].ends.After(at) {
		j := heap.Pop(&s.active).(simJob)
		s.holding = append(s.holding, j)
		ended = append(ended, j)
	}
	s.now = at
	for len(s.holding) > 0 && !s.holding[0].ends.Add(s.rule.held).After(at) {
		s.jobs--
		s.tokens -= s.batches[s.holding[0].batch].tokens
		s.holding = s.holding[1:]
	}
	if s.rule.laterAt > 0 && at.Sub(simStart()) >= s.rule.laterAt {
		s.rule.jobs = s.rule.laterJobs
	}
	for len(s.sent) > 0 && at.Sub(s.sent[0]) >= s.rule.window {
		s.sent = s.sent[1:]
	}
	return ended
}

// accepts reports whether a create would be accepted now.
func (s *simService) accepts(batch int) bool {
	r := s.rule
	return !s.full() && (r.tokens == 0 || s.tokens+s.batches[batch].tokens <= r.tokens)
}

// create accepts or refuses.
func (s *simService) create(batch int) bool {
	if !s.accepts(batch) {
		return false
	}
	b := s.batches[batch]
	heap.Push(&s.active, simJob{batch: batch, began: s.now, ends: s.now.Add(b.duration)})
	s.jobs++
	s.tokens += b.tokens
	if s.rule.perWindow > 0 {
		s.sent = append(s.sent, s.now)
	}
	if s.count++; s.rule.burst > 0 && s.count%s.rule.burst == 0 {
		s.locked = s.now.Add(s.rule.from + time.Duration(s.locks.Float64()*float64(s.rule.to-s.rule.from)))
	}
	return true
}

// nextEvent is when something may change: a job ends, or what refuses is over.
func (s *simService) nextEvent() (at time.Time, ok bool) {
	consider := func(t time.Time) {
		if t.After(s.now) && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	if len(s.active) > 0 {
		consider(s.active[0].ends)
	}
	if len(s.holding) > 0 {
		consider(s.holding[0].ends.Add(s.rule.held))
	}
	if len(s.sent) > 0 {
		consider(s.sent[0].Add(s.rule.window))
	}
	if s.rule.laterAt > 0 {
		consider(simStart().Add(s.rule.laterAt))
	}
	consider(s.locked)
	return at, ok
}

// clairvoyant is how long it takes a scheduler that knows the rule, the tokens as
// the service counts them and the end of every pause, sees at once when a job
// ends and sends in no time. It is greedy: in the order of the plan, whatever fits
// goes. It does not know how long jobs take, so it is no lower bound; see
// shortest.
func clairvoyant(rule simRule, batches []simBatch, seed uint64) time.Duration {
	s := newSimService(rule, batches, seed)
	waiting := inOrder(len(batches))
	for {
		left := waiting[:0]
		for i, b := range waiting {
			if s.full() {
				left = append(left, waiting[i:]...)
				break
			}
			if !s.create(b) {
				left = append(left, b)
			}
		}
		waiting = left
		if len(waiting) == 0 && len(s.active) == 0 {
			return s.now.Sub(simStart())
		}
		at, ok := s.nextEvent()
		if !ok {
			panic("a batch that never fits")
		}
		s.until(at)
	}
}

// full reports whether no create at all would be accepted.
func (s *simService) full() bool {
	r := s.rule
	return r.jobs > 0 && s.jobs >= r.jobs || r.perWindow > 0 && len(s.sent) >= r.perWindow || s.now.Before(s.locked)
}

// shortest is a time that no scheduler can beat, not even one that knows how long
// each job takes: what has to be held, divided by what may be held at once, or
// the longest job, or the pauses.
func shortest(rule simRule, batches []simBatch, seed uint64) time.Duration {
	var longest, held time.Duration
	var tokenTime float64
	for _, b := range batches {
		longest = max(longest, b.duration)
		held += b.duration
		tokenTime += float64(b.tokens) * float64(b.duration)
	}
	bound := longest
	if rule.jobs > 0 {
		bound = max(bound, held/time.Duration(rule.jobs))
	}
	if rule.tokens > 0 {
		bound = max(bound, time.Duration(tokenTime/float64(rule.tokens)))
	}
	if rule.burst > 0 {
		s := newSimService(simRule{burst: rule.burst, from: rule.from, to: rule.to}, batches, seed)
		for i := range batches {
			if s.now.Before(s.locked) {
				s.until(s.locked)
			}
			s.create(i)
		}
		bound = max(bound, s.now.Sub(simStart()))
	}
	return bound
}

// handMade is how many batches get sent by the rule that people help themselves
// with: ten at a time, 30 to 60 s between groups, and a stop at the first refusal.
func handMade(rule simRule, batches []simBatch, seed uint64) int {
	s := newSimService(rule, batches, seed)
	for i := range batches {
		if i > 0 && i%10 == 0 {
			s.until(s.now.Add(45 * time.Second))
		}
		s.until(s.now.Add(simSend))
		if !s.create(i) {
			return i
		}
	}
	return len(batches)
}

func inOrder(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
