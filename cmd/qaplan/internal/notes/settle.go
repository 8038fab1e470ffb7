package notes

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// claim is what all mentions of an id say of it together.
type claim struct {
	said []Pair // the surest for each number
	// foreign are numbers that the config does not have.
	foreign []Pair
	first   int    // line, from 1
	refusal string // of the first mention that was refused
	// lost are the guesses that gave way to another job.
	lost  []string
	named bool // some mention is an id beyond doubt, or was judged
}

// settle makes one result of all mentions.
func (r *reader) settle(found []mention) Result {
	stray, counting := r.strayNumber(found)
	claims := map[string]*claim{}
	var order []string
	for i := range found {
		m := &found[i]
		c := claims[m.id]
		if c == nil {
			c = &claim{first: m.line + 1}
			claims[m.id] = c
			order = append(order, m.id)
		}
		if counting && m.bare && m.verdict == paired {
			m.refuse(fmt.Sprintf("%s: it may be a position, for the config has no batch %d", m.why, stray))
		}
		c.take(m)
	}
	var res Result
	jobs := map[int][]Pair{}
	for _, id := range order {
		c := claims[id]
		c.dropGuesses()
		if strings.HasPrefix(id, "batches/") {
			for _, s := range c.said {
				jobs[s.Number] = append(jobs[s.Number], s)
			}
		}
	}
	dropGuessedJobs(jobs, claims)
	for _, id := range order {
		r.judge(&res, id, claims[id], jobs)
	}
	res.Conflicts = append(res.Conflicts, twoJobs(jobs)...)
	res.sort(claims)
	return res
}

// strayNumber gives a bare number of the text that the config does not know.
func (r *reader) strayNumber(found []mention) (int, bool) {
	for i := range found {
		if m := &found[i]; m.verdict == paired && m.bare && !r.numbers(m.number) {
			return m.number, true
		}
	}
	return 0, false
}

// take adds what one mention says.
func (c *claim) take(m *mention) {
	if m.verdict == paired && m.word {
		m.refuse("it may be a word or a folder rather than a name")
	}
	c.named = c.named || !m.word || m.verdict == refused
	pair := Pair{ID: m.id, Number: m.number, Sure: m.sure, Why: m.why, Line: m.line + 1}
	switch {
	case m.verdict == paired:
		c.said = surest(c.said, pair)
	case m.foreign:
		c.foreign = surest(c.foreign, pair)
		if c.refusal == "" {
			c.refusal = fmt.Sprintf("the config has no batch %d (%s)", m.number, m.why)
		}
	case m.verdict == refused && c.refusal == "":
		c.refusal = m.why
	}
}

// surest adds a pair, or puts it in the place of one that is less sure.
func surest(said []Pair, p Pair) []Pair {
	i := slices.IndexFunc(said, func(s Pair) bool { return s.Number == p.Number })
	switch {
	case i < 0:
		return append(said, p)
	case p.Sure > said[i].Sure:
		said[i] = p
	}
	return said
}

// dropGuesses forgets guesses where the text says more plainly what holds.
func (c *claim) dropGuesses() {
	plain := func(p Pair) bool { return p.Sure > Guessed }
	if slices.ContainsFunc(c.said, plain) || slices.ContainsFunc(c.foreign, plain) {
		guess := func(p Pair) bool { return !plain(p) }
		c.said = slices.DeleteFunc(c.said, guess)
		c.foreign = slices.DeleteFunc(c.foreign, guess)
	}
}

// dropGuessedJobs forgets the guess that a number has a job where the text says
// plainly that it has another one.
func dropGuessedJobs(jobs map[int][]Pair, claims map[string]*claim) {
	for n, list := range jobs {
		i := slices.IndexFunc(list, func(p Pair) bool { return p.Sure > Guessed })
		if i < 0 {
			continue
		}
		plain := list[i]
		jobs[n] = slices.DeleteFunc(slices.Clone(list), func(p Pair) bool { return p.Sure == Guessed })
		for _, p := range list {
			if p.Sure > Guessed {
				continue
			}
			c := claims[p.ID]
			c.said = slices.DeleteFunc(c.said, func(s Pair) bool { return s.Number == n })
			c.lost = append(c.lost, fmt.Sprintf("%s, but batch %d has %s (line %d)", p.Why, n, plain.ID, plain.Line))
		}
	}
}

// judge puts one id where it belongs.
func (r *reader) judge(res *Result, id string, c *claim, jobs map[int][]Pair) {
	said := append(slices.Clone(c.said), c.foreign...)
	switch {
	case len(c.said) > 0 && len(said) > 1:
		slices.SortFunc(said, byLine)
		res.Conflicts = append(res.Conflicts, Conflict{Why: fmt.Sprintf("%s is said to be batch %d and batch %d", id, said[0].Number, said[1].Number), Said: said})
	case len(c.said) == 1 && strings.HasPrefix(id, "batches/") && len(jobs[c.said[0].Number]) > 1:
		// One of two jobs for a number.
	case len(c.said) == 1:
		res.Pairs = append(res.Pairs, c.said[0])
	case c.named:
		slices.Sort(c.lost)
		why := cmp.Or(strings.Join(c.lost, "; "), c.refusal, "no batch number stands next to it")
		res.Unpaired = append(res.Unpaired, Unpaired{ID: id, Line: c.first, Why: why})
	}
}

// twoJobs lists the numbers that several jobs are said for.
func twoJobs(jobs map[int][]Pair) []Conflict {
	var out []Conflict
	for n, said := range jobs {
		if len(said) > 1 {
			slices.SortFunc(said, byLine)
			out = append(out, Conflict{Why: fmt.Sprintf("batch %d is said to have %d jobs", n, len(said)), Said: said})
		}
	}
	return out
}

func byLine(a, b Pair) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Number, b.Number))
}

// sort orders a result and leaves out what nobody needs to know.
func (res *Result) sort(claims map[string]*claim) {
	slices.SortFunc(res.Pairs, func(a, b Pair) int { return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(res.Conflicts, func(a, b Conflict) int { return cmp.Or(byLine(a.Said[0], b.Said[0]), cmp.Compare(a.Why, b.Why)) })
	ids := make([]string, 0, len(claims))
	for id := range claims {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	res.Unpaired = slices.DeleteFunc(res.Unpaired, func(u Unpaired) bool {
		if job, ok := strings.CutPrefix(u.ID, outputs); ok && claims["batches/"+job] != nil {
			return true // the answers of a job that is named, too
		}
		i := sort.SearchStrings(ids, u.ID)
		return claims[u.ID].refusal == shortened && i+1 < len(ids) && strings.HasPrefix(ids[i+1], u.ID)
	})
	slices.SortFunc(res.Unpaired, func(a, b Unpaired) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID)) })
}
