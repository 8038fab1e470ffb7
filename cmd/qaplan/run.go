package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
)

// version is what this program calls itself; required_version is compared
// with it.
const version = "0.1.0"

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// system is what a run sees of the process around it.
type system struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) (string, bool)
	last           *leaving // nil where the process never ends at once
}

// app is what the commands share.
type app struct {
	ui     *ui.Console
	stdin  io.Reader
	env    func(string) (string, bool)
	global globals
	last   *leaving
	// stream is set while events go to stdout as JSON; errors go there too.
	stream *ui.JSONStream
	// summary and left are what the stream's last line tells.
	summary apply.Summary
	left    []apply.Left

	bucketsMu sync.Mutex
	buckets   map[blob.Location]*blob.Bucket
}

// run carries out one command line and gives its exit code.
func run(ctx context.Context, args []string, sys system) int {
	a := &app{stdin: sys.stdin, env: sys.env}
	defer a.closeBuckets()
	a.ui = ui.New(ui.Options{Stdin: sys.stdin, Stdout: sys.stdout, Stderr: sys.stderr, Env: sys.env, NoColor: named(args, "no-color")})
	if a.last = sys.last; a.last == nil {
		a.last = &leaving{}
	}
	a.last.add(a.ui.Leave)
	for _, name := range keyVariables() {
		key, _ := sys.env(name)
		a.ui.Hide(key)
	}
	root := rootCommand(a)
	if shellAsks(args) {
		completeRest(root)
	}
	args = doubleDashes(root, args)
	root.SetArgs(args)
	// Known before the flags are parsed, since errors of theirs are events too.
	if cmd, _, _ := root.Find(args); cmd != nil && cmd.Name() == "apply" && named(args, "json") {
		a.stream = ui.NewJSONStream(a.ui.Out(), version)
	}
	err := root.ExecuteContext(ctx)
	code := codeOf(ctx, err)
	a.tell(ctx, err)
	if werr := a.ui.WriteError(); werr != nil {
		a.explain(ui.Explain(werr))
		code = strongest(code, exitError)
	}
	if a.stream != nil {
		stopped := code == exitError || code == exitLocked || code == exitInterrupted
		a.stream.End(a.summary, a.left, code, stopped)
	}
	return code
}

// tell shows what of an error was not shown yet.
func (a *app) tell(ctx context.Context, err error) {
	all := parts(err)
	for i, e := range all {
		_, silent := errors.AsType[ended](e)
		switch {
		case silent:
		case slices.ContainsFunc(all[:i], func(told error) bool { return sameLoss(told, e) }):
		case errors.Is(e, errInterrupted), errors.Is(context.Cause(ctx), errInterrupted) && errors.Is(e, context.Canceled):
			a.ui.Note("Interrupted.")
		default:
			a.explain(ui.Explain(e))
		}
	}
}

// sameLoss reports whether two errors come from one loss of the state's lock: each
// use of the state fails with it then, its closing too.
func sameLoss(a, b error) bool {
	x, ok := errors.AsType[*state.LostLockError](a)
	y, also := errors.AsType[*state.LostLockError](b)
	return ok && also && x == y
}

// parts takes joined errors apart; nil has none.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err} // one error, perhaps with words of its own
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, parts(e)...)
	}
	return all
}

// explain shows an error or a warning, in the event stream as well when there
// is one.
func (a *app) explain(x ui.Explained) {
	a.ui.Show(x)
	if a.stream != nil {
		a.stream.Explain(x)
	}
}

// diagnose shows what config or sources have to say and ends the command when
// there are errors.
func (a *app) diagnose(ds config.Diagnostics) error {
	a.ui.ShowAll(ds)
	if a.stream != nil {
		for i := range ds {
			a.stream.Explain(ui.FromDiagnostic(&ds[i]))
		}
	}
	if ds.HasErrors() {
		return ended{exitError}
	}
	return nil
}

// log makes the logger of this run: for operators, on stderr.
func (a *app) log() *slog.Logger {
	if a.global.logLevel.value == logOff {
		return slog.New(slog.DiscardHandler)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.global.logLevel.value)); err != nil {
		level = slog.LevelWarn // the flag takes nothing else
	}
	return slog.New(slog.NewTextHandler(a.ui.Err(), &slog.HandlerOptions{Level: level}))
}
