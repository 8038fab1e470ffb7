package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/finish"
	"github.com/qaplan/qaplan/state"
)

// Remover deletes an upload at the service.
type Remover interface {
	DeleteFile(ctx context.Context, name string) error
}

// PlanClean lists the uploads of this state that provably nothing needs any
// more.
func (e *Engine) PlanClean(ctx context.Context) ([]planner.File, error) {
	r, err := e.survey(ctx)
	if err != nil {
		return nil, err
	}
	e.shown = r
	return e.unneeded(r)
}

func (e *Engine) unneeded(r *round) ([]planner.File, error) {
	switch {
	case !r.observed.Live.Complete:
		return nil, errors.New("the service's job listing kept changing while it was read, so it is not known what is needed; run the command again")
	case r.learned.OtherProject:
		return nil, errors.New("the service shows not one of the recorded jobs: the key is another project's, and nothing is deleted there")
	}
	return planner.Unneeded(&e.opt.Desired, r.observed, e.opt.Plan), nil
}

// Clean deletes what PlanClean listed and gives what is gone now. What became
// needed since is left.
func (e *Engine) Clean(ctx context.Context, service Remover, list []planner.File) (deleted []planner.File, err error) {
	r := e.shown
	e.shown = nil
	if r == nil || time.Since(r.at) > shownFor {
		if r, err = e.survey(ctx); err != nil {
			return nil, err
		}
		still, err := e.unneeded(r)
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(slices.Clone(list), func(f planner.File) bool {
			return !slices.ContainsFunc(still, func(s planner.File) bool { return s.Name == f.Name })
		})
	}
	if err := e.record(r); err != nil {
		return nil, err
	}
	users := map[string][]planner.Address{}
	for a, rec := range r.observed.Recorded.Batches {
		if rec.Upload != nil {
			users[rec.Upload.File] = append(users[rec.Upload.File], a)
		}
	}
	var errs []error
	for _, f := range list {
		if ctx.Err() != nil {
			break
		}
		if err := e.disown(f.Name, users[f.Name]); err != nil {
			return deleted, errors.Join(append(errs, err)...)
		}
		if err := service.DeleteFile(finish.Context(ctx), f.Name); err != nil && provider.ClassOf(err) != provider.ClassGone {
			errs = append(errs, err)
			continue
		}
		deleted = append(deleted, f)
	}
	if len(deleted) > 0 {
		e.outcome(func(p *budget.Creates, _ time.Time) { p.Freed() })
	}
	return deleted, errors.Join(errs...)
}

// disown lets the records of an upload know that it is not to be used any more,
// before it is deleted.
func (e *Engine) disown(file string, users []planner.Address) error {
	changes := make([]state.Change, 0, len(users))
	for _, a := range users {
		rec := e.opt.Journal.Record(a).Clone()
		rec.Upload = nil
		changes = append(changes, state.Change{Address: a, Record: rec})
	}
	if err := e.opt.Journal.Write("clean", changes...); err != nil {
		return fmt.Errorf("record that %s is deleted: %w", file, err)
	}
	return nil
}
