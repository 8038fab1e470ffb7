package ui

import (
	"fmt"
	"strings"

	"github.com/qaplan/qaplan/planner"
)

// MarkdownView says how something is shown as Markdown.
type MarkdownView struct {
	// Name is the config's, for the title and for the marker.
	Name string
	// Limit is the size of the page in bytes, MinMarkdown at least.
	Limit int
}

// How many characters of words from outside a page shows.
const (
	roomForName    = 40
	roomForBatch   = 100
	roomForModel   = 60
	roomForJob     = 80
	roomForExit    = 400
	roomForMessage = 300
)

// RenderPlanMarkdown shows a plan as a comment for a pull request. Its totals
// are always whole; details are folded away and, where the limit is met, cut.
// The first line is a marker by which a program finds the comment to update.
func RenderPlanMarkdown(p *planner.Plan, v MarkdownView) string {
	var b strings.Builder
	b.WriteString(marker("plan", v.Name))
	if planner.IsDigest(p.Digest) {
		b.WriteString("<!-- qaplan:digest " + p.Digest + " -->\n")
	}
	b.WriteString(title(v.Name, headline(p)))
	b.WriteString("**" + PlanLine(p.Summary, p.Applyable) + "**\n\n")
	if e := p.Estimate; e.Requests > 0 {
		b.WriteString(money(toBeBought(&e)) + "\n\n")
	}
	if lines := forecastLines(p.Forecast); len(lines) > 0 {
		b.WriteString(lines[0] + "\n\n")
	}
	if partial(p) {
		b.WriteString("**This plan is partial:** a selection leaves batches out (" + inCode(strings.Join(selectors(p.Selection), " "), 2*roomForBatch) + ").\n\n")
	}
	if planner.IsDigest(p.Digest) {
		b.WriteString("Digest of config, inputs and purchases, for `apply --expect-digest`: `" + p.Digest + "`\n\n")
	}
	more := func(head, words string) { // which are no totals
		if words = inCode(words, roomForMessage); words != "" && b.Len()+len(head)+len(words) < v.Limit/2 {
			b.WriteString(head + words + "\n\n")
		}
	}
	if p.Estimate.Requests > 0 {
		more("Estimates: ", p.Estimate.Basis)
	}
	if f := p.Forecast; f != nil && f.Waves > 1 {
		more("What holds it back: ", f.Limit)
	}
	return page(b.String(), planParts(p), v.Limit)
}

// title is the heading; the usual name of a config says nothing.
func title(name, words string) string {
	if name == "" || name == "qaplan.hcl" {
		return "### qaplan: " + words + "\n\n"
	}
	return "### qaplan " + inCode(name, roomForName) + ": " + words + "\n\n"
}

// headline says in a few words what a plan costs.
func headline(p *planner.Plan) string {
	again := 0
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Has(planner.ActionCreate) && boughtAgain(c) {
			again++
		}
	}
	switch {
	case !p.Applyable:
		return "no changes"
	case p.Summary.Create <= 0:
		return "nothing to buy"
	}
	jobs := count(p.Summary.Create, "job")
	words := jobs + " to buy" + money(strings.TrimPrefix(jobsFor(p), jobs))
	if again > 0 {
		words += fmt.Sprintf(", %d of them a second time", again)
	}
	return words
}

// money keeps an amount from beginning a formula.
func money(words string) string { return strings.ReplaceAll(words, "$", `\$`) }

// selectors gives the flags that narrow a plan, the first few of them.
func selectors(s *planner.Selection) []string {
	var flags []string
	for _, t := range s.Targets {
		flags = append(flags, "--target '"+t.String()+"'")
	}
	for _, x := range s.Excludes {
		flags = append(flags, "--exclude '"+x.String()+"'")
	}
	if n := len(flags) - 3; n > 0 {
		flags = append(flags[:3], fmt.Sprintf("and %d more", n))
	}
	return flags
}

// planParts are the details of a plan, what matters most first.
func planParts(p *planner.Plan) []part {
	var again, buy, adopt, fetch, forget []planner.Change
	for _, c := range p.Changes {
		switch rank(&c) {
		case 0:
			if boughtAgain(&c) {
				again = append(again, c)
			} else {
				buy = append(buy, c)
			}
		case 1:
			adopt = append(adopt, c)
		case 2:
			fetch = append(fetch, c)
		default:
			forget = append(forget, c)
		}
	}
	var errors, warnings []planner.Problem
	for _, pr := range p.Problems {
		if pr.Severity == planner.SeverityError {
			errors = append(errors, pr)
		} else {
			warnings = append(warnings, pr)
		}
	}
	return []part{
		problemsPart("Errors", errors),
		stuckPart("Failed", failedOnes(p.Failed)),
		stuckPart("Held, for a person to decide", heldOnes(p.Held)),
		changesPart("To be bought a second time", again),
		changesPart("To be bought", buy),
		problemsPart("Warnings", warnings),
		changesPart("To be adopted", adopt),
		changesPart("To be downloaded", fetch),
		changesPart("To be forgotten", forget),
		waitingPart(p.Waiting),
	}
}

func changesPart(name string, changes []planner.Change) part {
	return part{
		title: name + ": " + count(len(changes), "batch"), head: []string{"Batches", "To do", "Why", "Model", "Rows:", "Size:", "Tokens:", "Cost:"},
		rows: changeRows(groupChanges(changes, foldRanges)), fewer: changeRows(groupChanges(changes, foldAll)),
	}
}

func changeRows(groups []group) [][]string {
	var rows [][]string
	for _, g := range groups {
		for i := range g.folds {
			rows = append(rows, g.folds[i].markdown())
		}
	}
	return rows
}

// markdown is the fold as a row of a table.
func (f *fold) markdown() []string {
	c, d := f.change, &f.change.Detail
	who := f.inCode()
	words := make([]string, len(c.Actions))
	for i, a := range c.Actions {
		if words[i] = string(a); symbol(a) == "?" {
			words[i] = inCode(words[i], roomForName)
		}
	}
	why := inWords(because(c.Reason), string(c.Reason))
	if f.n == 1 {
		switch {
		case boughtAgain(c):
			why += fmt.Sprintf("; attempt %d, **bought before**", c.Attempt)
		case d.Subset && c.Has(planner.ActionCreate):
			why += fmt.Sprintf("; attempt %d, for these rows alone", c.Attempt)
		}
		if d.From != "" {
			why += "; formerly " + inCode(d.From, roomForBatch)
		}
		if c.Has(planner.ActionAdopt) {
			why += named("job", d.Job) + named("upload", d.File)
			for _, earlier := range d.Jobs {
				why += named("earlier job", earlier)
			}
		}
	}
	model, tokens := "", ""
	if c.Has(planner.ActionCreate) {
		if model = inCode(d.Model, roomForModel); f.tokens > 0 {
			tokens = "~" + amount(f.tokens)
		}
	}
	return []string{who, strings.Join(words, ", "), why, model, nonzero(int64(f.rows)), unbroken(size(f.bytes)), unbroken(tokens), money(about(f.cost))}
}

// unbroken keeps a number and its unit on one line of a narrow column.
func unbroken(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }

// named adds what something is called to the cell of a table.
func named(what, id string) string {
	if id = inCode(id, roomForJob); id == "" {
		return ""
	}
	return "; " + what + " " + id
}

// inCode names the batches, and says how many they are.
func (s *stretch) inCode() string {
	who := inCode(s.String(), roomForBatch)
	if s.n > 1 {
		who += " " + count(s.n, "batch")
	}
	if s.gaps() {
		who += " with gaps"
	}
	return who
}

// inWords gives the words for a code, and the code itself where there are none:
// it came from outside then.
func inWords(words, code string) string {
	if words == code {
		return inCode(code, roomForName)
	}
	return words
}

func stuckPart(name string, list []stuck) part {
	pt := part{title: name + ": " + count(len(list), "batch") + reasonCounts(list), head: []string{"Batch", "Why", "What ends it"}}
	for i := range list {
		s := &list[i]
		pt.rows = append(pt.rows, s.markdown(inCode(s.addr.String(), roomForBatch), s.job, s.exit))
	}
	for _, g := range alike(list, false) {
		who, job, exit := together(g)
		pt.fewer = append(pt.fewer, g[0].markdown(inCode(who, roomForBatch), job, exit))
	}
	return pt
}

func (s *stuck) markdown(who, job, exit string) []string {
	why := inWords(trouble(s.why), string(s.why))
	if job != "" {
		why += ", " + inCode(job, roomForJob)
	}
	if s.message != "" {
		why += "; the service says: " + inCode(s.message, roomForMessage)
	}
	return []string{who, why, inCode(exit, roomForExit)}
}

// reasonCounts counts the reasons that this version knows, where there are
// several.
func reasonCounts(list []stuck) string {
	var order []planner.Reason
	n := map[planner.Reason]int{}
	for i := range list {
		r := list[i].why
		if trouble(r) == string(r) {
			r = "other"
		}
		if n[r]++; n[r] == 1 {
			order = append(order, r)
		}
	}
	if len(order) < 2 {
		return ""
	}
	parts := make([]string, len(order))
	for i, r := range order {
		parts[i] = fmt.Sprintf("%d %s", n[r], r)
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func problemsPart(name string, problems []planner.Problem) part {
	pt := part{title: fmt.Sprintf("%s: %d", name, len(problems)), head: []string{"Batches", name}}
	for _, r := range remarks(problems, false) {
		who := ""
		if r.Address != nil {
			who = r.inCode()
		}
		what := inCode(r.Summary, roomForMessage+roomForExit)
		for _, exit := range r.exits() {
			what += " → " + inCode(exit, roomForExit)
		}
		pt.rows = append(pt.rows, []string{who, what})
	}
	return pt
}

func waitingPart(waiting []planner.Waiting) part {
	pt := part{title: "In progress: " + count(len(waiting), "batch"), head: []string{"Batches", "Job", "Since"}}
	for _, p := range pendings(waiting, false) {
		since := ""
		if p.since != nil {
			since = minute(*p.since)
		}
		pt.rows = append(pt.rows, []string{p.inCode(), inCode(waitingFor(p.first.JobState), roomForName), since})
	}
	return pt
}
