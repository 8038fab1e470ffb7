package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

func cancelCommand(a *app) *cobra.Command {
	var f surgeryFlags
	cmd := &cobra.Command{
		Use:   "cancel ADDRESS...",
		Short: "Cancel running jobs",
		Long: `Cancel the jobs of batches that are pending or running. What they have used is paid
for; answers that are there are kept. A cancelled batch is held: it is bought again
only with apply --rerun.

A batch whose create has no answer yet is marked: nothing is sent for it again. A
job that had ended by itself is left as it is. In place of an address, the name of
one job (batches/...) cancels a second job of a batch alone.`,
		Example: "  qaplan cancel 'batch.refinement[72]'\n  qaplan cancel --auto-approve 'batch.refinement[72-80]'",
		Args:    someAddress,

		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.cancel(cmd.Context(), args, &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (a *app) cancel(ctx context.Context, args []string, f *surgeryFlags) (err error) {
	if err := f.ready(a); err != nil {
		return err
	}
	w, err := a.openWork(ctx, workOptions{operation: "cancel", lockTimeout: f.lockTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	batches, jobs, err := w.targets(args)
	if err != nil {
		return err
	}
	list, unknown, err := w.engine.PlanCancel(ctx, batches, jobs)
	switch {
	case err != nil:
		return err
	case len(unknown) > 0:
		return advised(fmt.Errorf("%s: no record and no label of this state names it", strings.Join(unknown, ", ")), "Import it first, or cancel it where it was made.")
	case len(list) == 0:
		a.ui.Print("Nothing to cancel: no job is pending or running there.\n")
		return nil
	}
	a.ui.Print(ui.RenderCancellations(list))
	if err := f.ask(ctx, a, ui.CancelQuestion(list)); err != nil {
		return err
	}
	results, err := w.engine.Cancel(ctx, w.service.client, list)
	a.ui.Print(ui.CancelEnds(results, a.ui.Width()))
	errs := []error{err}
	for i := range results {
		if r := &results[i]; r.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Address, r.Err))
		}
	}
	if slices.ContainsFunc(results, func(r apply.CancelResult) bool { return r.End == apply.CancelOpen }) && ctx.Err() != nil {
		errs = append(errs, context.Cause(ctx))
	}
	return errors.Join(errs...)
}

// targets splits what a person names into batches, which must exist, and single
// jobs.
func (w *work) targets(args []string) (batches []planner.Selector, jobs []string, err error) {
	var errs []error
	for _, arg := range args {
		if strings.HasPrefix(arg, "batches/") {
			jobs = append(jobs, arg)
			continue
		}
		sel, err := planner.ParseSelector(arg)
		if err == nil && !slices.ContainsFunc(w.known, sel.Contains) {
			err = unknownAddress(sel, w.known)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		batches = append(batches, sel)
	}
	return batches, jobs, errors.Join(errs...)
}
