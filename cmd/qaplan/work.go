package main

import (
	"context"
	"errors"
	"os"
	"os/user"
	"time"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// workOptions are what a run that may change something is opened for.
type workOptions struct {
	operation   string // a word for whoever meets the lock
	selection   selection
	saved       *planner.Plan // what to restrict the run to, nil for nothing
	wait        bool
	adoptOnly   bool       // carry out adoptions and leave everything else
	maxCost     budget.USD // of what this run buys, 0 for no limit
	lockTimeout time.Duration
}

// work is what an apply holds: the state's lock, the service, the engine.
type work struct {
	cfg     *config.Config
	service *service
	store   *state.Store
	engine  *apply.Engine
	known   []planner.Address // batches of config and state
	hooks   *hooks            // nil where nobody is told
	saved   *planner.Saved    // the restriction, nil when there is none
	sink    func(apply.Event) // apply sets another one before it carries out a plan, and outlook
	outlook func(apply.Outlook)
}

// beforehand gives what takes events before there is a plan: of waits, which may be
// long.
func (a *app) beforehand() func(apply.Event) {
	if a.stream == nil {
		return a.ui.Beforehand()
	}
	return func(e apply.Event) {
		if e.Type == apply.EventRateWait {
			a.stream.Event(e)
		}
	}
}

// openWork takes the lock and gets everything ready. Nothing is sent.
func (a *app) openWork(ctx context.Context, f workOptions) (_ *work, err error) {
	cfg, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	w := &work{cfg: cfg, sink: a.beforehand(), outlook: func(apply.Outlook) {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.service, err = a.openService(cfg); err != nil {
		return nil, err
	}
	if w.store, err = a.openStore(ctx, cfg, w.service.id, f.operation, f.lockTimeout); err != nil {
		return nil, err
	}
	st := w.store.State()
	in, err := a.inputs(ctx, cfg, boughtIn(st))
	if err != nil {
		return nil, err
	}
	w.known = known(in, st)
	opts, err := f.selection.options(w.known)
	if err != nil {
		return nil, err
	}
	opts.Version, opts.Service = version, plannedFor(cfg)
	if f.saved != nil {
		basis := planner.Basis{Version: version, Service: opts.Service, Lineage: st.Lineage, ConfigDigest: in.Desired.ConfigDigest}
		if err := f.saved.Fits(basis); err != nil {
			return nil, err
		}
		opts.Saved = planner.NewSaved(f.saved, f.wait)
		w.saved = opts.Saved
	}
	o := apply.Options{
		Journal: w.store, Desired: in.Desired, Paths: enginePaths(in), Rows: rowRules(cfg), Costs: costs(cfg), MaxCost: f.maxCost, Refresh: true, Plan: opts,
		Limits: limits(cfg.Provider.Rate), Cooldown: cfg.Provider.Cooldown, PollInterval: cfg.Provider.PollInterval,
		TookOver: w.store.TookOver(), AdoptOnly: f.adoptOnly, Wait: f.wait, Emit: func(e apply.Event) { w.sink(e) }, Log: a.log(),
	}
	if a.stream == nil { // programs make their own of the events
		o.Outlook = func(o apply.Outlook) { w.outlook(o) }
	}
	o.Gate = apply.NewGate(o.Limits, st.LastSent())
	o.Datasets, o.OpenDir = engineDatasets(cfg), a.outputDir(cfg)
	if h := newHooks(a, cfg, o.Paths); h != nil {
		w.hooks, o.Completer, o.Completes = h, h, h.blocks()
	}
	if err := w.service.connect(ctx, a, o.Gate); err != nil {
		return nil, err
	}
	o.Jobs, o.Files, o.Answers, o.Models = w.service.client, w.service.client, w.service.client, w.service.client
	o.Counter, o.CountTokens = w.service.client, cfg.Provider.CountTokens
	w.engine = apply.New(o)
	return w, nil
}

func (w *work) close() error {
	var errs []error
	if w.engine != nil {
		errs = append(errs, w.engine.Close())
	}
	if w.store != nil {
		errs = append(errs, w.store.Close())
	}
	if w.service != nil {
		errs = append(errs, w.service.close())
	}
	return errors.Join(errs...)
}

// openStore takes the state's lock, waiting for another run as long as it is
// told to. A lock in a bucket whose holder should have given a sign of life long
// ago is watched in any case, until it does or its time is over.
func (a *app) openStore(ctx context.Context, cfg *config.Config, id state.Identity, operation string, patience time.Duration) (*state.Store, error) {
	at, err := a.place(ctx, cfg)
	if err != nil {
		return nil, err
	}
	holder := a.holder(operation)
	deadline := time.Now().Add(patience)
	told := ""
	tell := func(how, format string, args ...any) {
		if told != how {
			a.ui.Note(format, args...)
			told = how
		}
	}
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		store, err := at.Open(ctx, id, holder)
		locked, isLocked := errors.AsType[*state.LockedError](err)
		wait := time.Until(deadline)
		switch {
		case !isLocked:
			return store, err
		case locked.Dying:
			tell("dying", "%s; it should have given a sign of life. Its lock is taken over unless it does within %s.", ui.Explain(err).Summary, locked.Lease)
			wait = locked.Lease
		case wait <= 0:
			return nil, err
		default:
			tell("waiting", "%s; waiting for at most %s.", ui.Explain(err).Summary, patience)
		}
		timer := time.NewTimer(min(pause, wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// whoami is user@host, as far as the system tells.
func whoami(env func(string) (string, bool)) string {
	name := ""
	for _, v := range []string{"USER", "USERNAME"} {
		if name == "" {
			name, _ = env(v)
		}
	}
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return name + "@" + host
}
