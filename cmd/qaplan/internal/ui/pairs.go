package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/qaplan/qaplan/planner"
)

// What the service says of a pair that a text names.
const (
	PairVerified     = "verified"     // only this batch fits
	PairUnverified   = "unverified"   // nothing speaks against it
	PairContradicted = "contradicted" // something does
	PairRecorded     = "recorded"     // the state has it already, or has no need of it
	PairGone         = "gone"         // the service does not have it
)

// JudgedPair is a job or a file that a text gives to a batch, held against the
// service.
type JudgedPair struct {
	Address planner.Address
	ID      string
	Verdict string // one of the Pair… words
	Why     string // what speaks for the verdict
	Said    string // how the text gives the number, such as "same line: …"; "" to leave it out
	Line    int    // of the id in the text, from 1
}

// LooseID is a job or a file of a text that belongs to no batch for certain.
type LooseID struct {
	ID   string
	Line int // of the text, from 1
	Why  string
}

// Clash is what a text says that cannot all be true.
type Clash struct {
	Why  string
	Said []LooseID
}

// Pairs is what was found in a text.
type Pairs struct {
	Judged  []JudgedPair
	Clashes []Clash
	Loose   []LooseID
}

// PairsView says how pairs are shown.
type PairsView struct {
	Style Style
	Width int    // of the terminal, 0 when it is none
	File  string // the text, as messages name it
}

// narrow is the least room for words beside the columns; with less of it they
// stand below.
const narrow = 30

// RenderPairs shows each pair on a line with its verdict, then what the text
// leaves open; its last line counts the verdicts. Ids are never shortened or
// broken: people copy them.
func RenderPairs(p Pairs, v PairsView) string {
	var b strings.Builder
	renderJudged(&b, p.Judged, v)
	if len(p.Clashes) > 0 {
		section(&b, fmt.Sprintf("%s (%d), none of it is taken:\n", v.Style.red("The text disagrees with itself"), len(p.Clashes)))
		for i := range p.Clashes {
			c := &p.Clashes[i]
			lines := wrap(Printable(c.Why), v.Width-4)
			b.WriteString("  ! " + lines[0] + "\n" + indent("    ", lines[1:]))
			renderLoose(&b, "      ", c.Said, v)
		}
	}
	if len(p.Loose) > 0 {
		section(&b, fmt.Sprintf("%s (%d):\n", v.Style.yellow("Without a batch"), len(p.Loose)))
		renderLoose(&b, "  ", p.Loose, v)
	}
	section(&b, PairsLine(p.Judged)+"\n")
	return b.String()
}

// PairsLine counts pairs by verdict.
func PairsLine(pairs []JudgedPair) string {
	if len(pairs) == 0 {
		return "No pairs found."
	}
	n := map[string]int{}
	for _, p := range pairs {
		n[p.Verdict]++
	}
	var parts []string
	for _, verdict := range []string{PairVerified, PairUnverified, PairContradicted, PairRecorded, PairGone} {
		if n[verdict] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[verdict], verdict))
		}
	}
	return fmt.Sprintf("%d found: %s.", len(pairs), strings.Join(parts, ", "))
}

func renderJudged(b *strings.Builder, pairs []JudgedPair, v PairsView) {
	pairs = slices.Clone(pairs)
	slices.SortStableFunc(pairs, func(x, y JudgedPair) int { return cmp.Or(x.Address.Compare(y.Address), cmp.Compare(x.ID, y.ID)) })
	rows := make([][]string, len(pairs))
	for i, p := range pairs {
		rows[i] = []string{p.Address.String(), Printable(p.ID), p.Verdict}
	}
	width := 0
	lines := table(rows)
	for _, line := range lines {
		width = max(width, cells(line))
	}
	for i, p := range pairs {
		why := Printable(p.Why)
		if p.Said != "" {
			why = strings.TrimPrefix(why+"; "+v.place(p.Line)+", "+Printable(p.Said), "; ")
		}
		pad := strings.Repeat(" ", width-cells(lines[i]))
		head := strings.TrimSuffix(lines[i], p.Verdict) + v.verdict(p.Verdict) + pad
		b.WriteString(beside("  ", head, width, why, v.Width))
	}
}

func renderLoose(b *strings.Builder, prefix string, list []LooseID, v PairsView) {
	rows := make([][]string, len(list))
	for i, l := range list {
		rows[i] = []string{v.place(l.Line), Printable(l.ID)}
	}
	width := 0
	lines := table(rows)
	for _, line := range lines {
		width = max(width, cells(line))
	}
	for i, l := range list {
		head := lines[i] + strings.Repeat(" ", width-cells(lines[i]))
		b.WriteString(beside(prefix, head, width, Printable(l.Why), v.Width))
	}
}

// beside puts words behind a head of a width, or below it where a terminal has
// no room.
func beside(prefix, head string, width int, words string, terminal int) string {
	left := len(prefix) + width + 2
	switch {
	case words == "":
		return strings.TrimRight(prefix+head, " ") + "\n"
	case terminal > 0 && terminal-left < narrow:
		below := strings.Repeat(" ", len(prefix)+4)
		return strings.TrimRight(prefix+head, " ") + "\n" + indent(below, wrap(words, terminal-len(below)))
	}
	room := 0
	if terminal > 0 {
		room = terminal - left
	}
	lines := wrap(words, room)
	return strings.TrimRight(prefix+head+"  "+lines[0], " ") + "\n" + indent(strings.Repeat(" ", left), lines[1:])
}

// place names a line of the text.
func (v PairsView) place(line int) string { return fmt.Sprintf("%s:%d", Printable(v.File), line) }

func (v PairsView) verdict(word string) string {
	switch word {
	case PairVerified:
		return v.Style.green(word)
	case PairUnverified:
		return v.Style.yellow(word)
	case PairContradicted:
		return v.Style.red(word)
	}
	return v.Style.faint(word)
}
