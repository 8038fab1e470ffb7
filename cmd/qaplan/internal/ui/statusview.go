package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/planner"
)

// StatusView says how a status is shown.
type StatusView struct {
	Style   Style
	Width   int       // of the terminal, 0 when it is none
	Now     time.Time // ages are told against it
	Verbose bool      // a line for each batch, nothing left out
	// Held and Failed carry the ways out.
	Held   []planner.Held
	Failed []planner.Failed
	// MoreBadRows counts those that are left out of the status.
	MoreBadRows int
}

// How much of each kind is shown, so that a status of any size is one screen.
const (
	statusLines  = 10 // of the table
	statusOldest = 3  // jobs
	statusStuck  = 3  // reasons to be held, and to have failed
)

// RenderStatus shows a status as text, one screen of it: how many batches are in
// which phase, a line for those that stand alike, the oldest jobs, what needs a
// person, the cost, what happens next, and the counts. A status of bad
// batches alone lists them all.
func RenderStatus(s *Status, v StatusView) string {
	var b strings.Builder
	bad := s.BadRows != nil
	if all := s.all(); all > 0 && !bad {
		v.bar(&b, s, all)
	}
	v.batches(&b, s.Batches, bad)
	if !bad {
		v.oldest(&b, s.Batches)
	}
	renderBadRows(&b, s.BadRows, v)
	view := PlanView{Style: v.Style, Width: v.Width, folded: true, most: statusStuck}
	if bad || v.Verbose {
		view.most = 0
	}
	renderHeld(&b, v.Held, view)
	renderFailed(&b, v.Failed, view)
	var sums []string
	if n := s.badRows(); n > 0 && !bad {
		sums = append(sums, v.Style.yellow("Rows without a good answer:")+fmt.Sprintf(" %s; qaplan status --failed names each.", humanize.Comma(n)))
	}
	if line := costLine(&s.Cost); line != "" {
		sums = append(sums, wrap(line, v.Width)...)
	}
	if len(sums) > 0 {
		section(&b, strings.Join(sums, "\n")+"\n")
	}
	if !bad {
		v.next(&b, s.Next)
	}
	section(&b, statusLine(s)+"\n")
	return b.String()
}

func (s *Status) all() (n int) {
	for _, k := range s.Summary {
		n += k
	}
	return n
}

// badRows counts the rows without a good answer in results.
func (s *Status) badRows() (n int64) {
	for i := range s.Batches {
		if b := &s.Batches[i]; b.Phase == planner.PhaseDone {
			n += b.Failed
		}
	}
	return n
}

// bar shows the share of each phase, with what its signs mean.
func (v *StatusView) bar(b *strings.Builder, s *Status, all int) {
	width := v.Width
	if width <= 0 {
		width = defaultWidth
	}
	room := width - 3
	b.WriteString("  " + phaseBar(s.Summary, min(room, barMost), v.Style) + "\n")
	b.WriteString(indent("  ", wrapParts(phaseParts(s.Summary, v.Style), "  ", room, len(s.Summary))))
}

// standing is batches that stand alike.
type standing struct {
	one *StatusBatch // the first
	stretch
	sum    StatusBatch
	oldest string // when the oldest of their jobs was created
}

// key is the same for neighbours that are one line, and kind for whatever is one
// where there are many lines: reasons stand below anyway.
func (g *standing) key() string {
	return strings.Join([]string{g.kind(), string(g.one.Reason), g.one.JobState, fmt.Sprint(g.one.bad())}, "\n")
}

func (g *standing) kind() string {
	if g.one.Phase == planner.PhaseSubmitted {
		return strings.Join([]string{g.block, string(g.one.Phase), g.one.JobState}, "\n")
	}
	return strings.Join([]string{g.block, string(g.one.Phase)}, "\n")
}

func (g *standing) join(next *standing) {
	g.add(next.stretch)
	if g.sum.Reason != next.sum.Reason {
		g.sum.Reason = ""
	}
	g.sum.Requests += next.sum.Requests
	g.sum.Succeeded += next.sum.Succeeded
	g.sum.Failed += next.sum.Failed
	g.sum.InputTokens += next.sum.InputTokens
	g.sum.OutputTokens += next.sum.OutputTokens
	g.sum.CostUSD += next.sum.CostUSD
	if t := next.oldest; t != "" && (g.oldest == "" || t < g.oldest) {
		g.oldest = t
	}
}

// standingAlike joins neighbours that stand alike, and where that leaves more lines
// than are shown, all that do.
func standingAlike(list []StatusBatch) []standing {
	var groups []standing
	for i := range list {
		g := newStanding(&list[i])
		if n := len(groups) - 1; n >= 0 && groups[n].last+1 == g.stretch.first && groups[n].key() == g.key() {
			groups[n].join(&g)
			continue
		}
		groups = append(groups, g)
	}
	if len(groups) <= statusLines {
		return groups
	}
	var kinds []standing
	at := map[string]int{}
	for i := range groups {
		k := groups[i].kind()
		if j, seen := at[k]; seen {
			kinds[j].join(&groups[i])
			continue
		}
		at[k] = len(kinds)
		kinds = append(kinds, groups[i])
	}
	return kinds
}

func newStanding(s *StatusBatch) standing {
	return standing{one: s, stretch: single(s.Address.Block, s.Number), sum: *s, oldest: s.JobCreatedAt}
}

// batches is the table: a line for each that stands alike, or for each batch.
func (v *StatusView) batches(b *strings.Builder, list []StatusBatch, apart bool) {
	var rows [][]string
	more := 0
	if v.Verbose || apart {
		for i := range list {
			g := newStanding(&list[i])
			rows = append(rows, v.cells(&g))
		}
	} else {
		groups := standingAlike(list)
		if len(groups) > statusLines+1 {
			more = len(groups) - statusLines
			groups = groups[:statusLines]
		}
		for i := range groups {
			rows = append(rows, v.cells(&groups[i]))
		}
	}
	if len(rows) == 0 {
		return
	}
	head := []string{"BATCHES", "COUNT", "PHASE", "JOB", "OLDEST", "ROWS", "GOOD", "BAD", "TOK IN", "TOK OUT", "COST"}
	lines := v.fitting(append([][]string{head}, rows...))
	section(b, "  "+v.Style.bold(lines[0])+"\n")
	b.WriteString(indent("  ", lines[1:]))
	if more > 0 {
		fmt.Fprintf(b, "  ... and %s more; --verbose shows each batch\n", count(more, "line"))
	}
}

// fitting lays the table out. What a narrow terminal has no room for is left out:
// reasons first, which stand below too, then tokens, rows, cost and ages.
func (v *StatusView) fitting(rows [][]string) []string {
	const phase = 2
	right := []int{1, 4, 5, 6, 7, 8, 9, 10}
	lines := table(rows, right...)
	for _, drop := range [][]int{{phase}, {8, 9}, {5}, {10}, {4}, {6, 7}} {
		if v.Width <= 0 || 2+widest(lines) <= v.Width {
			break
		}
		for _, row := range rows {
			for _, i := range drop {
				if i == phase {
					row[i], _, _ = strings.Cut(row[i], ": ")
					continue
				}
				row[i] = ""
			}
		}
		lines = table(rows, right...)
	}
	return lines
}

func widest(lines []string) (n int) {
	for _, l := range lines {
		n = max(n, cells(l))
	}
	return n
}

func (v *StatusView) cells(g *standing) []string {
	age, state := "", ""
	if active := g.one.Phase == planner.PhaseSubmitted || g.one.Phase == planner.PhaseSucceeded; active {
		state = Printable(g.one.JobState)
		age = v.age(g.oldest)
	}
	phase := string(g.one.Phase)
	if g.sum.Reason != "" {
		phase += ": " + string(g.sum.Reason)
	}
	return []string{g.String(), humanize.Comma(int64(g.n)), phase, state, age,
		nonzero(g.sum.Requests), nonzero(g.sum.Succeeded), nonzero(g.sum.Failed), short(g.sum.InputTokens), short(g.sum.OutputTokens), dollars(g.sum.CostUSD)}
}

// age is how long ago something was, "" where that is not known.
func (v *StatusView) age(instant string) string {
	t, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		return ""
	}
	return length(v.Now.Sub(t))
}

// oldest names the jobs that have been at work longest, where there are more than
// the table shows.
func (v *StatusView) oldest(b *strings.Builder, list []StatusBatch) {
	var active []*StatusBatch
	for i := range list {
		if s := &list[i]; s.Phase == planner.PhaseSubmitted && s.JobCreatedAt != "" {
			active = append(active, s)
		}
	}
	if len(active) < 2 {
		return
	}
	slices.SortStableFunc(active, func(x, y *StatusBatch) int { return strings.Compare(x.JobCreatedAt, y.JobCreatedAt) })
	var rows [][]string
	for _, s := range active[:min(len(active), statusOldest)] {
		rows = append(rows, []string{s.Address.String(), Printable(s.JobState), v.age(s.JobCreatedAt), Printable(s.Job)})
	}
	section(b, fmt.Sprintf("%s (of %s):\n", v.Style.bold("Oldest jobs"), humanize.Comma(int64(len(active)))))
	b.WriteString(indent("  ", table(rows, 2)))
}

func nonzero(n int64) string {
	if n == 0 {
		return ""
	}
	return humanize.Comma(n)
}

func short(n int64) string {
	if n == 0 {
		return ""
	}
	return amount(n)
}

// statusLine counts the batches by phase, those phases that have some.
func statusLine(s *Status) string {
	var parts []string
	all := 0
	for _, phase := range planner.Phases() {
		if n := s.Summary[phase]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, phase))
			all += n
		}
	}
	if all == 0 {
		return "No batches."
	}
	return count(all, "batch") + ": " + strings.Join(parts, ", ") + "."
}
