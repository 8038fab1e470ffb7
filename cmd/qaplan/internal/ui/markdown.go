package ui

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MinMarkdown is the smallest limit of a Markdown page: its totals always fit.
const MinMarkdown = 2000

// MaxMarkdown is the usual limit: GitHub takes 65,536 characters in a comment.
const MaxMarkdown = 65000

// inCode puts words that came from outside into a code span, which is the one
// place where Markdown leaves them alone: no mention, no link, no HTML, no
// formula. A grave accent would end the span and a bar the cell of a table, so
// both are escaped like control characters. Words of more than room runes are
// cut.
func inCode(s string, room int) string {
	s = Printable(s)
	if utf8.RuneCountInString(s) > room {
		n := 0
		for range room {
			_, size := utf8.DecodeRuneInString(s[n:])
			n += size
		}
		s = s[:n] + "…"
	}
	s = strings.NewReplacer("`", `\x60`, "|", `\x7c`).Replace(s)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return "`" + s + "`"
}

// inComment makes words fit for an HTML comment: what could end it, or begin
// anything, becomes a hyphen.
func inComment(s string) string {
	var b strings.Builder
	for _, r := range s {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._/", r)
		switch {
		case b.Len() >= 120:
		case plain:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// part is a table that is folded away under its title. Nothing of it is lost but
// rows that do not fit.
type part struct {
	title string // words of our own, with the totals
	head  []string
	rows  []string
	// fewer says the same as rows in fewer lines, for where those do not fit.
	fewer []string
}

// row is a line of a table.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

func (p *part) frame() (open, end string) {
	rule := strings.Repeat("|---", len(p.head)) + "|\n"
	return "<details><summary>" + p.title + "</summary>\n\n" + row(p.head...) + rule, "\n</details>\n\n"
}

// stub stands for a part that there is no room for.
func (p *part) stub() string { return "- " + p.title + "\n\n" }

// whole gives the part with all of its rows, "" where it does not fit.
func (p *part) whole(rows []string, room int) string {
	open, end := p.frame()
	size := len(open) + len(end)
	for _, r := range rows {
		if size += len(r); size > room {
			return ""
		}
	}
	return open + strings.Join(rows, "") + end
}

// fit gives as much of the part as there is room for.
func (p *part) fit(room int) string {
	rows := p.rows
	if text := p.whole(rows, room); text != "" {
		return text
	}
	if p.fewer != nil {
		if rows = p.fewer; len(rows) < len(p.rows) {
			if text := p.whole(rows, room); text != "" {
				return text
			}
		}
	}
	open, end := p.frame()
	more := func(n int) string { return "\nand " + count(n, "more row") + ", for which there is no room here\n" }
	left := room - len(open) - len(end) - len(more(len(rows)))
	n := 0
	for n < len(rows) && len(rows[n]) <= left {
		left -= len(rows[n])
		n++
	}
	switch {
	case n > 0:
		return open + strings.Join(rows[:n], "") + more(len(rows)-n) + end
	case len(p.stub()) <= room:
		return p.stub()
	}
	return ""
}

// size is the least room in which the part is whole, but no more than most.
func (p *part) size(most int) int {
	open, end := p.frame()
	rows := p.rows
	if p.fewer != nil && len(p.fewer) < len(rows) {
		rows = p.fewer
	}
	size := len(open) + len(end)
	for _, r := range rows {
		if size += len(r); size > most {
			return most
		}
	}
	return size
}

// page lays out Markdown within a limit: the head whole, then the parts, most
// important first. Each part may take what those after it do not need; half of
// the page is shared out evenly, so that a long part leaves room for the others.
func page(head string, parts []part, limit int) string {
	var b strings.Builder
	b.WriteString(head)
	room := limit - len(head)
	keep := make([]int, len(parts))
	kept := 0
	share := room / (2 * max(len(parts), 1))
	for i := range parts {
		keep[i] = max(len(parts[i].stub()), parts[i].size(share))
		if kept += keep[i]; kept > room {
			kept -= keep[i]
			keep[i] = 0
		}
	}
	for i := range parts {
		kept -= keep[i]
		text := parts[i].fit(room - kept)
		room -= len(text)
		b.WriteString(text)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// marker is a hidden comment by which a program finds what it has to update.
func marker(kind, name string) string {
	if name = inComment(name); name != "" {
		name = " " + name
	}
	return fmt.Sprintf("<!-- qaplan:%s%s -->\n", kind, name)
}
