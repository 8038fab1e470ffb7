package planner

import (
	"iter"
	"strings"
)

// A batch may be answered by a series of attempts: one for the whole source,
// then others for rows that were not answered, or not well. Their answers are
// joined by key.

// partial reports whether only some rows of the source were sent.
func (a *Attempt) partial() bool { return a.Input != "" }

// content is the sha256 of the bytes that were sent.
func (a *Attempt) content() string {
	if a.partial() {
		return a.Input
	}
	return a.SHA256
}

// inSeries reports whether the attempt has a job whose answers count for its
// batch.
func (a *Attempt) inSeries() bool { return a.Outcome == OutcomeBought && !a.unbound() }

// endedEarly reports whether a job ended before it had answered all that it was
// sent.
func (a *Attempt) endedEarly() bool {
	return a.unsuccessful() || a.CancelAsked || a.RowsCancelled
}

// unsuccessful reports whether a job ended and does not count as a success.
func (a *Attempt) unsuccessful() bool {
	switch JobState(a.State) {
	case JobFailed, JobExpired, JobCancelled:
		return true
	}
	return false
}

// attempt gives the one with that number, nil where there is none.
func (r *Record) attempt(number int) *Attempt {
	if r != nil {
		for i := range r.Attempts {
			if r.Attempts[i].Number == number {
				return &r.Attempts[i]
			}
		}
	}
	return nil
}

// baseOf gives the attempt that was sent the whole source in the series that a
// belongs to: the newest one for its content up to it, nil where it is not
// recorded.
func (r *Record) baseOf(a *Attempt) *Attempt {
	if r == nil || a == nil {
		return nil
	}
	for i := len(r.Attempts) - 1; i >= 0; i-- {
		if b := &r.Attempts[i]; b.Number <= a.Number && b.inSeries() && !b.partial() && b.SHA256 == a.SHA256 {
			return b
		}
	}
	return nil
}

// boughtWith is the model of the series that the attempt belongs to. A repair
// may have used another one.
func (r *Record) boughtWith(a *Attempt) string {
	if a.partial() {
		if base := r.baseOf(a); base != nil {
			return base.Model
		}
	}
	return a.Model
}

// from goes through the series that begins with base, oldest first.
func (r *Record) from(base *Attempt) iter.Seq[*Attempt] {
	return func(yield func(*Attempt) bool) {
		for i := range r.Attempts {
			a := &r.Attempts[i]
			if a.Number < base.Number || !a.inSeries() || a.SHA256 != base.SHA256 {
				continue
			}
			if a != base && !a.partial() || !yield(a) {
				return // the next series begins
			}
		}
	}
}

// endOf gives the newest attempt of the series that a belongs to.
func (r *Record) endOf(a *Attempt) *Attempt {
	end := a
	if base := r.baseOf(a); base != nil {
		for end = range r.from(base) {
		}
	}
	return end
}

// Series lists the attempts whose answers together make the result of the one
// with that number, oldest first. The first was sent the whole source; those
// for another content are left out. It is nil where there is no such attempt,
// or where what it began with is not recorded.
func (r *Record) Series(number int) []*Attempt {
	last := r.attempt(number)
	base := r.baseOf(last)
	if base == nil || !last.inSeries() {
		return nil
	}
	var series []*Attempt
	for a := range r.from(base) {
		if a.Number <= number {
			series = append(series, a)
		}
	}
	return series
}

// Pieces tells what the answers of the series are joined from that an attempt
// belongs to: from the result, where that is of this series and stands as it was
// written, and from the attempts to be added, oldest first. The answers of one
// without a part are fetched, although they were read before: the parts go with
// the next result, be it of another series.
func (r *Record) Pieces(number int, seen ResultSeen) (result bool, add []*Attempt) {
	of := r.attempt(number)
	if of == nil {
		return false, nil
	}
	series := r.Series(r.endOf(of).Number)
	if series == nil {
		series = []*Attempt{of}
	}
	result = seen == ResultOurs && r.resultIn(of)
	for _, a := range series {
		switch {
		case a.Wrong || !a.OutputRead && (a.Number != number || a.Gone || !a.hasOutput()):
		case result && a.Part == nil && a.Number <= r.Result.Attempt:
		default:
			add = append(add, a)
		}
	}
	return result, add
}

// RestIsRepair tells which rows another attempt of the series that ends with
// that number would buy: those of a complete answer that are not good, or those
// that a job which ended early did not reach.
func (r *Record) RestIsRepair(number int) bool {
	a := r.attempt(number)
	return r.Series(number) != nil && (a.Repair || !a.endedEarly() && !a.active())
}

// baseFor gives the attempt that began the newest series for the source as it
// is now.
func (r *Record) baseFor(b *Batch) *Attempt {
	if r == nil || b.Source.SHA256 == "" {
		return nil
	}
	for i := len(r.Attempts) - 1; i >= 0; i-- {
		if a := &r.Attempts[i]; a.inSeries() && !a.partial() && a.SHA256 == b.Source.SHA256 {
			return a
		}
	}
	return nil
}

// resultIn reports whether the result was made of answers of the series that a
// belongs to.
func (r *Record) resultIn(a *Attempt) bool {
	base := r.baseOf(a)
	return r.Result != nil && base != nil && r.baseOf(r.attempt(r.Result.Attempt)) == base
}

// partsBeyond reports whether answers are in hand that are not in the result.
func (r *Record) partsBeyond() bool {
	if r != nil {
		for i := range r.Attempts {
			if a := &r.Attempts[i]; a.Part != nil && (r.Result == nil || a.Number > r.Result.Attempt) {
				return true
			}
		}
	}
	return false
}

// HasAnswers reports whether there are answers of the attempt, in hand or at the
// service.
func (a *Attempt) HasAnswers() bool {
	return a.Part != nil || (a.Output != "" || a.Inline) && !a.OutputGone && !a.Wrong
}

// judgeable gives the newest attempt with answers in hand of the series for the
// source as it is now, nil where none are: those of later ones are parts, those
// of earlier ones may stand in the result.
func (r *Record) judgeable(b *Batch) *Attempt {
	base := r.baseFor(b)
	if base == nil {
		return nil
	}
	delivered := r.resultIn(base) && r.Result.Source == b.Source.SHA256
	var newest *Attempt
	for a := range r.from(base) {
		inResult := delivered && (a == base || a.OutputRead && a.Number <= r.Result.Attempt)
		if inResult || a.Part != nil && a.Part.Rows > 0 && !a.Wrong {
			newest = a
		}
		if a.OutputRead && !a.Wrong && !inResult && a.lost() {
			return nil
		}
	}
	return newest
}

// judgement gives what is known of the rows in hand for what is wanted now, nil
// where they are others, or were judged by other rules, or before the newest
// of them came. Which rows were not reached is no question of rules.
func (r *Record) judgement(b *Batch) *Judgement {
	if r == nil || r.Judged == nil {
		return nil
	}
	j, newest := r.Judged, r.judgeable(b)
	if newest == nil || j.Source != b.Source.SHA256 || j.Attempt < newest.Number {
		return nil
	}
	if j.Rules != b.Rules && (j.Rest == nil || j.Rest.Repair) {
		return nil
	}
	if a := r.attempt(j.Attempt); a == nil || !a.inSeries() || r.baseOf(a) != r.baseFor(b) {
		return nil
	}
	return j
}

// Unjudged gives the newest attempt with answers in hand for what is wanted, where
// the rows of its series are to be judged, since they never were or the rules
// are others now; 0 where there is nothing to judge.
func (r *Record) Unjudged(b *Batch) int {
	if r == nil {
		return 0
	}
	newest := r.judgeable(b)
	if newest == nil || r.judgement(b) != nil && r.Judged.Rules == b.Rules {
		return 0
	}
	return newest.Number
}

// rest gives the rows that the series in hand leaves open for what is wanted
// now, nil where there are none or nothing was found out about them.
func (r *Record) rest(b *Batch) *Rest {
	if r == nil || r.Judged == nil || r.Judged.Rest == nil {
		return nil
	}
	if j := r.judgement(b); j != nil {
		return j.Rest
	}
	return nil
}

// unreached gives the rows that a job which ended early did not answer, where
// what it did answer is in hand, is no result yet and fits what is wanted now.
func (r *Record) unreached(b *Batch) *Rest {
	rest := r.rest(b)
	if rest == nil || rest.Repair {
		return nil
	}
	if base := r.baseFor(b); base.Model != b.Model || r.resultIn(base) {
		return nil
	}
	return rest
}

// reachedAll reports whether jobs that ended early answered every row of the
// source all the same, so that nothing is left to buy.
func (r *Record) reachedAll(b *Batch) bool {
	j := r.judgement(b)
	return j != nil && (j.Rest == nil && j.Classes.Missing == 0 || j.Rest != nil && j.Rest.Repair)
}

// repairModel is the model that rows of the batch are repaired with.
func (r *Record) repairModel(b *Batch) string {
	if b.Repair != nil && b.Repair.Model != "" {
		return b.Repair.Model
	}
	return r.baseFor(b).Model
}

// Repairable gives the rows that are to be bought again since they are not
// good, nil when there are none, or when they have been often enough. While
// there are some, an apply keeps fresh answers and makes no result of them.
// What a person cancelled is not gone on with, until that person asks for
// another job.
func (r *Record) Repairable(b *Batch) *Rest {
	rest := r.rest(b)
	if rest == nil || !rest.Repair || b.Repair == nil || b.Source.Missing {
		return nil
	}
	base, model := r.baseFor(b), r.repairModel(b)
	if base.Model != b.Model && (b.Repair.Model == "" || b.OnChange == OnChangeRerun) {
		return nil // two models nobody asked for, or all is bought anew anyway
	}
	if r.refused(rest.SHA256, model) != nil || r.cancelledUnseen(rest.SHA256) {
		return nil
	}
	repairs, cancelled := 0, false
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if a.Number < base.Number || a.SHA256 != base.SHA256 {
			continue
		}
		cancelled = cancelled && !a.Rerun || a.CancelAsked || a.RowsCancelled || JobState(a.State) == JobCancelled
		if a.Repair && a.Outcome == OutcomeBought {
			repairs++
		}
	}
	if cancelled || repairs >= b.Repair.MaxAttempts {
		return nil
	}
	return rest
}

// restModel is the model that the rows left open are bought with.
func (r *Record) restModel(b *Batch) string {
	if r.Judged.Rest.Repair {
		return r.repairModel(b)
	}
	return r.baseFor(b).Model
}

// refused gives the service's final no to these bytes for that model.
func (r *Record) refused(sha, model string) *Refusal {
	if r == nil || r.Refused == nil || !r.Refused.Final || r.Refused.SHA256 != sha || r.Refused.Model != model {
		return nil
	}
	return r.Refused
}

// strange gives the upload of these bytes of which it is not recorded what
// followed, if there is one.
func (r *Record) strange(sha string) *StrangeUpload {
	if r == nil || r.Strange == nil {
		return nil
	}
	content := r.Strange.SHA256
	if p, named := ParseUploadName(r.Strange.File); named {
		content = p.Content
	}
	if content == "" || !strings.HasPrefix(sha, content) {
		return nil
	}
	return r.Strange
}

// cancelledUnseen reports whether a person wants nothing more to be bought of
// these bytes, of which no more than an upload was ever seen.
func (r *Record) cancelledUnseen(sha string) bool {
	s := r.strange(sha)
	return s != nil && s.Settled && s.CancelAsked
}
