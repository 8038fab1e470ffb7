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
	title string   // words of our own, with the totals
	head  []string // a colon at the end sets a column flush right
	rows  [][]string
	// fewer says the same as rows in fewer lines, for where those do not fit.
	fewer [][]string
}

// laidOut is a part as text.
type laidOut struct {
	title, open string
	rows, fewer []string
}

const partEnd = "\n</details>\n\n"

// layOut makes text of a part. Columns that are empty throughout vanish.
func (p *part) layOut() laidOut {
	used := make([]bool, len(p.head))
	for _, list := range [][][]string{p.rows, p.fewer} {
		for _, cells := range list {
			for i, c := range cells {
				used[i] = used[i] || c != ""
			}
		}
	}
	line := func(cells []string) string {
		var kept []string
		for i, c := range cells {
			if used[i] {
				kept = append(kept, c)
			}
		}
		return "| " + strings.Join(kept, " | ") + " |\n"
	}
	head, rule := make([]string, len(p.head)), make([]string, len(p.head))
	for i, h := range p.head {
		words, right := strings.CutSuffix(h, ":")
		if head[i], rule[i] = words, "---"; right {
			rule[i] = "--:"
		}
	}
	out := laidOut{title: p.title, open: "<details><summary>" + p.title + "</summary>\n\n" + line(head) + line(rule)}
	for _, cells := range p.rows {
		out.rows = append(out.rows, line(cells))
	}
	if len(p.fewer) > 0 && len(p.fewer) < len(p.rows) {
		for _, cells := range p.fewer {
			out.fewer = append(out.fewer, line(cells))
		}
	}
	return out
}

// stub stands for a part that there is no room for.
func (p *laidOut) stub() string { return "- " + p.title + "\n\n" }

// whole gives the part with all of some rows, "" where it does not fit.
func (p *laidOut) whole(rows []string, room int) string {
	if p.size(rows, room) > room {
		return ""
	}
	return p.open + strings.Join(rows, "") + partEnd
}

// size is what the part takes with some rows; it is not told beyond most.
func (p *laidOut) size(rows []string, most int) int {
	size := len(p.open) + len(partEnd)
	for _, r := range rows {
		if size += len(r); size > most {
			return most + 1
		}
	}
	return size
}

// fit gives as much of the part as there is room for, its stub where that is not
// even one row.
func (p *laidOut) fit(room int) string {
	rows := p.rows
	if text := p.whole(rows, room); text != "" {
		return text
	}
	if p.fewer != nil {
		if rows = p.fewer; p.size(rows, room) <= room {
			return p.whole(rows, room)
		}
	}
	more := func(n int) string { return "\nand " + count(n, "more row") + ", for which there is no room here\n" }
	left := room - len(p.open) - len(partEnd) - len(more(len(rows)))
	n := 0
	for n < len(rows) && len(rows[n]) <= left {
		left -= len(rows[n])
		n++
	}
	if n > 0 {
		return p.open + strings.Join(rows[:n], "") + more(len(rows)-n) + partEnd
	}
	return p.stub()
}

// page lays out Markdown within a limit: the head whole, then the parts, most
// important first; those without rows are left out. Each may take what those
// after it do not need, and half of the page is shared out evenly, so that a
// long one leaves room for the others. After one that there is no room for, the
// others are named alone.
func page(head string, parts []part, limit int) string {
	var list []laidOut
	for i := range parts {
		if len(parts[i].rows) > 0 {
			list = append(list, parts[i].layOut())
		}
	}
	room := limit - len(head)
	share := room / (2 * max(len(list), 1))
	keep, kept := make([]int, len(list)), 0
	for i := range list {
		p := &list[i]
		rows := p.rows
		if p.fewer != nil {
			rows = p.fewer
		}
		keep[i] = max(len(p.stub()), min(p.size(rows, share), share))
		if kept += keep[i]; kept > room {
			kept -= keep[i]
			keep[i] = 0
		}
	}
	var b strings.Builder
	b.WriteString(head)
	full := false
	for i := range list {
		kept -= keep[i]
		text := list[i].stub()
		if !full {
			text = list[i].fit(room - kept)
			full = text == list[i].stub()
		}
		if len(text) <= room-kept {
			room -= len(text)
			b.WriteString(text)
		}
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
