package apply

import (
	"cmp"
	"context"

	"github.com/qaplan/qaplan/planner"
)

// SettledOptions are what PlanSettled goes by; see Options.
type SettledOptions struct {
	Desired *planner.Desired // sorted by address
	Path    func(i int) Path // of the batch at that place in it
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
	s := planner.NewSettler(o.Desired, o.Plan)
	i := 0
	lineage, serial, ok := o.Records(func(a planner.Address, rec *planner.Record) bool {
		b := s.Wanted()
		if b == nil || b.Address != a || b != &o.Desired.Batches[i] || !s.MayBeSettled(rec) || ctx.Err() != nil {
			return false
		}
		seen, err := f.seen(ctx, o.Path(i), rec)
		i++
		return err == nil && s.Settled(rec, seen)
	})
	if !ok {
		return nil
	}
	return s.Plan(lineage, serial)
}
