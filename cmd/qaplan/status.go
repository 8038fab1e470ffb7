package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
)

func statusCommand(a *app) *cobra.Command {
	var f format
	var refresh, failed bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show where the batches stand",
		Long: `Show the batches and their phases, the age of jobs, rows and tokens. Nothing is
changed. The exit code is 6 when batches are failed or held, or done with rows that
stay bad, and nothing else is left to do.`,
		Example: "  qaplan status\n  qaplan status --failed\n  qaplan status --format json | jq .summary",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context(), f.isJSON(), refresh, failed)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&refresh, "refresh", true, "read the state alone: the service is not asked and no key is needed")
	cmd.Flags().BoolVar(&failed, "failed", false, "only batches that are failed or held, or have rows that stay bad")
	return cmd
}

func (a *app) status(ctx context.Context, asJSON, refresh, failed bool) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	p, items, _, err := a.observe(ctx, cfg, &selection{}, refresh)
	if err != nil {
		return err
	}
	s := ui.NewStatus(items)
	if failed {
		s = s.OnlyBad()
	}
	text := ui.RenderStatus(s, ui.StatusView{Style: a.ui.OutStyle(), Width: a.ui.Width(), Now: time.Now(), Held: p.Held, Failed: p.Failed})
	if asJSON {
		if text, err = ui.JSON(s); err != nil {
			return err
		}
	}
	a.ui.Print(text)
	for i := range p.Problems {
		if pr := &p.Problems[i]; pr.Address == nil {
			a.explain(ui.FromProblem(pr)) // what concerns the listing as a whole
		}
	}
	if !p.Applyable && p.Summary.InProgress == 0 && stuck(items) {
		return ended{exitStuck}
	}
	return nil
}
