package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
)

func cleanCommand(a *app) *cobra.Command {
	var f surgeryFlags
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Delete uploads that nothing needs any more",
		Long: `Delete uploads of this state at the service that provably nothing needs any more:
every batch with their bytes is done, and no job that may still do work reads them.
Uploads of others, results and jobs are left alone. Without it they expire after
48 h; until then they take from the project's 20 GB of file storage.`,
		Example: "  qaplan clean\n  qaplan clean --auto-approve",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.clean(cmd.Context(), &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (a *app) clean(ctx context.Context, f *surgeryFlags) (err error) {
	if err := f.ready(a); err != nil {
		return err
	}
	w, err := a.openWork(ctx, workOptions{operation: "clean", lockTimeout: f.lockTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	files, err := w.engine.PlanClean(ctx)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		a.ui.Print("Nothing to clean: every upload of this state may still be needed, or there is none.\n")
		return nil
	}
	a.ui.Print(ui.RenderUnneeded(files))
	if err := f.ask(ctx, a, ui.CleanQuestion(files)); err != nil {
		return err
	}
	deleted, err := w.engine.Clean(ctx, w.service.client, files)
	a.ui.Print(ui.Cleaned(deleted))
	if err == nil && len(deleted) < len(files) && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}
