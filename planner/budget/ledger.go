package budget

import (
	"maps"
	"slices"
	"time"
)

// Mark is a place in the order of events. It is no time: clocks may be set back.
type Mark int64

// Active is a job that counts against limits: pending, running, or sent without
// a known outcome, foreign ones included.
type Active struct {
	Model  string
	Tokens Estimate
}

// Observation is what a look at the service showed.
type Observation struct {
	// Since is what [Creates.Mark] gave when the look began. Active counts every
	// create whose outcome was told before that, unknown ones too; those told
	// later, and those on their way, are added by the policy.
	Since  Mark
	Active []Active
	// Ends are when jobs of the project ended, by the service's clock. Those that
	// an earlier observation told may be left out.
	Ends []time.Time
}

// ledger counts what is active: what the last look showed, and what was booked
// since or is on its way.
type ledger struct {
	seen     map[string]Load // by model
	seenJobs int

	booked  map[string]*booking
	held    map[string]Load  // of all that is booked, by model
	sent    map[string]int64 // tokens of what was sent, by model
	sends   int              // booked creates that were sent
	pending int              // booked creates whose outcome was not told
	told    Mark             // outcomes so far

	boughtJobs   int // booked creates that were accepted
	boughtTokens map[string]int64
}

// booking is a place that is taken.
type booking struct {
	create Create
	sent   bool
	sentAt time.Time
	at     level // once it is accepted
	over   Mark  // when its outcome was told, 0 before
	bought bool
}

// level is what is active at the service.
type level struct{ jobs, tokens int64 }

func newLedger() ledger {
	return ledger{booked: map[string]*booking{}, held: map[string]Load{}, sent: map[string]int64{}, boughtTokens: map[string]int64{}}
}

// look takes the observation in, and drops the bookings that it counts.
func (l *ledger) look(o *Observation) {
	l.seen, l.seenJobs = make(map[string]Load, len(l.seen)), len(o.Active)
	for _, a := range o.Active {
		sum := l.seen[a.Model]
		sum.Add(a.Tokens)
		l.seen[a.Model] = sum
	}
	for id, b := range l.booked {
		if b.over > 0 && b.over <= o.Since {
			l.remove(id)
		}
	}
	l.recount()
}

// with is what counts against limits once c has its place: jobs in all, and
// tokens of its model.
func (l *ledger) with(c *Create) (jobs int, load Load) {
	jobs, load = l.seenJobs+len(l.booked), l.seen[c.Model].plus(l.held[c.Model])
	if l.booked[c.ID] == nil {
		jobs++
		load.Add(c.Tokens)
	}
	return jobs, load
}

// active is how many jobs count, of a model, or with "" of all.
func (l *ledger) active(model string) int {
	if model == "" {
		return l.seenJobs + len(l.booked)
	}
	return l.seen[model].Jobs + l.held[model].Jobs
}

func (l *ledger) book(c *Create) {
	l.booked[c.ID] = &booking{create: *c}
	l.pending++
	l.hold(c)
}

func (l *ledger) hold(c *Create) {
	sum := l.held[c.Model]
	sum.Add(c.Tokens)
	l.held[c.Model] = sum
}

// send notes that a create goes out. What is only booked is not at the service,
// so it is no part of the level.
func (l *ledger) send(b *booking, now time.Time) {
	model := b.create.Model
	l.sends++
	l.sent[model] = addTokens(l.sent[model], b.create.Tokens.Tokens)
	b.sent, b.sentAt = true, now
	b.at = level{jobs: int64(l.seenJobs + l.sends), tokens: addTokens(l.seen[model].Tokens, l.sent[model])}
}

// tell notes an outcome, and gives the booking when none was told before.
func (l *ledger) tell(id string) *booking {
	b := l.booked[id]
	if b == nil || !b.sent || b.over > 0 {
		return nil
	}
	l.told++
	l.pending--
	b.over = l.told
	return b
}

// bought is what is active with all creates that were accepted: those on their
// way, and those of which it is not known, may not be.
func (l *ledger) bought(model string) level {
	return level{jobs: int64(l.seenJobs + l.boughtJobs), tokens: addTokens(l.seen[model].Tokens, l.boughtTokens[model])}
}

// buy notes that a create was accepted.
func (l *ledger) buy(b *booking) {
	b.bought = true
	l.boughtJobs++
	l.boughtTokens[b.create.Model] = addTokens(l.boughtTokens[b.create.Model], b.create.Tokens.Tokens)
}

// drop gives a place back.
func (l *ledger) drop(id string) {
	l.remove(id)
	l.recount()
}

func (l *ledger) remove(id string) {
	b := l.booked[id]
	if b == nil {
		return
	}
	delete(l.booked, id)
	if b.over == 0 {
		l.pending--
	}
}

// recount adds up anew, in one order: sums of margins depend on it a little.
func (l *ledger) recount() {
	clear(l.held)
	clear(l.sent)
	clear(l.boughtTokens)
	l.sends, l.boughtJobs = 0, 0
	for _, id := range slices.Sorted(maps.Keys(l.booked)) {
		b := l.booked[id]
		l.hold(&b.create)
		if b.sent {
			l.sends++
			l.sent[b.create.Model] = addTokens(l.sent[b.create.Model], b.create.Tokens.Tokens)
		}
		if b.bought {
			l.buy(b)
		}
	}
}
