package notes

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
)

// cell is one field of a row.
type cell struct {
	text    string // without quotes
	at, end int    // in the page
}

type row []cell

// style says how the columns of a table are told apart.
type style struct {
	mark   string
	loose  bool // a cell may hold more than an id: the marks draw a table
	headed bool // rows are read below a header only
	split  func(p *page, from, to int) [][]row
}

// readTables reads the tables of a page: runs of lines that have the same mark.
func (p *page) readTables() {
	styles := []style{
		{mark: "|", loose: true, split: pipes("|")},
		{mark: "│", loose: true, split: pipes("│")},
		{mark: "\t", split: delimited('\t')},
		{mark: ";", split: delimited(';')},
		{mark: ",", split: delimited(',')},
		{mark: "  ", headed: true, split: aligned},
	}
	for _, s := range styles {
		p.runs(s)
	}
}

// runs finds runs of lines with a mark that hold open ids, and reads each.
func (p *page) runs(s style) {
	for i := 0; i < len(p.ids); i++ {
		m := &p.ids[i]
		if m.verdict != open {
			continue
		}
		first, last := m.line, m.line
		if !strings.Contains(p.line(m.line), s.mark) {
			i = p.skip(i, last)
			continue
		}
		for first > 0 && s.has(p.line(first-1)) {
			first--
		}
		for last+1 < len(p.starts) && s.has(p.line(last+1)) {
			last++
		}
		for _, rows := range s.split(p, first, last) {
			p.table(rows, s)
		}
		i = p.skip(i, last)
	}
}

// has reports whether a line belongs to a table of the style.
func (s *style) has(line string) bool {
	return strings.Contains(line, s.mark) || s.loose && line != "" && rule(line)
}

// rule reports whether a line only draws.
func rule(line string) bool {
	return strings.Trim(line, " \t|:-+=─━═┼├┤┌┬┐└┴┘│╪╞╡") == ""
}

// skip gives the index of the last mention on a line or before it.
func (p *page) skip(i, line int) int {
	for i+1 < len(p.ids) && p.ids[i+1].line <= line {
		i++
	}
	return i
}

// table pairs the ids of rows that have as many cells each.
func (p *page) table(rows []row, s style) {
	head := -1
	for i := range rows {
		if len(p.idsOf(rows[i])) > 0 {
			break
		}
		if rows[i].names() {
			head = i
		}
	}
	if head < 0 {
		if !s.headed {
			p.headless(rows, s)
		}
		return
	}
	fields := make([]field, len(rows[head]))
	for i, c := range rows[head] {
		fields[i] = fieldOf(c.text)
	}
	for _, r := range rows[head+1:] {
		p.tableRow(r, rows[head], fields, s)
	}
}

// tableRow pairs the ids of a row below a header.
func (p *page) tableRow(r, head row, fields []field, s style) {
	ids := p.idsOf(r)
	if len(ids) == 0 {
		return
	}
	var strong, weak tally
	for i, c := range r {
		if len(p.within(c.at, c.end)) > 0 || i >= len(fields) || fields[i] == strangeField {
			continue
		}
		switch val := p.valueOf(c.text); {
		case val.kind == named, val.kind == bareNumber && fields[i] == numberField:
			strong.add(val.n, head[i].text, c.text)
		case val.kind == bareNumber && fields[i] == countedField:
			weak.add(val.n, head[i].text, c.text)
		}
	}
	sc := joined(strong, weak, tally{})
	for i := range ids {
		m := &ids[i]
		pure := r.isPure(p, m)
		if !pure && !s.loose && !strong.first.set {
			continue
		}
		m.word = m.word && !pure
		m.tabled = true
		switch {
		case m.verdict != open:
		case sc.clash != "":
			m.refuse(sc.clash)
		case sc.strong.set:
			p.pair(m, sc.strong.n, Stated, sc.strong.column())
		case sc.weak.set:
			p.pairBare(m, sc.weak.n, Likely, sc.weak.column())
		}
	}
}

func (e *evidence) column() string {
	return fmt.Sprintf("column %q: %s", excerpt(trimQuotes(e.key)), excerpt(trimQuotes(e.value)))
}

// headless pairs the ids of rows without a header: by what names a batch in the
// row, else by the one column that numbers the rows.
func (p *page) headless(rows []row, s style) {
	column := p.numbering(rows)
	for _, r := range rows {
		ids := p.idsOf(r)
		var strong tally
		for i := 0; i < len(r) && len(ids) > 0; i++ {
			if val := p.valueOf(r[i].text); val.kind == named && len(p.within(r[i].at, r[i].end)) == 0 {
				strong.add(val.n, "", r[i].text)
			}
		}
		for i := range ids {
			m := &ids[i]
			if !s.loose && !r.isPure(p, m) || m.verdict != open {
				continue
			}
			switch {
			case strong.clash != "":
				m.refuse(strong.clash)
			case strong.first.set:
				p.pair(m, strong.first.n, Stated, "same row: "+excerpt(trimQuotes(strong.first.value)))
			case column >= 0 && column < len(r):
				text := trimQuotes(r[column].text)
				sure := Guessed // what follows an id may as well count its rows
				if r[column].at < m.at || strings.HasPrefix(text, "0") {
					sure = Likely
				}
				if val := p.valueOf(text); val.kind == bareNumber {
					p.pairBare(m, val.n, sure, "same row: "+excerpt(text))
				}
			}
			m.tabled = m.tabled || len(rows) > 1
		}
	}
}

// numbering gives the one column of bare numbers that are as different as the
// ids are, -1 when there is none or a choice. A row alone needs a number that is
// written as names are (051), or nothing beside number and id.
func (p *page) numbering(rows []row) int {
	type column struct {
		seen         map[string]bool
		spoilt, zero bool
	}
	var columns []column
	count := 0
	for _, r := range rows {
		if len(p.idsOf(r)) == 0 {
			continue
		}
		count++
		for len(columns) < len(r) {
			columns = append(columns, column{seen: map[string]bool{}, spoilt: count > 1})
		}
		for i := range columns {
			c := &columns[i]
			if c.spoilt {
				continue
			}
			if i >= len(r) || p.valueOf(r[i].text).kind != bareNumber {
				c.spoilt = true
				continue
			}
			text := trimQuotes(r[i].text)
			c.spoilt = c.seen[text]
			c.zero = c.zero || text[0] == '0'
			c.seen[text] = true
		}
	}
	best, choice := -1, false
	for i, c := range columns {
		switch {
		case c.spoilt, count == 1 && !c.zero && len(columns) != 2:
		case best < 0 || c.zero && !columns[best].zero:
			best, choice = i, false
		case c.zero == columns[best].zero:
			choice = true
		}
	}
	if choice {
		return -1
	}
	return best
}

// idsOf gives the mentions in a row.
func (p *page) idsOf(r row) []mention {
	if len(r) == 0 {
		return nil
	}
	return p.within(r[0].at, r[len(r)-1].end)
}

// isPure reports whether an id has its cell for itself.
func (r row) isPure(p *page, m *mention) bool {
	i := sort.Search(len(r), func(i int) bool { return r[i].at > m.at }) - 1
	return i >= 0 && m.end <= r[i].end && p.pure(r[i].at, r[i].end) == m
}

// names reports whether a row is a header that names a column of numbers.
func (r row) names() bool {
	for _, c := range r {
		if f := fieldOf(c.text); f == numberField || f == countedField {
			return true
		}
		switch words(trimQuotes(c.text)) {
		case "job", "job name", "file", "file uri", "file name", "uri", "name", "status", "state":
			return true
		}
	}
	return false
}

// maxCells is how many marks a line of a drawn table has.
const maxCells = 1000

// pipes splits the rows of a drawn table, Markdown's among them.
func pipes(mark string) func(p *page, first, last int) [][]row {
	return func(p *page, first, last int) [][]row {
		var rows []row
		for n := first; n <= last; n++ {
			line, start := p.line(n), p.starts[n]
			if rule(line) || strings.Count(line, mark) > maxCells {
				continue
			}
			var r row
			for from := 0; from <= len(line); {
				n := nextPipe(line[from:], mark)
				r = append(r, cell{text: line[from : from+n], at: start + from, end: start + from + n})
				from += n + len(mark)
			}
			rows = append(rows, r)
		}
		return [][]row{rows}
	}
}

// nextPipe gives where a cell ends; a backslash escapes the mark.
func nextPipe(line, mark string) int {
	for i := 0; ; {
		n := strings.Index(line[i:], mark)
		if n < 0 {
			return len(line)
		}
		if i+n == 0 || line[i+n-1] != '\\' {
			return i + n
		}
		i += n + len(mark)
	}
}

// delimited splits rows as encoding/csv does. Lines that are no rows part tables.
func delimited(comma rune) func(p *page, first, last int) [][]row {
	return func(p *page, first, last int) [][]row {
		var tables [][]row
		for broken := 0; first <= last && broken < 8; broken++ {
			var more [][]row
			more, first = p.csv(comma, first, last)
			tables = append(tables, more...)
		}
		return tables
	}
}

// csv reads rows until one is broken, and gives the line behind it.
func (p *page) csv(comma rune, first, last int) (tables [][]row, next int) {
	from, to := p.starts[first], p.lineEnd(last)
	r := csv.NewReader(strings.NewReader(p.text[from:to]))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = comma, -1, true
	var rows []row
	for {
		record, err := r.Read()
		if err != nil {
			next = last + 1
			if e, ok := errors.AsType[*csv.ParseError](err); ok && !errors.Is(err, io.EOF) {
				next = first + e.StartLine
			}
			if len(rows) > 0 {
				tables = append(tables, rows)
			}
			return tables, next
		}
		if len(rows) > 0 && len(rows[0]) != len(record) {
			tables, rows = append(tables, rows), nil
		}
		cells := make(row, len(record))
		end := from + int(r.InputOffset())
		for i := len(record) - 1; i >= 0; i-- {
			line, column := r.FieldPos(i)
			at := p.starts[first+line-1] + column - 1
			cells[i] = cell{text: strings.TrimSpace(record[i]), at: at, end: max(at, end)}
			end = at - 1
		}
		rows = append(rows, cells)
	}
}

// aligned splits rows at two blanks or more.
func aligned(p *page, first, last int) [][]row {
	gap := regexp.MustCompile(` {2,}`)
	var tables [][]row
	var rows []row
	for n := first; n <= last; n++ {
		line, start := p.line(n), p.starts[n]
		from := len(line) - len(strings.TrimLeft(line, " "))
		line = strings.TrimRight(line, " ")
		var r row
		for from < len(line) {
			end, next := len(line), len(line)
			if g := gap.FindStringIndex(line[from:]); g != nil {
				end, next = from+g[0], from+g[1]
			}
			r = append(r, cell{text: line[from:end], at: start + from, end: start + end})
			from = next
		}
		if len(rows) > 0 && len(rows[0]) != len(r) {
			tables, rows = append(tables, rows), nil
		}
		rows = append(rows, r)
	}
	return append(tables, rows)
}
