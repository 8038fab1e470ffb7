package apply

import (
	"context"
	"sync"
	"time"

	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider/finish"
)

// Gate is the single place where calls are admitted. Every HTTP request of an
// apply passes Admit; a create passes Reserve first, so that nothing stands
// between its durable intent and its send.
//
// A call that has to wait for its minute holds no slot: the slots are for
// calls in flight only.
type Gate struct {
	slots chan struct{}
	// waits hears of waits for a minute's budget that a person would notice.
	waits func(budget string, until time.Time)

	mu      sync.Mutex
	calls   budget.Pacer
	creates budget.Pacer
	started bool
}

// NewGate makes the gate of one run. lastCreate is when this state last sent
// a create, zero when it never did.
//
// How long ago the last run sent its last call is not recorded, since a run
// that finds nothing to do must leave the state's bytes alone. Where calls are
// limited, the first one is held back for one interval instead: back-to-back
// runs stay inside the limit.
func NewGate(l Limits, lastCreate time.Time) *Gate {
	if now := time.Now(); lastCreate.After(now) {
		lastCreate = now // by the clock of another machine
	}
	n := l.Parallelism
	if n <= 0 {
		n = DefaultParallelism
	}
	return &Gate{
		slots:   make(chan struct{}, n),
		waits:   func(string, time.Time) {},
		calls:   budget.NewPacer(l.RequestsPerMinute, time.Time{}),
		creates: budget.NewPacer(l.CreatesPerMinute, lastCreate),
	}
}

// DefaultParallelism is the number of calls in flight without a declared one.
const DefaultParallelism = 4

// reserved marks a context whose next call was admitted already.
type reserved struct {
	mu   sync.Mutex
	used bool
}

type reservedKey struct{}

// Admit waits until a call may go out and gives what ends it. It hears ctx.
func (g *Gate) Admit(ctx context.Context, _ string) (release func(), err error) {
	ctx, heard := finish.Between(ctx)
	defer heard()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r, ok := ctx.Value(reservedKey{}).(*reserved); ok {
		r.mu.Lock()
		first := !r.used
		r.used = true
		r.mu.Unlock()
		if first {
			return func() {}, nil // its slot is held by Reserve's caller
		}
	}
	g.mu.Lock()
	now := time.Now()
	if !g.started {
		// Books one interval without a call.
		g.started = true
		g.calls.Take(now)
	}
	at := g.calls.Take(now)
	g.mu.Unlock()
	g.tell(BudgetRequests, at)
	for {
		if err := sleepUntil(ctx, at); err != nil {
			return nil, err
		}
		select {
		case g.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		var ok bool
		if at, ok = g.goes(&g.calls); ok {
			return func() { <-g.slots }, nil
		}
		<-g.slots
	}
}

// goes asks for a call that has its slot, which it may have waited for.
func (g *Gate) goes(p *budget.Pacer) (at time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return p.Go(time.Now())
}

// Reserve admits the one call of a create ahead of its intent. The returned
// context must be used for that call; done gives the slot back.
func (g *Gate) Reserve(ctx context.Context) (_ context.Context, done func(), err error) {
	g.mu.Lock()
	at := g.creates.Take(time.Now())
	g.mu.Unlock()
	g.tell(BudgetCreateRate, at)
	for {
		if err := sleepUntil(ctx, at); err != nil {
			return nil, nil, err
		}
		release, err := g.Admit(ctx, "create job")
		if err != nil {
			return nil, nil, err
		}
		var ok bool
		if at, ok = g.goes(&g.creates); ok {
			return context.WithValue(ctx, reservedKey{}, &reserved{}), release, nil
		}
		release()
	}
}

// tell says that a call waits, when it waits for more than a moment.
func (g *Gate) tell(budget string, until time.Time) {
	if time.Until(until) >= time.Second {
		g.waits(budget, until)
	}
}

// sleepUntil waits for a time and hears ctx.
func sleepUntil(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
