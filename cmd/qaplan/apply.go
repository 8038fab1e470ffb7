package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state/blob"
)

// applyFlags are what an apply can be asked for.
type applyFlags struct {
	selection   selection
	approved    bool
	wait        bool
	json        bool
	detailed    bool
	verbose     bool
	timeout     time.Duration
	maxCost     float64
	lockTimeout time.Duration
	expect      string // the digest that was reviewed
	saved       savedRun
}

// errTimeout is the cause of a context that --timeout ended.
var errTimeout = errors.New("the time of --timeout is over")

func applyCommand(a *app) *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply [PLANFILE]",
		Short: "Show the plan, ask, and carry it out",
		Long: `Show the plan, ask, and carry it out: upload, create jobs, download. Without
--wait it does all that can be done now and ends; running it again goes on. With
--wait it goes on until every batch is done, failed or held.

A saved plan needs no question. Each of its items that is still as it was planned is
done; what is done already is skipped, and what has changed since is left alone, with
exit code 5. Nothing else is bought, with --wait neither. Where the file is not at
hand, --expect-digest ends the run unless the plan is the one that was reviewed.

The first interrupt finishes the calls in flight, records them and begins nothing
new; the second ends at once. Running it again goes on from there, and nothing is
paid twice.`,
		Example: `  qaplan apply
  qaplan apply --auto-approve --wait --timeout 2h
  qaplan apply --target 'batch.refinement[72]'
  qaplan apply --rerun 'batch.refinement[72]'
  qaplan apply plan.json
  qaplan apply --auto-approve --json | jq -r '."@message"'`,
		Args: onePlanFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.saved.file = args[0]
			}
			if cmd.Flags().Changed("expect-digest") && !planner.IsDigest(f.expect) { // "" is an unset variable, say
				return fmt.Errorf("--expect-digest %s: it must be sha256: and 64 digits, as plan --format json shows it", f.expect)
			}
			return a.apply(cmd.Context(), &f)
		},
	}
	f.selection.register(a, cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.approved, "auto-approve", false, "do not ask")
	fl.BoolVar(&f.wait, "wait", false, "go on until every batch is done, failed or held")
	fl.DurationVar(&f.timeout, "timeout", 0, "end after this `TIME`, such as 90m, with what is in flight finished; 0 is no limit")
	fl.BoolVar(&f.json, "json", false, "one JSON event a line on stdout; needs --auto-approve or a saved plan")
	fl.BoolVar(&f.detailed, "detailed-exitcode", false, "exit 2 when all went well but work remains for a later run")
	fl.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long, as a `TIME`, to wait for another run that holds the state, such as 10m")
	fl.BoolVar(&f.verbose, "verbose", false, "a line of the plan for each batch")
	fl.Float64Var(&f.maxCost, "max-cost", 0, "buy for at most so many `USD` in this run; what would exceed it is left, and the exit code is 3")
	fl.StringVar(&f.expect, "expect-digest", "", "do nothing, and exit 5, unless the plan has this `DIGEST`")
	return cmd
}

func (f *applyFlags) check(a *app) error {
	approved := f.approved || f.saved.file != ""
	switch {
	case f.saved.file != "" && f.selection.given() != "":
		return fmt.Errorf("%s does not go with a saved plan, which holds its own selection; plan again with it", f.selection.given())
	case f.json && !approved:
		return errors.New("--json cannot ask for approval; pass --auto-approve with it, or a saved plan")
	case !approved && !a.ui.Interactive():
		return errors.New("stdin is not a terminal, so nobody can approve the plan; pass --auto-approve, or a saved plan")
	case f.maxCost < 0 || f.maxCost > 0 && budget.FromDollars(f.maxCost) == 0:
		return fmt.Errorf("--max-cost %v: it must be an amount of USD above 0", f.maxCost)
	case f.timeout < 0:
		return fmt.Errorf("--timeout %s: it must not be negative", f.timeout)
	case f.lockTimeout < 0:
		return fmt.Errorf("--lock-timeout %s: it must not be negative", f.lockTimeout)
	}
	return nil
}

func (a *app) apply(ctx context.Context, f *applyFlags) error {
	if err := f.check(a); err != nil {
		return err
	}
	if err := f.openSaved(a); err != nil {
		return err
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(context.WithValue(ctx, unlimitedKey{}, ctx), f.timeout, errTimeout)
		defer cancel()
	}
	if a.stream != nil {
		a.stream.Waits = f.wait
	}
	err := a.applyWithin(ctx, f)
	if err != nil && errors.Is(context.Cause(ctx), errTimeout) && errors.Is(whyEnds(ctx), errInterrupted) && endedByContext(err) {
		return errInterrupted
	}
	// A time limit of the user's own is no failure.
	if err != nil && errors.Is(whyEnds(ctx), errTimeout) && endedByContext(err) {
		a.ui.Note("The time of --timeout is over before anything was begun.")
		if f.detailed {
			return ended{exitChanges}
		}
		return nil
	}
	return err
}

// unlimitedKey marks the context that --timeout does not end.
type unlimitedKey struct{}

func unlimited(ctx context.Context) context.Context {
	if whole, ok := ctx.Value(unlimitedKey{}).(context.Context); ok {
		return whole
	}
	return ctx
}

// whyEnds gives the cause of the end of ctx: an interrupt, if only after the end of
// --timeout, while what was in flight was finished.
func whyEnds(ctx context.Context) error {
	return cmp.Or(context.Cause(unlimited(ctx)), context.Cause(ctx))
}

// openSaved reads the saved plan, when one is given, before anything is begun.
func (f *applyFlags) openSaved(a *app) (err error) {
	if f.saved.file == "" {
		return nil
	}
	if f.saved.plan, err = a.readPlan(f.saved.file); err != nil || f.expect == "" {
		return err
	}
	return f.saved.plan.Expect(f.expect)
}

func endedByContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errTimeout)
}

func (a *app) applyWithin(ctx context.Context, f *applyFlags) (err error) {
	w, err := a.openWork(ctx, workOptions{
		operation: "apply", selection: f.selection, saved: f.saved.plan, wait: f.wait, maxCost: budget.FromDollars(f.maxCost), lockTimeout: f.lockTimeout,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	p, items, err := w.engine.Plan(ctx)
	if err != nil {
		return err
	}
	f.saved.begin(a, w.saved, items)
	a.showPlan(p, f)
	if f.expect != "" && w.saved == nil {
		if err := p.Expect(f.expect); err != nil {
			return err
		}
		w.engine.Restrict(p)
	}
	waits := f.wait && (p.Summary.InProgress > 0 || p.Unsure())
	if !p.Applyable && !waits {
		return a.settle(ctx, f, w, items)
	}
	if err := a.diagnose(w.cfg.Unwritable(config.SeverityError, buying(p))); err != nil {
		return err
	}
	if err := a.approve(ctx, f, p); err != nil {
		return err
	}
	follow := a.follow(items, f.wait)
	w.sink, w.outlook = follow.event, follow.outlook
	rep, err := a.carryOut(ctx, w)
	follow.close()
	return a.conclude(ctx, f, w, rep, err)
}

// carryOut applies, and says when it is to end what is waited for.
func (a *app) carryOut(ctx context.Context, w *work) (apply.Report, error) {
	finished := func() string {
		hook := w.hooks.waitedFor()
		if hook != "" {
			hook = " " + hook + "."
		}
		return "calls in flight are finished and recorded, nothing new is begun." + hook
	}
	whole := unlimited(ctx)
	defer context.AfterFunc(whole, func() {
		if errors.Is(context.Cause(whole), errInterrupted) {
			a.ui.Note("Interrupted: %s Interrupt again to end at once.", finished())
		}
	})()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errTimeout) {
			a.ui.Note("The time of --timeout is over: %s", finished())
		}
	})()
	return w.engine.Apply(ctx)
}

func (a *app) showPlan(p *planner.Plan, f *applyFlags) {
	if a.stream != nil {
		for i := range p.Problems {
			a.stream.Explain(ui.FromProblem(&p.Problems[i]))
		}
		return
	}
	a.ui.Print(ui.RenderPlan(p, ui.PlanView{Style: a.ui.OutStyle(), Width: a.ui.Width(), Verbose: f.verbose}))
}

// settle ends an apply that has nothing to do. What the listing taught is
// recorded all the same: it brings sends whose outcome is not known nearer to
// being settled. And manifests and datasets that a crash, or a change of the
// config, left behind are brought up to the results.
func (a *app) settle(ctx context.Context, f *applyFlags, w *work, items []planner.Item) error {
	follow := a.follow(items, false)
	w.sink, w.outlook = follow.event, follow.outlook
	rep, err := a.carryOut(ctx, w)
	follow.close()
	a.summary, a.left = rep.Summary, rep.Left
	if err != nil {
		return err
	}
	if n := f.saved.others(rep.Items); n > 0 && a.stream == nil {
		a.ui.Tell(ui.MoreThanSaved(n))
	}
	if f.saved.done() {
		rep.Items = nil // a plan that was carried out is about none of what is stuck
	}
	return a.applyEnd(ctx, f, rep)
}

func (a *app) approve(ctx context.Context, f *applyFlags, p *planner.Plan) error {
	if f.approved || f.saved.plan != nil {
		return nil
	}
	return a.confirm(ctx, ui.Question(p, f.wait && f.expect == ""), "the plan was not approved; nothing was done")
}

// watcher is what follows the events of an apply.
type watcher struct {
	event   func(apply.Event)
	outlook func(apply.Outlook)
	close   func()
}

// follow shows progress to people, or writes events for programs.
func (a *app) follow(items []planner.Item, waits bool) watcher {
	if a.stream != nil {
		return watcher{event: a.stream.Event, outlook: func(apply.Outlook) {}, close: func() {}}
	}
	p := ui.NewProgress(a.ui, items, waits)
	return watcher{event: p.Event, outlook: p.Outlook, close: p.Close}
}

// conclude says how an apply ended, and what it did even where it failed.
func (a *app) conclude(ctx context.Context, f *applyFlags, w *work, rep apply.Report, err error) error {
	a.summary, a.left = rep.Summary, rep.Left
	cause := whyEnds(ctx)
	interrupted := errors.Is(cause, errInterrupted)
	if ctx.Err() != nil && endedByContext(err) {
		err = nil // it was asked to end, and did
	}
	if a.stream == nil {
		if rep.Plan != nil {
			if left := ui.RenderLeft(rep.Plan, rep.Items, a.ui.OutStyle(), a.ui.Width()); left != "" {
				a.ui.Print("\n" + left)
			}
		}
		a.ui.Print("\n" + ui.ApplyEnd(rep.Summary, unfinished(&rep) || err != nil || interrupted) + "\n")
		if folders := a.resultFolders(w.cfg, rep.Items); rep.Summary.Downloaded > 0 && len(folders) > 0 {
			a.ui.Tell(ui.ResultsIn(folders))
		}
		if n := f.saved.others(rep.Items); n > 0 {
			a.ui.Tell(ui.MoreThanSaved(n))
		}
	}
	switch {
	case interrupted:
		a.ui.Note("Interrupted. Running apply again goes on.")
	case errors.Is(cause, errTimeout):
		a.ui.Note("The time of --timeout is over. Running apply again goes on.")
	}
	return errors.Join(err, a.applyEnd(ctx, f, rep))
}

// resultFolders are where the batches that are done have their results, as the
// person who typed the command reaches them: each folder once.
func (a *app) resultFolders(cfg *config.Config, items []planner.Item) []string {
	done := map[string]bool{}
	for i := range items {
		if items[i].Phase == planner.PhaseDone {
			done[items[i].Address.Block] = true
		}
	}
	var folders []string
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		dir := b.OutputDir
		if !blob.IsURL(b.OutputDirAbs) && !filepath.IsAbs(filepath.FromSlash(dir)) {
			dir = filepath.ToSlash(filepath.Join(filepath.Dir(a.path(a.global.config)), filepath.FromSlash(dir)))
		}
		if done[b.Name] && !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	return folders
}

// applyEnd turns a report into the end of the command.
func (a *app) applyEnd(ctx context.Context, f *applyFlags, rep apply.Report) error {
	if a.stream == nil {
		for _, l := range rep.Left {
			a.ui.Tell(ui.LeftLine(l, time.Now()))
		}
	}
	for _, err := range parts(rep.Stopped) {
		a.explain(ui.Explain(err))
	}
	var codes []int
	if errors.Is(whyEnds(ctx), errInterrupted) {
		codes = append(codes, exitInterrupted)
	}
	if unfinished(&rep) {
		codes = append(codes, exitError)
	}
	if f.saved.count(planner.StandsStale) > 0 {
		codes = append(codes, exitStale)
	}
	if refused(&rep) {
		codes = append(codes, exitRefused)
	}
	if f.detailed && rep.Remains {
		codes = append(codes, exitChanges)
	}
	if !rep.Remains && stuck(rep.Items) {
		codes = append(codes, exitStuck)
	}
	if code := strongest(codes...); code != exitDone {
		return ended{code}
	}
	return nil
}

// unfinished reports whether something went wrong that keeps the run from having
// done what it could. It was told when it happened, or is told at the end.
func unfinished(rep *apply.Report) bool {
	return rep.Stopped != nil || len(rep.Errors) > 0 || len(rep.Unwritten) > 0
}

// refused reports whether a limit on the cost stands against purchases.
func refused(rep *apply.Report) bool {
	return slices.ContainsFunc(rep.Left, func(l apply.Left) bool { return l.Refused })
}

// stuck reports whether a person has to look at some batches.
func stuck(items []planner.Item) bool {
	for i := range items {
		switch it := &items[i]; it.Phase {
		case planner.PhaseFailed, planner.PhaseHeld:
			return true
		case planner.PhaseDone:
			if it.BadRows > 0 {
				return true
			}
		}
	}
	return false
}
