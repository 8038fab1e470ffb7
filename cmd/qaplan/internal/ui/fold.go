package ui

import (
	"fmt"
	"slices"

	"github.com/qaplan/qaplan/planner"
)

// fold is one line of a plan: a batch, or several to which the same is done for
// the same reason.
type fold struct {
	change *planner.Change // the first
	stretch
	bytes  int64
	rows   int
	tokens int64
	cost   float64
	does   string // symbols of its actions
}

// folding says what of a plan becomes one line.
type folding int

const (
	foldNothing folding = iota // a line for each batch
	foldRanges                 // consecutive ones, but what a person should see one by one
	foldAlike                  // many ranges as well, as one line with gaps
	foldAll                    // whatever it is
)

// group is what is done for one reason.
type group struct {
	why   string
	folds []fold
}

// groupChanges sorts changes by what they cost and why they are done, and folds
// those that are alike. Purchases come first, then what is taken over, fetched
// and forgotten.
func groupChanges(changes []planner.Change, how folding) []group {
	var groups []group
	at := map[string]int{}
	for i := range changes {
		c := &changes[i]
		f := fold{change: c, stretch: single(c.Block, c.Number), bytes: c.Detail.Bytes, rows: c.Detail.Rows, tokens: c.Detail.Tokens, cost: c.Detail.CostUSD, does: symbols(c)}
		why := f.why()
		g, seen := at[why]
		if !seen {
			g = len(groups)
			at[why] = g
			groups = append(groups, group{why: why})
		}
		folds := groups[g].folds
		if n := len(folds) - 1; n >= 0 && folds[n].last+1 == f.first && folds[n].key(how) != "" && folds[n].key(how) == f.key(how) {
			folds[n].join(&f)
			continue
		}
		groups[g].folds = append(folds, f)
	}
	for i := range groups {
		if how == foldRanges {
			break
		}
		groups[i].folds = mergeMany(groups[i].folds, func(f *fold) string { return f.key(how) }, (*fold).join)
	}
	slices.SortStableFunc(groups, func(a, b group) int { return rank(a.folds[0].change) - rank(b.folds[0].change) })
	return groups
}

// rank orders changes by what a reader looks for first.
func rank(c *planner.Change) int {
	switch {
	case c.Has(planner.ActionCreate):
		return 0
	case c.Has(planner.ActionAdopt):
		return 1
	case c.Has(planner.ActionDownload):
		return 2
	}
	return 3
}

func symbols(c *planner.Change) string {
	s := ""
	for _, a := range c.Actions {
		s += symbol(a)
	}
	return s
}

// key is the same for folds that may be one line; it is "" for a fold that
// stands by itself.
func (f *fold) key(how folding) string {
	if how == foldNothing || how != foldAll && apart(f.change) {
		return ""
	}
	return f.block + " " + f.does + " " + string(f.change.Phase)
}

// apart reports whether a person should see the change by itself: an adoption,
// an expiry, what follows a failure, and what is paid for a second time.
func apart(c *planner.Change) bool {
	switch c.Reason {
	case planner.ReasonUploadExpired, planner.ReasonJobExpired, planner.ReasonJobFailed, planner.ReasonPartialOutput:
		return true
	}
	return c.Has(planner.ActionAdopt) || boughtAgain(c)
}

// boughtAgain reports whether all of a batch is paid for once more. Rows that
// were not answered well are another matter: the config asks for them.
func boughtAgain(c *planner.Change) bool { return c.Detail.Again && !c.Detail.Subset }

func (f *fold) join(next *fold) {
	f.add(next.stretch)
	f.bytes += next.bytes
	f.rows += next.rows
	f.tokens += next.tokens
	f.cost += next.cost
}

// why is the comment above a group: reason and model.
func (f *fold) why() string {
	s := because(f.change.Reason)
	if m := f.change.Detail.Model; m != "" && f.change.Has(planner.ActionCreate) {
		s += "; model " + Printable(m)
	}
	return s
}

// cells are the columns of a line; a column that is empty throughout vanishes.
func (f *fold) cells() []string {
	tokens := ""
	if f.change.Has(planner.ActionCreate) && f.tokens > 0 {
		tokens = "~" + amount(f.tokens) + " tokens"
	}
	rows := ""
	if f.rows > 0 {
		rows = count(f.rows, "row")
	}
	return []string{f.String(), count(f.n, "batch"), size(f.bytes), rows, tokens, about(f.cost)}
}

// notes are further lines about one change.
func (f *fold) notes(s Style) []string {
	c, d := f.change, &f.change.Detail
	var notes []string
	if f.gaps() {
		notes = append(notes, "with gaps, in "+count(f.ranges, "range")+"; --verbose names each batch")
	}
	switch {
	case boughtAgain(c):
		notes = append(notes, s.alarm(fmt.Sprintf("bought before: this is attempt %d and costs again", c.Attempt)))
	case d.Subset && f.n == 1:
		notes = append(notes, fmt.Sprintf("attempt %d, for these rows alone", c.Attempt))
	}
	if d.From != "" {
		notes = append(notes, "formerly "+Printable(d.From))
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
