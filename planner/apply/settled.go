package apply

import (
	"cmp"
	"context"
	"errors"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/results"
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
// they are held against are read: where all is settled, that is half of the work. It
// begins with the first question, and ends with what cannot be looked at: a bucket
// that does not answer takes minutes to say so.
type lookAhead struct {
	look func(i int) found
	n    int

	ready chan []found // nil until it began
	stop  chan struct{}
	now   []found // not taken yet
}

// looksAtOnce is how many results are looked at before who waits for them is told.
const looksAtOnce = 64

func (f *folders) lookAhead(n int, path func(i int) Path) *lookAhead {
	return &lookAhead{look: func(i int) found { return f.look(path(i)) }, n: n, stop: make(chan struct{})}
}

func (l *lookAhead) run() {
	defer close(l.ready)
	for i := 0; i < l.n; {
		some := make([]found, 0, min(looksAtOnce, l.n-i))
		failed := false
		for ; len(some) < cap(some) && !failed; i++ {
			select {
			case <-l.stop:
				return
			default:
			}
			x := l.look(i)
			failed = x.err != nil && !errors.Is(x.err, results.ErrExists)
			some = append(some, x)
		}
		select {
		case l.ready <- some:
		case <-l.stop:
			return
		}
		if failed {
			return
		}
	}
}

// errNotLooked is what there is to tell of results after one that could not be looked
// at.
var errNotLooked = errors.New("not looked at")

// next gives what was found for the next batch.
func (l *lookAhead) next() found {
	if l.ready == nil {
		l.ready = make(chan []found, 4)
		go l.run()
	}
	if len(l.now) == 0 {
		some, ok := <-l.ready
		if !ok {
			return found{err: errNotLooked}
		}
		l.now = some
	}
	x := l.now[0]
	l.now = l.now[1:]
	return x
}

// end ends the looking, and waits for the look that is under way.
func (l *lookAhead) end() {
	close(l.stop)
	if l.ready == nil {
		return
	}
	for range l.ready {
	}
}
