package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

// view is the report as the page's template asks for it.
type view struct {
	*Report
	Words
	CSS          template.CSS
	Plot, Script template.JS
	Policy       string
	Data         pageData
}

// listed is how many rows of a long list stand in the page without a script, and
// how many jobs at work are shown.
const listed = 25

// pageData is what the scripts of the page get.
type pageData struct {
	Batches    int              `json:"batches"`
	Timeline   Timeline         `json:"timeline"`
	Work       pageWork         `json:"work"`
	Throughput Throughput       `json:"throughput"`
	Days       []Day            `json:"days"`
	Durations  Durations        `json:"durations"`
	Tables     map[string]table `json:"tables"`
}

type pageWork struct {
	Work
	LimitJobs   []int64 `json:"limit_jobs"`
	LimitTokens []int64 `json:"limit_tokens"`
}

// table is one with a filter, sorted columns and pages.
type table struct {
	Columns []column `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

type column struct {
	Name  string `json:"-"`
	Kind  string `json:"kind"`
	Class string `json:"class,omitempty"`
	// First is "down" where the largest come first when the column is sorted.
	First string `json:"first,omitempty"`
}

// Head gives the columns and the first rows as text, for readers without scripts.
func (t table) Head() [][]cell {
	var out [][]cell
	for _, row := range t.Rows[:min(len(t.Rows), listed)] {
		cells := make([]cell, len(row))
		for i, v := range row {
			cells[i] = cell{Text: t.Columns[i].text(v), Class: t.Columns[i].Class, Phase: t.Columns[i].Kind == "phase", Long: t.Columns[i].Kind == "long"}
		}
		out = append(out, cells)
	}
	return out
}

// withoutEmpty leaves out columns in which nothing stands, but for some.
func (t table) withoutEmpty(keep int) table {
	used := make([]bool, len(t.Columns))
	for _, row := range t.Rows {
		for i, v := range row {
			used[i] = used[i] || i < keep || v != "" && v != int64(0) && v != 0.0
		}
	}
	out := table{Rows: make([][]any, len(t.Rows))}
	for i, c := range t.Columns {
		if used[i] {
			out.Columns = append(out.Columns, c)
		}
	}
	for k, row := range t.Rows {
		for i, v := range row {
			if used[i] {
				out.Rows[k] = append(out.Rows[k], v)
			}
		}
	}
	return out
}

type cell struct {
	Text, Class string
	Phase, Long bool
}

func (c *column) text(v any) string {
	switch v := v.(type) {
	case string:
		if c.Kind == "time" && len(v) >= 16 {
			return strings.Replace(v[:16], "T", " ", 1)
		}
		return v
	case int64:
		switch {
		case v == 0:
			return ""
		case c.Kind == "length":
			return ui.Length(time.Duration(v) * time.Second)
		}
		return humanize.Comma(v)
	case float64:
		if v > 0 {
			return ui.Dollars(v)
		}
	}
	return ""
}

func newView(r *Report) *view {
	v := &view{Report: r, Words: newWords(r)}
	v.Data = pageData{
		Batches: r.Summary.Batches, Timeline: r.Timeline, Throughput: r.Throughput, Days: r.Days, Durations: r.Durations,
		Work: pageWork{Work: r.Work, LimitJobs: []int64{}, LimitTokens: []int64{}},
	}
	for i := range r.Limits {
		l := &r.Limits[i]
		most := l.most()
		switch {
		case most == 0:
		case l.Name == limitJobs:
			v.Data.Work.LimitJobs = append(v.Data.Work.LimitJobs, most)
		case l.Name == limitTokens && l.Seen > 0:
			v.Data.Work.LimitTokens = append(v.Data.Work.LimitTokens, most)
		}
	}
	v.Data.Tables = map[string]table{"batches": batchTable(r).withoutEmpty(2), "rows": rowTable(r)}
	return v
}

func batchTable(r *Report) table {
	num, down := "num", "down"
	t := table{Columns: []column{
		{Name: "Batch", Kind: "text"}, {Name: "Phase", Kind: "phase", Class: "nowrap"}, {Name: "Rows", Kind: "number", Class: num, First: down},
		{Name: "Good", Kind: "number", Class: num, First: down}, {Name: "Bad", Kind: "number", Class: num, First: down},
		{Name: "Tokens in", Kind: "number", Class: num, First: down}, {Name: "Tokens out", Kind: "number", Class: num, First: down},
		{Name: "Cost", Kind: "money", Class: num, First: down}, {Name: "Attempts", Kind: "number", Class: num, First: down},
		{Name: "Took", Kind: "length", Class: num, First: down}, {Name: "Created (UTC)", Kind: "time", Class: "nowrap"}, {Name: "Why", Kind: "text", Class: "nowrap"},
		{Name: "Model", Kind: "text", Class: "nowrap"}, {Name: "Job", Kind: "mono", Class: "nowrap"},
	}, Rows: make([][]any, len(r.Batches))}
	for i := range r.Batches {
		b := &r.Batches[i]
		t.Rows[i] = []any{
			strings.TrimPrefix(b.Address.String(), "batch."), string(b.Phase), b.Requests, b.Succeeded, b.Failed,
			b.InputTokens, b.OutputTokens, b.CostUSD, int64(b.Attempts), b.TookSeconds, b.JobCreatedAt, string(b.Reason), ui.Printable(b.Model), ui.Printable(strings.TrimPrefix(b.Job, "batches/")),
		}
	}
	return t
}

func rowTable(r *Report) table {
	t := table{Columns: []column{
		{Name: "Batch", Kind: "text", Class: "nowrap"}, {Name: "Key", Kind: "mono", Class: "key"}, {Name: "Line", Kind: "number", Class: "num"}, {Name: "Class", Kind: "text", Class: "nowrap"},
		{Name: "Why", Kind: "text", Class: "why"},
	}, Rows: make([][]any, len(r.BadRows))}
	content := r.hasContent()
	if content {
		t.Columns = append(t.Columns, column{Name: "Request", Kind: "long"}, column{Name: "Answer", Kind: "long"})
	}
	for i := range r.BadRows {
		b := &r.BadRows[i]
		class := b.Class
		if b.Code != 0 {
			class = fmt.Sprintf("%s %d", class, b.Code)
		}
		t.Rows[i] = []any{strings.TrimPrefix(b.Address.String(), "batch."), ui.Printable(b.Key), int64(b.Line), class, ui.Printable(b.Reason)}
		if content {
			t.Rows[i] = append(t.Rows[i], b.Request, b.Answer)
		}
	}
	return t
}

func (r *Report) hasContent() bool {
	for i := range r.BadRows {
		if r.BadRows[i].Request != "" {
			return true
		}
	}
	return false
}

// choice is one of a select.
type choice struct {
	Value string
	Count int
}

// Phases are those that occur, in the order in which a batch passes them.
func (v *view) PhaseChoices() []choice {
	var out []choice
	for _, p := range planner.Phases() {
		if n := v.Summary.Phases[p]; n > 0 {
			out = append(out, choice{string(p), n})
		}
	}
	return out
}

// ClassChoices are the classes of the rows that are listed.
func (v *view) ClassChoices() []choice {
	var out []choice
	at := map[string]int{}
	for _, row := range v.Data.Tables["rows"].Rows {
		class := row[3].(string)
		if _, seen := at[class]; !seen {
			at[class] = len(out)
			out = append(out, choice{Value: class})
		}
		out[at[class]].Count++
	}
	return out
}

// segment is a piece of a bar, in thousandths.
type segment struct {
	Class   string
	X, W    float64
	Words   string
	Count   int
	Percent string
}

// PhaseBar shows where the batches stand, what is done first.
func (v *view) PhaseBar() []segment {
	var out []segment
	x := 0.0
	for _, p := range stackOrder() {
		n := v.Summary.Phases[p]
		if n == 0 {
			continue
		}
		w := 1000 * float64(n) / float64(v.Summary.Batches)
		out = append(out, segment{Class: string(p), X: x, W: w, Words: phaseWords(p), Count: n, Percent: percent(n, v.Summary.Batches)})
		x += w
	}
	return out
}

// ClassBar is how wide the bar of a class of bad rows is, in thousandths of the
// widest one.
func (v *view) ClassBar(rows int64) float64 {
	var most int64
	for _, c := range v.BadClasses() {
		most = max(most, c.Rows)
	}
	return 1000 * float64(rows) / float64(max(most, 1))
}

// Oldest are the jobs at work that are shown.
func (v *view) Oldest() []AtWork { return v.AtWork[:min(len(v.AtWork), listed)] }
