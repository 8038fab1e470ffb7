package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/state"
)

func forceUnlockCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "force-unlock LOCK",
		Short: "Take the state's lock away from another run",
		Long: `Take the state's lock away from another run, and say whether that run still lives.
LOCK is the name that the message about the lock gives. The lock of a run that was
killed is free by itself. One that lives is asked about, and stops at its next
write; what it sent until then is found again. The next apply waits until calls of
that run have ended before it judges what became of them.`,
		Example: "  qaplan force-unlock 1a2b3c4d",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return advised(fmt.Errorf("%s takes the name of a lock", cmd.CommandPath()), seeHelp(cmd))
			}
			return nil
		},

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.forceUnlock(cmd.Context(), args[0]) },
	}
}

func (a *app) forceUnlock(ctx context.Context, id string) error {
	cfg, err := a.loadForState(ctx)
	if err != nil {
		return err
	}
	at, err := a.place(ctx, cfg)
	if err != nil {
		return err
	}
	lock, err := at.Inspect(ctx)
	if err != nil {
		return err
	}
	if lock.Holder.ID == "" || lock.Holder.ID != id {
		return &state.NotHolderError{File: lock.File, ID: id, Have: lock.Holder.ID, Held: lock.Held}
	}
	a.ui.Print(ui.RenderLock(lock))
	if !lock.Dead() {
		if !a.ui.Interactive() {
			return errors.New("the run lives, and stdin is not a terminal, so nobody can approve this; wait for its end, or run this in a terminal")
		}
		var f surgeryFlags
		if err := f.ask(ctx, a, "Take the lock away from it?"); err != nil {
			return err
		}
	}
	if err := at.ForceUnlock(ctx, id, a.holder("force-unlock")); err != nil {
		return err
	}
	a.ui.Print(ui.Unlocked(lock))
	return nil
}

// holder describes this process to those who find the state locked.
func (a *app) holder(operation string) state.Holder {
	return state.Holder{Operation: operation, Who: whoami(a.env), PID: os.Getpid(), Version: version, Started: time.Now().UTC().Truncate(time.Second)}
}
