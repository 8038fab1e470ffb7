package apply

import (
	"cmp"
	"context"

	"github.com/qaplan/qaplan/planner"
)

// SettledOptions are what PlanSettled goes by; see Options.
type SettledOptions struct {
	Desired *planner.Desired // sorted by address
	Path    func(i int) Path // of the batch at that place in it; called by two goroutines
	Plan    planner.Options
	OpenDir openDir
	// Recognised is for the engine that plans where this gives nil; nil is no one's.
	Recognised *Recognised
	// Records calls its argument with each record of the state, in the order of
	// addresses, until that reports false. A record is not used after the call. It
	// gives lineage and serial, and reports whether all was well to the end.
	Records func(visit func(planner.Address, *planner.Record) bool) (lineage string, serial int64, ok bool)
}

// PlanSettled is [Engine.Plan] for what is asked most often: that nothing is to be
// done. It keeps no record, so that it takes little memory for many batches, and
// asks the service nothing. It gives nil as soon as it is not sure; the engine
// knows then.
func PlanSettled(ctx context.Context, o SettledOptions) *planner.Plan {
	f := folders{opens: o.OpenDir, known: cmp.Or(o.Recognised, &Recognised{})}
	defer f.close()
	looks := f.lookAhead(len(o.Desired.Batches), o.Path)
	defer looks.end()
	s := planner.NewSettler(o.Desired, o.Plan)
	i := 0
	lineage, serial, ok := o.Records(func(a planner.Address, rec *planner.Record) bool {
		b := s.Wanted()
		if b == nil || b.Address != a || b != &o.Desired.Batches[i] || !s.MayBeSettled(rec) || ctx.Err() != nil {
			return false
		}
		seen, err := f.tell(ctx, o.Path(i), rec, looks.next())
		i++
		return err == nil && s.Settled(rec, seen)
	})
	if !ok {
		return nil
	}
	return s.Plan(lineage, serial)
}

// lookAhead looks at results in the order of their batches while the records that
// they are held against are read: where all is settled, that is half of the work.
type lookAhead struct {
	ready chan []found
	stop  chan struct{}
	now   []found // not taken yet
}

// looksAtOnce is how many results are looked at before who waits for them is told.
const looksAtOnce = 64

func (f *folders) lookAhead(n int, path func(i int) Path) *lookAhead {
	l := &lookAhead{ready: make(chan []found, 4), stop: make(chan struct{})}
	go func() {
		defer close(l.ready)
		for i := 0; i < n; {
			some := make([]found, 0, min(looksAtOnce, n-i))
			for ; len(some) < cap(some); i++ {
				some = append(some, f.look(path(i)))
			}
			select {
			case l.ready <- some:
			case <-l.stop:
				return
			}
		}
	}()
	return l
}

// next gives what was found for the next batch. There is one for each, and no more.
func (l *lookAhead) next() found {
	if len(l.now) == 0 {
		l.now = <-l.ready
	}
	x := l.now[0]
	l.now = l.now[1:]
	return x
}

// end ends the looking, wherever it is.
func (l *lookAhead) end() {
	close(l.stop)
	for range l.ready {
	}
}
