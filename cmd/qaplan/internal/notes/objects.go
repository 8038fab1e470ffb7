package notes

import (
	"fmt"
	"sort"
	"strings"
)

// readValues reads the values of a page.
func (p *page) readValues() {
	s := &scanner{s: p.text}
	last := p.ids[len(p.ids)-1].at
	kept := 0 // labels before it are sorted out
	var labels []label
	for s.i <= last {
		groups, ok := s.next()
		if !ok {
			break
		}
		for i := range groups {
			g := &groups[i]
			ids := p.within(g.at, g.end)
			if len(ids) == 0 {
				continue
			}
			line := p.lineOf(g.at)
			for j := range ids {
				ids[j].anchor = line
			}
			p.walk(g, scope{})
			for ; kept < len(p.labels) && p.labels[kept].at < g.end; kept++ {
				if l := p.labels[kept]; l.at < g.at || s.commented(l.at) {
					labels = append(labels, l)
				}
			}
		}
	}
	// What a value says is judged; lines ask only for what stands beside it.
	p.labels = append(labels, p.labels[kept:]...)
}

// commented reports whether a place is in a comment of the last group.
func (p *scanner) commented(at int) bool {
	i := sort.Search(len(p.comments), func(i int) bool { return p.comments[i][1] > at })
	return i < len(p.comments) && p.comments[i][0] <= at
}

// evidence is a number that a group tells, with the words that tell it.
type evidence struct {
	n          int
	key, value string
	set        bool
	plain      bool // its field is one for batch numbers or for names
}

// scope is what the groups around an id say of its number.
type scope struct {
	strong evidence // labelled
	weak   evidence // bare, and nearer than strong
	guess  evidence // from a sentence
	clash  string   // why none of them counts
	under  string   // the key that the group stands under
	around bool     // they stand in a group around this one
}

// walk pairs the ids of a group.
func (p *page) walk(g *node, sc scope) {
	sc = sc.with(p.gather(g, sc.under))
	p.columns(g)
	counted := fieldOf(sc.under) == strangeField || p.positions(g)
	for i := range g.items {
		it := &g.items[i]
		inner := sc
		if it.keyed && !it.key.group {
			inner.under = it.key.text
			if m := p.pure(it.key.at, it.key.end); m != nil {
				p.keyed(m, it, sc)
			} else {
				inner = p.keyScope(it, inner, counted)
			}
		}
		switch v := &it.value; {
		case len(p.within(v.at, v.end)) == 0:
		case v.group:
			inner.around = true
			p.walk(v, inner)
		default:
			p.scalar(v, inner)
		}
	}
}

// with gives the scope inside a group that tells something of its own.
func (sc scope) with(own scope) scope {
	switch {
	case own.clash != "":
		sc.clash, sc.around = own.clash, false
	case own.strong.set:
		return scope{strong: own.strong, under: sc.under}
	case own.weak.set:
		sc.weak, sc.around = own.weak, false
	case own.guess.set && !sc.strong.set && !sc.weak.set:
		sc.guess, sc.around = own.guess, false
	}
	return sc
}

// tally joins pieces of evidence of the same strength.
type tally struct {
	first evidence
	clash string
}

func (t *tally) add(n int, key, value string) {
	switch {
	case !t.first.set:
		t.first = evidence{n: n, key: key, value: value, set: true, plain: plain(key)}
	case t.first.n == n:
		t.first.plain = t.first.plain || plain(key)
	case t.clash == "":
		t.clash = severalWords(t.first.n, n)
	}
}

// plain reports whether a field holds the number or the name of what it is in,
// rather than words about it. A list has no fields.
func plain(key string) bool {
	if key == "" || fieldOf(key) == numberField {
		return true
	}
	for word := range strings.FieldsSeq(words(key)) {
		switch word {
		case "name", "displayname", "filename", "title", "label", "address", "to", "file", "path", "source", "src", "input", "uri":
			return true
		}
	}
	return false
}

// gather collects what the fields of a group tell of it.
func (p *page) gather(g *node, under string) scope {
	var strong, weak, guess, bare tally
	counted := fieldOf(under) == strangeField
	list := len(g.items) <= 12 && len(p.within(g.at, g.end)) > 0
	for i := range g.items {
		list = list && !g.items[i].value.group
	}
	bares := 0
	for i := range g.items {
		it := &g.items[i]
		v := &it.value
		if v.group {
			if it.keyed && !it.key.group && fieldOf(it.key.text) == aboutField {
				p.about(&strong, v, 2)
			}
			continue
		}
		val := p.valueOf(v.text)
		if val.kind == noNumber || len(p.within(v.at, v.end)) > 0 || it.keyed && len(p.within(it.key.at, it.key.end)) > 0 {
			continue
		}
		if !it.keyed {
			switch {
			case val.kind == bareNumber:
				bares++
				bare.add(val.n, "", v.text)
			case val.kind == named && list:
				strong.add(val.n, "", v.text)
			}
			continue
		}
		switch f := fieldOf(it.key.text); {
		case f == strangeField:
		case val.kind == named, f == numberField && val.kind == bareNumber:
			strong.add(val.n, it.key.text, v.text)
		case f == countedField && val.kind == bareNumber && !counted:
			weak.add(val.n, it.key.text, v.text)
		case val.kind == mentioned:
			guess.add(val.n, it.key.text, v.text)
		}
	}
	// A short list of one number and ids is a record; a longer one has columns
	// that nobody names.
	if list && bares == 1 && len(g.items) <= 3 && !counted && !weak.first.set {
		weak = bare
	}
	return joined(strong, weak, guess)
}

// joined lets the strongest evidence speak.
func joined(strong, weak, guess tally) scope {
	switch {
	case strong.first.set:
		return scope{strong: strong.first, clash: strong.clash}
	case weak.first.set:
		return scope{weak: weak.first, clash: weak.clash}
	case guess.clash == "":
		return scope{guess: guess.first}
	}
	return scope{}
}

// about takes labelled numbers from a group that describes what stands beside
// it, as the metadata of a job do.
func (p *page) about(strong *tally, g *node, depth int) {
	for i := range g.items {
		it := &g.items[i]
		if !it.keyed || it.key.group {
			continue
		}
		f := fieldOf(it.key.text)
		if it.value.group {
			if depth > 1 && f == aboutField {
				p.about(strong, &it.value, depth-1)
			}
			continue
		}
		val := p.valueOf(it.value.text)
		if f != strangeField && (val.kind == named || val.kind == bareNumber && f == numberField) {
			strong.add(val.n, it.key.text, it.value.text)
		}
	}
}

// keyScope adds what the key of an item says of the value below it. Keys of a
// group that is counted are positions.
func (p *page) keyScope(it *item, sc scope, counted bool) scope {
	val := p.valueOf(it.key.text)
	e := evidence{n: val.n, key: it.key.text, set: true, plain: true}
	switch {
	case val.kind == named:
		return scope{strong: e, under: sc.under}
	case val.kind == bareNumber && !counted:
		sc.weak, sc.around = e, false
	}
	return sc
}

// positions reports whether the keys of a group count its items: they start at
// 0, which is no batch.
func (p *page) positions(g *node) bool {
	for i := range g.items {
		it := &g.items[i]
		if it.keyed && it.key.text != "" && strings.Trim(it.key.text, "0") == "" {
			return !p.numbers(0)
		}
	}
	return false
}

// scalar pairs the ids in a scalar.
func (p *page) scalar(v *node, sc scope) {
	if m := p.pure(v.at, v.end); m != nil {
		m.word = m.word && !v.quoted
		p.resolve(m, sc)
		return
	}
	if v.quoted && p.depth < maxDepth {
		p.readInner(v)
	}
	ids := p.within(v.at, v.end)
	for i := range ids {
		p.resolve(&ids[i], sc)
	}
}

// readInner reads a string as a text of its own.
func (p *page) readInner(v *node) {
	best := map[string]finding{}
	for _, m := range p.read(v.text, p.depth+1) {
		if b := best[m.id]; m.verdict == paired && (b.verdict != paired || m.sure > b.sure) || m.verdict == refused && b.verdict == open {
			best[m.id] = m.finding
		}
	}
	ids := p.within(v.at, v.end)
	for i := range ids {
		if m := &ids[i]; m.verdict == open {
			m.finding = best[m.id]
		}
	}
}

// resolve gives an open mention the number of its scope.
func (p *page) resolve(m *mention, sc scope) {
	where := "same object"
	if sc.around {
		where = "object around it"
	}
	switch {
	case m.verdict != open:
	case sc.clash != "":
		m.refuse(sc.clash)
	case sc.strong.set && sc.weak.set && sc.strong.n != sc.weak.n:
		m.refuse(severalWords(sc.strong.n, sc.weak.n))
	case sc.strong.set:
		sure := Stated
		if !sc.strong.plain || sc.around && fieldOf(sc.strong.key) != numberField && sc.strong.value != "" {
			sure = Likely
		}
		p.pair(m, sc.strong.n, sure, sc.strong.words(where))
	case sc.weak.set:
		p.pairBare(m, sc.weak.n, Likely, sc.weak.words(where))
	case sc.guess.set:
		p.pair(m, sc.guess.n, Guessed, sc.guess.words(where))
	}
}

// words tells where a number stands.
func (e *evidence) words(where string) string {
	switch {
	case e.value == "":
		return fmt.Sprintf("under the key %q", excerpt(e.key))
	case e.key == "":
		return fmt.Sprintf("same list: %s", excerpt(e.value))
	}
	return fmt.Sprintf("%s: %q: %s", where, excerpt(e.key), excerpt(e.value))
}

// keyed pairs an id that is the key of an item.
func (p *page) keyed(m *mention, it *item, sc scope) {
	m.word = false
	v := &it.value
	if v.group {
		p.resolve(m, sc.with(p.gather(v, it.key.text)))
		return
	}
	val := p.valueOf(v.text)
	e := evidence{key: m.id, value: v.text}
	switch {
	case val.kind == named:
		p.pair(m, val.n, Stated, e.words("its value"))
	case val.kind == bareNumber && fieldOf(sc.under) != strangeField && !sc.strong.set:
		p.pairBare(m, val.n, Guessed, e.words("its value"))
	default:
		p.resolve(m, sc)
	}
}

// columns pairs what stands at the same place of two columns, as tables are
// written by column: {"batch": [51, 52], "job": ["batches/…", "batches/…"]}.
func (p *page) columns(g *node) {
	var numbers *item
	for i := range g.items {
		it := &g.items[i]
		if !it.keyed || !it.value.group || len(it.value.items) == 0 {
			continue
		}
		if f := fieldOf(it.key.text); f != numberField && f != numbersField || !p.allNumbers(&it.value) {
			continue
		}
		if numbers != nil {
			return
		}
		numbers = it
	}
	if numbers == nil {
		return
	}
	for i := range g.items {
		it := &g.items[i]
		if &g.items[i] == numbers || !it.value.group || len(it.value.items) != len(numbers.value.items) {
			continue
		}
		for j := range it.value.items {
			n, cell := &numbers.value.items[j], &it.value.items[j]
			if n.keyed != cell.keyed || n.key.text != cell.key.text || cell.value.group {
				break
			}
			if m := p.pure(cell.value.at, cell.value.end); m != nil {
				m.word = false
				p.pair(m, p.valueOf(n.value.text).n, Stated, fmt.Sprintf("column %q: %s", excerpt(numbers.key.text), excerpt(n.value.text)))
			}
		}
	}
}

// allNumbers reports whether a group holds numbers only.
func (p *page) allNumbers(g *node) bool {
	for i := range g.items {
		v := &g.items[i].value
		if kind := p.valueOf(v.text).kind; v.group || kind != bareNumber && kind != named {
			return false
		}
	}
	return true
}
