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
)

// rebuildFlags are those of state rebuild.
type rebuildFlags struct {
	surgeryFlags
	lineages []string
}

func stateRebuildCommand(a *app) *cobra.Command {
	var f rebuildFlags
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Find again what a lost state knew",
		Long: `Find again what a lost state knew: from the live jobs and uploads, the sources and
the answers. Labels of other states that name batches of this config are shown; the
states that you accept count as former ones of this state from then on, and their
jobs are recorded. So are jobs without a label that only one batch can have.
Nothing is bought, and nothing is sent. A backup of the state is written first.

Accept a state only when it is lost, or never used again: two states that take each
other's jobs for their own may cancel or finish each other's work.`,
		Example: "  qaplan state rebuild\n  qaplan state rebuild --lineage 3f09ab --auto-approve",
		Args:    noArguments,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.rebuild(cmd.Context(), &f)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringArrayVar(&f.lineages, "lineage", nil, "take over only the state with these six `DIGITS`; may be repeated")
	return cmd
}

func (a *app) rebuild(ctx context.Context, f *rebuildFlags) (err error) {
	if err := f.ready(a); err != nil {
		return err
	}
	w, err := a.openWork(ctx, workOptions{operation: "state rebuild", adoptOnly: true, lockTimeout: f.lockTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	strangers, err := w.engine.Strangers(ctx)
	if err != nil {
		return err
	}
	if strangers, err = chosenStates(strangers, f.lineages); err != nil {
		return err
	}
	lineages := lineagesOf(strangers)
	w.engine.TakeOver(lineages)
	p, _, err := w.engine.Plan(ctx)
	if err != nil {
		return err
	}
	if len(strangers) == 0 && !p.Applyable {
		a.ui.Print(ui.NothingToRebuild(len(w.store.State().Batches) == 0, w.cfg.Provider.SettleTime))
		return nil
	}
	if len(strangers) > 0 {
		a.ui.Print(ui.RenderStrangers(strangers))
	}
	if p.Applyable {
		if len(strangers) > 0 {
			a.ui.Print("\n")
		}
		a.ui.Print(ui.RenderPlan(p, ui.PlanView{Style: a.ui.OutStyle(), Width: a.ui.Width()}))
	}
	if err := f.ask(ctx, a, ui.RebuildQuestion(strangers, len(p.Changes))); err != nil {
		return err
	}
	backup, err := w.store.Backup()
	if err != nil {
		return err
	}
	if len(lineages) > 0 {
		if err := w.store.WriteFormer(lineages...); err != nil {
			return err
		}
	}
	rep, err := w.engine.Apply(ctx)
	if err != nil {
		return err
	}
	if rep.Interrupted {
		return context.Cause(ctx) // what was not recorded is found again
	}
	unknown := 0
	for i := range rep.Items {
		if rep.Items[i].Phase == planner.PhaseUnknown {
			unknown++
		}
	}
	a.ui.Print(ui.Rebuilt(rep.Summary.Adopted, unknown, w.cfg.Provider.SettleTime, backup))
	return nil
}

// chosenStates keeps the states that were asked for, all without a wish.
func chosenStates(found []planner.Stranger, wanted []string) ([]planner.Stranger, error) {
	if len(wanted) == 0 {
		return found, nil
	}
	var errs []error
	for _, l := range wanted {
		if !slices.ContainsFunc(found, func(s planner.Stranger) bool { return s.Lineage == l }) {
			errs = append(errs, fmt.Errorf("--lineage %s: no label of that state names a batch of this config; the states that do: %s", l, orNone(lineagesOf(found))))
		}
	}
	return slices.DeleteFunc(found, func(s planner.Stranger) bool { return !slices.Contains(wanted, s.Lineage) }), errors.Join(errs...)
}

func lineagesOf(found []planner.Stranger) []string {
	list := make([]string, len(found))
	for i, s := range found {
		list[i] = s.Lineage
	}
	return list
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
