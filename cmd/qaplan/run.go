package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner/apply"
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
}

// app is what the commands share.
type app struct {
	ui     *ui.Console
	env    func(string) (string, bool)
	global globals
	// stream is set while events go to stdout as JSON; errors go there too.
	stream *ui.JSONStream
	// summary is what the stream's last line tells.
	summary apply.Summary
}

// run carries out one command line and gives its exit code.
func run(ctx context.Context, args []string, sys system) int {
	a := &app{env: sys.env}
	a.ui = ui.New(ui.Options{Stdin: sys.stdin, Stdout: sys.stdout, Stderr: sys.stderr, Env: sys.env, NoColor: named(args, "no-color")})
	for _, name := range keyVariables() {
		key, _ := sys.env(name)
		a.ui.Hide(key)
	}
	if len(args) > 0 && slices.Contains(args, "apply") && named(args, "json") {
		a.stream = ui.NewJSONStream(a.ui.Out(), version)
	}
	root := rootCommand(a)
	root.SetArgs(doubleDashes(root, args))
	err := root.ExecuteContext(ctx)
	code := codeOf(ctx, err)
	if tells(err) {
		a.explain(ui.Explain(err))
	}
	if werr := a.ui.WriteError(); werr != nil {
		a.explain(ui.Explain(werr))
		code = strongest(code, exitError)
	}
	if a.stream != nil {
		stopped := code == exitError || code == exitLocked || code == exitInterrupted
		a.stream.End(a.summary, code, stopped)
	}
	return code
}

// tells reports whether an error still has to be shown.
func tells(err error) bool {
	if err == nil {
		return false
	}
	_, silent := errors.AsType[ended](err)
	return !silent && !errors.Is(err, errInterrupted)
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
