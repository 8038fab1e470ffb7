package apply

import (
	"context"
	"maps"
	"sync"

	"github.com/qaplan/qaplan/planner"
)

// hooks tells a Completer, one completion after the other, beside the run: what
// is slow or fails there holds up no purchase and no download.
type hooks struct {
	mu    sync.Mutex
	told  map[string]string // by subject, as the state has it
	queue []planner.Completion
	tries map[string]int // by id, in this run, one that waits in the queue counted
	busy  bool
	wg    sync.WaitGroup
}

// hookTries is how often a run that waits tells one completion, as long as it
// fails. One that does not wait tells it once: the next one is not far.
const hookTries = 3

// complete tells of what an observation shows to be complete and nobody was told
// of. It does not wait for that, and a run that is asked to end begins nothing.
func (e *Engine) complete(ctx context.Context, r *round) {
	if e.opt.Completer == nil || e.opt.AdoptOnly || r == nil || ctx.Err() != nil {
		return
	}
	h := &e.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.told == nil {
		h.told, h.tries = maps.Clone(e.opt.Journal.State().Told), map[string]int{}
		if h.told == nil {
			h.told = map[string]string{}
		}
	}
	h.follow(r.plan)
	most := 1
	if e.opt.Wait {
		most = hookTries
	}
	for _, c := range planner.Completions(r.items, e.opt.Completes, h.told) {
		if h.tries[c.ID] < most && !h.queued(c.ID) {
			h.tries[c.ID]++
			h.queue = append(h.queue, c)
		}
	}
	if len(h.queue) > 0 && !h.busy {
		h.busy = true
		h.wg.Go(func() { e.tellAll(ctx) })
	}
}

// follow has what was told of a batch that the plan adopts from a former address
// at its new one, as the journal has it once the adoption is recorded: the round
// that adopts tells first.
func (h *hooks) follow(p *planner.Plan) {
	for i := range p.Changes {
		c := &p.Changes[i]
		if id, ok := h.told[c.Detail.From]; ok {
			h.told[c.Address.String()] = id
			delete(h.told, c.Detail.From)
		}
	}
}

func (h *hooks) queued(id string) bool {
	for i := range h.queue {
		if h.queue[i].ID == id {
			return true
		}
	}
	return false
}

// wait returns when nothing is being told any more.
func (h *hooks) wait() { h.wg.Wait() }

// tellAll works the queue off.
func (e *Engine) tellAll(ctx context.Context) {
	for {
		c, ok := e.hooks.next(ctx)
		if !ok {
			return
		}
		e.tellOne(ctx, &c)
	}
}

// next gives what is to be told now. An end of ctx leaves the rest to the next
// run.
func (h *hooks) next(ctx context.Context) (planner.Completion, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 || ctx.Err() != nil {
		h.queue, h.busy = nil, false
		return planner.Completion{}, false
	}
	return h.queue[0], true // it stays there while it is told
}

func (e *Engine) tellOne(ctx context.Context, c *planner.Completion) {
	err := e.opt.Completer.Complete(context.WithoutCancel(ctx), c)
	if err == nil {
		// Not before: what was not told must be told by the next run.
		err = e.opt.Journal.WriteTold(c.Subject(), c.ID)
	}
	h := &e.hooks
	h.mu.Lock()
	h.queue = h.queue[1:]
	if err == nil {
		h.told[c.Subject()] = c.ID
	}
	h.mu.Unlock()
	ev := Event{Type: EventHookComplete, Address: c.Address, Block: c.Block}
	if err != nil {
		ev.Type, ev.Severity, ev.Message = EventHookFailed, planner.SeverityWarning, err.Error()
	}
	e.emit(ev)
}
