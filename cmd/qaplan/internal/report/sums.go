package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// batches lists what is known of each batch.
func batches(f *Facts) []Batch {
	s := ui.NewStatus(f.Items)
	s.AddCosts(f.Spending)
	list := make([]Batch, len(f.Items))
	for i := range f.Items {
		it := &f.Items[i]
		b := Batch{StatusBatch: s.Batches[i], Block: it.Address.Block}
		if it.Want != nil {
			b.Model, b.Source = it.Want.Model, it.Want.Source.Path
		}
		if rec := it.Record; rec != nil {
			if rec.Source.Path != "" {
				b.Source = rec.Source.Path
			}
			for k := range rec.Attempts {
				a := &rec.Attempts[k]
				if a.Job == "" {
					continue
				}
				b.Model, b.JobEndedAt, b.TookSeconds = a.Model, second(a.Ended), 0
				if a.Ended.After(a.Created) && !a.Created.IsZero() {
					b.TookSeconds = max(int64(a.Ended.Sub(a.Created)/time.Second), 1)
				}
			}
			if rec.Result != nil {
				b.DeliveredAt = second(rec.Result.Written)
			}
		}
		list[i] = b
	}
	return list
}

// used is what a batch has taken over all attempts.
func used(it *planner.Item) (t planner.Tokens) {
	if it.Record == nil {
		return t
	}
	for k := range it.Record.Attempts {
		t.Add(it.Record.Attempts[k].Tokens)
	}
	if r := it.Record.Result; r != nil && t == (planner.Tokens{}) {
		return r.Tokens // of an attempt that is not recorded any more
	}
	return t
}

func summarise(f *Facts, list []Batch) Summary {
	s := Summary{Batches: len(list), Phases: map[planner.Phase]int{}}
	for _, p := range planner.Phases() {
		s.Phases[p] = 0
	}
	var spent, toCome budget.USD
	for i := range list {
		b := &list[i]
		s.Phases[b.Phase]++
		s.Rows += b.Requests
		good, bad := rowsInHand(f.Items[i].Record)
		s.Good, s.Bad = s.Good+good, s.Bad+bad
		c := f.Spending[b.Address]
		spent, toCome, s.CostOpen = spent+c.Spent, toCome+c.ToCome, s.CostOpen || c.Unknown
		s.Tokens.add(used(&f.Items[i]))
		if rec := f.Items[i].Record; rec != nil {
			s.Unbought += rec.NextNumber() - 1 - len(rec.Attempts) // replaced by later ones
		}
	}
	attempts(f, func(_ *planner.Item, _ int, a *planner.Attempt) {
		switch {
		case hasJob(a):
			s.Jobs++
			if a.Repair {
				s.Repairs++
			}
			if a.Adopted {
				s.Adopted++
			}
		case a.Outcome == planner.OutcomeRefused, a.Outcome == planner.OutcomeAbsent, a.Outcome == planner.OutcomeNotSent:
			s.Unbought++
		}
	})
	s.CostUSD, s.ToComeUSD = spent.Dollars(), toCome.Dollars()
	return s
}

// rowsInHand counts the rows of a batch whose answers are on this machine.
func rowsInHand(rec *planner.Record) (good, bad int64) {
	switch {
	case rec == nil:
	case rec.Result != nil:
		return int64(rec.Result.Succeeded), int64(rec.Result.Failed + rec.Result.Missing)
	case rec.Judged != nil:
		return int64(rec.Judged.Classes.Good), int64(rec.Judged.Classes.Bad())
	}
	return 0, 0
}

func blocks(f *Facts, list []Batch) []Block {
	out := []Block{}
	var spent, toCome budget.USD
	for i := range list {
		b := &list[i]
		if n := len(out); n == 0 || out[n-1].Name != b.Block {
			out = append(out, Block{Name: b.Block, Models: []string{}, First: b.Number, MaxUSD: f.MaxCost[b.Block].Dollars()})
			spent, toCome = 0, 0
		}
		o := &out[len(out)-1]
		o.Last = b.Number
		o.Batches++
		if b.Phase == planner.PhaseDone {
			o.Done++
		}
		o.Rows += b.Requests
		good, bad := rowsInHand(f.Items[i].Record)
		o.Good, o.Bad = o.Good+good, o.Bad+bad
		o.Tokens.add(used(&f.Items[i]))
		if b.Model != "" && !slices.Contains(o.Models, b.Model) {
			o.Models = append(o.Models, b.Model)
			slices.Sort(o.Models)
		}
		if rec := f.Items[i].Record; rec != nil {
			for k := range rec.Attempts {
				if hasJob(&rec.Attempts[k]) {
					o.Jobs++
				}
			}
		}
		c := f.Spending[b.Address]
		spent, toCome = spent+c.Spent, toCome+c.ToCome
		o.CostUSD, o.ToComeUSD, o.CostOpen = spent.Dollars(), toCome.Dollars(), o.CostOpen || c.Unknown
	}
	return out
}

// days sums up by the day on which jobs ended.
func days(f *Facts) []Day {
	sums := map[string]*Day{}
	cost := map[string]budget.USD{}
	on := func(at time.Time) *Day {
		date := at.UTC().Format(time.DateOnly)
		d := sums[date]
		if d == nil {
			d = &Day{Date: date}
			sums[date] = d
		}
		return d
	}
	for i := range f.Items {
		it := &f.Items[i]
		if it.Record == nil {
			continue
		}
		c := f.Spending[it.Address]
		left, told := c.Spent, planner.Tokens{}
		for k := range it.Record.Attempts {
			a := &it.Record.Attempts[k]
			told.Add(a.Tokens)
			if !hasJob(a) || a.Ended.IsZero() {
				continue
			}
			d := on(a.Ended)
			d.Jobs++
			d.Rows += int64(a.Answered)
			d.Tokens.add(a.Tokens)
			if k < len(c.ByAttempt) {
				cost[d.Date] += c.ByAttempt[k]
				left -= c.ByAttempt[k]
			}
		}
		if r := it.Record.Result; r != nil && told == (planner.Tokens{}) && !r.Written.IsZero() && r.Tokens != told {
			d := on(r.Written)
			d.Tokens.add(r.Tokens)
			d.Rows += int64(r.Succeeded)
			cost[d.Date] += left
		}
	}
	out := make([]Day, 0, len(sums))
	for _, date := range slices.Sorted(maps.Keys(sums)) {
		d := sums[date]
		d.CostUSD = cost[date].Dollars()
		out = append(out, *d)
	}
	return out
}

// most bins of a histogram.
const mostBins = 24

func durations(f *Facts) Durations {
	d := Durations{Bins: []Bin{}}
	var took []time.Duration
	attempts(f, func(_ *planner.Item, _ int, a *planner.Attempt) {
		if hasJob(a) && planner.JobState(a.State) == planner.JobSucceeded && !a.Created.IsZero() && a.Ended.After(a.Created) {
			took = append(took, a.Ended.Sub(a.Created))
		}
	})
	if len(took) == 0 {
		return d
	}
	slices.Sort(took)
	// rank is the smallest length that a share did not exceed.
	rank := func(share float64) int64 {
		i := max(int(share*float64(len(took))+0.999999)-1, 0)
		return seconds(took[min(i, len(took)-1)])
	}
	d.Jobs = len(took)
	d.ShortestSeconds, d.MedianSeconds, d.NinetySeconds, d.LongestSeconds = seconds(took[0]), rank(0.5), rank(0.9), seconds(took[len(took)-1])
	first, last := took[0], took[len(took)-1]
	// Jobs that took almost the same are not parted by what does not matter.
	every := max(width(last-first, mostBins-1), width(last, 10*mostBins))
	first = first.Truncate(every)
	for i := range int((last-first)/every) + 1 {
		from := first + every*time.Duration(i)
		d.Bins = append(d.Bins, Bin{FromSeconds: int64(from / time.Second), ToSeconds: int64((from + every) / time.Second)})
	}
	for _, t := range took {
		d.Bins[int((t-first)/every)].Jobs++
	}
	return d
}

func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

// failures sorts the rows in hand, and what ended without answers.
func failures(f *Facts) ([]RowClass, []End) {
	names := []string{"good", "error", "blocked", "truncated", "empty", "invalid", "missing", "unjudged"}
	rows := make([]RowClass, len(names))
	for i, name := range names {
		rows[i].Class = name
	}
	for i := range f.Items {
		rec := f.Items[i].Record
		if rec == nil {
			continue
		}
		var c planner.Classes
		unjudged := 0
		switch j, r := rec.Judged, rec.Result; {
		case j != nil && (r == nil || j.Attempt == r.Attempt && j.Source == r.Source):
			c = j.Classes
		case r != nil:
			c.Good, unjudged, c.Missing = r.Succeeded, r.Failed, r.Missing
		}
		for k, n := range []int{c.Good, c.Error, c.Blocked, c.Truncated, c.Empty, c.Invalid, c.Missing, unjudged} {
			if rows[k].Rows += int64(n); n > 0 {
				rows[k].Batches++
			}
		}
	}
	return slices.DeleteFunc(rows, func(c RowClass) bool { return c.Rows == 0 }), ends(f)
}

func ends(f *Facts) []End {
	type key struct{ state, message string }
	found := map[key]*End{}
	in := map[key]planner.Address{}
	attempts(f, func(it *planner.Item, _ int, a *planner.Attempt) {
		k := key{a.State, ui.Printable(a.Error)}
		switch s := planner.JobState(a.State); {
		case a.Outcome == planner.OutcomeRefused:
			k.state = "REFUSED"
		case !hasJob(a):
			return
		case a.Gone:
			k.state = "GONE"
		case s == planner.JobCancelled:
			k.message = "" // the service only says that there was no error
		case s != planner.JobFailed && s != planner.JobExpired:
			return
		}
		e := found[k]
		if e == nil {
			e = &End{State: k.state, Message: k.message, Example: it.Address.String()}
			found[k] = e
		}
		e.Jobs++
		if e.Batches == 0 || in[k] != it.Address {
			e.Batches++
			in[k] = it.Address
		}
	})
	out := make([]End, 0, len(found))
	for _, e := range found {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b End) int {
		return cmp.Or(cmp.Compare(b.Jobs, a.Jobs), cmp.Compare(a.State, b.State), cmp.Compare(a.Message, b.Message))
	})
	return out
}

// atWork lists the jobs at work, the oldest first.
func atWork(f *Facts, asOf time.Time) []AtWork {
	now := latest(f.Now, asOf)
	old := map[string]planner.OldJob{}
	for _, o := range planner.OldJobs(f.Items, now) {
		old[o.Attempt.Job] = o
	}
	out := []AtWork{}
	attempts(f, func(it *planner.Item, _ int, a *planner.Attempt) {
		if !active(a) {
			return
		}
		w := AtWork{Address: it.Address, Job: a.Job, State: a.State, Model: a.Model, CreatedAt: second(a.Created)}
		if !a.Created.IsZero() {
			w.AgeSeconds = max(seconds(now.Sub(a.Created)), 0)
		}
		if o, is := old[a.Job]; is {
			w.Old, w.Siblings, w.SlowestSeconds = true, o.Siblings, seconds(o.Slowest)
		}
		out = append(out, w)
	})
	slices.SortStableFunc(out, func(a, b AtWork) int { return cmp.Compare(b.AgeSeconds, a.AgeSeconds) })
	return out
}

// limits tells what holds creates back.
func limits(f *Facts, w *Work) []Limit {
	l, know := f.Limits, f.State.Learned
	out := []Limit{}
	add := func(one Limit) {
		if one.Declared > 0 || one.Bad > 0 {
			out = append(out, one)
		}
	}
	add(Limit{Name: "active_jobs", Declared: int64(l.MaxActiveJobs), Good: know.Jobs.Good, Bad: know.Jobs.Bad, Seen: w.Peak})
	seen := map[string]int64{}
	for i := range w.Models {
		seen[w.Models[i].Model] = w.Models[i].PeakTokens
	}
	models := map[string]bool{}
	for m := range know.Models {
		models[m] = true
	}
	for m := range seen {
		models[m] = true
	}
	for m := range l.TokensByModel {
		models[m] = true
	}
	for _, m := range slices.Sorted(maps.Keys(models)) {
		declared, own := l.TokensByModel[m]
		if !own {
			declared = l.EnqueuedTokens
		}
		add(Limit{Name: "enqueued_tokens", Model: m, Declared: declared, Good: know.Models[m].Tokens.Good, Bad: know.Models[m].Tokens.Bad, Seen: seen[m]})
	}
	add(Limit{Name: "creates_per_minute", Declared: int64(l.CreatesPerMinute)})
	add(Limit{Name: "requests_per_minute", Declared: int64(l.RequestsPerMinute)})
	return out
}

func next(f *Facts, r *Report) Next {
	n := Next{Summary: f.Plan.Summary, Estimate: f.Plan.Estimate, Forecast: f.Plan.Forecast, Refused: f.Plan.Refused()}
	if !f.Refreshed && len(r.AtWork) > 0 {
		n.Forecast = nil // it does not know of the jobs at work
	}
	return n
}
