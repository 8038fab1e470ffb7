package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
)

// The exit codes. Scripts rely on them.
const (
	exitDone        = 0
	exitError       = 1
	exitChanges     = 2
	exitRefused     = 3
	exitLocked      = 4
	exitStale       = 5
	exitStuck       = 6
	exitInterrupted = 130
)

type exitMeaning struct {
	code    int
	meaning string
}

// exitCodes is the table that help texts print, in the order of the numbers.
func exitCodes() []exitMeaning {
	return []exitMeaning{
		{exitDone, "done; for plan: success, with or without changes"},
		{exitError, "error, usage included"},
		{exitChanges, "with --detailed-exitcode only: plan found changes; apply went well but work remains for a later run"},
		{exitRefused, "fmt --check would change something; a limit on the cost (max_cost, --max-cost) stands against purchases"},
		{exitLocked, "the state is locked by another run"},
		{exitStale, "a saved plan is stale, all of it or some items, which were left alone; or its digest is not the expected one"},
		{exitStuck, "apply, status: batches are failed or held, or done with rows that stay bad, and nothing else is left to do"},
		{exitInterrupted, "interrupted"},
	}
}

// exitHelp is the table as help shows it.
func exitHelp() string {
	var rows [][2]string
	for _, e := range exitCodes() {
		rows = append(rows, [2]string{strconv.Itoa(e.code), e.meaning})
	}
	return ui.Definitions(rows)
}

// strongest gives the code that wins where several hold.
func strongest(codes ...int) int {
	for _, first := range []int{exitInterrupted, exitError, exitLocked, exitStale, exitRefused, exitChanges, exitStuck} {
		for _, c := range codes {
			if c == first {
				return c
			}
		}
	}
	return exitDone
}

// ended is the end of a command that has said all that it has to say.
type ended struct{ code int }

func (e ended) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// codeOf is the table from errors to exit codes. Of joined errors the strongest
// code wins.
func codeOf(ctx context.Context, err error) int {
	if err != nil && errors.Is(context.Cause(ctx), errInterrupted) {
		return exitInterrupted
	}
	code := exitDone
	for _, e := range parts(err) {
		one := exitError
		if end, ok := errors.AsType[ended](e); ok {
			one = end.code
		} else if _, ok := errors.AsType[*state.LockedError](e); ok {
			one = exitLocked
		} else if misfit, ok := errors.AsType[*planner.MisfitError](e); ok && misfit.Stale() {
			one = exitStale
		}
		code = strongest(code, one)
	}
	return code
}
