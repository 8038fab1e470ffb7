package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
)

func showCommand(a *app) *cobra.Command {
	var f format
	var output string
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the state",
		Long:    "Show what the state remembers. Nothing is asked of the service and nothing is changed.",
		Example: "  qaplan show\n  qaplan show --format json --output state.json",
		Args:    noPlanFile,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.show(cmd.Context(), f.isJSON(), output)
		},
	}
	f.register(cmd, "markdown")
	cmd.Flags().StringVar(&output, "output", "", "write to `FILE` in place of stdout")
	laterFlag(cmd, "max-bytes", "limiting the size of what is shown")
	return cmd
}

func (a *app) show(ctx context.Context, asJSON bool, output string) error {
	st, items, p, err := a.remembered(ctx)
	if err != nil {
		return err
	}
	style := a.ui.OutStyle()
	if output != "" {
		style = ui.Style{}
	}
	text := ui.RenderState(st, items, ui.StatusView{Style: style, Width: a.ui.Width(), Now: time.Now(), Held: p.Held, Failed: p.Failed})
	if asJSON {
		if text, err = ui.JSON(ui.StateJSON(st)); err != nil {
			return err
		}
	}
	return a.deliver(output, text)
}
