package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// rowSet is a set of rows of a source.
type rowSet uint16

const allRows rowSet = 1<<goodRows - 1

func (s rowSet) has(row int) bool { return s&(1<<row) != 0 }

func (s rowSet) len() int { return bits.OnesCount16(uint16(s)) }

// grade is how well a job answered a row; the rules decide what is good.
type grade uint8

const (
	noLine  grade = iota
	blocked       // never gets better
	errored
	weak // good unless the rules are strict
	strong
)

// answers are the rows that a job answered, or that are joined from several.
type answers [goodRows]grade

// with joins: what is better stays.
func (a answers) with(more answers) answers {
	for row := range a {
		a[row] = max(a[row], more[row])
	}
	return a
}

func (a *answers) rows(which func(grade) bool) rowSet {
	var set rowSet
	for row, g := range a {
		if which(g) {
			set |= 1 << row
		}
	}
	return set
}

// good are the rows that are good by those rules.
func (a *answers) good(rules string) rowSet {
	return a.rows(func(g grade) bool { return g == strong || g == weak && rules == "" })
}

func (a *answers) missing() rowSet { return a.rows(func(g grade) bool { return g == noLine }) }

func (a *answers) id(source string) string { return fmt.Sprintf("%.4s%v", source, *a) }

// answer says once and for all how a job answers the rows that it was sent.
func (w *world) answer(j *Job) {
	var a answers
	for row := range a {
		switch luck := w.r.IntN(100); {
		case !w.sent[j.Name].has(row), j.State != JobSucceeded && luck < 30, luck < 3:
		case luck < 75:
			a[row] = pick(w.r, strong, strong, weak)
		case luck < 95:
			a[row] = errored
		default:
			a[row] = blocked
		}
	}
	w.answers[j.Name] = a
}

// join joins the answers of the series that an attempt belongs to, those in hand
// or those that are to be had.
func (w *world) join(rec *Record, of *Attempt, a Address, fetch bool) answers {
	var joined answers
	seen := ResultNone
	if rec.Result != nil && w.disk[a] == rec.Result.SHA256 {
		seen = ResultOurs
	}
	result, add := rec.Pieces(of.Number, seen)
	if result {
		joined = w.results[rec.Result.SHA256]
	}
	for _, at := range add {
		switch {
		case at.Part != nil || fetch && at.Output != "" && !at.Gone:
			joined = joined.with(w.answers[at.Job])
		case fetch:
			w.t.Errorf("%s: the answers of attempt %d are needed, and are not to be had", a, at.Number)
		}
	}
	return joined
}

// judge finds out what the rows in hand are, up to those of an attempt.
func (w *world) judge(rec *Record, b *Batch, attempt int, joined answers) *Judgement {
	j := &Judgement{Source: b.Source.SHA256, Rules: b.Rules, Attempt: attempt}
	good, missing := joined.good(b.Rules), joined.missing()
	j.Classes = Classes{Good: good.len(), Missing: missing.len(), Error: goodRows - good.len() - missing.len()}
	rest, repair := missing, rec.RestIsRepair(attempt) || missing == 0
	if repair {
		rest = allRows &^ good &^ joined.rows(func(g grade) bool { return g == blocked })
	}
	if rest != 0 {
		j.Rest = &Rest{Repair: repair, SHA256: w.content(b.Source.SHA256, rest, repair), Bytes: int64(rest.len()) * 100, Rows: rest.len()}
	}
	return j
}

// content is the sha256 of an input made of some rows. A repair may change the
// requests.
func (w *world) content(source string, rows rowSet, repair bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %t", source, rows, repair))
	sha := hex.EncodeToString(sum[:])
	w.inputs[sha] = rows
	return sha
}

// judgeAgain is what a run looks at before it plans: rows in hand that were not
// judged by the rules as they are now.
func (w *world) judgeAgain(o *Observed) {
	for i := range w.d.Batches {
		b := &w.d.Batches[i]
		rec := w.rec.Batches[b.Address]
		attempt := rec.Unjudged(b)
		if attempt == 0 {
			continue
		}
		if rec.Result == nil || w.disk[b.Address] == rec.Result.SHA256 || !rec.resultIn(rec.attempt(attempt)) {
			o.Judged[b.Address] = w.judge(rec, b, attempt, w.join(rec, rec.attempt(attempt), b.Address, false))
		}
	}
}

// download joins all answers in hand, and delivers them where they make a result
// and nothing is left to buy; else it keeps them.
func (w *world) download(rec *Record, b *Batch, c *Change) {
	at := rec.attempt(c.Attempt)
	if c.Reason == ReasonJobSucceeded || c.Reason == ReasonPartialOutput {
		if at.Output == "" {
			w.t.Errorf("%s: downloads from %s, which has no output", c.Address, at.Job)
		}
		answered := w.answers[at.Job]
		at.OutputRead, at.Answered = true, goodRows-answered.missing().len()
		at.Part = &Part{Path: ".parts/" + at.Job, SHA256: at.Job, Rows: at.Answered}
	}
	if b.Source.Missing || b.Source.SHA256 != at.SHA256 && b.OnChange != OnChangeKeep {
		return // they fit other keys
	}
	joined := w.join(rec, at, b.Address, true)
	rec.Judge(w.judge(rec, b, at.Number, joined))
	id := joined.id(b.Source.SHA256)
	inTheWay := rec.Result == nil && w.disk[c.Address] != ""
	switch {
	case inTheWay && w.disk[c.Address] != id:
		return
	case c.Reason.Delivers():
	case !inTheWay && rec.Repairable(b) != nil, at.endedEarly() && !at.Repair:
		return
	}
	w.deliver(rec, b, at, joined)
}

func (w *world) deliver(rec *Record, b *Batch, at *Attempt, joined answers) {
	good := joined.good(b.Rules)
	for _, other := range rec.Series(at.Number) {
		paid := w.answers[other.Job]
		if other.Output == "" || !other.OutputRead {
			paid = answers{}
		}
		if lost := paid.good(b.Rules) &^ good; lost != 0 {
			w.t.Errorf("%s: the result lacks rows %b that attempt %d answered well", b.Address, lost, other.Number)
		}
	}
	id := joined.id(b.Source.SHA256)
	w.disk[b.Address], w.results[id] = id, joined
	rec.Source, rec.Upload = b.Source.Record(), nil
	rec.Result = &Result{Path: b.Output, SHA256: id, Attempt: at.Number, Source: b.Source.SHA256, Rows: goodRows,
		Succeeded: good.len(), Missing: joined.missing().len(), Failed: goodRows - good.len() - joined.missing().len()}
	for i := range rec.Attempts {
		rec.Attempts[i].Part = nil
	}
}

// checkRows fails when rows are bought that are good in hand, more often than
// they may be, or with a model that nobody asked for.
func (w *world) checkRows(rec *Record, b *Batch, c *Change) {
	base := rec.baseFor(b)
	if base == nil {
		return
	}
	joined := w.join(rec, base, b.Address, false)
	last := rec.endOf(base)
	cutShort := last.endedEarly() && !last.Repair && !rec.resultIn(base) && base.Model == c.Detail.Model && joined.missing() != 0
	again := w.inputs[c.Detail.SHA256] & joined.good(b.Rules)
	switch {
	case again == 0:
	case c.Reason == ReasonRerun && !cutShort, c.Detail.Model != base.Model && !c.Detail.Subset:
	default:
		w.t.Errorf("%s: attempt %d (%s) buys rows %b that are good in hand", c.Address, c.Attempt, c.Reason, again)
	}
	if !c.Detail.Subset {
		return
	}
	if c.Detail.Model != base.Model && (c.Reason != ReasonRepair || b.Repair.Model == "") {
		w.t.Errorf("%s: %s answers rows of a batch of %s", c.Address, c.Detail.Model, base.Model)
	}
	if n := w.repairsOf(rec, b, base) + 1; c.Reason == ReasonRepair && n > b.Repair.MaxAttempts {
		w.t.Errorf("%s: repair %d of %d", c.Address, n, b.Repair.MaxAttempts)
	}
}

// repairsOf counts the jobs that bought rows of a series again. A restored state
// finds them all, as long as the rules ask for the same rows and the service has
// the answers before; else those count that it has on record.
func (w *world) repairsOf(rec *Record, b *Batch, base *Attempt) int {
	recorded, found := 0, 0
	for a := range rec.from(base) {
		if a.Repair {
			recorded++
		}
	}
	for _, s := range w.sold {
		switch {
		case s.repairs != base.Job:
		case w.lost[s.job], s.rules != b.Rules:
			return recorded
		default:
			found++
		}
	}
	return max(recorded, found)
}

// checkDone: what is done waits for no repair without saying why, and no answers
// that its series paid for were left at the service.
func (w *world) checkDone(p *Plan, it *Item) {
	told := slices.ContainsFunc(p.Problems, func(pr Problem) bool { return pr.Address != nil && *pr.Address == it.Address })
	if it.Record.Repairable(it.Want) != nil && !told {
		w.t.Errorf("%s is done, and could be repaired", it.Address)
	}
	for _, at := range it.Record.Series(it.Record.Result.Attempt) {
		if at.hasOutput() && !at.Gone {
			w.t.Errorf("%s is done, and the answers of attempt %d were never fetched", it.Address, at.Number)
		}
	}
}

// loseJob lets the service forget a job that bought rows again. It forgets not
// the last one: that would be another project.
func (w *world) loseJob() {
	var repairs []string
	for _, s := range w.sold {
		if s.repairs != "" && !w.lost[s.job] {
			repairs = append(repairs, s.job)
		}
	}
	if len(repairs) == 0 || len(w.jobs)-len(w.lost) < 3 {
		return
	}
	j := w.jobs[pick(w.r, repairs...)]
	w.lost[j.Name] = true
	if j.Active() {
		j.State, j.RawState, j.Done, j.Ended = JobFailed, "BATCH_STATE_FAILED", true, w.clock
	}
}

// cancel asks for the end of what is at work for a batch.
func (w *world) cancel(a Address) {
	rec := w.rec.Batches[a].Clone()
	if rec == nil {
		return
	}
	for i := range rec.Attempts {
		if at := &rec.Attempts[i]; at.active() || at.Outcome == OutcomeIntent {
			rec.Cancel(at.Number, true)
			if j := w.jobs[at.Job]; j != nil && j.Active() && w.r.percent(60) {
				w.end(j, JobCancelled)
			}
		}
	}
	w.rec.Batches[a] = rec
}

// hide takes a source away, or puts it back.
func (w *world) hide(b *Batch) {
	if back, hidden := w.hidden[b.Address]; hidden {
		b.Source = back
		delete(w.hidden, b.Address)
		return
	}
	w.hidden[b.Address] = b.Source
	b.Source = Source{Path: b.Source.Path, Missing: true}
}

// end lets a job end.
func (w *world) end(j *Job, state JobState) {
	j.State, j.RawState, j.Done, j.Ended = state, "BATCH_STATE_"+string(state), true, w.clock
	w.answer(j)
	named := state == JobSucceeded && (!w.trouble || !w.isRepair(j.Name) || w.r.percent(95))
	if answered := w.answers[j.Name]; answered.missing() != allRows && (named || state != JobSucceeded && w.r.percent(40)) {
		j.Output = "files/batch-" + strings.TrimPrefix(j.Name, "batches/")
	}
}

func (w *world) isRepair(job string) bool {
	return slices.ContainsFunc(w.sold, func(s sale) bool { return s.job == job && s.repairs != "" })
}

// told lists what the service shows, and which recorded jobs it does not have.
func (w *world) told(o *Observed) {
	for _, name := range slices.Sorted(maps.Keys(w.jobs)) {
		if !w.lost[name] {
			o.Live.Jobs = append(o.Live.Jobs, *w.jobs[name])
		}
	}
	for name := range w.lost {
		o.Live.Missing[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		o.Live.Files = append(o.Live.Files, *w.files[name])
	}
}
