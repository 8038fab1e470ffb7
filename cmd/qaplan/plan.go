package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/durable"
)

// planFlags are what a plan can be asked for.
type planFlags struct {
	rendering rendering
	selection selection
	out       string
	detailed  bool
	refresh   bool
}

func planCommand(a *app) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do; changes nothing",
		Long: `Compare the config with the state and with the service, and show what apply would
do. Nothing is sent that changes anything, no byte of the state is written, and a
running apply is no obstacle.

With --out the plan is saved, and apply takes it: it does exactly those of its items
that are still as they were planned. With --format markdown it is a comment for a
pull request, whose first line is a marker to find it by.

Symbols:
` + ui.Symbols(),
		Example: `  qaplan plan
  qaplan plan --target 'batch.refinement[51-60]' --verbose
  qaplan plan --out plan.json
  qaplan plan --format markdown --output comment.md
  qaplan plan --detailed-exitcode`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.plan(cmd.Context(), &f)
		},
	}
	f.rendering.register(cmd)
	f.selection.register(a, cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.out, "out", "", "save the plan as `FILE`, for apply and show")
	fl.BoolVar(&f.detailed, "detailed-exitcode", false, "exit 2 when there are changes")
	fl.BoolVar(&f.refresh, "refresh", true, "plan from the state alone: the service is not asked and no key is needed")
	return cmd
}

func (f *planFlags) check(cmd *cobra.Command) error {
	switch {
	case f.out == "" && cmd.Flags().Changed("out"):
		return errors.New("--out: the name of the file is empty")
	case f.out != "" && f.out == f.rendering.output:
		return errors.New("--out and --output name the same file")
	}
	return f.rendering.check(cmd)
}

func (a *app) plan(ctx context.Context, f *planFlags) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	p, err := a.planOf(ctx, cfg, f)
	if err != nil {
		return err
	}
	if err := a.diagnose(cfg.Unwritable(config.SeverityWarning, buying(p))); err != nil {
		return err
	}
	text, err := f.rendering.plan(a, p)
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := a.save(f.out, p); err != nil {
			return err
		}
	}
	if err := a.deliver(f.rendering.output, text); err != nil {
		return err
	}
	if f.out != "" {
		a.ui.Tell(ui.Saved(f.out, a.global.chdir))
	}
	switch {
	case p.Refused():
		return ended{exitRefused}
	case f.detailed && p.Applyable:
		return ended{exitChanges}
	}
	return nil
}

// buying tells of which blocks a plan buys something.
func buying(p *planner.Plan) func(block string) bool {
	return func(block string) bool {
		return slices.ContainsFunc(p.Changes, func(c planner.Change) bool { return c.Block == block && c.Has(planner.ActionCreate) })
	}
}

// planOf makes the plan. Most often there is nothing to do, which is found out
// without the records of the state being in memory.
func (a *app) planOf(ctx context.Context, cfg *config.Config, f *planFlags) (_ *planner.Plan, err error) {
	s, err := a.see(ctx, cfg, f.refresh)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if f.selection.given() == "" {
		if p := s.settled(ctx); p != nil {
			return p, nil
		}
	}
	p, _, _, err := s.plan(ctx, &f.selection, nil)
	return p, err
}

// deliver writes a result to a file, or to stdout when none is named.
func (a *app) deliver(file, text string) error {
	if file == "" {
		a.ui.Print(text)
		return nil
	}
	path := a.path(file)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("--output: %s is a folder; name a file in it", path)
	}
	if err := a.write(path, text); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// write makes a file of a text, readable by its owner alone.
func (a *app) write(name, text string) error {
	err := durable.WriteFile(name, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "write", Path: name, Err: e.Err} // it names a temporary file
	}
	return err
}
