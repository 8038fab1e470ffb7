package budget

import (
	"fmt"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
)

// Times that calls take in the simulations.
const (
	simListing  = time.Second
	simSend     = 2 * time.Second // a create, with what its upload adds
	simInterval = 30 * time.Second
)

// simRun drives the policy as an engine does that waits: look, send what is
// admitted one after the other, wait for the next look. It sees what a listing
// shows and knows of tokens what characters and finished batches tell.
type simRun struct {
	t        *testing.T
	service  *simService
	policy   *Creates
	settings Settings
	restore  bool // make the policy anew from its JSON before each observation

	measures Measures
	history  History
	ends     []time.Time
	waiting  []int
	sends    map[int]int // by batch
	done     int
	unseen   []simJob // ended since the last look

	calls, looks, refusals int
	outcomes               []bool // of all sends, in order
}

func newSimRun(t *testing.T, rule simRule, limits Limits, batches []simBatch, seed uint64) *simRun {
	r := &simRun{
		t: t, service: newSimService(rule, batches, seed), settings: Settings{Limits: limits, Seed: seed},
		history: History{simModel: {}}, waiting: inOrder(len(batches)), sends: map[int]int{},
	}
	r.policy = NewCreates(r.settings, Knowledge{})
	return r
}

func simKind() Kind { return Kind{Block: "refinement", Model: simModel} }

func (r *simRun) estimate(batch int) Estimate {
	return r.measures.Input(simKind(), r.service.batches[batch].quarter)
}

// pass lets time pass.
func (r *simRun) pass(until time.Time) {
	r.unseen = append(r.unseen, r.service.until(until)...)
}

// look is one listing. What it shows to have ended is downloaded and measured.
func (r *simRun) look() {
	mark := r.policy.Mark()
	r.calls++
	r.looks++
	for _, j := range r.unseen {
		r.finish(j)
	}
	o := Observation{Since: mark, Ends: r.ends}
	for _, j := range r.service.active {
		o.Active = append(o.Active, Active{Model: simModel, Tokens: r.estimate(j.batch)})
	}
	r.unseen = r.service.until(r.service.now.Add(simListing))
	if r.restore {
		r.policy = NewCreates(r.settings, throughJSON(r.t, r.policy.Knowledge()))
	}
	r.policy.Observe(r.service.now, o)
}

func (r *simRun) finish(j simJob) {
	r.calls++ // its download
	b := r.service.batches[j.batch]
	r.done++
	r.ends = append(r.ends, j.ends)
	r.history[simModel].Add(j.ends.Sub(j.began))
	r.measures.Add(Finished{Kind: simKind(), Rows: 100, Answered: 100, Estimate: b.quarter, Tokens: planner.Tokens{Input: b.tokens, Output: b.tokens / 2}})
}

// send asks for a place, and sends when it gets one. It gives what stands against
// it, and whether the service refused.
func (r *simRun) send(batch int) (d Decision, refused bool) {
	c := Create{Model: simModel, Tokens: r.estimate(batch), Upload: r.sends[batch] == 0}
	if d := r.policy.Next(r.service.now, &c); !d.Admit() {
		return d, false
	}
	c.ID = fmt.Sprintf("%d/%d", batch, r.sends[batch])
	if d := r.policy.Book(r.service.now, &c); !d.Admit() {
		r.t.Fatalf("Book says %+v where Next admits", d)
	}
	if c.Upload {
		r.calls += 2
	}
	r.pass(r.service.now.Add(simSend))
	if d := r.policy.Send(r.service.now, c.ID); !d.Admit() {
		r.t.Fatalf("a booked create is not admitted: %+v", d)
	}
	r.calls++
	r.sends[batch]++
	ok := r.service.create(batch)
	r.outcomes = append(r.outcomes, ok)
	if ok {
		r.policy.Accepted(r.service.now, c.ID, r.service.now)
		return Decision{}, false
	}
	r.refusals++
	r.policy.Refused(r.service.now, c.ID, Refusal{Date: r.service.now, Message: "You exceeded your current quota"})
	return Decision{}, true
}

// round sends what is admitted, and says what the rest waits for.
func (r *simRun) round() Waiting {
	var w Waiting
	left := make([]int, 0, len(r.waiting))
	for i, batch := range r.waiting {
		d, refused := r.send(batch)
		if refused {
			left = append(left, batch)
			continue
		}
		if d.Admit() {
			continue
		}
		left = append(left, batch)
		if d.Until.IsZero() {
			w.Finish = true
		} else if w.Until.IsZero() || d.Until.Before(w.Until) {
			w.Until = d.Until
		}
		if d.Budget != EnqueuedTokens {
			left = append(left, r.waiting[i+1:]...) // it stands against them all
			break
		}
	}
	r.waiting = left
	for _, j := range r.service.active {
		w.Running = append(w.Running, Running{Model: simModel, Age: r.service.now.Sub(j.began), Tokens: r.estimate(j.batch)})
	}
	return w
}

// run goes on until every batch is downloaded, and gives the time that it took.
func (r *simRun) run() time.Duration {
	for {
		r.look()
		if r.done == len(r.service.batches) {
			return r.service.now.Sub(simStart())
		}
		r.pass(NextLook(r.service.now, simInterval, r.history, r.round()))
		if r.looks > 100*len(r.service.batches) {
			r.t.Fatalf("no end: %d of %d after %v", r.done, len(r.service.batches), r.service.now.Sub(simStart()))
		}
	}
}
