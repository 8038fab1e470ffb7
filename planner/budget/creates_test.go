package budget

import (
	"fmt"
	"testing"
	"time"
)

const flash = "gemini-2.5-flash"

// desk stands for the engine: it looks, books and sends one create after the
// other, and the test says what the service answers.
type desk struct {
	t      *testing.T
	p      *Creates
	now    time.Time
	active []Active
	ends   []time.Time
	n      int
}

func newDesk(t *testing.T, s Settings, k Knowledge) *desk {
	d := &desk{t: t, p: NewCreates(s, k), now: time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)}
	d.look()
	return d
}

func (d *desk) look() {
	d.p.Observe(d.now, Observation{Since: d.p.Mark(), Active: d.active, Ends: d.ends})
}

func (d *desk) pass(t time.Duration) *desk {
	d.now = d.now.Add(t)
	d.look()
	return d
}

// finish ends the oldest job.
func (d *desk) finish() *desk {
	d.now = d.now.Add(time.Second)
	d.ends = append(d.ends, d.now)
	d.active = d.active[1:]
	d.now = d.now.Add(time.Second)
	d.look()
	return d
}

func (d *desk) create(tokens int64) *Create {
	d.n++
	return &Create{ID: fmt.Sprint(d.n), Model: flash, Tokens: Counted(tokens)}
}

// try asks for a create, and sends it when it is admitted.
func (d *desk) try(tokens int64, accepted bool) Decision {
	d.t.Helper()
	c := d.create(tokens)
	dec := d.p.Book(d.now, c)
	if !dec.Admit() {
		return dec
	}
	d.now = d.now.Add(time.Second)
	if dec := d.p.Send(d.now, c.ID); !dec.Admit() {
		d.t.Fatalf("booked, but not admitted: %+v", dec)
	}
	d.now = d.now.Add(time.Second)
	if !accepted {
		d.p.Refused(d.now, c.ID, Refusal{Date: d.now, Message: "You exceeded your current quota"})
		return dec
	}
	d.p.Accepted(d.now, c.ID, d.now)
	d.active = append(d.active, Active{Model: flash, Tokens: c.Tokens})
	return dec
}

// sends tries a create that has to be admitted.
func (d *desk) sends(tokens int64, accepted bool) *desk {
	d.t.Helper()
	if dec := d.try(tokens, accepted); !dec.Admit() {
		d.t.Fatalf("not admitted: %s (%+v)", dec.Reason(), dec)
	}
	return d
}

// waits asks for a create that has to wait.
func (d *desk) waits(tokens int64, cause Cause) Decision {
	d.t.Helper()
	dec := d.p.Next(d.now, d.create(tokens))
	if dec.Cause != cause {
		d.t.Fatalf("waits for %q, want %q: %+v", dec.Cause, cause, dec)
	}
	return dec
}

func TestNothingGoesBeforeALook(t *testing.T) {
	p := NewCreates(Settings{}, Knowledge{})
	now := time.Now()
	if d := p.Book(now, &Create{ID: "1", Model: flash}); d.Cause != CauseLook {
		t.Errorf("before a look: %+v", d)
	}
	if d := p.Send(now, "1"); d.Cause != CauseUnasked {
		t.Errorf("a send that was not booked: %+v", d)
	}
	p.Accepted(now, "1", now)
	p.Refused(now, "1", Refusal{})
	p.Unknown(now, "1")
	p.Release("1")
	if p.Revision() != 0 {
		t.Error("what was never sent has taught something")
	}
}

func TestDeclaredJobs(t *testing.T) {
	d := newDesk(t, Settings{Limits: Limits{MaxActiveJobs: 4}}, Knowledge{})
	d.active = []Active{{Model: "another"}} // a foreign job
	d.pass(time.Minute)
	d.sends(1, true)
	unknown, booked := d.create(1), d.create(1)
	d.p.Book(d.now, unknown)
	d.p.Send(d.now, unknown.ID)
	d.p.Unknown(d.now, unknown.ID)
	if dec := d.p.Book(d.now, booked); !dec.Admit() {
		t.Fatalf("the fourth: %+v", dec)
	}
	dec := d.waits(1, CauseDeclared)
	if got, want := dec.Standing(), "active jobs: 4 of 4"; got != want {
		t.Errorf("stands at %q, want %q", got, want)
	}
	if got, want := dec.Reason(), "one more job would exceed the declared limit; a finished job makes room"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	if !dec.Until.IsZero() || dec.Never() {
		t.Errorf("waits for something else than a job: %+v", dec)
	}
	d.p.Release(booked.ID)
	if dec := d.p.Next(d.now, d.create(1)); !dec.Admit() {
		t.Errorf("a place was given back: %+v", dec)
	}
	// The look counts the unknown one too, but not twice.
	d.active = append(d.active, Active{Model: flash})
	d.pass(time.Minute).sends(1, true)
	d.waits(1, CauseDeclared)
}

func TestDeclaredTokens(t *testing.T) {
	limits := Limits{TokensByModel: map[string]int64{flash: 3_000_000}}
	d := newDesk(t, Settings{Limits: limits}, Knowledge{})
	limits.TokensByModel[flash] = 1 // the policy has its own
	d.active = []Active{{Model: "another", Tokens: Counted(9_000_000)}}
	d.pass(time.Minute).sends(1_500_000, true).sends(1_400_000, true)
	dec := d.waits(400_000, CauseDeclared)
	if got, want := dec.Standing(), "enqueued tokens of gemini-2.5-flash: 2.9 of 3.0 M"; got != want {
		t.Errorf("stands at %q, want %q", got, want)
	}
	if got, want := dec.Reason(), "its 400.0 k tokens would exceed the declared limit; a finished job makes room"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	d.sends(100_000, true) // passes over the larger one, and fills the limit
	d.waits(1, CauseDeclared)
	if dec := d.p.Next(d.now, &Create{ID: "x", Model: "another", Tokens: Counted(9_000_000)}); !dec.Admit() {
		t.Errorf("a model without a limit: %+v", dec)
	}
	if dec := d.waits(3_000_001, CauseTooLarge); !dec.Never() || dec.Reason() != "its 3.0 M tokens are more than the limit itself: split the batch, or declare a higher limit" {
		t.Errorf("more than there is room for: %s", dec.Reason())
	}
}

// The limit holds with the margin; a job that would never fit with it goes alone.
func TestMarginOfDeclaredTokens(t *testing.T) {
	d := newDesk(t, Settings{Limits: Limits{MaxEnqueuedTokens: 1000}}, Knowledge{})
	rough := func(n int64) *Create {
		c := d.create(n)
		c.Tokens = Estimate{Tokens: n, Basis: BasisCharacters, Bias: 0.15}
		return c
	}
	first := rough(500)
	if dec := d.p.Book(d.now, first); !dec.Admit() {
		t.Fatalf("%+v", dec)
	}
	if dec := d.p.Next(d.now, rough(400)); dec.Cause != CauseDeclared {
		t.Errorf("900 with 15 %% more are within 1000: %+v", dec)
	}
	if dec := d.p.Next(d.now, rough(369)); !dec.Admit() {
		t.Errorf("869 with 15 %% more are not within 1000: %+v", dec)
	}
	d.p.Release(first.ID)
	if dec := d.p.Book(d.now, rough(950)); !dec.Admit() {
		t.Errorf("950 alone: %+v", dec)
	}
	if dec := d.p.Next(d.now, rough(1)); dec.Cause != CauseDeclared {
		t.Errorf("beside one that is there by its estimate: %+v", dec)
	}
}

func TestCreatesPerMinute(t *testing.T) {
	sent := time.Date(2026, 11, 23, 16, 59, 58, 0, time.UTC)
	d := newDesk(t, Settings{Limits: Limits{CreatesPerMinute: 10}, Sent: sent}, Knowledge{Sent: sent.Add(-time.Hour)})
	var calls []time.Time
	for range 25 {
		c := d.create(1)
		if dec := d.p.Book(d.now, c); !dec.Admit() {
			t.Fatalf("an upload waits for the minute: %+v", dec)
		}
		dec := d.p.Send(d.now, c.ID)
		for !dec.Admit() {
			if dec.Budget != CreatesPerMinute || !dec.Until.After(d.now) {
				t.Fatalf("waits for something else: %+v", dec)
			}
			d.now = d.now.Add(time.Second) // impatient
			dec = d.p.Send(d.now, c.ID)
		}
		calls = append(calls, d.now)
		d.p.Accepted(d.now, c.ID, d.now)
	}
	if first := calls[0].Sub(sent); first != 7*time.Second { // 6.3 s, looked at each second
		t.Errorf("the first call of a run came %v after the last one of the run before it, want 7s", first)
	}
	for i := range calls[10:] {
		if apart := calls[i+10].Sub(calls[i]); apart < time.Minute {
			t.Errorf("11 calls within %v", apart)
		}
	}
	// A clock that was set back does not stop creates for as long.
	d.now = d.now.Add(-time.Hour)
	c := d.create(1)
	d.p.Book(d.now, c)
	if dec := d.p.Send(d.now, c.ID); dec.Admit() || dec.Until.Sub(d.now) > 6300*time.Millisecond {
		t.Errorf("after the clock was set back: %+v", dec)
	}
}

// idle is a desk that has seen 30 jobs accepted and ended: no ceiling explains a
// refusal of fewer.
func idle(t *testing.T, s Settings) *desk {
	d := newDesk(t, s, Knowledge{})
	for range 30 {
		d.sends(100, true)
	}
	d.pass(time.Second)
	d.active, d.ends = nil, append(d.ends, d.now)
	return d.pass(time.Second)
}

func TestPause(t *testing.T) {
	d := idle(t, Settings{Cooldown: 2 * time.Minute})
	d.sends(100, true).sends(100, false)
	dec := d.waits(100, CauseRefused)
	if !dec.Early {
		t.Error("a job that finishes does not end it")
	}
	first := dec.Until.Sub(d.now)
	if first < 2*time.Minute || first > 150*time.Second {
		t.Errorf("the first pause is %v", first)
	}
	if got, want := dec.Reason(), "the service refused the last create, with 1 job active: You exceeded your current quota"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	// Then one alone, and a longer pause.
	d.pass(first)
	probe := d.create(100)
	if dec := d.p.Book(d.now, probe); !dec.Admit() || !dec.Trial {
		t.Fatalf("after the pause: %+v", dec)
	}
	d.waits(100, CauseProbe)
	d.p.Send(d.now, probe.ID)
	d.p.Refused(d.now, probe.ID, Refusal{Date: d.now})
	second := d.waits(100, CauseRefused).Until.Sub(d.now)
	if second < 4*time.Minute || second > 5*time.Minute {
		t.Errorf("the second pause is %v", second)
	}
	// A job that finishes ends it early, and creates grow slowly.
	d.pass(time.Second).finish()
	if dec := d.try(10, true); !dec.Admit() || !dec.Trial {
		t.Errorf("after a finished job: %+v", dec)
	}
	if dec := d.waits(10, CauseGrowth); !dec.Until.After(d.now) {
		t.Errorf("slow growth goes on at once: %+v", dec)
	}
	for want := 1; want <= 4; want *= 2 {
		d.pass(time.Minute)
		sent := 0
		for d.try(10, true).Admit() {
			sent++
		}
		if sent != want {
			t.Errorf("%d creates with this look, want %d", sent, want)
		}
	}
	d.pass(time.Minute)
	for range 100 { // sixteen in a row are enough
		d.sends(10, true)
	}
}

// What was on its way when the first refusal came is no further strike.
func TestRefusalsOnTheirWay(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	var ids []string
	for range 4 {
		c := d.create(100)
		d.p.Book(d.now, c)
		d.p.Send(d.now, c.ID)
		ids = append(ids, c.ID)
	}
	for _, id := range ids {
		d.now = d.now.Add(time.Second)
		d.p.Refused(d.now, id, Refusal{})
	}
	if got := d.p.Knowledge().Models[flash].Pause.Strikes; got != 1 {
		t.Errorf("%d strikes, want 1", got)
	}
}

// A hint is a hint: longer than the pause it counts, absurd ones are clamped.
func TestHints(t *testing.T) {
	for hint, want := range map[time.Duration]time.Duration{0: 2 * time.Minute, -time.Hour: 2 * time.Minute, 10 * time.Minute: 10 * time.Minute, 1<<63 - 1: time.Hour} {
		d := newDesk(t, Settings{Cooldown: 2 * time.Minute}, Knowledge{})
		c := d.create(1)
		d.p.Book(d.now, c)
		d.p.Send(d.now, c.ID)
		d.p.Refused(d.now, c.ID, Refusal{Delay: hint})
		if got := d.waits(1, CauseRefused).Until.Sub(d.now); got < want || got > want+want/4 {
			t.Errorf("hint %v: pause %v, want %v and up to a quarter more", hint, got, want)
		}
	}
}

// Pauses differ from state to state, and not from run to run.
func TestJitter(t *testing.T) {
	pause := func(seed uint64) time.Time {
		d := newDesk(t, Settings{Seed: seed}, Knowledge{})
		return d.sends(1, false).waits(1, CauseRefused).Until
	}
	different := map[time.Time]bool{}
	for seed := range uint64(20) {
		one, again := pause(seed), pause(seed)
		if one != again {
			t.Errorf("seed %d: pauses until %v and until %v", seed, one, again)
		}
		different[one] = true
	}
	if len(different) < 15 {
		t.Errorf("20 seeds make %d different pauses", len(different))
	}
}

// Whatever the service does, a dozen refusals and then one in 20 minutes.
func TestRefusalsAreFew(t *testing.T) {
	d := newDesk(t, Settings{Cooldown: time.Second}, Knowledge{})
	refusals := 0
	began := d.now
	for d.now.Sub(began) < 24*time.Hour {
		d.pass(10 * time.Second)
		for d.try(int64(1+d.n%7), d.n%3 == 0).Admit() {
			if d.n%3 != 1 {
				refusals++
			}
			if d.n%50 == 0 && len(d.active) > 0 {
				d.finish()
			}
		}
	}
	if most := refusalBurst + 24*3; refusals > most {
		t.Errorf("%d refusals in a day, want at most %d", refusals, most)
	}
	if refusals < 24 {
		t.Errorf("%d refusals in a day: the test tests nothing", refusals)
	}
}

func TestTooManyRefusals(t *testing.T) {
	d := idle(t, Settings{Cooldown: time.Second})
	for range refusalBurst {
		d.sends(100, false)
		d.ends = append(d.ends, d.now.Add(time.Second)) // ends the pause
		d.pass(2 * time.Second)
	}
	dec := d.waits(100, CauseTooMany)
	if wait := dec.Until.Sub(d.now); wait < 15*time.Minute || wait > 20*time.Minute {
		t.Errorf("waits %v", wait)
	}
	if got, want := dec.Reason(), "the service refused many creates lately: You exceeded your current quota"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	d.pass(dec.Until.Sub(d.now)).sends(100, false).waits(100, CauseTooMany)
}

// What is paused for one model goes on for others.
func TestOtherModelsGoOn(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	d.sends(100, true).sends(100, false)
	d.waits(100, CauseRefused)
	if dec := d.p.Next(d.now, &Create{ID: "x", Model: "gemini-2.5-pro", Tokens: Counted(100)}); !dec.Admit() {
		t.Errorf("another model waits: %+v", dec)
	}
}
