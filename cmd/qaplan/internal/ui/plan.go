package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qaplan/qaplan/planner"
)

// PlanView says how a plan is shown.
type PlanView struct {
	Style   Style
	Width   int  // of the terminal, 0 when it is none
	Verbose bool // a line for each batch, nothing folded
	Partial bool // a selection narrowed it
}

// RenderPlan shows a plan as text; its last line is [PlanLine].
//
// Consecutive numbers to which the same is done for the same reason are one
// line. What a person should see one by one never is: adoptions, second
// purchases, failures and holds.
func RenderPlan(p *planner.Plan, v PlanView) string {
	var b strings.Builder
	renderChanges(&b, p.Changes, v)
	renderWaiting(&b, p.Waiting, v)
	renderHeld(&b, p.Held, v)
	renderFailed(&b, p.Failed, v)
	renderProblems(&b, p.Problems, v)
	if v.Partial {
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

// section parts what is said by empty lines.
func section(b *strings.Builder, text string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(text)
}

// fold is one line of a plan: a batch, or consecutive ones alike.
type fold struct {
	change      *planner.Change // the first
	last        int             // its last number
	n           int
	bytes       int64
	rows        int
	tokens      int64
	cost        float64
	actionsText string
}

func foldChanges(changes []planner.Change, verbose bool) []fold {
	var folds []fold
	for i := range changes {
		c := &changes[i]
		f := fold{change: c, last: c.Number, n: 1, bytes: c.Detail.Bytes, rows: c.Detail.Rows, tokens: c.Detail.Tokens, cost: c.Detail.CostUSD, actionsText: symbols(c)}
		if n := len(folds) - 1; n >= 0 && !verbose && folds[n].takes(&f) {
			prev := &folds[n]
			prev.last, prev.n = f.last, prev.n+1
			prev.bytes += f.bytes
			prev.rows += f.rows
			prev.tokens += f.tokens
			prev.cost += f.cost
			continue
		}
		folds = append(folds, f)
	}
	return folds
}

func symbols(c *planner.Change) string {
	s := ""
	for _, a := range c.Actions {
		s += symbol(a)
	}
	return s
}

// takes reports whether the next change is more of the same.
func (f *fold) takes(next *fold) bool {
	a, b := f.change, next.change
	return a.Block == b.Block && f.last+1 == b.Number && f.actionsText == next.actionsText &&
		a.Reason == b.Reason && a.Phase == b.Phase && a.Detail.Model == b.Detail.Model &&
		!a.Has(planner.ActionAdopt) && !boughtAgain(a) && !boughtAgain(b)
}

func renderChanges(b *strings.Builder, changes []planner.Change, v PlanView) {
	if len(changes) == 0 {
		return
	}
	section(b, legend(changes, v.Style))
	folds := foldChanges(changes, v.Verbose)
	rows := make([][]string, len(folds))
	for i := range folds {
		rows[i] = folds[i].cells()
	}
	lines := table(rows, 1, 2, 3, 4, 5)
	wide := 0
	for i := range folds {
		wide = max(wide, len(folds[i].actionsText))
	}
	before := ""
	for i := range folds {
		f := &folds[i]
		if why := f.why(); why != before {
			b.WriteString("\n  " + v.Style.faint("# "+why) + "\n")
			before = why
		}
		fmt.Fprintf(b, "  %s%s %s\n", paintActions(f.change, v.Style), strings.Repeat(" ", wide-len(f.actionsText)), lines[i])
		for _, note := range f.notes(v.Style) {
			fmt.Fprintf(b, "  %s   %s\n", strings.Repeat(" ", wide), note)
		}
	}
}

// boughtAgain reports whether all of a batch is paid for once more. Rows that
// were not answered well are another matter: the config asks for them.
func boughtAgain(c *planner.Change) bool { return c.Detail.Again && !c.Detail.Subset }

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

// why is the comment above a run of lines: reason and model.
func (f *fold) why() string {
	s := because(f.change.Reason)
	if m := f.change.Detail.Model; m != "" && f.change.Has(planner.ActionCreate) {
		s += "; model " + Printable(m)
	}
	return s
}

func (f *fold) cells() []string {
	tokens := ""
	if f.change.Has(planner.ActionCreate) && f.tokens > 0 {
		tokens = "~" + amount(f.tokens) + " tokens"
	}
	rows := ""
	if f.rows > 0 {
		rows = count(f.rows, "row")
	}
	return []string{span(f.change.Block, f.change.Number, f.last), count(f.n, "batch"), size(f.bytes), rows, tokens, about(f.cost)}
}

// notes are further lines about one change.
func (f *fold) notes(s Style) []string {
	c, d := f.change, &f.change.Detail
	var notes []string
	switch {
	case boughtAgain(c):
		notes = append(notes, s.alarm(fmt.Sprintf("bought before: this is attempt %d and costs again", c.Attempt)))
	case d.Subset && f.n == 1:
		notes = append(notes, fmt.Sprintf("attempt %d, for these rows alone", c.Attempt))
	}
	if d.From != "" {
		notes = append(notes, "formerly "+d.From)
	}
	if c.Has(planner.ActionAdopt) {
		if d.Job != "" {
			notes = append(notes, "job "+Printable(d.Job))
		} else if d.File != "" {
			notes = append(notes, "upload "+Printable(d.File))
		}
		for _, j := range d.Jobs {
			notes = append(notes, "job "+Printable(j)+" (earlier)")
		}
	}
	if f.n == 1 && c.Has(planner.ActionDownload) && d.Output != "" {
		notes = append(notes, "to "+Printable(d.Output))
	}
	return notes
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

func renderWaiting(b *strings.Builder, waiting []planner.Waiting, v PlanView) {
	if len(waiting) == 0 {
		return
	}
	section(b, fmt.Sprintf("%s (%d):\n", v.Style.bold("In progress"), len(waiting)))
	var rows [][]string
	for i := 0; i < len(waiting); {
		w := &waiting[i]
		j, oldest := i+1, w.Since
		for ; !v.Verbose && j < len(waiting) && waiting[j].Address.Block == w.Address.Block &&
			waiting[j].Address.Number == waiting[j-1].Address.Number+1 && waiting[j].JobState == w.JobState; j++ {
			if s := waiting[j].Since; s != nil && (oldest == nil || s.Before(*oldest)) {
				oldest = s
			}
		}
		since := ""
		if oldest != nil {
			since = "since " + minute(*oldest)
		}
		job := ""
		if v.Verbose {
			job = Printable(w.Job)
		}
		rows = append(rows, []string{span(w.Address.Block, w.Address.Number, waiting[j-1].Address.Number),
			count(j-i, "batch"), waitingFor(w.JobState), since, job})
		i = j
	}
	b.WriteString(indent("  ", table(rows, 1)))
}

func waitingFor(state string) string {
	if state == "UNKNOWN" {
		return "outcome unknown"
	}
	return Printable(state)
}

func renderHeld(b *strings.Builder, held []planner.Held, v PlanView) {
	if len(held) == 0 {
		return
	}
	section(b, fmt.Sprintf("%s (%d), each needs a person to decide:\n", v.Style.yellow("Held"), len(held)))
	list := make([]stuck, len(held))
	for i := range held {
		h := &held[i]
		list[i] = stuck{"!", h.Address, h.Reason, h.Job, h.Message, h.Exit}
		if h.Reason == planner.HoldCancelled {
			list[i].message = "" // the service only says that there was no error
		}
	}
	renderStuck(b, list, v)
}

func renderFailed(b *strings.Builder, failed []planner.Failed, v PlanView) {
	if len(failed) == 0 {
		return
	}
	section(b, fmt.Sprintf("%s (%d), nothing automatic changes that:\n", v.Style.red("Failed"), len(failed)))
	list := make([]stuck, len(failed))
	for i := range failed {
		f := &failed[i]
		list[i] = stuck{"x", f.Address, f.Reason, "", f.Message, f.Exit}
	}
	renderStuck(b, list, v)
}

// stuck is a batch that does not go on by itself, with the way out.
type stuck struct {
	mark               string
	addr               planner.Address
	why                planner.Reason
	job, message, exit string
}

// renderStuck shows neighbours with one reason and one way out together.
func renderStuck(b *strings.Builder, list []stuck, v PlanView) {
	for i := 0; i < len(list); {
		j := i + 1
		for ; !v.Verbose && j < len(list) && list[j-1].like(&list[j]); j++ {
		}
		b.WriteString(stuckLines(list[i:j], v))
		i = j
	}
}

func (s *stuck) like(next *stuck) bool {
	return s.why == next.why && s.message == next.message && s.addr.Block == next.addr.Block && s.addr.Number+1 == next.addr.Number &&
		s.exitFor("ADDRESS") == next.exitFor("ADDRESS")
}

// exitFor is the way out of several batches that who names. An import is for
// one of them. Where another state made the jobs, each has its own, and one
// command is for them all; else the job is what the person has to look at.
func (s *stuck) exitFor(who string) string {
	own := "'" + s.addr.String() + "'"
	exit := strings.ReplaceAll(s.exit, "import "+own, "import ADDRESS")
	if s.job != "" && s.why == planner.HoldClaimedElsewhere {
		exit = strings.ReplaceAll(exit, s.job, "JOB")
	}
	return strings.ReplaceAll(exit, own, who)
}

func stuckLines(group []stuck, v PlanView) string {
	s := &group[0]
	who, job, exit := s.addr.String(), s.job, s.exit
	if n := len(group); n > 1 {
		who = span(s.addr.Block, s.addr.Number, group[n-1].addr.Number)
		exit = s.exitFor("'" + who + "'")
		who += ", " + count(n, "batch")
		if slices.ContainsFunc(group, func(o stuck) bool { return o.job != s.job }) {
			job = ""
		}
	}
	head := fmt.Sprintf("%s: %s (%s)", who, trouble(s.why), s.why)
	if job != "" {
		head += ", " + Printable(job)
	}
	lines := wrap(head, v.Width-4)
	out := "  " + s.mark + " " + lines[0] + "\n" + indent("      ", lines[1:])
	if s.message != "" {
		out += indent("      ", wrap("the service says: "+Printable(s.message), v.Width-6))
	}
	if exit != "" {
		// Never wrapped: it is there to be copied.
		out += "      -> " + v.Style.bold(Printable(exit)) + "\n"
	}
	return out
}

func renderProblems(b *strings.Builder, problems []planner.Problem, v PlanView) {
	if len(problems) == 0 {
		return
	}
	var text strings.Builder
	for i := 0; i < len(problems); {
		p := &problems[i]
		j := i + 1
		for ; !v.Verbose && j < len(problems) && sameProblem(&problems[j-1], &problems[j]); j++ {
		}
		head := v.Style.yellow("Warning: ")
		if p.Severity == planner.SeverityError {
			head = v.Style.red("Error: ")
		}
		if p.Address != nil {
			head += span(p.Address.Block, p.Address.Number, problems[j-1].Address.Number) + ": "
		}
		text.WriteString(head + Printable(p.Summary) + "\n")
		i = j
	}
	section(b, text.String())
}

// sameProblem reports whether b says of the next number what a says.
func sameProblem(a, b *planner.Problem) bool {
	return a.Address != nil && b.Address != nil && a.Address.Block == b.Address.Block && a.Address.Number+1 == b.Address.Number &&
		a.Code == b.Code && a.Severity == b.Severity && a.Summary == b.Summary
}
