package apply

import (
	"context"
	"crypto/sha256"
	"io"
	"math"
	"slices"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// Counter is asked how many tokens of input a request has.
type Counter interface {
	CountTokens(ctx context.Context, model string, request []byte) (int64, error)
}

// countSamples asks the service to count a sample of the requests of each kind of
// purchase of which nothing was measured or counted yet, and reports whether it
// learned anything. Without an answer the estimates stay what they are: buying does
// not depend on it.
//
// Only an apply asks, after it was approved: what it is told goes into the state,
// so that no later run asks again. A plan writes nothing, would have to ask each
// time, and would not be the same twice.
func (e *Engine) countSamples(ctx context.Context, r *round) (learned bool) {
	if e.opt.Counter == nil || e.opt.CountTokens <= 0 {
		return false
	}
	for _, k := range e.uncounted(r) {
		if e.uncountable || ctx.Err() != nil {
			break
		}
		s := e.sample(ctx, r, k)
		if s.Requests == 0 {
			continue
		}
		e.mu.Lock()
		e.creates.Count(k, s)
		e.keepLearned()
		e.mu.Unlock()
		learned = true
	}
	return learned
}

// uncounted lists the kinds of the purchases that may go and whose input is
// estimated by characters/4, each asked about once in a run.
func (e *Engine) uncounted(r *round) []budget.Kind {
	var kinds []budget.Kind
	for i := range r.plan.Changes {
		c := &r.plan.Changes[i]
		if !c.Has(planner.ActionCreate) || e.shownToNobody(c) || e.blockedForGood(c) {
			continue
		}
		k := budget.Kind{Block: c.Block, Model: c.Detail.Model}
		e.mu.Lock()
		known := e.measures.Input(k, 1).Basis != budget.BasisCharacters
		e.mu.Unlock()
		if !known && !e.sampled[k] {
			e.sampled[k] = true
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// sample counts requests of a kind that lie apart: in batches from the first to the
// last, and in their sources at places that differ from one to the next.
func (e *Engine) sample(ctx context.Context, r *round, k budget.Kind) (s budget.Sample) {
	var of []*planner.Change
	for i := range r.plan.Changes {
		if c := &r.plan.Changes[i]; c.Has(planner.ActionCreate) && c.Block == k.Block && c.Detail.Model == k.Model {
			of = append(of, c)
		}
	}
	var seen []place
	n := e.opt.CountTokens
	for i := range n {
		// Multiples of the golden ratio fill an interval evenly, whatever their number.
		_, share := math.Modf(float64(i) * math.Phi)
		c := of[i*len(of)/n]
		q, at, ok := e.requestAt(ctx, c, share)
		if !ok || slices.Contains(seen, at) {
			continue
		}
		seen = append(seen, at)
		tokens, err := e.opt.Counter.CountTokens(ctx, k.Model, q.Body)
		if err != nil {
			if ctx.Err() == nil {
				e.uncountable = true
				e.warn(nil, "batch %q: the service did not count tokens (%v); the input of what it did not count is estimated at characters/4, and it is asked again in the next run", k.Block, err)
			}
			return s
		}
		s.Add(q.Tokens, tokens)
	}
	return s
}

// place is a request by its batch and the sha256 of its bytes.
type place struct {
	of   planner.Address
	body [sha256.Size]byte
}

// requestAt reads a request of a purchase's source; share is how far behind its
// beginning. A source that cannot be read is the purchase's to tell.
func (e *Engine) requestAt(ctx context.Context, c *planner.Change, share float64) (batchfile.Request, place, bool) {
	size := e.want(c.Address).Source.Bytes
	f, err := openSource(e.opt.Paths[c.Address].Source, size)
	if err != nil {
		return batchfile.Request{}, place{}, false
	}
	defer f.Close()
	q, ok, err := batchfile.RequestAt(ctx, io.NewSectionReader(f, 0, size), int64(share*float64(size)))
	if err != nil || !ok {
		return batchfile.Request{}, place{}, false
	}
	return q, place{c.Address, sha256.Sum256(q.Body)}, true
}
