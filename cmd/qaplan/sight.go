package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/state"
)

// sight is what a command sees without holding the state: whatever an apply does
// at the same time, this reads what is durable.
type sight struct {
	app     *app
	cfg     *config.Config
	in      *config.Inputs
	id      state.Identity // the zero one is any
	service *service       // nil where it is not to be asked
	place   state.Place
	// recognised are results that were read on the way to a plan.
	recognised apply.Recognised
	// state reads the whole state when it is first asked for.
	state func() (*state.State, error)
}

// see reads the sources; close follows. Without refresh no key is needed.
func (a *app) see(ctx context.Context, cfg *config.Config, refresh bool) (_ *sight, err error) {
	s := &sight{app: a, cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if refresh {
		if s.service, err = a.openService(cfg); err != nil {
			return nil, err
		}
		s.id = s.service.id
	}
	if s.place, err = a.place(ctx, cfg); err != nil {
		return nil, err
	}
	s.state = sync.OnceValues(func() (*state.State, error) {
		snapshot, err := s.place.Pull(ctx, s.id)
		if err != nil {
			return nil, err
		}
		return &snapshot.State, nil
	})
	var unread error
	s.in, err = a.inputs(ctx, cfg, func(addr planner.Address) (string, bool) {
		st, err := s.state()
		if err != nil {
			unread = err
			return "", true // nothing is said of a source that may be missing rightly
		}
		return boughtIn(st)(addr)
	})
	return s, errors.Join(err, unread)
}

// close ends the use of the service.
func (s *sight) close() error {
	if s.service == nil {
		return nil
	}
	return s.service.close()
}

// settled gives the plan of a project in which everything that was bought is
// settled and nothing is to be bought, nil for every other.
func (s *sight) settled(ctx context.Context) *planner.Plan {
	opts := planner.Options{Version: version, Service: plannedFor(s.cfg), Now: time.Now()}
	return apply.PlanSettled(ctx, apply.SettledOptions{
		Desired: &s.in.Desired, Path: func(i int) apply.Path { return enginePath(&s.in.Paths[i]) }, Plan: opts, OpenDir: s.app.outputDir(s.cfg), Recognised: &s.recognised,
		Records: func(visit func(planner.Address, *planner.Record) bool) (lineage string, serial int64, ok bool) {
			st, ok := s.place.Scan(ctx, s.id, visit)
			if !ok {
				return "", 0, false
			}
			return st.Lineage, st.Serial, true
		},
	})
}

// plan makes the plan with all that it needs, and hands the engine that made it,
// with what it says of each batch, to use, where that is not nil.
func (s *sight) plan(ctx context.Context, sel *selection, use func(*apply.Engine, []planner.Item) error) (*planner.Plan, []planner.Item, *state.State, error) {
	st, err := s.state()
	if err != nil {
		return nil, nil, nil, err
	}
	opts, err := sel.options(known(s.in, st))
	if err != nil {
		return nil, nil, nil, err
	}
	cfg := s.cfg
	opts.Version, opts.Service = version, plannedFor(cfg)
	o := apply.Options{
		Recorded: st, Desired: s.in.Desired, Paths: enginePaths(s.in), Rows: rowRules(cfg), Costs: costs(cfg), Refresh: s.service != nil, Plan: opts,
		Limits: limits(cfg.Provider.Rate), Cooldown: cfg.Provider.Cooldown, PollInterval: cfg.Provider.PollInterval, OpenDir: s.app.outputDir(cfg), Recognised: &s.recognised, Log: s.app.log(),
	}
	o.Gate = apply.NewGate(o.Limits, st.LastSent())
	if s.service != nil {
		if err := s.service.connect(ctx, s.app, o.Gate); err != nil {
			return nil, nil, nil, err
		}
		o.Jobs, o.Files, o.Answers = s.service.client, s.service.client, s.service.client
	}
	e := apply.New(o)
	p, items, err := e.Plan(ctx)
	if err == nil && use != nil {
		err = use(e, items)
	}
	if err = errors.Join(err, e.Close()); err != nil {
		return nil, nil, nil, err
	}
	return p, items, st, nil
}

// observing makes the plan of everything, and hands the engine that made it to
// use.
func (a *app) observing(ctx context.Context, cfg *config.Config, refresh bool, use func(*apply.Engine, []planner.Item) error) (_ *planner.Plan, _ []planner.Item, _ *state.State, err error) {
	s, err := a.see(ctx, cfg, refresh)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.plan(ctx, &selection{}, use)
}
