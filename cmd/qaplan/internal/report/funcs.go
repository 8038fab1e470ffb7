package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

// functions are what the page's template calls.
func functions() template.FuncMap {
	return template.FuncMap{
		"comma": func(n any) string {
			switch n := n.(type) {
			case int:
				return humanize.Comma(int64(n))
			case int64:
				return humanize.Comma(n)
			}
			return fmt.Sprint(n)
		},
		"amount": ui.Amount, "dollars": ui.Dollars, "limit": ui.Limit, "seconds": Seconds, "moment": Moment, "stamp": stamp,
		"short":      func(a planner.Address) string { return strings.TrimPrefix(a.String(), "batch.") },
		"modelClass": func(i int) string { return fmt.Sprintf("m%d", i%4) },
	}
}

// stamp is a time in a table.
func stamp(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.Second() != 0:
		return t.UTC().Format(time.DateTime)
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// Done counts the batches that are done, TokensOut what was paid as output, and
// InHand the rows whose answers are here.
func (r *Report) Done() int        { return r.Summary.Phases[planner.PhaseDone] }
func (r *Report) TokensOut() int64 { return r.Summary.Tokens.Output + r.Summary.Tokens.Thoughts }
func (r *Report) InHand() int64    { return r.Summary.Good + r.Summary.Bad }

// HasContent reports whether prompts and answers are in the report.
func (r *Report) HasContent() bool { return r.hasContent() }

// HasMaxCost reports whether the cost of a block is limited.
func (r *Report) HasMaxCost() bool {
	for i := range r.Blocks {
		if r.Blocks[i].MaxUSD > 0 {
			return true
		}
	}
	return false
}

// PhaseLegend are the phases of the chart over time, from the bottom up.
func (r *Report) PhaseLegend() []planner.Phase {
	var out []planner.Phase
	for _, p := range stackOrder() {
		if r.Timeline.Phases[p] != nil {
			out = append(out, p)
		}
	}
	return out
}

// stackOrder is how phases stand on each other: what is done at the bottom.
func stackOrder() []planner.Phase {
	return []planner.Phase{planner.PhaseDone, planner.PhaseSucceeded, planner.PhaseSubmitted, planner.PhaseUnknown, planner.PhaseUploaded,
		planner.PhaseAbsent, planner.PhaseHeld, planner.PhaseFailed}
}

// tableRow is one time of a chart as a row.
type tableRow struct {
	Time   string
	Counts []int64
}

// sparse is how many points of a chart one row of its table stands for.
const sparse = 5

// PhaseRows is the chart of phases as a table.
func (r *Report) PhaseRows() []tableRow {
	var out []tableRow
	eachSparse(r.Timeline.Times, func(i int) {
		row := tableRow{Time: stamp(r.Timeline.Times[i].Truncate(time.Second))}
		for _, p := range r.PhaseLegend() {
			row.Counts = append(row.Counts, int64(r.Timeline.Phases[p][i]))
		}
		out = append(out, row)
	})
	return out
}

// eachSparse goes through some of the times, the first and the last among them.
func eachSparse(times []time.Time, yield func(i int)) {
	for i := range times {
		if i%sparse == 0 || i == len(times)-1 {
			yield(i)
		}
	}
}

// workTable is a chart of what was at work as a table.
type workTable struct {
	Label string
	Heads []string
	Rows  []tableRow
}

// WorkTable gives the jobs or the tokens at work as a table: the most since the
// row before.
func (r *Report) WorkTable(what string) workTable {
	t := workTable{Label: "Jobs at work, as a table"}
	of := func(m *ModelWork) []int64 { return m.Jobs }
	if what == "tokens" {
		t.Label = "Input tokens at work, as a table"
		of = func(m *ModelWork) []int64 { return m.Tokens }
	}
	for i := range r.Work.Models {
		t.Heads = append(t.Heads, r.Work.Models[i].Model)
	}
	from := 0
	eachSparse(r.Work.Times, func(i int) {
		row := tableRow{Time: stamp(r.Work.Times[i].Truncate(time.Second))}
		for k := range r.Work.Models {
			var most int64
			for _, n := range of(&r.Work.Models[k])[from : i+1] {
				most = max(most, n)
			}
			row.Counts = append(row.Counts, most)
		}
		from = i + 1
		t.Rows = append(t.Rows, row)
	})
	return t
}

// mostShown bounds lists of what needs a person, and of how jobs ended.
const mostShown = 30

// stuckKind is all that is stuck for one reason, with the way out of the first.
type stuckKind struct {
	ui.StuckGroup
	Who  []string // ranges of batches
	More int      // ranges that are left out
}

// StuckKinds joins what needs a person for the same reason, neighbours or not.
func (r *Report) StuckKinds() []stuckKind {
	type key struct{ phase, reason, message, job, exit string }
	at := map[key]int{}
	var out []stuckKind
	for _, g := range r.Stuck {
		k := key{string(g.Phase), string(g.Reason), g.Message, g.Job, strings.ReplaceAll(g.Exit, g.Who, "")}
		i, seen := at[k]
		if !seen {
			i = len(out)
			at[k] = i
			out = append(out, stuckKind{StuckGroup: g, Who: []string{g.Who}})
			continue
		}
		out[i].Count += g.Count
		if len(out[i].Who) < fewRanges {
			out[i].Who = append(out[i].Who, g.Who)
		} else {
			out[i].More++
		}
	}
	return out
}

// AnyRows reports whether jobs have answered rows.
func (r *Report) AnyRows() bool {
	return slices.ContainsFunc(r.Throughput.Stretches, func(s Stretch) bool { return s.Rows > 0 })
}

// FirstEnds are those that the page shows.
func (r *Report) FirstEnds() []End { return r.Ends[:min(len(r.Ends), mostShown)] }
func (r *Report) MoreEnds() int    { return max(len(r.Ends)-mostShown, 0) }
