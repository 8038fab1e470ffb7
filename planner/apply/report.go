package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// Left is a reason for which changes are left for a later run.
type Left struct {
	Budget string // which limit, "" when it is none
	Reason string
	Until  time.Time    // when it may go on, zero when that is not known
	Early  bool         // a job that ends may end the wait before Until
	Cause  budget.Cause // of a wait of creates
	// Refused tells that no waiting helps: a limit on the cost would be exceeded.
	Refused bool
	Count   int // of batches
}

// Report is how an apply ended.
type Report struct {
	Summary     Summary
	Items       []planner.Item
	Plan        *planner.Plan // what would be left to do
	Interrupted bool          // ctx was cancelled
	// Stopped says why buying ended early: a refusal that concerns the key, the
	// project or a model. nil when it did not.
	Stopped error
	// Left says why planned changes are left for a later run, most first.
	Left []Left
	// Errors are what went wrong for single batches and was not mended by the
	// end of the run.
	Errors map[planner.Address]error
	// Unwritten are manifests and datasets that could not be brought up to what
	// was delivered. The next run tries again.
	Unwritten []error
	// Remains tells that a later run can do more without anybody's help: jobs
	// run, a quota was reached, or work was deferred.
	Remains bool
}

// left groups the changes that remain planned by what stands against them.
func (e *Engine) left(p *planner.Plan) []Left {
	index := map[Left]int{}
	for i := range p.Changes {
		c := &p.Changes[i]
		why := Left{Reason: "they came up after the plan was shown"}
		e.mu.Lock()
		d, err := e.deferralLocked(c), e.errs[c.Address]
		e.mu.Unlock()
		switch {
		case err != nil:
			continue // told as an error
		case c.Has(planner.ActionCreate) && d != nil:
			why = Left{Budget: d.budget, Reason: d.reason, Until: d.until, Early: d.early, Cause: d.cause, Refused: d.money && d.never}
		case !e.shownToNobody(c):
			why = Left{Reason: "the run ended before they were through"}
		}
		index[why]++
	}
	list := make([]Left, 0, len(index))
	for why, n := range index {
		why.Count = n
		list = append(list, why)
	}
	slices.SortFunc(list, func(a, b Left) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Budget, b.Budget), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

func (e *Engine) report(ctx context.Context, r *round) Report {
	rep := Report{Summary: e.sum, Interrupted: ctx.Err() != nil, Stopped: e.whyStopped(), Errors: e.errs, Unwritten: e.unwritten}
	if r == nil {
		return rep
	}
	rep.Plan, rep.Items = r.plan, r.items
	s := r.plan.Summary
	rep.Summary.InProgress, rep.Summary.Done, rep.Summary.Failed, rep.Summary.Held = s.InProgress, s.Done, s.Failed, s.Held
	rep.Summary.Deferred = s.Upload + s.Create + s.Adopt + s.Download + s.Forget
	if e.opt.Journal != nil {
		rep.Left = e.left(r.plan)
	}
	rep.Remains = s.InProgress > 0 || rep.Summary.Deferred > 0 || r.plan.Unsure()
	return rep
}

func (e *Engine) whyStopped() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	errs := []error{e.stopped}
	for _, err := range e.blocks {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (e *Engine) emit(ev Event) {
	e.emitMu.Lock()
	defer e.emitMu.Unlock()
	ev.Time = time.Now()
	e.opt.Emit(ev)
}

// failed notes that a batch got no further, and why. forGood says that waiting
// cannot mend it within this run.
func (e *Engine) failed(a planner.Address, err error, forGood bool) {
	e.mu.Lock()
	e.errs[a] = err
	if forGood {
		e.givenUp[a] = true
	}
	e.mu.Unlock()
	e.emit(Event{Type: EventDiagnostic, Severity: planner.SeverityError, Address: &a, Message: err.Error()})
}

// mended takes back what failed noted.
func (e *Engine) mended(a planner.Address) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.errs, a)
}

// tellOld points out jobs that have become old beside their siblings, each once.
// The plan that a run begins with has told of those that were then.
func (e *Engine) tellOld(r *round, aloud bool) {
	for i := range r.plan.Problems {
		pr := &r.plan.Problems[i]
		if pr.Code != planner.CodeJobOld || e.oldTold[pr.Job] {
			continue
		}
		if e.oldTold[pr.Job] = true; aloud {
			e.emit(Event{Type: EventDiagnostic, Severity: pr.Severity, Address: pr.Address, Job: pr.Job, Message: pr.Summary + ": " + strings.Join(pr.Exits, ", or ")})
		}
	}
}

// warn tells of something that a person should know and that stops nothing.
func (e *Engine) warn(a *planner.Address, format string, args ...any) {
	e.emit(Event{Type: EventDiagnostic, Severity: planner.SeverityWarning, Address: a, Message: fmt.Sprintf(format, args...)})
}
