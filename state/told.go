package state

import "github.com/qaplan/qaplan/planner"

// toldAfter is what changes make of what was told: it follows a batch to another
// address, and goes with the batch; that of a block goes with its last batch. nil
// where nothing changes.
func (s *Store) toldAfter(changes []Change) map[string]*string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.state.Told) == 0 {
		return nil
	}
	var told map[string]*string
	set := func(subject string, id *string) {
		if told == nil {
			told = map[string]*string{}
		}
		told[subject] = id
	}
	for i, c := range changes {
		if c.Record != nil {
			continue
		}
		if id, ok := s.state.Told[c.Address.String()]; ok {
			set(c.Address.String(), nil)
			if i+1 < len(changes) && changes[i+1].Record != nil {
				set(changes[i+1].Address.String(), &id)
			}
		}
		block := planner.Selector{Block: c.Address.Block, Whole: true}.String()
		if _, ok := s.state.Told[block]; ok && !s.keeps(c.Address.Block, changes) {
			set(block, nil)
		}
	}
	return told
}

// keeps reports whether a batch of the block is left after the changes. As long
// as there are many, one is found soon.
func (s *Store) keeps(block string, changes []Change) bool {
	gone := map[planner.Address]bool{}
	for _, c := range changes {
		if c.Record != nil && c.Address.Block == block {
			return true
		}
		gone[c.Address] = true
	}
	for a := range s.state.Batches {
		if a.Block == block && !gone[a] {
			return true
		}
	}
	return false
}
