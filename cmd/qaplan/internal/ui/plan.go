package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
)

// PlanView says how a plan is shown.
type PlanView struct {
	Style   Style
	Width   int  // of the terminal, 0 when it is none
	Verbose bool // a line for each batch, nothing folded
	folded  bool // held and failed batches as ranges, where many stand together
	most    int  // of those where there are more than so many, one of each reason; 0 shows all
}

// RenderPlan shows a plan as text; its last line is [PlanLine].
//
// Changes stand under their reasons, purchases first. Numbers to which the same
// is done for the same reason are one line. What a person should see one by one
// never is: adoptions, expiries, second purchases, failures and holds.
func RenderPlan(p *planner.Plan, v PlanView) string {
	var b strings.Builder
	renderChanges(&b, p.Changes, v)
	renderWaiting(&b, p.Waiting, v)
	renderHeld(&b, p.Held, v)
	renderFailed(&b, p.Failed, v)
	renderProblems(&b, p.Problems, v)
	if partial(p) {
		section(&b, v.Style.yellow("This plan is partial:")+" a selection leaves batches out.\n")
	}
	if e := p.Estimate; e.Requests > 0 {
		section(&b, toBeBought(&e)+"\n")
		if e.Basis != "" {
			for _, line := range wrap("Estimates: "+Printable(e.Basis)+".", v.Width) {
				b.WriteString(v.Style.faint(line) + "\n")
			}
		}
	}
	if lines := forecastLines(p.Forecast); len(lines) > 0 {
		section(&b, strings.Join(lines, "\n")+"\n")
	}
	line := PlanLine(p.Summary, p.Applyable)
	head, rest, _ := strings.Cut(line, " ")
	if !p.Applyable {
		head, rest = "No changes.", strings.TrimPrefix(line, "No changes. ")
		head = v.Style.green(head)
	}
	section(&b, v.Style.bold(head)+" "+rest+"\n")
	return b.String()
}

// partial reports whether a selection left something out.
func partial(p *planner.Plan) bool {
	return !p.Complete && p.Selection != nil && len(p.Selection.Targets)+len(p.Selection.Excludes) > 0
}

// section parts what is said by empty lines.
func section(b *strings.Builder, text string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(text)
}

func renderChanges(b *strings.Builder, changes []planner.Change, v PlanView) {
	if len(changes) == 0 {
		return
	}
	section(b, legend(changes, v.Style))
	how := foldAlike
	if v.Verbose {
		how = foldNothing
	}
	groups := groupChanges(changes, how)
	var rows [][]string
	wide := 0
	for _, g := range groups {
		for i := range g.folds {
			rows = append(rows, g.folds[i].cells())
			wide = max(wide, len(g.folds[i].does))
		}
	}
	lines := table(rows, 1, 2, 3, 4, 5)
	for _, g := range groups {
		b.WriteString("\n  " + v.Style.faint("# "+g.why) + "\n")
		for i := range g.folds {
			f := &g.folds[i]
			fmt.Fprintf(b, "  %s%s %s\n", paintActions(f.change, v.Style), strings.Repeat(" ", wide-len(f.does)), lines[0])
			lines = lines[1:]
			for _, note := range f.notes(v.Style) {
				fmt.Fprintf(b, "  %s   %s\n", strings.Repeat(" ", wide), note)
			}
		}
	}
}

func paintActions(c *planner.Change, s Style) string {
	text := symbols(c)
	switch {
	case boughtAgain(c):
		return s.alarm(text)
	case c.Has(planner.ActionCreate):
		return s.green(text)
	case c.Has(planner.ActionForget):
		return s.red(text)
	default:
		return s.cyan(text)
	}
}

// legend explains the symbols in use, and no others.
func legend(changes []planner.Change, s Style) string {
	used := map[planner.Action]bool{}
	for i := range changes {
		for _, a := range changes[i].Actions {
			used[a] = true
		}
	}
	var parts []string
	for _, a := range actionsInOrder() {
		if used[a] {
			word := string(a)
			if a == planner.ActionCreate {
				word = meaning(a) // where the money goes
			}
			parts = append(parts, symbol(a)+" "+word)
		}
	}
	return s.bold("To be done") + " (" + strings.Join(parts, ", ") + "):\n"
}

// pending is batches that wait for the same.
type pending struct {
	first *planner.Waiting
	stretch
	since *time.Time // the oldest
}

func (p *pending) key() string { return p.block + " " + p.first.JobState }

func (p *pending) join(next *pending) {
	p.add(next.stretch)
	if t := next.since; t != nil && (p.since == nil || t.Before(*p.since)) {
		p.since = t
	}
}

// pendings joins neighbours that wait for the same, or nothing.
func pendings(waiting []planner.Waiting, apart bool) []pending {
	var list []pending
	for i := range waiting {
		w := &waiting[i]
		p := pending{w, single(w.Address.Block, w.Address.Number), w.Since}
		if n := len(list) - 1; n >= 0 && !apart && list[n].last+1 == p.last && list[n].key() == p.key() {
			list[n].join(&p)
			continue
		}
		list = append(list, p)
	}
	if apart {
		return list
	}
	return mergeMany(list, (*pending).key, (*pending).join)
}

func renderWaiting(b *strings.Builder, waiting []planner.Waiting, v PlanView) {
	if len(waiting) == 0 {
		return
	}
	section(b, fmt.Sprintf("%s (%d):\n", v.Style.bold("In progress"), len(waiting)))
	var rows [][]string
	for _, p := range pendings(waiting, v.Verbose) {
		since, job := "", ""
		if p.since != nil {
			since = "since " + minute(*p.since)
		}
		if v.Verbose {
			job = Printable(p.first.Job)
		}
		if p.gaps() {
			job = "with gaps"
		}
		rows = append(rows, []string{p.String(), count(p.n, "batch"), waitingFor(p.first.JobState), since, job})
	}
	b.WriteString(indent("  ", table(rows, 1)))
}

func waitingFor(state string) string {
	if state == "UNKNOWN" {
		return "outcome unknown"
	}
	return Printable(state)
}

// remark is a problem of one batch or several, or of the plan.
type remark struct {
	*planner.Problem
	stretch
}

// key is the same for remarks that say the same of other batches.
func (r *remark) key() string {
	if r.Address == nil {
		return ""
	}
	return strings.Join(append([]string{r.block, string(r.Severity), r.Code, r.Summary}, r.exitsFor("")...), "\n")
}

// exits are the ways out of all the batches together. Where there are others
// between them, a person fills in which.
func (r *remark) exits() []string {
	if r.Address != nil && r.gaps() {
		return r.exitsFor("ADDRESS")
	}
	return r.exitsFor("'" + r.String() + "'")
}

// exitsFor are the ways out of batches that who names.
func (r *remark) exitsFor(who string) []string {
	if r.Address == nil {
		return r.Exits
	}
	exits := make([]string, len(r.Exits))
	for i, exit := range r.Exits {
		exits[i] = strings.ReplaceAll(exit, "'"+r.Address.String()+"'", who)
	}
	return exits
}

func (r *remark) join(next *remark) { r.add(next.stretch) }

// remarks joins what is said of neighbours alike.
func remarks(problems []planner.Problem, apart bool) []remark {
	var list []remark
	for i := range problems {
		r := remark{Problem: &problems[i]}
		if a := r.Address; a != nil {
			r.stretch = single(a.Block, a.Number)
		}
		if n := len(list) - 1; n >= 0 && !apart && r.key() != "" && list[n].last+1 == r.last && list[n].key() == r.key() {
			list[n].join(&r)
			continue
		}
		list = append(list, r)
	}
	if apart {
		return list
	}
	return mergeMany(list, (*remark).key, (*remark).join)
}

func renderProblems(b *strings.Builder, problems []planner.Problem, v PlanView) {
	if len(problems) == 0 {
		return
	}
	var text strings.Builder
	for _, r := range remarks(problems, v.Verbose) {
		head, paint, who := "Warning: ", v.Style.yellow, ""
		if r.Severity == planner.SeverityError {
			head, paint = "Error: ", v.Style.red
		}
		switch {
		case r.gaps():
			who = r.who() + ": "
		case r.Address != nil:
			who = r.String() + ": "
		}
		said := strings.Join(wrap(head+who+Printable(r.Summary), v.Width-2), "\n  ")
		text.WriteString(paint(head) + strings.TrimPrefix(said, head) + "\n")
		for _, exit := range r.exits() {
			text.WriteString("      -> " + v.Style.bold(Printable(exit)) + "\n") // never wrapped: it is there to be copied
		}
	}
	section(b, text.String())
}
