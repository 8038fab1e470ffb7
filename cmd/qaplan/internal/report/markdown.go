package report

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

// Room for words from outside in Markdown, in runes, and how many rows its long
// lists have.
const (
	roomForWords = 300
	mostListed   = 1000
	mostBadRows  = 200
)

// Markdown writes the report as text for a pull request, a ticket or a mail.
func Markdown(r *Report) string {
	m := &markdown{r: r}
	m.head()
	m.summary()
	m.person()
	m.submitted()
	m.uploaded()
	m.absent()
	m.limits()
	m.goOn()
	m.watch()
	m.cost()
	m.quality()
	m.next()
	m.files()
	m.links()
	m.line("---")
	m.line("")
	content := "It holds no prompt and no answer."
	if r.hasContent() {
		content = "It holds prompts and answers."
	}
	m.line("Made by qaplan %s on %s. Times are UTC. %s", r.QaplanVersion, Moment(r.CreatedAt), content)
	return m.b.String()
}

type markdown struct {
	r *Report
	b strings.Builder
}

// line adds a line. The arguments are words of ours, or in code.
func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

func (m *markdown) section(title string) {
	m.line("## %s", title)
	m.line("")
}

// end ends a paragraph or a list.
func (m *markdown) end() { m.line("") }

// table adds rows below their heads; a head that ends with a colon is of numbers.
func (m *markdown) table(heads []string, rows [][]string, most int) {
	rule := make([]string, len(heads))
	for i, h := range heads {
		words, number := strings.CutSuffix(h, ":")
		if heads[i], rule[i] = words, "---"; number {
			rule[i] = "--:"
		}
	}
	m.line("| %s |", strings.Join(heads, " | "))
	m.line("| %s |", strings.Join(rule, " | "))
	for _, row := range rows[:min(len(rows), most)] {
		m.line("| %s |", strings.Join(row, " | "))
	}
	m.end()
	if more := len(rows) - most; more > 0 {
		m.line("and %s; `qaplan report --format json` has all of them.", ui.Count(more, "more row"))
		m.end()
	}
}

func code(s string) string { return ui.InCode(s, roomForWords) }

func (m *markdown) head() {
	r := m.r
	m.line("# Batch report: %s", code(title(r)))
	m.end()
	m.line("- **Status:** %s", status(r))
	m.line("- **As of:** %s", newWords(r).AsOfIs)
	m.line("- **Config:** %s", code(r.Config))
	m.line("- **Service:** %s", code(r.Service.String()))
	m.end()
}

func (m *markdown) summary() {
	r := m.r
	s := &r.Summary
	m.section("Summary")
	m.line("**%s**", lead(r))
	m.end()
	rows := [][]string{
		{"Batches", numbered(s.Batches), m.ranges(func(*Batch) bool { return true })},
		{"Done", numbered(s.Phases[planner.PhaseDone]), r.DonePercent()},
		{"In progress", numbered(s.InProgress()), m.ranges(inProgress)},
		{"Uploaded, without a job", numbered(s.Phases[planner.PhaseUploaded]), m.ranges(in(planner.PhaseUploaded))},
		{"Not begun", numbered(s.Phases[planner.PhaseAbsent]), m.ranges(in(planner.PhaseAbsent))},
		{"Held", numbered(s.Phases[planner.PhaseHeld]), m.ranges(in(planner.PhaseHeld))},
		{"Failed", numbered(s.Phases[planner.PhaseFailed]), m.ranges(in(planner.PhaseFailed))},
		{"Rows", humanize.Comma(s.Rows), fmt.Sprintf("%s good, %s bad, %s open", humanize.Comma(s.Good), humanize.Comma(s.Bad), humanize.Comma(max(s.Rows-s.Good-s.Bad, 0)))},
		{"Jobs bought", numbered(s.Jobs), jobKinds(s)},
		{"Cost", ui.Dollars(s.CostUSD), costAside(s)},
	}
	m.table([]string{"", "Count:", ""}, rows, len(rows))
}

func numbered(n int) string { return humanize.Comma(int64(n)) }

func jobKinds(s *Summary) string {
	var parts []string
	if s.Adopted > 0 {
		parts = append(parts, numbered(s.Adopted)+" adopted")
	}
	if s.Repairs > 0 {
		parts = append(parts, numbered(s.Repairs)+" for repairs")
	}
	return strings.Join(parts, ", ")
}

func costAside(s *Summary) string {
	var parts []string
	if s.ToComeUSD > 0 {
		parts = append(parts, ui.Roughly(s.ToComeUSD)+" to come")
	}
	if s.CostOpen {
		parts = append(parts, "not all of it is known")
	}
	return strings.Join(parts, "; ")
}

func in(p planner.Phase) func(*Batch) bool { return func(b *Batch) bool { return b.Phase == p } }

func inProgress(b *Batch) bool {
	return b.Phase == planner.PhaseUnknown || b.Phase == planner.PhaseSubmitted || b.Phase == planner.PhaseSucceeded
}

// fewRanges is how many ranges of batches are named.
const fewRanges = 6

// ranges names the batches of a kind.
func (m *markdown) ranges(is func(*Batch) bool) string {
	var out []string
	list := m.r.Batches
	for i := 0; i < len(list); {
		if !is(&list[i]) {
			i++
			continue
		}
		j := i + 1
		for j < len(list) && is(&list[j]) && list[j].Block == list[i].Block && list[j].Number == list[j-1].Number+1 {
			j++
		}
		out = append(out, code(ui.Span(list[i].Block, list[i].Number, list[j-1].Number)))
		i = j
	}
	if more := len(out) - fewRanges; more > 0 {
		out = append(out[:fewRanges], "and "+ui.Count(more, "more range"))
	}
	return strings.Join(out, ", ")
}

func (m *markdown) person() {
	if len(m.r.Stuck) == 0 {
		return
	}
	m.section("Needs a person")
	var rows [][]string
	for _, g := range m.r.StuckKinds() {
		why := g.Words + " (" + code(string(g.Reason)) + ")"
		if g.Message != "" {
			why += "; the service says: " + code(g.Message)
		}
		exit := code(g.Exit)
		if len(g.Who) > 1 {
			exit += ", and likewise for the others"
		}
		rows = append(rows, []string{g.names(), string(g.Phase), why, exit})
	}
	m.table([]string{"Batches", "Phase", "Why", "What ends it"}, rows, mostBadRows)
}

// names lists the batches.
func (k *stuckKind) names() string {
	var out []string
	for _, who := range k.Who {
		out = append(out, code(who))
	}
	if k.More > 0 {
		out = append(out, "and "+ui.Count(k.More, "more range"))
	}
	return strings.Join(out, ", ")
}

func (m *markdown) submitted() {
	m.section("Submitted")
	var rows [][]string
	for i := range m.r.Batches {
		b := &m.r.Batches[i]
		if b.Job == "" {
			continue
		}
		rows = append(rows, []string{code(b.Address.String()), code(b.Job), string(b.Phase), code(b.JobState), readable(b.JobCreatedAt), code(b.Model)})
	}
	if len(rows) == 0 {
		m.line("No job has been bought yet.")
		m.end()
		return
	}
	m.line("%s.", capital(ui.Count(len(rows), "batch"))+" with a job, the newest of each")
	m.end()
	m.table([]string{"Batch", "Job", "Phase", "State", "Created (UTC)", "Model"}, rows, mostListed)
}

// readable makes a time of JSON shorter.
func readable(t string) string {
	if len(t) < 16 {
		return ""
	}
	return strings.Replace(t[:16], "T", " ", 1)
}

func (m *markdown) uploaded() {
	m.section("Uploaded, without a job")
	var rows [][]string
	for i := range m.r.Batches {
		b := &m.r.Batches[i]
		if b.Phase == planner.PhaseUploaded {
			rows = append(rows, []string{code(b.Address.String()), code(b.File), readable(b.FileExpiresAt)})
		}
	}
	if len(rows) == 0 {
		m.line("None.")
		m.end()
		return
	}
	m.line("%s: the next apply buys a job for each, without another upload, as long as the file is there.", capital(ui.Count(len(rows), "batch")))
	m.end()
	m.table([]string{"Batch", "File", "Expires (UTC)"}, rows, mostListed)
}

func (m *markdown) absent() {
	m.section("Not begun")
	n := m.r.Summary.Phases[planner.PhaseAbsent]
	if n == 0 {
		m.line("None.")
		m.end()
		return
	}
	var rows int64
	for i := range m.r.Batches {
		if m.r.Batches[i].Phase == planner.PhaseAbsent {
			rows += m.r.Batches[i].Requests
		}
	}
	m.line("%s with %s: %s.", capital(ui.Count(n, "batch")), ui.Count(rows, "row"), m.ranges(in(planner.PhaseAbsent)))
	for _, s := range m.r.Files.Sources {
		m.line("Sources: %s.", code(s))
	}
	m.end()
}

func (m *markdown) limits() {
	r := m.r
	m.section("Limits and refusals")
	if len(r.Limits) == 0 {
		m.line("No limit is declared, and none was learned from refusals.")
	}
	for _, l := range r.Limits {
		words := capital(l.Words())
		if l.Model != "" {
			words = capital(strings.TrimSuffix(l.Words(), ", "+l.Model)) + " of " + code(l.Model)
		}
		line := "- " + words + ": " + l.From()
		if l.Seen > 0 {
			line += "; at most " + humanize.Comma(l.Seen) + " of this state's own at once"
		}
		m.line("%s.", line)
	}
	if n := r.Summary.Unbought; n > 0 {
		m.line("- %s bought nothing: refused, not sent, or provably not arrived.", capital(ui.Count(n, "send")))
	}
	for i := range r.Ends {
		if e := &r.Ends[i]; e.State == "REFUSED" {
			m.line("- Refused now: %s, such as %s. The service says: %s", ui.Count(e.Batches, "batch"), code(e.Example), code(e.Message))
		}
	}
	m.end()
}

func (m *markdown) goOn() {
	m.section("How to go on")
	commands := m.r.Commands()
	switch {
	case len(commands) > 0:
	case len(m.r.Stuck) > 0:
		m.line("Nothing is left to do but what needs a person, see above.")
	default:
		m.line("Nothing is left to do.")
	}
	for _, c := range commands {
		m.line("- `%s` %s.", c[0], c[1])
	}
	m.end()
}

func (m *markdown) watch() {
	r := m.r
	m.section("Jobs at work")
	m.line("%s", r.AtWorkWords())
	m.end()
	if len(r.AtWork) == 0 {
		return
	}
	var rows [][]string
	for i := range r.AtWork {
		w := &r.AtWork[i]
		old := ""
		if w.Old {
			old = "old: " + ui.Count(w.Siblings, "sibling") + " took at most " + Seconds(w.SlowestSeconds)
		}
		rows = append(rows, []string{code(w.Address.String()), Seconds(w.AgeSeconds), code(w.State), code(w.Job), old})
	}
	m.table([]string{"Batch", "Age:", "State", "Job", ""}, rows, listed)
}

func (m *markdown) cost() {
	r := m.r
	m.section("Cost and time")
	m.line("%s", r.CostWords())
	m.end()
	if len(r.Blocks) > 0 {
		var rows [][]string
		for i := range r.Blocks {
			b := &r.Blocks[i]
			limit, toCome := "", ""
			if b.MaxUSD > 0 {
				limit = ui.Limit(b.MaxUSD)
			}
			if b.ToComeUSD > 0 {
				toCome = "~" + ui.Dollars(b.ToComeUSD)
			}
			rows = append(rows, []string{
				code(b.Name), code(strings.Join(b.Models, ", ")), numbered(b.Batches), numbered(b.Done), humanize.Comma(b.Tokens.Input), humanize.Comma(b.Tokens.Output),
				humanize.Comma(b.Tokens.Thoughts), ui.Dollars(b.CostUSD), toCome, limit,
			})
		}
		m.table([]string{"Block", "Model", "Batches:", "Done:", "Tokens in:", "Out:", "Thoughts:", "Cost:", "To come:", "Limit:"}, rows, mostBadRows)
	}
	if len(r.Days) > 1 {
		var rows [][]string
		for i := range r.Days {
			d := &r.Days[i]
			rows = append(rows, []string{d.Date, numbered(d.Jobs), humanize.Comma(d.Rows), humanize.Comma(d.Tokens.Input), humanize.Comma(d.Tokens.Output + d.Tokens.Thoughts), ui.Dollars(d.CostUSD)})
		}
		m.table([]string{"Day (UTC)", "Jobs ended:", "Rows answered:", "Tokens in:", "Tokens out:", "Cost:"}, rows, mostBadRows)
	}
	if r.Durations.Jobs > 0 {
		m.line("%s", r.DurationWords())
		m.end()
	}
	if lines := r.NextLines(); len(lines) > 0 {
		for _, l := range lines {
			m.line("%s", l)
		}
		m.end()
	}
}

func (m *markdown) quality() {
	r := m.r
	m.section("How well it went")
	m.line("- Batches done: %d of %d (%s).", r.Done(), r.Summary.Batches, percent(r.Done(), max(r.Summary.Batches, 1)))
	switch {
	case r.InHand() == 0:
		m.line("- No answers are in hand yet.")
	default:
		m.line("- Good rows: %s of %s in hand (%s).", humanize.Comma(r.Summary.Good), humanize.Comma(r.InHand()), r.GoodPercent())
	}
	for _, c := range r.BadClasses() {
		m.line("- %s: %s in %s, %s.", capital(c.Class), ui.Count(c.Rows, "row"), ui.Count(c.Batches, "batch"), c.Words())
	}
	for i := range r.Ends {
		e := &r.Ends[i]
		if e.State == "REFUSED" {
			continue // told with the limits
		}
		line := fmt.Sprintf("- Jobs %s: %s, such as of %s", e.Words(), humanize.Comma(int64(e.Jobs)), code(e.Example))
		if e.Message != "" {
			line += "; the service says: " + code(e.Message)
		}
		m.line("%s", line)
	}
	m.end()
	if len(r.BadRows) == 0 {
		return
	}
	var rows [][]string
	content := r.hasContent()
	heads := []string{"Batch", "Key", "Line:", "Class", "Why"}
	if content {
		heads = append(heads, "Request", "Answer")
	}
	for i := range r.BadRows {
		b := &r.BadRows[i]
		row := []string{code(b.Address.String()), code(b.Key), numbered(b.Line), b.Class, code(b.Reason)}
		if content {
			row = append(row, ui.InCode(b.Request, 10*roomForWords), ui.InCode(b.Answer, 10*roomForWords))
		}
		rows = append(rows, row)
	}
	m.table(heads, rows, mostBadRows)
	if r.MoreBadRows > 0 && len(rows) <= mostBadRows {
		m.line("and %s; `qaplan report --format json` has all of them.", ui.Count(r.MoreBadRows, "more row"))
		m.end()
	}
}

func (m *markdown) next() {
	r := m.r
	s := &r.Summary
	m.section("Next actions")
	n := len(m.b.String())
	for _, g := range r.StuckKinds() {
		m.line("- [ ] decide on %s: %s", g.names(), g.Words)
	}
	if up := s.Phases[planner.PhaseUploaded]; up > 0 {
		m.line("- [ ] buy the jobs of %s that are uploaded, before the files expire", ui.Count(up, "batch"))
	}
	if absent := s.Phases[planner.PhaseAbsent]; absent > 0 {
		m.line("- [ ] upload and buy %s", ui.Count(absent, "batch"))
	}
	if busy := s.InProgress(); busy > 0 {
		m.line("- [ ] wait for %s in progress, fetch and check their answers", ui.Count(busy, "batch"))
	}
	if s.Bad > 0 {
		m.line("- [ ] look at %s without a good answer; a `repair` block buys them again", ui.Count(s.Bad, "row"))
	}
	if len(m.b.String()) == n {
		m.line("None: all is done.")
	}
	m.end()
}

func (m *markdown) files() {
	f := &m.r.Files
	m.section("Files")
	m.line("- Config: %s", code(m.r.Config))
	m.line("- State: %s", code(f.State))
	for _, s := range f.Sources {
		m.line("- Sources: %s", code(s))
	}
	for _, s := range f.Results {
		m.line("- Results: %s, with `manifest.json`, which says what was run with what", code(s))
	}
	for _, s := range f.Datasets {
		m.line("- Dataset: %s", code(s))
	}
	m.end()
}

func (m *markdown) links() {
	m.section("Links")
	m.line("- Batch API: https://ai.google.dev/gemini-api/docs/batch-api")
	m.line("- Limits: https://ai.google.dev/gemini-api/docs/rate-limits")
	m.line("- Prices: https://ai.google.dev/gemini-api/docs/pricing")
	m.end()
}
