package main

import (
	"slices"
	"sync"
)

// leaving is what still has to be done when the process ends at once, in the
// middle of whatever it is doing. It must be quick, and may wait for nothing.
type leaving struct {
	mu sync.Mutex
	do []*func()
}

// add takes something to be done, until drop is called.
func (l *leaving) add(do func()) (drop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.do = append(l.do, &do)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.do = slices.DeleteFunc(l.do, func(f *func()) bool { return f == &do })
	}
}

// now does it, the latest first.
func (l *leaving) now() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, do := range slices.Backward(l.do) {
		(*do)()
	}
	l.do = nil
}
