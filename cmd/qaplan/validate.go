package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/state"
)

func validateCommand(a *app) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the config and the source files, offline",
		Long: `Check the config and every source file: bad JSON, missing or duplicate keys,
empty or oversized files, each with file and line. Nothing is sent and no API key
is needed.`,
		Example: "  qaplan validate\n  qaplan -C examples/quickstart validate --format json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.validate(cmd.Context(), f.isJSON()) },
	}
	f.register(cmd)
	return cmd
}

// validated reads what is known of purchases. A bucket is not asked: this
// command is offline.
func (a *app) validated(ctx context.Context, cfg *config.Config) (*state.State, error) {
	if cfg.Backend.InBucket() {
		return &state.State{}, nil
	}
	return a.read(ctx, cfg, state.Identity{})
}

func (a *app) validate(ctx context.Context, asJSON bool) error {
	cfg, ds := config.Load(ctx, a.configOptions())
	var in *config.Inputs
	if cfg != nil {
		// What was bought may lack its source; a state that cannot be read is
		// not this command's business.
		st, err := a.validated(ctx, cfg)
		if err != nil {
			st = &state.State{}
		}
		cache := source.OpenCache(cfg.CachePath())
		inputs, more, err := cfg.Inputs(ctx, cache, boughtIn(st))
		if err != nil {
			return err
		}
		if err := cache.Save(); err != nil {
			a.log().Debug("save the cache of sources", "error", err)
		}
		in, ds = inputs, slices.Concat(ds, more, cfg.Unshared(), cfg.Unwritable(config.SeverityWarning, func(string) bool { return true }))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if asJSON {
		text, err := ui.ValidationJSON(ds)
		if err != nil {
			return err
		}
		a.ui.Print(text)
	} else {
		a.ui.ShowAll(ds)
	}
	if ds.HasErrors() {
		return ended{exitError}
	}
	if !asJSON {
		a.ui.Print(ui.Valid(in, len(ds)))
	}
	return nil
}
