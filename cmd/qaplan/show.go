package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
)

func showCommand(a *app) *cobra.Command {
	var r rendering
	cmd := &cobra.Command{
		Use:   "show [PLANFILE]",
		Short: "Show a saved plan, or the state",
		Long: `Show a saved plan, or what the state remembers. Nothing is asked of the service and
nothing is changed. A saved plan is shown as it is in its file; neither config nor
state are needed.`,
		Example: `  qaplan show
  qaplan show plan.json
  qaplan show --format markdown --max-bytes 65000 plan.json
  qaplan show --format json --output state.json`,
		Args: onePlanFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.check(cmd); err != nil {
				return err
			}
			if len(args) == 1 {
				return a.showPlanFile(args[0], &r)
			}
			return a.show(cmd.Context(), &r)
		},
	}
	r.register(cmd)
	return cmd
}

func (a *app) showPlanFile(file string, r *rendering) error {
	p, err := a.readPlan(file)
	if err != nil {
		return err
	}
	text, err := r.plan(a, p)
	if err != nil {
		return err
	}
	if !r.format.isJSON() && !r.format.isMarkdown() {
		text = ui.SavedHead(p) + text
	}
	return a.deliver(r.output, text)
}

func (a *app) show(ctx context.Context, r *rendering) error {
	st, items, p, err := a.remembered(ctx)
	if err != nil {
		return err
	}
	var text string
	switch {
	case r.format.isJSON():
		if text, err = ui.JSON(ui.StateJSON(st)); err != nil {
			return err
		}
	case r.format.isMarkdown():
		text = ui.RenderStateMarkdown(st, items, p, r.markdown(a))
	default:
		text = ui.RenderState(st, items, ui.StatusView{Style: r.style(a), Width: a.ui.Width(), Now: time.Now(), Held: p.Held, Failed: p.Failed})
	}
	return a.deliver(r.output, text)
}
