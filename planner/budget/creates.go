package budget

import (
	"maps"
	"time"
)

// Settings are what a [Creates] is made with.
type Settings struct {
	Limits Limits
	// Cooldown is the first pause after a refusal; 0 means 2 min.
	Cooldown time.Duration
	// Seed decides by how much pauses differ from those of other states.
	Seed uint64
	// Sent is when this state last sent a create, zero when it never did.
	Sent time.Time
}

// Create is one that is to be sent.
type Create struct {
	ID     string // tells it from others: its address and attempt
	Model  string
	Tokens Estimate
	Upload bool // something has to be uploaded for it first
}

// Creates decides when jobs may be created, and learns from what comes of it.
// It waits for nothing: times come in as arguments, and may run backwards. It is
// not safe for concurrent use.
//
// [Creates.Observe] comes first, and again with every look at the service. A
// create takes its place with [Creates.Book] before its upload; [Creates.Send]
// comes right before the call, and one of [Creates.Accepted], [Creates.Refused],
// [Creates.Unknown] and [Creates.Release] says what came of it.
type Creates struct {
	set  Settings
	know Knowledge
	rev  int

	ledger ledger
	looked time.Time      // when the last observation was handed in
	freed  time.Time      // the newest end of a job, by the service's clock
	alone  string         // the create that is out on trial
	grow   map[string]int // what slow growth allows before the next look, by model
}

// NewCreates makes the policy of one run from what former ones have learned.
func NewCreates(s Settings, k Knowledge) *Creates {
	if s.Cooldown <= 0 {
		s.Cooldown = 2 * time.Minute
	}
	s.Limits.TokensByModel = maps.Clone(s.Limits.TokensByModel)
	p := &Creates{set: s, know: k.sane(), ledger: newLedger()}
	if s.Sent.After(p.know.Sent) {
		p.know.Sent = wall(s.Sent)
	}
	return p
}

// Knowledge is what is worth keeping.
func (p *Creates) Knowledge() Knowledge { return p.know.clone() }

// Revision grows with each change of the knowledge.
func (p *Creates) Revision() int { return p.rev }

// Mark is to be taken before a look at the service begins.
func (p *Creates) Mark() Mark { return p.ledger.told }

// Observe takes in what is active. Nothing is admitted before the first one.
func (p *Creates) Observe(now time.Time, o Observation) {
	now = wall(now)
	p.know.settle(now, p.set.Cooldown)
	p.looked = now
	p.confirm(now, o.Ends)
	for _, end := range o.Ends {
		if end.After(p.freed) {
			p.freed = wall(end)
		}
	}
	p.ledger.look(&o)
	p.grow = make(map[string]int, len(p.know.Models))
	for name, m := range p.know.Models {
		p.grow[name] = m.Pause.Grown
	}
}

// Next says whether a create may go now. It changes nothing.
func (p *Creates) Next(now time.Time, c *Create) Decision { return p.decide(wall(now), c) }

// Book takes a place for a create when it may go now. Declared creates a minute
// are no obstacle yet: what has to be uploaded first takes its time.
func (p *Creates) Book(now time.Time, c *Create) Decision {
	d := p.decide(wall(now), c)
	if !d.Admit() || p.ledger.booked[c.ID] != nil {
		return d
	}
	p.ledger.book(c)
	if d.Trial {
		p.alone = c.ID
	}
	if p.know.Models[c.Model].Pause.Grown > 0 {
		p.grow[c.Model]--
	}
	return d
}

// Send admits the one call of a booked create, which has to follow at once. When
// it is not admitted, the place stays taken: it may be asked for again, or given
// back with [Creates.Release].
func (p *Creates) Send(now time.Time, id string) Decision {
	now = wall(now)
	b := p.ledger.booked[id]
	if b == nil || b.sent {
		return Decision{Cause: CauseUnasked, Budget: Refusals}
	}
	if d := p.decide(now, &b.create); !d.Admit() {
		return d
	}
	p.know.Sent = earlier(p.know.Sent, now)
	limit := p.set.Limits.CreatesPerMinute
	if next := p.know.Sent.Add(spacing(limit)); limit > 0 && !p.know.Sent.IsZero() && now.Before(next) {
		return Decision{Cause: CauseDeclared, Budget: CreatesPerMinute, Limit: int64(limit), Until: next}
	}
	p.ledger.send(b, now)
	p.know.Sent = now
	p.rev++
	return Decision{}
}

// Release gives the place of a create back that was not sent, or of which it is
// certain, without a refusal for a quota, that it bought nothing.
func (p *Creates) Release(id string) {
	p.ledger.drop(id)
	p.returned(id)
}

// returned ends a trial.
func (p *Creates) returned(id string) {
	if p.alone == id {
		p.alone = ""
	}
}

// Accepted notes that a create has bought its job, which was created at a time by
// the service's clock; zero when that was not told.
func (p *Creates) Accepted(now time.Time, id string, created time.Time) {
	b := p.ledger.tell(id)
	if b == nil {
		return
	}
	p.returned(id)
	p.ledger.buy(b)
	if created.IsZero() {
		created = now
	}
	p.succeed(wall(now), b.create.Model, wall(created))
}

// Unknown notes that the outcome of a create cannot be told. It counts as a job
// until an observation says otherwise, and teaches nothing but that it was sent.
func (p *Creates) Unknown(now time.Time, id string) {
	if b := p.ledger.tell(id); b != nil {
		p.returned(id)
		p.change(b.create.Model, func(m *Model) { m.Rhythm.accepted(wall(now), b.at, false) })
	}
}

// Refused notes a 429: nothing was bought.
func (p *Creates) Refused(now time.Time, id string, r Refusal) {
	b := p.ledger.tell(id)
	if b == nil {
		return
	}
	p.Release(id)
	r.at(now)
	if !p.obey(b, &r) {
		p.fail(b, &r)
	}
	p.rev++
}

// UploadRefused notes a 429 on an upload: it pauses what has to be uploaded, and
// nothing else. [Creates.Uploaded] ends the row of such refusals.
func (p *Creates) UploadRefused(now time.Time, r Refusal) {
	r.at(now)
	is, id := quotaStorage, FileStorage
	for _, named := range r.Quotas {
		if q := quotaOf(named); q == quotaPerMinute || q == quotaPerDay {
			is, id = q, named
		}
	}
	p.strike(FileStorage, is, id, &r)
	p.rev++
}

// Freed notes that files were deleted: the pause for a full file storage, which
// only guesses when there is room, is over. One for a quota of uploads a minute or
// a day is not.
func (p *Creates) Freed() {
	if n, ok := p.know.Named[FileStorage]; ok && (n.Quota == FileStorage || quotaOf(n.Quota) == quotaStorage) {
		delete(p.know.Named, FileStorage)
		p.rev++
	}
}

// TooLarge gives the decision against a create that is more than a declared limit
// allows by itself, whatever else is active; its zero value where there is none.
func (p *Creates) TooLarge(c *Create) Decision {
	limit := p.set.Limits.EnqueuedTokens(c.Model)
	if limit <= 0 || c.Tokens.Tokens <= limit {
		return Decision{}
	}
	return Decision{Cause: CauseTooLarge, Budget: EnqueuedTokens, Model: c.Model, Limit: limit, Wanted: c.Tokens.Tokens}
}

// Uploaded notes that an upload has gone through. One that does while uploads
// pause was on its way before, and tells nothing of what was refused meanwhile.
func (p *Creates) Uploaded(now time.Time) {
	if n, ok := p.know.Named[FileStorage]; ok && !now.Before(n.Until) {
		delete(p.know.Named, FileStorage)
		p.rev++
	}
}

// change changes what is known of a model.
func (p *Creates) change(model string, f func(*Model)) {
	m := p.know.Models[model]
	f(&m)
	if p.know.Models == nil {
		p.know.Models = map[string]Model{}
	}
	p.know.Models[model] = m
	p.rev++
}

// wall is a time without what it owes to this process: it is the same after it
// was written down and read again.
func wall(t time.Time) time.Time { return t.Round(0).UTC() }
