package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

// rendering is how a plan or the state is shown, and where.
type rendering struct {
	format   format
	output   string
	maxBytes int
	verbose  bool
}

func (r *rendering) register(cmd *cobra.Command) {
	r.format.register(cmd, "markdown")
	fl := cmd.Flags()
	fl.StringVar(&r.output, "output", "", "write to `FILE` in place of stdout")
	fl.IntVar(&r.maxBytes, "max-bytes", ui.MaxMarkdown, "limit the Markdown to `N` bytes; its totals always fit")
	fl.BoolVar(&r.verbose, "verbose", false, "a line of the plan for each batch")
}

func (r *rendering) check(cmd *cobra.Command) error {
	switch given := cmd.Flags().Changed("max-bytes"); {
	case given && !r.format.isMarkdown():
		return errors.New("--max-bytes goes with --format markdown")
	case r.maxBytes < ui.MinMarkdown:
		return fmt.Errorf("--max-bytes %d: it must be at least %d", r.maxBytes, ui.MinMarkdown)
	}
	return nil
}

func (r *rendering) style(a *app) ui.Style {
	if r.output != "" {
		return ui.Style{}
	}
	return a.ui.OutStyle()
}

func (r *rendering) markdown(a *app) ui.MarkdownView {
	return ui.MarkdownView{Name: a.configName(), Limit: r.maxBytes}
}

// plan renders a plan in the form that was asked for.
func (r *rendering) plan(a *app, p *planner.Plan) (string, error) {
	switch {
	case r.format.isJSON():
		return ui.JSON(p)
	case r.format.isMarkdown():
		return ui.RenderPlanMarkdown(p, r.markdown(a)), nil
	}
	return ui.RenderPlan(p, ui.PlanView{Style: r.style(a), Width: a.ui.Width(), Verbose: r.verbose}), nil
}

// configName is what the command line calls the config; of an absolute path only
// the file's name, since the rest belongs to one machine.
func (a *app) configName() string {
	name := a.global.config
	if !filepath.IsAbs(name) && !filepath.IsAbs(a.global.chdir) {
		return path.Join(filepath.ToSlash(a.global.chdir), filepath.ToSlash(name))
	}
	return filepath.Base(name)
}
