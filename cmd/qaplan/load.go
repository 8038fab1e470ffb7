package main

import (
	"context"
	"path/filepath"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// path resolves a path of the command line: relative ones are relative to
// --chdir.
func (a *app) path(p string) string {
	if p == "" || filepath.IsAbs(p) || a.global.chdir == "" {
		return p
	}
	return filepath.Join(a.global.chdir, p)
}

// load reads the config and shows what it has to say.
func (a *app) load(ctx context.Context) (*config.Config, error) {
	return a.loadWith(ctx, a.configOptions())
}

// loadForState reads the config for a command that concerns the state alone: the
// last batch block may have been removed, and what it bought still be there.
func (a *app) loadForState(ctx context.Context) (*config.Config, error) {
	o := a.configOptions()
	o.WithoutBatches = true
	return a.loadWith(ctx, o)
}

func (a *app) loadWith(ctx context.Context, o config.Options) (*config.Config, error) {
	cfg, ds := config.Load(ctx, o)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return cfg, a.diagnose(ds)
}

func (a *app) configOptions() config.Options {
	files := make([]string, len(a.global.varFiles))
	for i, f := range a.global.varFiles {
		files[i] = a.path(f)
	}
	return config.Options{
		Path: a.path(a.global.config), Vars: a.global.vars, VarFiles: files, Env: a.env, Version: version, CheckFault: checkFault,
		CheckHistory: checkHistory,
	}
}

// inputs reads the source files of the batches and shows what is wrong with
// them. What the state says was bought may lack its source.
func (a *app) inputs(ctx context.Context, cfg *config.Config, bought config.Bought) (*config.Inputs, error) {
	cache := source.OpenCache(cfg.CachePath())
	in, ds, err := cfg.Inputs(ctx, cache, bought)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	if err := cache.Save(); err != nil {
		a.log().Debug("save the cache of sources", "error", err)
	}
	return in, a.diagnose(ds)
}

// boughtIn tells of which batches a state knows that something was bought.
func boughtIn(st *state.State) config.Bought {
	return func(addr planner.Address) (string, bool) {
		rec := st.Batches[addr]
		if rec == nil {
			return "", false
		}
		for i := range rec.Attempts {
			switch rec.Attempts[i].Outcome {
			case planner.OutcomeBought, planner.OutcomeIntent:
				return rec.Source.Path, true
			}
		}
		return "", false
	}
}

// known lists every batch of config and state, for checking selectors.
func known(in *config.Inputs, st *state.State) []planner.Address {
	list := make([]planner.Address, 0, len(in.Desired.Batches)+len(st.Batches))
	for i := range in.Desired.Batches {
		list = append(list, in.Desired.Batches[i].Address)
	}
	for addr := range st.Batches {
		list = append(list, addr)
	}
	return list
}

// enginePaths is where the engine finds and puts files.
func enginePaths(in *config.Inputs) map[planner.Address]apply.Path {
	paths := make(map[planner.Address]apply.Path, len(in.Paths))
	for i := range in.Paths {
		paths[in.Desired.Batches[i].Address] = enginePath(&in.Paths[i])
	}
	return paths
}

func enginePath(p *config.Paths) apply.Path {
	return apply.Path{Source: p.Source, Facts: p.Facts, OutputDir: p.OutputDir, OutputName: p.OutputName}
}

// rowRules is how the rows of each block are judged and bought again.
func rowRules(cfg *config.Config) map[string]apply.Rows {
	rows := make(map[string]apply.Rows, len(cfg.Blocks))
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		r := apply.Rows{Rules: b.Rules}
		if b.Repair != nil {
			r.GenerationConfig, r.MoreOutput = []byte(b.Repair.GenerationConfig), b.Repair.RaisesOutput()
		}
		rows[b.Name] = r
	}
	return rows
}

// costs is how the purchases of each block are priced and limited.
func costs(cfg *config.Config) map[string]apply.Cost {
	out := make(map[string]apply.Cost, len(cfg.Blocks))
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		c := apply.Cost{Max: budget.FromDollars(b.MaxCost), MaxPlace: b.MaxCostPlace}
		if p := b.Price; p != nil {
			c.Price = &budget.Price{Input: budget.FromDollars(p.Input), Output: budget.FromDollars(p.Output), Cached: budget.FromDollars(p.Cached), Source: "the config"}
		}
		out[b.Name] = c
	}
	return out
}

func limits(r config.Rate) apply.Limits {
	return apply.Limits{
		RequestsPerMinute: r.RequestsPerMinute, CreatesPerMinute: r.CreatesPerMinute,
		MaxActiveJobs: r.MaxActiveJobs, EnqueuedTokens: r.MaxEnqueuedTokensAll, TokensByModel: r.MaxEnqueuedTokens, Parallelism: r.Parallelism,
	}
}
