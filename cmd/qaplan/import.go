package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

func importCommand(a *app) *cobra.Command {
	var approved bool
	cmd := &cobra.Command{
		Use:   "import ADDRESS ID",
		Short: "Adopt a job or a file that exists at the service",
		Long: `Adopt one job (batches/...) or upload (files/...) as a batch's own. It is compared
with the batch first: another model, another number of rows or other bytes refuse
it. Nothing is bought, and nothing is sent.

An import block in the config does the same, and can be reviewed.`,
		Example: `  qaplan import 'batch.refinement[51]' batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq
  qaplan import --auto-approve 'batch.refinement[72]' files/z1lupf7w76in`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !approved && !a.ui.Interactive() {
				return errors.New("stdin is not a terminal, so nobody can approve the import; pass --auto-approve")
			}
			return a.importOne(cmd.Context(), args[0], args[1], approved)
		},
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "do not ask")
	laterFlag(cmd, "from", "finding jobs in a text")
	laterFlag(cmd, "block", "finding jobs in a text")
	return cmd
}

// importOne runs the plan of an apply with one wish added, and of that plan the
// adoption alone.
func (a *app) importOne(ctx context.Context, address, id string, approved bool) (err error) {
	var to planner.Address
	if err := to.UnmarshalText([]byte(address)); err != nil {
		return err
	}
	if !strings.HasPrefix(id, "batches/") && !strings.HasPrefix(id, "files/") {
		return fmt.Errorf("cannot import %q: it is neither a job (batches/...) nor a file (files/...)", id)
	}
	f := &applyFlags{approved: approved, imports: map[planner.Address]string{to: id}}
	f.selection.targets = []string{to.String()}
	w, err := a.openWork(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	p, _, err := w.engine.Plan(ctx)
	if err != nil {
		return err
	}
	if !p.Applyable {
		a.ui.Print(fmt.Sprintf("Nothing to import: %s needs no adoption.\n", to))
		return nil
	}
	a.ui.Print(ui.RenderPlan(p, ui.PlanView{Style: a.ui.OutStyle(), Width: a.ui.Width(), Verbose: true}))
	if err := a.approve(ctx, f, p); err != nil {
		return err
	}
	rep, err := w.engine.Apply(ctx)
	if err != nil {
		return err
	}
	if rep.Summary.Adopted == 0 {
		return fmt.Errorf("%s was not imported: it changed while the plan was shown; run the command again", id)
	}
	a.ui.Print(fmt.Sprintf("Imported %s as %s.\n", id, to))
	return nil
}

// addImports adds what the command line imports to what the config does.
func addImports(d *planner.Desired, imports map[planner.Address]string) error {
	for a, id := range imports {
		i := slices.IndexFunc(d.Batches, func(b planner.Batch) bool { return b.Address == a })
		if i < 0 {
			return fmt.Errorf("cannot import %s: the config has no %s", id, a)
		}
		if !slices.Contains(d.Batches[i].Imports, id) {
			d.Batches[i].Imports = append(slices.Clone(d.Batches[i].Imports), id)
		}
	}
	return nil
}
