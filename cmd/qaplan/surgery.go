package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// surgeryFlags are those of the commands that change the state by hand.
type surgeryFlags struct {
	approved    bool
	lockTimeout time.Duration
}

func (f *surgeryFlags) register(fl *pflag.FlagSet) {
	fl.BoolVar(&f.approved, "auto-approve", false, "do not ask")
	f.registerLock(fl)
}

func (f *surgeryFlags) registerLock(fl *pflag.FlagSet) {
	fl.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long, as a `TIME`, to wait for another run that holds the state, such as 10m")
}

func (f *surgeryFlags) check() error {
	if f.lockTimeout < 0 {
		return fmt.Errorf("--lock-timeout %s: it must not be negative", f.lockTimeout)
	}
	return nil
}

// ready checks the flags of a command that asks the service, before any call.
func (f *surgeryFlags) ready(a *app) error {
	if err := f.check(); err != nil {
		return err
	}
	if !f.approved && !a.ui.Interactive() {
		return errNobodyToAsk
	}
	return nil
}

// ask wants a yes, unless it was given beforehand.
func (f *surgeryFlags) ask(ctx context.Context, a *app, question string) error {
	if f.approved {
		return nil
	}
	return a.confirm(ctx, question, "not approved; nothing was changed")
}

// confirm wants a yes; no says what follows from anything else.
func (a *app) confirm(ctx context.Context, question, no string) error {
	yes, err := a.ui.Confirm(ctx, question)
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case !yes:
		return errors.New(no)
	}
	return nil
}

// operate holds the state while do changes it.
func (a *app) operate(ctx context.Context, id state.Identity, operation string, f *surgeryFlags, cfg *config.Config, do func(*state.Store) error) (err error) {
	store, err := a.openStore(ctx, cfg, id, operation, f.lockTimeout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(store)
}

func stateRemoveCommand(a *app) *cobra.Command {
	var f surgeryFlags
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
			return a.forget(cmd.Context(), args, &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// forget takes batches out of the state, after a backup.
func (a *app) forget(ctx context.Context, addresses []string, f *surgeryFlags) error {
	if err := f.ready(a); err != nil {
		return err
	}
	cfg, err := a.loadForState(ctx)
	if err != nil {
		return err
	}
	return a.operate(ctx, state.Identity{}, "state rm", f, cfg, func(store *state.Store) error {
		items, _ := asRecorded(cfg, store.State())
		if items, err = chosen(items, addresses); err != nil {
			return err
		}
		a.ui.Print(ui.RenderStateList(items))
		if w, ok := ui.ForgetWarning(items); ok {
			a.explain(w)
		}
		if err := f.ask(ctx, a, ui.ForgetQuestion(items)); err != nil {
			return err
		}
		backup, err := store.Backup()
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
	})
}

var errNobodyToAsk = errors.New("stdin is not a terminal, so nobody can approve this; pass --auto-approve")

func stateMoveCommand(a *app) *cobra.Command {
	var f surgeryFlags
	cmd := &cobra.Command{
		Use:   "mv FROM TO",
		Short: "Give records other addresses",
		Long: `Give what the state knows of a batch to another address: after a file got another
number, or a block another name. Both sides are a batch, or ranges of one length,
or blocks. Nothing changes at the service, where labels keep the former address,
and no result file is moved. A backup of the state is written first.`,
		Example: "  qaplan state mv 'batch.refinement[72]' 'batch.refinement[172]'\n  qaplan state mv 'batch.refinement' 'batch.refined'",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return advised(fmt.Errorf("%s takes two addresses", cmd.CommandPath()), seeHelp(cmd))
			}
			return nil
		},

		ValidArgsFunction: a.completeMove,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), args[0], args[1], &f)
		},
	}
	f.registerLock(cmd.Flags())
	return cmd
}

func (a *app) move(ctx context.Context, from, to string, f *surgeryFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	return a.operate(ctx, state.Identity{}, "state mv", f, cfg, func(store *state.Store) error {
		moves, err := movesOf(from, to, store.State())
		if err != nil {
			return err
		}
		if err := store.CheckMove(moves...); err != nil {
			return err
		}
		backup, err := store.Backup()
		if err != nil {
			return err
		}
		if err := store.Move(moves...); err != nil {
			return err
		}
		a.ui.Print(ui.Moved(moves, backup))
		for _, w := range ui.MoveWarnings(moves, func(addr planner.Address) bool { return declares(cfg, addr) }) {
			a.explain(w)
		}
		return nil
	})
}

// movesOf lists the records that two addresses name, with their new addresses.
func movesOf(from, to string, st *state.State) ([]state.Move, error) {
	source, err := planner.ParseSelector(from)
	if err != nil {
		return nil, err
	}
	target, err := planner.ParseSelector(to)
	if err != nil {
		return nil, err
	}
	if source.Whole != target.Whole || source.Last-source.First != target.Last-target.First {
		return nil, advised(fmt.Errorf("%s and %s do not name the same number of batches", source, target),
			"Name two batches, two ranges of one length, or two blocks.")
	}
	var moves []state.Move
	for addr := range st.Batches {
		if source.Contains(addr) {
			moves = append(moves, state.Move{From: addr, To: planner.Address{Block: target.Block, Number: addr.Number - source.First + target.First}})
		}
	}
	if len(moves) == 0 {
		return nil, advised(fmt.Errorf("the state knows no batch %s", source), "See qaplan state list.")
	}
	slices.SortFunc(moves, func(x, y state.Move) int { return x.From.Compare(y.From) })
	return moves, nil
}

func declares(cfg *config.Config, addr planner.Address) bool {
	return slices.ContainsFunc(cfg.Blocks, func(b config.Block) bool {
		return b.Name == addr.Block && b.First <= addr.Number && addr.Number <= b.Last && !slices.Contains(b.Exclude, addr.Number)
	})
}

func statePullCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pull",
		Short: "Print the whole state",
		Long: `Print the whole state to stdout, in the form of its file: what a running apply has
recorded until now is in it. qaplan state push takes it.`,
		Example: "  qaplan state pull > state-of-today.json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd.Context())
			if err != nil {
				return err
			}
			at, err := a.place(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			st, err := at.Pull(cmd.Context(), state.Identity{})
			if err != nil {
				return err
			}
			if st.Lineage == "" {
				return &ui.Advised{Err: fmt.Errorf("there is no state yet in %s", cfg.Backend.Shown),
					Advice: "The first apply makes it. If there was one, put a copy of it in its place, or run qaplan state rebuild: what it knew is found again at the service."}
			}
			if err := st.Encode(a.ui.Out()); err != nil && a.ui.WriteError() == nil {
				return err
			}
			return nil
		},
	}
}

func statePushCommand(a *app) *cobra.Command {
	var f surgeryFlags
	cmd := &cobra.Command{
		Use:   "push [FILE|-]",
		Short: "Replace the whole state",
		Long: `Replace the whole state by what qaplan state pull printed, or by a backup: from
FILE, or from stdin. It must be of the same service and, unless the present state
knows no batch, the same state and not an older one. A backup is written first.

To go back to an older state all the same, move the state file and its journal
away before. What was bought since is then found again at the service.

To move a state into a bucket, or out of it, push what pull printed before the
backend in the config was changed.`,
		Example: "  qaplan state push state-of-today.json\n  qaplan state push --auto-approve - < state-of-today.json\n  qaplan state pull > moving.json  # then change the backend, then:\n  qaplan state push moving.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return advised(fmt.Errorf("%s takes one file", cmd.CommandPath()), seeHelp(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.push(cmd.Context(), append(args, "-")[0], &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (a *app) push(ctx context.Context, file string, f *surgeryFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	switch {
	case file == "-" && a.ui.Interactive():
		return errors.New("stdin is a terminal; name the file to push")
	case file == "-" && !f.approved:
		return errors.New("the state comes from stdin, so nobody can approve this; pass --auto-approve")
	case !f.approved && !a.ui.Interactive():
		return errNobodyToAsk
	}
	cfg, err := a.loadForState(ctx)
	if err != nil {
		return err
	}
	given, err := a.readSnapshot(file)
	if err != nil {
		return err
	}
	id, err := identityOf(cfg)
	if err != nil {
		return err
	}
	return a.operate(ctx, id, "state push", f, cfg, func(store *state.Store) error {
		return a.pushInto(ctx, store, file, given, f)
	})
}

func (a *app) pushInto(ctx context.Context, store *state.Store, file string, given *state.Snapshot, f *surgeryFlags) error {
	same, err := store.CheckPush(file, given)
	if err != nil {
		return err
	}
	if same {
		a.ui.Print("The state is that already; nothing was changed.\n")
		return nil
	}
	a.ui.Print(ui.RenderPush(store.State(), &given.State))
	if err := f.ask(ctx, a, "Replace the state?"); err != nil {
		return err
	}
	backup, err := store.Backup()
	if err != nil {
		return err
	}
	if _, err := store.Push(file, given); err != nil {
		return err
	}
	a.ui.Print(ui.Pushed(&given.State, backup))
	return nil
}

// readSnapshot reads what is to be pushed; "-" is stdin.
func (a *app) readSnapshot(file string) (*state.Snapshot, error) {
	if file == "-" {
		return state.Decode("stdin", a.stdin)
	}
	f, err := a.open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return state.Decode(file, f)
}

// open opens a file that the command line names.
func (a *app) open(file string) (*os.File, error) {
	f, err := os.Open(a.path(file))
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s is a folder; name a file", file)
	}
	return f, nil
}

// identityOf tells which service a config names. Nothing is sent to it, and no
// key is needed.
func identityOf(cfg *config.Config) (state.Identity, error) {
	if cfg.Provider.Kind != config.ProviderEmulator {
		return geminiIdentity(cfg), nil
	}
	em, err := emulator.New(emulatorConfig(cfg.Provider.Emulator))
	if err != nil {
		return state.Identity{}, err
	}
	return state.Identity{Kind: "emulator", ID: em.ID()}, em.Close()
}
