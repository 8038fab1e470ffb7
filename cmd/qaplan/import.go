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

// importFlags are those of import.
type importFlags struct {
	surgeryFlags
	from, block string
}

func importCommand(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import ADDRESS ID | --from FILE",
		Short: "Adopt jobs and files that exist at the service",
		Long: `Adopt one job (batches/...) or upload (files/...) as a batch's own. It is compared
with the batch first: another model, another number of rows, other bytes or answers
with other keys refuse it. Nothing is bought, and nothing is sent.

With --from, find names of jobs and files next to batch numbers in any text (a
report in Markdown, JSON, CSV, a log), check each pair against the service, and show
them all with how sure each is and why. With approval, those that the service bears
out and those that nothing contradicts are recorded; contradicted ones never.

An import block in the config does the same for one, and can be reviewed.`,
		Example: `  qaplan import 'batch.refinement[51]' batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq
  qaplan import --auto-approve 'batch.refinement[72]' files/z1lupf7w76in
  qaplan import --from report.md`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.from == "" && cmd.Flags().Changed("from"):
				return advised(errors.New("--from: it must name a file"), seeHelp(cmd))
			case f.from != "" && len(args) > 0:
				return advised(errors.New("import takes an address and a name, or --from FILE, not both"), seeHelp(cmd))
			case f.from == "" && f.block != "":
				return advised(errors.New("--block goes with --from"), seeHelp(cmd))
			case f.from == "" && len(args) != 2:
				return advised(fmt.Errorf("import takes an address and a name, but got %d", len(args)), seeHelp(cmd))
			}
			return nil
		},

		ValidArgsFunction: a.completeDesired,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.from != "" {
				return a.importFrom(cmd.Context(), &f)
			}
			return a.importOne(cmd.Context(), args[0], args[1], &f.surgeryFlags)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&f.from, "from", "", "find the pairs in a text, `FILE`; - is stdin")
	cmd.Flags().StringVar(&f.block, "block", "", "with --from, the `NAME` of the block whose batches the text numbers")
	must(cmd.RegisterFlagCompletionFunc("block", a.completeBlockNames))
	return cmd
}

// isName reports whether a word is the name of a job or a file, as the service
// writes them.
func isName(word string) bool {
	id, found := strings.CutPrefix(word, "batches/")
	if !found {
		id, found = strings.CutPrefix(word, "files/")
	}
	alien := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}
	return found && strings.Trim(id, ".") != "" && !strings.ContainsFunc(id, alien)
}

// importOne compares one job or file with the batch that it is said to be of,
// and records it.
func (a *app) importOne(ctx context.Context, address, id string, f *surgeryFlags) (err error) {
	if err := f.ready(a); err != nil {
		return err
	}
	c := planner.Claim{ID: id}
	if isName(address) && strings.HasPrefix(id, "batch.") {
		return fmt.Errorf("the address comes first: qaplan import '%s' %s", id, address)
	}
	if err := c.Address.UnmarshalText([]byte(address)); err != nil {
		return err
	}
	if !isName(id) {
		return fmt.Errorf("cannot import %q: it is neither the name of a job (batches/...) nor that of a file (files/...); write it as the service or qaplan state show gives it", id)
	}
	w, err := a.openWork(ctx, workOptions{operation: "import", adoptOnly: true, lockTimeout: f.lockTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if !slices.Contains(w.known, c.Address) {
		return unknownAddress(planner.Selector{Block: c.Address.Block, First: c.Address.Number, Last: c.Address.Number}, w.known)
	}
	evidence, err := w.engine.Judge(ctx, []planner.Claim{c})
	if err != nil {
		return err
	}
	switch e := evidence[0]; e.Verdict {
	case planner.ClaimContradicted, planner.ClaimGone:
		return advised(fmt.Errorf("cannot import %s as %s: %s", id, c.Address, e.Why),
			"Check the number of the batch, and the key: a job is seen with a key of its own project alone. qaplan plan shows what the service has.")
	case planner.ClaimRecorded:
		a.ui.Print(fmt.Sprintf("Nothing to import: %s, %s: %s.\n", c.Address, id, e.Why))
		return nil
	default:
		a.ui.Print(fmt.Sprintf("%s, %s: %s, %s.\n", c.Address, id, e.Verdict, e.Why))
	}
	return a.adopt(ctx, w, []planner.Claim{c}, f)
}

// adopt shows what claims that nothing contradicts come to, asks, and records
// it.
func (a *app) adopt(ctx context.Context, w *work, claims []planner.Claim, f *surgeryFlags) error {
	w.engine.Accept(claims)
	p, _, err := w.engine.Plan(ctx)
	if err != nil {
		return err
	}
	if !p.Applyable {
		a.ui.Print("\nNothing to import: nothing there needs an adoption.\n")
		return nil
	}
	if len(claims) == 1 {
		p.Selection = nil // nobody chose; it is about what is imported alone
		a.ui.Print("\n" + ui.RenderPlan(p, ui.PlanView{Style: a.ui.OutStyle(), Width: a.ui.Width(), Verbose: true}))
	}
	if err := f.ask(ctx, a, ui.ImportQuestion(len(p.Changes))); err != nil {
		return err
	}
	rep, err := w.engine.Apply(ctx)
	if err != nil {
		return err
	}
	if rep.Interrupted {
		return context.Cause(ctx) // what was not recorded is found again
	}
	if rep.Summary.Adopted < len(p.Changes) {
		return fmt.Errorf("%d of %d were imported: the others changed while the plan was shown; run the command again", rep.Summary.Adopted, len(p.Changes))
	}
	a.ui.Print(ui.Imported(claims, p))
	return nil
}
