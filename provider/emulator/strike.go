package emulator

import (
	"slices"
	"sync"
	"sync/atomic"
)

// hits are the faults that are due at one call, by name.
type hits map[string]*hit

// hit is a fault that is due at a call. Being due is not yet striking: a call
// that is refused makes no job whose course a fault could change, and an answer
// without a body cannot be cut.
type hit struct {
	Fault
	struck *atomic.Int64 // calls that the fault has changed
	took   bool          // this call is one of them
}

func (h hits) has(name string) bool { return h[name] != nil }

// take gives a fault that is about to change the call, and counts that once.
func (h hits) take(name string) (Fault, bool) {
	hit := h[name]
	if hit == nil {
		return Fault{}, false
	}
	if !hit.took {
		hit.took = true
		hit.struck.Add(1)
	}
	return hit.Fault, true
}

// takes is take for faults whose value does not matter.
func (h hits) takes(name string) bool {
	_, ok := h.take(name)
	return ok
}

// switches counts the calls and says which faults are due.
type switches struct {
	mu     sync.Mutex
	faults []Fault
	seen   []int           // calls that matched each fault so far
	struck []*atomic.Int64 // calls that each fault has changed
}

func (s *switches) set(faults []Fault) error {
	for _, f := range faults {
		if err := f.Check(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.Clone(faults)
	s.seen = make([]int, len(faults))
	s.struck = make([]*atomic.Int64, len(faults))
	for i := range s.struck {
		s.struck[i] = new(atomic.Int64)
	}
	return nil
}

// due counts a call of the kind op and gives the faults that are to hit it. page
// is the number of the page that a listing asks for, 0 for other calls.
func (s *switches) due(op string, page int) hits {
	s.mu.Lock()
	defer s.mu.Unlock()
	var h hits
	for i, f := range s.faults {
		if !f.matches(op) || f.Name == FaultListFailPage && f.number(1) != page {
			continue
		}
		s.seen[i]++
		first, count := max(f.First, 1), f.Count
		if count == 0 {
			count = 1
		}
		if s.seen[i] < first || count > 0 && s.seen[i] >= first+count {
			continue
		}
		if h == nil {
			h = hits{}
		}
		if !h.has(f.Name) {
			h[f.Name] = &hit{Fault: f, struck: s.struck[i]}
		}
	}
	return h
}

// Struck tells, for each fault of the last SetFaults or of Config, in that
// order, how many calls it has changed. A fault that is due where it can do
// nothing does not count: one of a job at a create that is refused, half of an
// empty body.
func (s *Server) Struck() []int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	list := make([]int, len(s.faults.struck))
	for i, n := range s.faults.struck {
		list[i] = int(n.Load())
	}
	return list
}
