package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state"
)

func statusCommand(a *app) *cobra.Command {
	var f format
	var refresh, failed, verbose bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the batches stand",
		Long: `Show on one screen where the batches stand: phases, the oldest jobs, what is held
or failed and the command that ends it, the cost, and what happens next and when.
With --failed only what a person should look at, all of it, and the rows without a
good answer; with --verbose a line for each batch. Nothing is changed. The exit code is 6
when batches are failed or held, or done with rows that stay bad, and nothing else
is left to do.`,
		Example: "  qaplan status\n  qaplan status --failed\n  qaplan status --format json | jq .summary",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context(), &statusFlags{f.isJSON(), refresh, failed, verbose})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&refresh, "refresh", true, "read the state alone: the service is not asked and no key is needed")
	cmd.Flags().BoolVar(&failed, "failed", false, "only batches that are failed or held, or have rows that stay bad, and those rows")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "a line for each batch, and everything that is held or failed")
	return cmd
}

type statusFlags struct{ json, refresh, failed, verbose bool }

func (a *app) status(ctx context.Context, f *statusFlags) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	view := ui.StatusView{Style: a.ui.OutStyle(), Width: a.ui.Width(), Verbose: f.verbose}
	var s *ui.Status
	var ahead apply.Ahead
	p, items, _, err := a.observing(ctx, cfg, f.refresh, func(e *apply.Engine, items []planner.Item) (err error) {
		s = ui.NewStatus(items)
		s.AddCosts(e.Spending(items))
		if f.failed {
			s = s.OnlyBad()
			view.MoreBadRows, err = a.addBadRows(ctx, e, s, items, f.json)
			return err
		}
		ahead = e.Ahead()
		return err
	})
	if err != nil {
		return err
	}
	if !f.failed {
		s.SetNext(p, ahead, a.lockOf(ctx, cfg))
	}
	view.Now, view.Held, view.Failed = time.Now(), p.Held, p.Failed
	text := ui.RenderStatus(s, view)
	if f.json {
		if text, err = ui.JSON(s); err != nil {
			return err
		}
	}
	a.ui.Print(text)
	// What concerns the listing as a whole, and jobs; the rest is about what a plan
	// would do.
	told := slices.DeleteFunc(slices.Clone(p.Problems), func(pr planner.Problem) bool { return pr.Address != nil && pr.Code != planner.CodeJobOld })
	for _, x := range ui.FromProblems(told) {
		a.explain(x)
	}
	if !p.Applyable && p.Summary.InProgress == 0 && stuck(items) {
		return ended{exitStuck}
	}
	return nil
}

// lockOf tells who holds the state; nil where that cannot be told, which is no
// reason to show nothing.
func (a *app) lockOf(ctx context.Context, cfg *config.Config) *state.LockStatus {
	at, err := a.place(ctx, cfg)
	if err != nil {
		return nil
	}
	lock, err := at.Inspect(ctx)
	if err != nil {
		return nil
	}
	return lock
}

// errEnough ends the reading of rows that would not be shown.
var errEnough = errors.New("enough rows")

// addBadRows adds the bad rows in hand of the batches in a status: all of them,
// or as many as people read, and tells how many there are besides. Rows that
// cannot be read are warned about.
func (a *app) addBadRows(ctx context.Context, e *apply.Engine, s *ui.Status, items []planner.Item, all bool) (more int, err error) {
	listed := make(map[planner.Address]bool, len(s.Batches))
	for i := range s.Batches {
		listed[s.Batches[i].Address] = true
	}
	for i := range items {
		it := &items[i]
		if !listed[it.Address] || it.Record == nil || it.Record.Judged == nil {
			continue
		}
		bad, before := it.Record.Judged.Classes.Bad(), len(s.BadRows)
		room := min(ui.BadRowsOfBatch, ui.BadRowsInAll-before)
		if !all && room <= 0 {
			more += bad
			continue
		}
		err := e.BadRows(ctx, it, func(r batchfile.BadRow) error {
			if !all && len(s.BadRows)-before == room {
				return errEnough
			}
			s.BadRows = append(s.BadRows, ui.NewBadRow(it.Address, &r))
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return 0, context.Cause(ctx)
		case err == nil, errors.Is(err, errEnough):
			more += max(0, bad-(len(s.BadRows)-before))
		default:
			x := ui.Explain(err)
			x.Warning = true
			a.explain(x)
		}
	}
	return more, nil
}
