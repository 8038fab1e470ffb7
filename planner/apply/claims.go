package apply

import (
	"context"
	"slices"

	"github.com/qaplan/qaplan/planner"
)

// survey looks at everything: the whole listing until two walks agree, and the
// files.
func (e *Engine) survey(ctx context.Context) (*round, error) {
	e.thorough = true
	if err := e.outlast(ctx); err != nil {
		return nil, err
	}
	return e.lookPatiently(ctx)
}

// Judge compares what a person, or a text, says of jobs and uploads with the
// service, and says for each claim how far it is borne out. It changes nothing.
func (e *Engine) Judge(ctx context.Context, claims []planner.Claim) ([]planner.Evidence, error) {
	e.claims = claims
	r, err := e.survey(ctx)
	if err != nil {
		return nil, err
	}
	return planner.Judge(&e.opt.Desired, r.observed, claims), nil
}

// Accept takes claims for true and limits the run to their batches: what Plan
// shows next are their adoptions. What contradicts one is still an error.
func (e *Engine) Accept(claims []planner.Claim) {
	e.claims = nil
	for _, c := range claims {
		b := e.wants[c.Address]
		if b == nil {
			continue // Judge said so
		}
		if !slices.Contains(b.Imports, c.ID) {
			b.Imports = append(slices.Clone(b.Imports), c.ID)
		}
		e.opt.Plan.Targets = append(e.opt.Plan.Targets, planner.Selector{Block: c.Address.Block, First: c.Address.Number, Last: c.Address.Number})
	}
}

// claimedJobs lists the jobs that import blocks and claims name and that no
// record has, sorted, and whether files have to be listed for them.
func (e *Engine) claimedJobs(o *planner.Observed) (jobs []string, files bool) {
	jobs, names := planner.PendingImports(&e.opt.Desired, &o.Recorded)
	for _, c := range e.claims {
		if c.IsJob() {
			jobs = append(jobs, c.ID)
		}
	}
	slices.Sort(jobs)
	return slices.Compact(jobs), len(names)+len(e.claims) > 0
}

// Strangers lists the other states whose labels name batches of this config.
func (e *Engine) Strangers(ctx context.Context) ([]planner.Stranger, error) {
	r, err := e.survey(ctx)
	if err != nil {
		return nil, err
	}
	return planner.Strangers(&e.opt.Desired, r.observed), nil
}

// TakeOver lets the labels of those lineages, six digits each, count as this
// state's own from the next Plan on. Making that durable is the caller's.
func (e *Engine) TakeOver(lineages []string) { e.former = slices.Clone(lineages) }
