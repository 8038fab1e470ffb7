package planner

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

// Series lists the attempts whose answers together make the result of the one
// with that number, oldest first: from the newest before it that was sent the
// whole source. It is nil where there is no such attempt.
func (r *Record) Series(number int) []*Attempt {
	if r == nil {
		return nil
	}
	var series []*Attempt
	for i := len(r.Attempts) - 1; i >= 0; i-- {
		a := &r.Attempts[i]
		if a.Number > number || a.Outcome != OutcomeBought || a.unbound() || len(series) == 0 && a.Number != number {
			continue
		}
		if len(series) > 0 && a.SHA256 != series[0].SHA256 {
			continue // for another content, beside the series
		}
		series = append([]*Attempt{a}, series...)
		if !a.partial() {
			return series
		}
	}
	return nil // what it began with is not recorded
}

// base is the attempt that was sent the whole source, for the series that the
// newest one belongs to; nil where there is none.
func (r *Record) base() *Attempt {
	for i := len(r.attempts()) - 1; i >= 0; i-- {
		if a := &r.Attempts[i]; a.Outcome == OutcomeBought {
			if s := r.Series(a.Number); s != nil {
				return s[0]
			}
			return nil
		}
	}
	return nil
}

func (r *Record) attempts() []Attempt {
	if r == nil {
		return nil
	}
	return r.Attempts
}

// rest gives the rows that the series at hand leaves open for what is wanted
// now, nil where there are none or nothing was found out about them.
func (r *Record) rest(b *Batch) *Rest {
	if r == nil || r.Judged == nil || r.Judged.Rest == nil {
		return nil
	}
	base := r.base()
	j := r.Judged
	if base == nil || j.Attempt < base.Number || j.Source != b.Source.SHA256 || base.SHA256 != b.Source.SHA256 || j.Rules != b.Rules {
		return nil
	}
	return j.Rest
}

// unreached gives the rows that a job which ended early did not answer, where
// what it did answer is in hand and fits what is wanted now.
func (r *Record) unreached(b *Batch) *Rest {
	rest := r.rest(b)
	if rest == nil || rest.Repair || r.base().Model != b.Model {
		return nil
	}
	return rest
}

// repairModel is the model that rows of the batch are repaired with.
func (r *Record) repairModel(b *Batch) string {
	switch base := r.base(); {
	case b.Repair != nil && b.Repair.Model != "":
		return b.Repair.Model
	case base != nil:
		return base.Model
	}
	return b.Model
}

// repairable gives the rows that are to be bought again since they are not
// good, nil when there are none, or when they have been often enough. What a
// person cancelled is not gone on with.
func (r *Record) repairable(b *Batch) *Rest {
	rest := r.rest(b)
	if rest == nil || !rest.Repair || b.Repair == nil || b.Source.Missing {
		return nil
	}
	if b.Repair.Model == "" && r.base().Model != b.Model {
		return nil // two models would answer one batch, and nobody asked for that
	}
	if f := r.Refused; f != nil && f.Final && f.SHA256 == rest.SHA256 && f.Model == r.repairModel(b) {
		return nil
	}
	repairs, base := 0, r.base()
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if a.Number < base.Number {
			continue
		}
		if a.CancelAsked || a.RowsCancelled || JobState(a.State) == JobCancelled {
			return nil
		}
		if a.Repair && a.Outcome == OutcomeBought {
			repairs++
		}
	}
	if repairs >= b.Repair.MaxAttempts {
		return nil
	}
	return rest
}

// RestIsRepair tells which rows another attempt of the series that ends with
// that number would buy: those of a complete answer that are not good, or those
// that a job which ended early did not reach.
func (r *Record) RestIsRepair(number int) bool {
	for _, a := range r.Series(number) {
		if a.Number == number {
			return a.Repair || JobState(a.State) == JobSucceeded
		}
	}
	return false
}

// repaired: the newest job bought rows again that were not good. Whatever
// becomes of it, what is in hand is delivered: the rest of the batch waits for
// nobody.
func (v *view) repaired(last *Attempt) verdict {
	final := JobState(last.State)
	switch {
	case last.active():
		return v.wait(last)
	case last.Gone || last.Wrong || last.OutputRead:
	case last.Output != "" || last.Inline:
		if !last.OutputGone {
			out := v.download(last, ReasonJobSucceeded)
			if final != JobSucceeded {
				out.reason = ReasonPartialOutput
			}
			v.warnChanged(&out, last)
			return out
		}
	case final == JobSucceeded && !v.noOutput(last):
		return v.wait(last)
	}
	return v.inHand(last)
}

// noOutput reports whether a job that succeeded has named no output for so long
// that none is to be expected.
func (v *view) noOutput(a *Attempt) bool {
	return v.live.Refreshed && !a.Ended.IsZero() && v.live.Last.After(a.Ended.Add(outputDelay))
}

// buyRepair buys rows again that are not good.
func (v *view) buyRepair() verdict {
	if s := v.rec.Strange; s != nil && !s.Settled {
		return v.waitUnknown(s.SettleFrom)
	}
	return v.buy(ReasonRepair)
}

// deliverInHand makes the result of what is in hand. Where a former result is
// all there is, it stays.
func (v *view) deliverInHand(last *Attempt, why Reason) verdict {
	if last.Repair && v.rec.Result != nil && v.seen == ResultOurs && !v.rec.partsAfter(v.rec.Result.Attempt) {
		return v.former("repair_ended", "its repair ended without answers ("+last.State+"); the result stays as it was")
	}
	return v.download(last, why)
}

// partsAfter reports whether answers of later attempts than that one are in
// hand.
func (r *Record) partsAfter(number int) bool {
	for i := range r.Attempts {
		if a := &r.Attempts[i]; a.Number > number && a.Part != nil {
			return true
		}
	}
	return false
}

// HasAnswers reports whether there are answers of the attempt, in hand or at the
// service.
func (a *Attempt) HasAnswers() bool {
	return a.Part != nil || (a.Output != "" || a.Inline) && !a.OutputGone && !a.Wrong
}

// RepairIsNext reports whether rows of the batch are to be bought again before
// its result is delivered.
func (r *Record) RepairIsNext(b *Batch) bool { return r.repairable(b) != nil }

// Unjudged reports whether answers to what is wanted are in hand that were not
// judged by the rules as they are now, and the number of the newest attempt
// among them.
func (r *Record) Unjudged(b *Batch) (through int, yes bool) {
	base := r.base()
	if base == nil || b.Source.Missing || base.SHA256 != b.Source.SHA256 {
		return 0, false
	}
	if j := r.Judged; j != nil && j.Rules == b.Rules && j.Source == b.Source.SHA256 && j.Attempt >= base.Number {
		return 0, false
	}
	if res := r.Result; res != nil && res.Source == b.Source.SHA256 && res.Attempt >= base.Number {
		through = res.Attempt
	}
	for i := range r.Attempts {
		if a := &r.Attempts[i]; a.Number >= base.Number && a.kept() {
			through = max(through, a.Number)
		}
	}
	return through, through > 0
}
