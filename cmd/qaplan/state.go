package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
)

func stateCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "state",
		Short:   "Inspect and mend the state",
		Example: "  qaplan state list\n  qaplan state show 'batch.refinement[72]'",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(
		stateListCommand(a), stateShowCommand(a), stateRemoveCommand(a), stateMoveCommand(a), statePullCommand(a), statePushCommand(a),
		stateRebuildCommand(a),
	)
	return cmd
}

func stateListCommand(a *app) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:     "list [ADDRESS...]",
		Short:   "List the batches that the state knows, with phase and job",
		Example: "  qaplan state list\n  qaplan state list 'batch.refinement[51-60]'",

		ValidArgsFunction: a.completeRecorded,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, items, _, err := a.remembered(cmd.Context())
			if err != nil {
				return err
			}
			if items, err = chosen(items, args); err != nil {
				return err
			}
			text := ui.RenderStateList(items)
			if f.isJSON() {
				if text, err = ui.JSON(ui.NewStatus(items).Batches); err != nil {
					return err
				}
			}
			a.ui.Print(text)
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

func stateShowCommand(a *app) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show all that the state knows of one batch",
		Example: "  qaplan state show 'batch.refinement[72]'\n  qaplan state show 'batch.refinement[72]' --format json",
		Args:    someAddress,

		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%s takes one address", cmd.CommandPath())
			}
			_, items, _, err := a.remembered(cmd.Context())
			if err != nil {
				return err
			}
			if items, err = chosen(items, args); err != nil {
				return err
			}
			if len(items) != 1 {
				return fmt.Errorf("%s names %d batches; name one", args[0], len(items))
			}
			text := ui.RenderRecord(&items[0])
			if f.isJSON() {
				if text, err = ui.JSON(items[0].Record); err != nil {
					return err
				}
			}
			a.ui.Print(text)
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

func someAddress(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s: name a batch, such as 'batch.refinement[72]'", cmd.CommandPath())
	}
	return nil
}

// chosen leaves the items that the addresses name; each must name some.
func chosen(items []planner.Item, addresses []string) ([]planner.Item, error) {
	if len(addresses) == 0 {
		return items, nil
	}
	taken := make([]bool, len(items))
	for _, text := range addresses {
		sel, err := planner.ParseSelector(text)
		if err != nil {
			return nil, err
		}
		found := false
		for i := range items {
			if sel.Contains(items[i].Address) {
				taken[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("the state knows no batch %s; see qaplan state list", sel)
		}
	}
	var out []planner.Item
	for i := range items {
		if taken[i] {
			out = append(out, items[i])
		}
	}
	return out, nil
}

// remembered reads the state and sees each batch as the state alone has it:
// as if the config still wanted what was last sent.
func (a *app) remembered(ctx context.Context) (*state.State, []planner.Item, *planner.Plan, error) {
	cfg, err := a.loadForState(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	st, err := a.read(ctx, cfg, state.Identity{})
	if err != nil {
		return nil, nil, nil, err
	}
	items, p := asRecorded(cfg, st)
	return st, items, p, nil
}

func asRecorded(cfg *config.Config, st *state.State) ([]planner.Item, *planner.Plan) {
	attempts := map[string]int{}
	for i := range cfg.Blocks {
		attempts[cfg.Blocks[i].Name] = cfg.Blocks[i].MaxAttempts
	}
	o := planner.Observed{Recorded: st.Recorded(), Results: map[planner.Address]planner.ResultSeen{}}
	var d planner.Desired
	for addr, rec := range st.Batches {
		b := planner.Batch{Address: addr, OnChange: planner.OnChangeKeep, MaxAttempts: max(attempts[addr.Block], 1)}
		b.Source = planner.Source{Path: rec.Source.Path, SHA256: rec.Source.SHA256, Bytes: rec.Source.Bytes, Rows: rec.Source.Rows}
		if last := rec.Last(); last != nil {
			b.Model, b.Source.SHA256 = last.Model, last.SHA256
		}
		if rec.Result != nil {
			b.Output = rec.Result.Path
			o.Results[addr] = planner.ResultOurs
		}
		d.Batches = append(d.Batches, b)
	}
	p, items := planner.Diff(&d, &o, planner.Options{Version: version})
	return items, p
}
