package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
)

// panel is what a run shows at the bottom of a terminal. Its lines depend on
// nothing but its fields.
type panel struct {
	elapsed  time.Duration
	phases   map[planner.Phase]int
	up, down traffic
	wait     wait
	outlook  apply.Outlook
}

// traffic is what went one way.
type traffic struct {
	files, filesAll int
	bytes, bytesAll int64 // bytesAll is 0 where it is not known
	rate            int64 // bytes a second, of the last seconds
}

// wait is what a run waits for; what is "" where it waits for nothing.
type wait struct {
	what string // "next listing"
	in   time.Duration
	why  string
}

const (
	labelCells = 9 // in front of each part
	barLeast   = 6 // narrower ones say nothing
	barMost    = 60
	whyRows    = 2 // of the reason of a wait
	partRows   = 3 // of limits, costs and times
)

// panelPart is some lines of the panel. Where there is no room for all, the parts of
// the highest rank go first.
type panelPart struct {
	rank  int
	lines []string
}

// lines draws the panel for a terminal; none is wider than width.
func (p *panel) lines(width, height int, s Style) []string {
	width = max(width, 1)
	parts := []panelPart{
		{0, p.batches(width, s)},
		{3, labelled(s.bold("Uploads"), p.up.words("file", width, s), width)},
		{3, labelled(s.bold("Results"), p.down.words("result", width, s), width)},
		{4, labelled(s.bold("Limits"), wrapParts(limitParts(p.outlook.Limits), "; ", width-labelCells, partRows), width)},
		{4, labelled(s.bold("Cost"), wrapParts(costParts(&p.outlook), "; ", width-labelCells, partRows), width)},
		{1, labelled(s.bold("Next"), p.next(width), width)},
		{2, labelled(s.bold("Time"), wrapParts(p.time(), "; ", width-labelCells, partRows), width)},
	}
	for rank := 5; rowsOf(parts) > max(height, 1) && rank > 0; rank-- {
		parts = slices.DeleteFunc(parts, func(t panelPart) bool { return t.rank == rank })
	}
	var lines []string
	for _, t := range parts {
		lines = append(lines, t.lines...)
	}
	return lines[:min(len(lines), max(height, 1))]
}

func rowsOf(parts []panelPart) (n int) {
	for _, t := range parts {
		n += len(t.lines)
	}
	return n
}

// labelled puts a name before the first of some lines, and room before the rest.
func labelled(name string, lines []string, width int) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		head := strings.Repeat(" ", labelCells)
		if i == 0 {
			head = name + strings.Repeat(" ", labelCells-shownCells(name))
		}
		out[i] = strings.TrimRight(cutPainted(head+l, width), " ")
	}
	return out
}

// wrapParts joins parts as far as they fit on a line, on so many lines at most. A
// part that is wider than a line is broken at its blanks.
func wrapParts(parts []string, between string, width, most int) []string {
	var lines []string
	for _, t := range parts {
		if n := len(lines); n > 0 && shownCells(lines[n-1])+len(between)+shownCells(t) <= width {
			lines[n-1] += between + t
			continue
		}
		if shownCells(t) > width {
			lines = append(lines, wrap(t, width)...)
		} else {
			lines = append(lines, t)
		}
	}
	return lines[:min(len(lines), most)]
}

// phaseMarks are the phases in the order of the bar, with the sign of each: those
// that are over, those on their way, those to come, and those that need a person.
func phaseMarks() []phaseMark {
	return []phaseMark{
		{planner.PhaseDone, "#", Style.green},
		{planner.PhaseSucceeded, "=", Style.cyan},
		{planner.PhaseSubmitted, "-", Style.cyan},
		{planner.PhaseUnknown, "?", Style.magenta},
		{planner.PhaseUploaded, ":", Style.plain},
		{planner.PhaseAbsent, ".", Style.plain},
		{planner.PhaseFailed, "x", Style.red},
		{planner.PhaseHeld, "!", Style.magenta},
	}
}

type phaseMark struct {
	phase planner.Phase
	sign  string
	paint func(Style, string) string
}

// batches is the bar of the phases, with what its signs mean.
func (p *panel) batches(width int, s Style) []string {
	all := 0
	for _, n := range p.phases {
		all += n
	}
	right := fmt.Sprintf("%s of %s done", humanize.Comma(int64(p.phases[planner.PhaseDone])), humanize.Comma(int64(all)))
	lines := labelled(s.bold("Batches"), []string{barBefore(right, width-labelCells, func(n int) string { return phaseBar(p.phases, n, s) })}, width)
	return append(lines, labelled("", wrapParts(phaseParts(p.phases, s), "  ", width-labelCells, len(p.phases)), width)...)
}

// phaseParts counts the batches in each phase that has some.
func phaseParts(phases map[planner.Phase]int, s Style) []string {
	var parts []string
	for _, m := range phaseMarks() {
		if n := phases[m.phase]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s %s", m.paint(s, m.sign), humanize.Comma(int64(n)), m.phase))
		}
	}
	return parts
}

// phaseBar is a bar of so many cells. A phase with batches has at least one, where
// there is room for that.
func phaseBar(phases map[planner.Phase]int, width int, s Style) string {
	marks := phaseMarks()
	counts := make([]int, len(marks))
	for i, m := range marks {
		counts[i] = phases[m.phase]
	}
	var b strings.Builder
	for i, n := range shares(counts, width) {
		b.WriteString(marks[i].paint(s, strings.Repeat(marks[i].sign, n)))
	}
	return b.String()
}

// shares gives each count its share of the cells, those above nothing one at
// least; what rounding leaves over goes to or comes from the largest.
func shares(counts []int, width int) []int {
	out := make([]int, len(counts))
	all, largest := 0, 0
	for i, n := range counts {
		all += n
		if n > counts[largest] {
			largest = i
		}
	}
	if all == 0 || width <= 0 {
		return out
	}
	left := width
	for i, n := range counts {
		if n > 0 {
			out[i] = max(1, int(int64(n)*int64(width)/int64(all)))
			left -= out[i]
		}
	}
	out[largest] += left
	for i := range out { // more phases than cells
		if out[largest] >= 0 {
			break
		}
		if i != largest && out[i] > 0 {
			out[i]--
			out[largest]++
		}
	}
	out[largest] = max(out[largest], 0)
	return out
}

// barBefore is a bar and words behind it, the words alone where there is no room
// for both.
func barBefore(words string, width int, bar func(cells int) string) string {
	room := min(width-shownCells(words)-2, barMost)
	if room < barLeast {
		return words
	}
	return bar(room) + "  " + words
}

// words say what went one way; none where nothing is to.
func (t *traffic) words(noun string, width int, s Style) []string {
	if t.filesAll == 0 && t.bytesAll == 0 {
		return nil
	}
	parts := []string{fmt.Sprintf("%s of %s", humanize.Comma(int64(t.files)), count(t.filesAll, noun))}
	if t.bytesAll > 0 {
		parts = append(parts, volume(t.bytes)+" of "+volume(t.bytesAll))
	} else if t.bytes > 0 {
		parts = append(parts, volume(t.bytes))
	}
	if t.rate > 0 {
		parts = append(parts, volume(t.rate)+"/s")
	}
	n, of := int64(t.files), int64(t.filesAll)
	if t.bytesAll > 0 {
		n, of = t.bytes, t.bytesAll
	}
	room := width - labelCells
	line := wrapParts(parts, ", ", room, 1)[0]
	return []string{barBefore(line, min(room, barMost/2+2+cells(line)), func(cells int) string { return shareBar(n, of, cells, s) })}
}

func shareBar(n, of int64, width int, s Style) string {
	full := width
	if of > 0 {
		full = int(float64(min(n, of)) / float64(of) * float64(width))
	}
	return s.green(strings.Repeat("#", full)) + strings.Repeat(".", width-full)
}

// limitParts say how far the limits on active jobs and tokens are used.
func limitParts(limits []budget.Use) []string {
	var parts []string
	for i := range limits {
		u := &limits[i]
		var t string
		switch u.Budget {
		case budget.ActiveJobs:
			t = fmt.Sprintf("%s of %s%s", humanize.Comma(u.Used), sure(u), count(u.Most, "active job"))
		default:
			t = fmt.Sprintf("%s of %s%s tokens of %s", amount(u.Used), sure(u), amount(u.Most), Printable(u.Model))
		}
		if u.Learned {
			t += " (learned)"
		}
		parts = append(parts, t)
	}
	return parts
}

// sure is what stands before a limit that was learned.
func sure(u *budget.Use) string {
	if u.Learned {
		return "about "
	}
	return ""
}

// costParts say what was spent and is to come, and how far the limits on money
// are used.
func costParts(o *apply.Outlook) []string {
	var parts []string
	if c := o.Spending; c.Spent > 0 || c.ToCome > 0 {
		if c.Spent > 0 {
			parts = append(parts, dollars(c.Spent.Dollars())+" so far")
		}
		if c.ToCome > 0 {
			parts = append(parts, Roughly(c.ToCome.Dollars())+" to come")
		}
		if c.Unknown {
			parts = append(parts, "not all is known")
		}
	}
	return append(parts, purseParts(o.Purses)...)
}

// purseParts say how far limits on money are used.
func purseParts(purses []apply.Purse) []string {
	var parts []string
	for _, p := range purses {
		t := "$" + p.Used.Beside(p.Limit) + " of "
		switch {
		case p.Block == "":
			t += "--max-cost"
		case len(purses) > 1:
			t += Printable(p.Block) + "'s max_cost"
		default:
			t += "max_cost"
		}
		parts = append(parts, t+" $"+p.Limit.Exact())
	}
	return parts
}

// next says what the run waits for and why.
func (p *panel) next(width int) []string {
	if p.wait.what == "" {
		return []string{"work is under way"}
	}
	t := strings.TrimPrefix(p.wait.what, "next ") + " in " + length(p.wait.in)
	if p.wait.why != "" {
		t += ": " + p.wait.why
	}
	lines := wrap(t, width-labelCells)
	if len(lines) > whyRows {
		lines = lines[:whyRows]
		lines[whyRows-1] = cut(lines[whyRows-1], width-labelCells-4) + " ..."
	}
	return lines
}

func (p *panel) time() []string {
	parts := []string{length(p.elapsed) + " so far"}
	if f := p.outlook.Forecast; f != nil {
		if s := forecastSpan(f); s != "" {
			parts = append(parts, "over in "+s)
		}
		if f.Waves > 1 {
			parts = append(parts, fmt.Sprintf("about %d waves of %d", f.Waves, f.AtOnce))
		}
	}
	return parts
}

// cutPainted cuts a text that may be painted; paint is lost where it is too long.
func cutPainted(s string, width int) string {
	if shownCells(s) <= width {
		return s
	}
	return cut(plainText(s), width)
}
