package ui

import (
	"fmt"
	"strings"

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
		return fmt.Sprintf("\nImported %s as %s.\n", Printable(claims[0].ID), claims[0].Address)
	}
	jobs, uploads := 0, 0
	for i := range p.Changes {
		if d := &p.Changes[i].Detail; d.Job != "" {
			jobs += 1 + len(d.Jobs)
		} else if d.File != "" {
			uploads++
		}
	}
	var parts []string
	if jobs > 0 {
		parts = append(parts, count(jobs, "job"))
	}
	if uploads > 0 {
		parts = append(parts, count(uploads, "upload"))
	}
	if len(parts) == 0 {
		parts = append(parts, count(len(p.Changes), "batch"))
	}
	return "\nImported " + strings.Join(parts, " and ") + ".\n"
}
