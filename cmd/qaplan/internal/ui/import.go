package ui

import (
	"fmt"

	"github.com/qaplan/qaplan/planner"
)

// ImportQuestion asks for the approval of adoptions.
func ImportQuestion(batches int) string {
	return "Record this for " + count(batches, "batch") + "?"
}

// Imported says what was adopted.
func Imported(claims []planner.Claim) string {
	if len(claims) == 1 {
		return fmt.Sprintf("Imported %s as %s.\n", Printable(claims[0].ID), claims[0].Address)
	}
	jobs := 0
	for _, c := range claims {
		if c.IsJob() {
			jobs++
		}
	}
	return fmt.Sprintf("Imported %s and %s.\n", count(jobs, "job"), count(len(claims)-jobs, "upload"))
}
