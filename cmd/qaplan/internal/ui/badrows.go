package ui

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// BadRow is one row in hand that has no good answer; its JSON is an interface.
// Every key is always there.
type BadRow struct {
	Address planner.Address `json:"address"`
	Key     string          `json:"key"`
	Line    int             `json:"line"`  // of the source
	Class   string          `json:"class"` // what it was found to be
	Code    int             `json:"code"`  // google.rpc code of an error, else 0
	Reason  string          `json:"reason"`
}

// NewBadRow takes over a row of a batch.
func NewBadRow(a planner.Address, r *batchfile.BadRow) BadRow {
	return BadRow{Address: a, Key: r.Key, Line: r.Line, Class: r.Class.String(), Code: r.Code, Reason: r.Reason}
}

// How many bad rows are shown to people, of one batch and in all.
const (
	BadRowsOfBatch = 20
	BadRowsInAll   = 200
)

// renderBadRows lists the rows, which stand in the order of the batches and of
// their sources, and says how many there are besides.
func renderBadRows(b *strings.Builder, list []BadRow, v StatusView) {
	if len(list) == 0 && v.MoreBadRows == 0 {
		return
	}
	section(b, fmt.Sprintf("%s (%s):\n", v.Style.yellow("Rows without a good answer"), humanize.Comma(int64(len(list)+v.MoreBadRows))))
	rows := make([][]string, len(list))
	for i := range list {
		r := &list[i]
		class := r.Class
		if r.Code != 0 {
			class = fmt.Sprintf("%s %d", class, r.Code)
		}
		rows[i] = []string{
			r.Address.String(), fmt.Sprintf("line %d", r.Line), `key "` + Printable(r.Key) + `"`, class, sentence(Printable(r.Reason)),
		}
	}
	b.WriteString(indent("  ", table(rows)))
	if v.MoreBadRows > 0 {
		fmt.Fprintf(b, "  ... and %s more; qaplan status --failed --format json lists them all\n", humanize.Comma(int64(v.MoreBadRows)))
	}
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}
