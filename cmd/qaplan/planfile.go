package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
)

// onePlanFile is for commands that take a saved plan.
func onePlanFile(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case len(args) == 1 && args[0] == "":
		return fmt.Errorf("%s: the name of the plan file is empty; name the one that plan --out made", cmd.CommandPath()) // an unset variable, say
	case len(args) == 1:
		return nil
	}
	return advised(fmt.Errorf("%s takes one plan, but got %d arguments", cmd.CommandPath(), len(args)), seeHelp(cmd))
}

// readPlan reads a saved plan.
func (a *app) readPlan(file string) (*planner.Plan, error) {
	text, err := os.ReadFile(a.path(file))
	if err != nil {
		if _, serr := planner.ParseSelector(file); serr == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, advised(fmt.Errorf("there is no plan file %s", file), "To choose batches, use --target '"+file+"'.")
		}
		return nil, fmt.Errorf("the saved plan: %w", err)
	}
	p, err := planner.ReadPlan(text)
	if err != nil {
		return nil, advised(fmt.Errorf("%s: %w", file, err), "A plan is saved with qaplan plan --out FILE. Nothing was done.")
	}
	return p, nil
}

// save writes a plan to a file that apply takes. A file that is no plan is left
// alone: its name was a slip.
func (a *app) save(file string, p *planner.Plan) error {
	name := a.path(file)
	info, err := os.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("--out: %s is no regular file", name)
	case err == nil && info.Size() > 0:
		if old, err := os.ReadFile(name); err == nil {
			if _, err := planner.ReadPlan(old); err != nil {
				return advised(fmt.Errorf("--out: %s is there and is no saved plan; it is left as it is", name), "Name another file, or remove that one first.")
			}
		}
	}
	text, err := ui.JSON(p)
	if err != nil {
		return err
	}
	if err := a.write(name, text); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// plannedFor names the service of a config in a plan. The data of a rehearsal
// belong to the state, not to the plan.
func plannedFor(cfg *config.Config) planner.Service {
	if cfg.Provider.Kind == config.ProviderEmulator {
		return planner.Service{Kind: string(config.ProviderEmulator)}
	}
	id := geminiIdentity(cfg)
	return planner.Service{Kind: id.Kind, BaseURL: id.BaseURL}
}

// savedRun is the saved plan that an apply carries out, and where its changes
// stood when the run began.
type savedRun struct {
	file  string
	plan  *planner.Plan // nil where none is given
	limit *planner.Saved
	items []planner.SavedItem
}

// begin says what of the plan is done already, and what is left alone.
func (s *savedRun) begin(a *app, limit *planner.Saved, items []planner.Item) {
	if limit == nil {
		return
	}
	s.limit, s.items = limit, limit.Items(items)
	if a.stream != nil {
		for i := range s.items {
			a.stream.Saved(&s.items[i])
		}
		return
	}
	a.ui.Print(ui.RenderSaved(s.items, a.ui.OutStyle()))
}

// others counts the batches for which there is more to do than the plan holds.
func (s *savedRun) others(items []planner.Item) int {
	if s.limit == nil {
		return 0
	}
	return s.limit.Others(items)
}

func (s *savedRun) count(standing planner.Standing) int {
	n := 0
	for i := range s.items {
		if s.items[i].Standing == standing {
			n++
		}
	}
	return n
}

// done reports whether nothing of the plan is left to do.
func (s *savedRun) done() bool {
	return s.plan != nil && s.count(planner.StandsDone) == len(s.items)
}
