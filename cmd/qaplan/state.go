package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/durable"
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
	cmd.AddCommand(stateListCommand(a), stateShowCommand(a), stateRemoveCommand(a))
	cmd.AddCommand(laterStateCommands()...)
	return cmd
}

func stateListCommand(a *app) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:     "list [ADDRESS...]",
		Short:   "List the batches that the state knows, with phase and job",
		Example: "  qaplan state list\n  qaplan state list 'batch.refinement[51-60]'",
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

		ValidArgsFunction: a.completeRecorded,
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

func stateRemoveCommand(a *app) *cobra.Command {
	var approved bool
	var lockTimeout time.Duration
	cmd := &cobra.Command{
		Use:   "rm ADDRESS...",
		Short: "Make the state forget batches",
		Long: `Make the state forget batches. Nothing is cancelled or deleted at the service, and
result files stay. A backup of the state is written first. What is forgotten and
still in the config may be found again by its labels.`,
		Example: "  qaplan state rm 'batch.refinement[72]'\n  qaplan state rm --auto-approve 'batch.refinement[72-80]'",
		Args:    someAddress,

		ValidArgsFunction: a.completeRecorded,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.forget(cmd.Context(), args, approved, lockTimeout)
		},
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	cmd.Flags().DurationVar(&lockTimeout, "lock-timeout", 0, "how long, as a `TIME`, to wait for another run that holds the state, such as 10m")
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
	cfg, err := a.load(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	st, err := state.Read(cfg.Backend.Path, state.Identity{})
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

// forget takes batches out of the state, after a backup.
func (a *app) forget(ctx context.Context, addresses []string, approved bool, patience time.Duration) (err error) {
	if !approved && !a.ui.Interactive() {
		return errors.New("stdin is not a terminal, so nobody can approve this; pass --auto-approve")
	}
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	store, err := a.openStore(ctx, cfg.Backend.Path, state.Identity{}, "state rm", patience)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	items, _ := asRecorded(cfg, store.State())
	if items, err = chosen(items, addresses); err != nil {
		return err
	}
	a.ui.Print(ui.RenderStateList(items))
	if !approved {
		yes, err := a.ui.Confirm(ctx, ui.ForgetQuestion(items))
		if err != nil {
			return err
		}
		if !yes {
			return errors.New("not approved; nothing was changed")
		}
	}
	backup, err := backUp(store, cfg.Backend.Path)
	if err != nil {
		return err
	}
	changes := make([]state.Change, len(items))
	for i := range items {
		changes[i] = state.Change{Address: items[i].Address}
	}
	if err := store.Write("state_rm", changes...); err != nil {
		return err
	}
	a.ui.Print(ui.Forgotten(len(items), backup))
	return nil
}

// backUp writes the state as it is beside it.
func backUp(store *state.Store, path string) (string, error) {
	text, err := ui.JSON(ui.StateJSON(store.State()))
	if err != nil {
		return "", err
	}
	name := path + ".backup-" + time.Now().UTC().Format("20060102T150405Z")
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			break
		}
		name = fmt.Sprintf("%s.backup-%s-%d", path, time.Now().UTC().Format("20060102T150405Z"), n)
	}
	err = durable.WriteFile(name, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("write the backup: %w", err)
	}
	return name, nil
}
