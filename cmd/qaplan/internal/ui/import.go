package ui

import (
	"fmt"

	"github.com/qaplan/qaplan/planner"
)

// ImportQuestion asks for the approval of adoptions.
func ImportQuestion(batches int) string {
	return "Record this for " + count(batches, "batch") + "?"
}

// Imported says what was adopted, and what is left for the apply that can use
// it.
func Imported(claims []planner.Claim, p *planner.Plan) string {
	if len(claims) == 1 {
		return fmt.Sprintf("Imported %s as %s.\n", Printable(claims[0].ID), claims[0].Address)
	}
	jobs, uploads := 0, 0
	for i := range p.Changes {
		if d := &p.Changes[i].Detail; d.Job != "" {
			jobs += 1 + len(d.Jobs)
		} else if d.File != "" {
			uploads++
		}
	}
	return fmt.Sprintf("Imported %s and %s.\n", count(jobs, "job"), count(uploads, "upload"))
}
