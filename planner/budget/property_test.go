package budget

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// truth is what really is at the service: what the policy may only guess.
type truth struct {
	t      *testing.T
	p      *Creates
	limits Limits
	now    time.Time
	n      int

	booked  []Create          // places taken, not sent
	flying  map[string]Create // sent, no answer yet
	active  map[string]Create // accepted, or unknown and there
	ends    []time.Time
	looks   []look // begun, not handed in
	sendsAt []time.Time
	back    bool // the clock was set back
}

// look is what a listing shows that began some time ago.
type look struct {
	mark   Mark
	active []Active
	ends   []time.Time
}

func newTruth(t *testing.T, limits Limits) *truth {
	w := &truth{t: t, limits: limits, now: simStart(), flying: map[string]Create{}, active: map[string]Create{}}
	w.p = NewCreates(Settings{Limits: limits, Cooldown: time.Minute, Seed: 7}, Knowledge{})
	return w
}

// step does one thing; b says which.
func (w *truth) step(op, b byte) {
	models := []string{flash, "gemini-2.5-pro", "x"}
	switch op % 12 {
	case 0:
		w.begin()
	case 1:
		w.handIn()
	case 2, 3:
		w.n++
		spread := []float64{0, 0, 0.02}[b%3]
		c := Create{
			ID: fmt.Sprint(w.n), Model: models[b%3], Upload: b%5 == 0,
			Tokens: Estimate{Tokens: int64(b) * 5, Bias: spread * 5, Spread: spread},
		}
		if w.p.Book(w.now, &c).Admit() {
			w.booked = append(w.booked, c)
		}
	case 4, 5:
		w.send(int(b))
	case 6, 7:
		w.answer(b)
	case 8:
		w.finish(int(b))
	case 9:
		w.now = w.now.Add(time.Duration(b) * time.Duration(b) * time.Second / 4)
	case 10:
		if b%7 == 0 {
			w.now = w.now.Add(-time.Duration(b) * time.Hour)
			w.back = true
		}
		if b%11 == 0 && len(w.booked) > 0 {
			w.p.Release(w.booked[0].ID)
			w.booked = w.booked[1:]
		}
	case 11:
		if b%3 == 0 {
			w.p.UploadRefused(w.now, Refusal{})
		} else {
			w.p.Uploaded(w.now)
		}
	}
}

// begin starts a look. Its result may come much later.
func (w *truth) begin() {
	l := look{mark: w.p.Mark(), ends: slices.Clone(w.ends)}
	for _, id := range sortedIDs(w.active) {
		l.active = append(l.active, Active{Model: w.active[id].Model, Tokens: w.active[id].Tokens})
	}
	w.looks = append(w.looks, l)
}

func (w *truth) handIn() {
	if len(w.looks) == 0 {
		w.begin()
	}
	l := w.looks[0]
	w.looks = nil // of looks at the same time only the last counts
	w.p.Observe(w.now, Observation{Since: l.mark, Active: l.active, Ends: l.ends})
}

func (w *truth) send(i int) {
	if len(w.booked) == 0 {
		return
	}
	i %= len(w.booked)
	c := w.booked[i]
	if !w.p.Send(w.now, c.ID).Admit() {
		return
	}
	w.booked = slices.Delete(w.booked, i, i+1)
	w.flying[c.ID] = c
	w.sendsAt = append(w.sendsAt, w.now)
	w.check(c.Model)
}

func (w *truth) answer(b byte) {
	ids := sortedIDs(w.flying)
	if len(ids) == 0 {
		return
	}
	id := ids[int(b)%len(ids)]
	c := w.flying[id]
	delete(w.flying, id)
	switch b % 4 {
	case 0, 1:
		w.active[id] = c
		w.p.Accepted(w.now, id, w.now)
	case 2:
		quotas := [][]string{nil, nil, nil, {"PerDayPerModel"}, {"PerMinute"}, {"FileStorage"}, {"EnqueuedTokens"}, {"ConcurrentBatch"}}[b/4%8]
		w.p.Refused(w.now, id, Refusal{Quotas: quotas, Delay: time.Duration(b) * time.Second})
	case 3:
		w.active[id] = c // it may be there: it counts
		w.p.Unknown(w.now, id)
	}
}

func (w *truth) finish(i int) {
	ids := sortedIDs(w.active)
	if len(ids) == 0 {
		return
	}
	delete(w.active, ids[i%len(ids)])
	w.ends = append(w.ends, w.now)
}

// check compares what is at the service, or on its way there, with what is
// declared.
func (w *truth) check(model string) {
	var load Load
	for _, all := range []map[string]Create{w.active, w.flying} {
		for _, c := range all {
			if c.Model == model {
				load.Add(c.Tokens)
			}
		}
	}
	if n := len(w.active) + len(w.flying); w.limits.MaxActiveJobs > 0 && n > w.limits.MaxActiveJobs {
		w.t.Fatalf("%d jobs, declared are %d", n, w.limits.MaxActiveJobs)
	}
	if limit := w.limits.EnqueuedTokens(model); limit > 0 && (load.Tokens > limit || load.Jobs > 1 && load.Upper() > limit) {
		w.t.Fatalf("%d tokens, up to %d with their margin, declared are %d", load.Tokens, load.Upper(), limit)
	}
	n := w.limits.CreatesPerMinute
	if at := len(w.sendsAt) - 1; n > 0 && !w.back && at >= n && w.sendsAt[at].Sub(w.sendsAt[at-n]) < time.Minute {
		w.t.Fatalf("%d creates within a minute, declared are %d", n+1, n)
	}
}

func sortedIDs(m map[string]Create) []string {
	ids := make([]string, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// drive does what the bytes say, under limits that the first ones say, and checks
// that knowledge survives JSON at every look.
func drive(t *testing.T, ops []byte) {
	if len(ops) < 4 {
		return
	}
	w := newTruth(t, Limits{
		MaxActiveJobs: int(ops[0] % 8), MaxEnqueuedTokens: int64(ops[1]%4) * 700,
		TokensByModel: map[string]int64{"x": int64(ops[2]%2) * 1500}, CreatesPerMinute: int(ops[3] % 12),
	})
	for i := 4; i+1 < len(ops); i += 2 {
		w.step(ops[i], ops[i+1])
		if ops[i]%12 == 1 {
			sameAfterJSON(t, w)
		}
	}
}

// sameAfterJSON compares the policy with one that is made from its JSON and sees
// the same: with nothing booked they answer alike, now and an hour later.
func sameAfterJSON(t *testing.T, w *truth) {
	k := w.p.Knowledge()
	back := throughJSON(t, k)
	one, _ := json.Marshal(k)
	two, _ := json.Marshal(back)
	if string(one) != string(two) {
		t.Fatalf("there and back:\n%s\n%s", one, two)
	}
	if len(w.p.ledger.booked) > 0 {
		return
	}
	o := Observation{Since: w.p.Mark(), Ends: w.ends}
	for _, id := range sortedIDs(w.active) {
		o.Active = append(o.Active, Active{Model: w.active[id].Model, Tokens: w.active[id].Tokens})
	}
	here, there := NewCreates(w.p.set, k), NewCreates(w.p.set, back)
	for _, later := range []time.Duration{0, time.Hour} {
		now := w.now.Add(later)
		here.Observe(now, o)
		there.Observe(now.In(time.FixedZone("elsewhere", 3600)), o)
		for tokens := int64(1); tokens < 2000; tokens += 333 {
			c := &Create{ID: "c", Model: flash, Tokens: Counted(tokens)}
			if a, b := here.Next(now, c), there.Next(now, c); a != b {
				t.Fatalf("%v later: %+v, restored %+v", later, a, b)
			}
		}
	}
}

// Declared limits hold and nothing panics, whatever happens in whatever order.
func TestAnyOrder(t *testing.T) {
	const seed = 1
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 400 {
		ops := make([]byte, 4+2*rng.IntN(600))
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		drive(t, ops)
	}
}

func FuzzAnyOrder(f *testing.F) {
	rng := rand.New(rand.NewPCG(2, 3))
	for range 8 {
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		f.Add(ops)
	}
	f.Fuzz(drive)
}

// Whatever stands in a state, nothing panics, and nothing waits for ever.
func FuzzKnowledge(f *testing.F) {
	d := newDesk(&testing.T{}, Settings{}, Knowledge{})
	d.sends(100, true).sends(200, false)
	text, err := json.Marshal(d.p.Knowledge())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"jobs":{"good":9,"bad":-3,"hits":-1,"next":"9999-12-31T23:59:59Z"},"due":"9999-01-01T00:00:00Z","sent":"9999-01-01T00:00:00Z"}`)
	f.Add(`{"models":{"gemini-2.5-flash":{"rhythm":{"known":true,"burst":1,"window_ns":9223372036854775807,"run":{"count":5}},"pause":{"strikes":9223372036854775807}}}}`)
	f.Add(`{"models":{"gemini-2.5-flash":{"rhythm":{"known":true,"burst":3,"window_ns":60000000000,"next":"9000-01-01T00:00:00Z","tried":1,"run":{"count":3,"last":"0001-01-01T00:00:00Z"}}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var k Knowledge
		if json.NewDecoder(strings.NewReader(text)).Decode(&k) != nil {
			return
		}
		d := newDesk(t, Settings{}, k)
		for range 3000 {
			if d.try(100, true).Admit() {
				return
			}
			d.pass(20 * time.Minute)
		}
		t.Fatalf("no create in a month and a half: %+v", d.try(100, true))
	})
}
