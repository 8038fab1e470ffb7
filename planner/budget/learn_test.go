package budget

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// filled is a desk whose service has just refused the 6th job and the 1,300th
// token.
func filled(t *testing.T) *desk {
	d := newDesk(t, Settings{}, Knowledge{})
	for range 5 {
		d.sends(200, true)
	}
	return d.pass(time.Second).sends(300, false)
}

// A refusal that jobs and tokens explain counts for both. What only one of them
// explains tells which it is.
func TestCeilingOfJobs(t *testing.T) {
	d := filled(t)
	k := d.p.Knowledge()
	if k.Jobs.Bad != 6 || k.Models[flash].Tokens.Bad != 1300 {
		t.Fatalf("after the refusal: %+v", k)
	}
	if k.Jobs.Confidence() > 0.5 || k.Models[flash].Tokens.Confidence() > 0.5 {
		t.Errorf("too sure after one refusal: %v, %v", k.Jobs.Confidence(), k.Models[flash].Tokens.Confidence())
	}
	// As many jobs, with more tokens: it is not the tokens.
	d.finish().sends(600, true).pass(time.Minute)
	if k := d.p.Knowledge(); k.Models[flash].Tokens.Bad != 0 || k.Models[flash].Tokens.Good != 1400 || k.Jobs.Bad != 6 {
		t.Errorf("after 1400 tokens: %+v", k)
	}
	// One more job with few tokens puts the jobs to the test.
	d.finish().sends(1, true).pass(time.Second).sends(1, false)
	if k := d.p.Knowledge(); k.Jobs.Sole != 1 || k.Jobs.Confidence() <= 0.5 {
		t.Errorf("after the test: %+v, confidence %v", k.Jobs, k.Jobs.Confidence())
	}
	d.finish().sends(200, true).pass(10 * time.Second)
	dec := d.waits(1, CauseLearned)
	if got, want := dec.Standing(), "active jobs: 5 of 5"; got != want {
		t.Errorf("stands at %q, want %q", got, want)
	}
	if got, want := dec.Reason(), "one more job would exceed what the service has accepted so far; a finished job makes room"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	d.finish().sends(200, true)
}

// A limit that was just met is told as what the service took, before a look
// makes sure of it.
func TestLimitBeforeTheNextLook(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	for range 5 {
		d.sends(200, true)
	}
	d.sends(300, false)
	if k := d.p.Knowledge(); k.Jobs.Good != 0 {
		t.Fatalf("learned without a look: %+v", k.Jobs)
	}
	var got []string
	for _, u := range d.p.Uses() {
		got = append(got, fmt.Sprintf("%s %d of %d, learned %v", u.Budget, u.Used, u.Most, u.Learned))
	}
	want := []string{"max_active_jobs 5 of 5, learned true", "max_enqueued_tokens 1000 of 1000, learned true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCeilingOfTokens(t *testing.T) {
	d := filled(t)
	// More jobs, with fewer tokens: it is not the jobs.
	d.finish().sends(10, true).pass(10*time.Second).sends(10, true).pass(10 * time.Second)
	k := d.p.Knowledge()
	if k.Jobs.Bad != 0 || k.Jobs.Good != 6 || k.Models[flash].Tokens.Bad != 1300 {
		t.Fatalf("after the sixth job: %+v", k)
	}
	// Between what was accepted and what was refused it tries, alone.
	if dec := d.try(300, true); !dec.Trial {
		t.Errorf("1120 tokens are no trial: %+v", dec)
	}
	d.pass(10 * time.Second)
	if dec := d.waits(300, CauseLearned); dec.Standing() != "enqueued tokens of gemini-2.5-flash: 1120 of 1120" {
		t.Errorf("stands at %q", dec.Standing())
	}
}

// Limits are raised: what was refused is tried again, later each time.
func TestCeilingIsTriedAgain(t *testing.T) {
	d := filled(t)
	began := d.now
	var tries []time.Duration
	for d.now.Sub(began) < 4*24*time.Hour {
		d.pass(time.Minute)
		if d.try(300, false).Admit() {
			tries = append(tries, d.now.Sub(began))
		}
	}
	if n := len(tries); n < 9 || n > 16 {
		t.Errorf("%d tries in four days: %v", n, tries)
	}
	for i := range tries[2:] {
		if a, b := tries[i+1]-tries[i], tries[i+2]-tries[i+1]; b < a-2*time.Minute && b < maxRecheck {
			t.Errorf("tries get closer: %v", tries)
		}
	}
	for !d.pass(time.Hour).try(300, true).Admit() {
	}
	d.pass(time.Minute).sends(300, true).pass(time.Minute)
	if k := d.p.Knowledge(); k.Jobs.Bad != 0 || k.Jobs.Good != 7 || k.Models[flash].Tokens.Bad != 0 {
		t.Errorf("after it was raised: %+v", k)
	}
}

// A job that ended unseen makes a create no proof that more is accepted.
func TestUnseenEnds(t *testing.T) {
	d := filled(t)
	d.pass(10 * time.Minute)
	d.now = d.now.Add(time.Second)
	d.ends = append(d.ends, d.now) // no look has shown it
	d.sends(300, true)
	d.active = d.active[1:]
	d.pass(time.Minute)
	if k := d.p.Knowledge(); k.Jobs.Bad != 6 || k.Jobs.Good != 5 || k.Models[flash].Tokens.Bad != 1300 {
		t.Errorf("a sixth job that was a fifth one: %+v", k)
	}
}

// Limits are lowered: when less is accepted than before, again and again, the
// ceilings begin anew.
func TestCeilingIsLowered(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	for range 20 {
		d.sends(100, true)
	}
	d.pass(time.Minute)
	for range 100 {
		if len(d.active) > 4 {
			d.finish()
		}
		d.pass(5 * time.Minute)
		for d.try(100, len(d.active) < 8).Admit() {
		}
	}
	if k := d.p.Knowledge(); k.Jobs.Bad > 10 || k.Jobs.Good > 8 || k.Jobs.Bad == 0 {
		t.Errorf("after it was lowered to 8: %+v", k.Jobs)
	}
}

// Creates that are refused for a while after every second one, whatever is
// active: recognised, and from then on waited out.
func TestRhythm(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	var last time.Time
	count, refusals, before := 0, 0, 0
	began := d.now
	for d.now.Sub(began) < 12*time.Hour {
		d.pass(30 * time.Second)
		if d.n%5 == 0 && len(d.active) > 4 {
			d.finish()
		}
		locked := count%2 == 0 && d.now.Sub(last) < 17*time.Minute && count > 0
		if !d.try(100, !locked).Admit() {
			continue
		}
		if locked {
			refusals++
			continue
		}
		if count++; count%2 == 0 {
			last = d.now
		}
		if d.now.Sub(began) < 2*time.Hour {
			before = refusals
		}
	}
	r := d.p.Knowledge().Models[flash].Rhythm
	if !r.Known || r.Burst != 2 || r.Window < 15*time.Minute || r.Window > 19*time.Minute {
		t.Fatalf("not recognised: %+v", r)
	}
	t.Logf("%d creates and %d refusals in 12 hours, %d of them in the first two", count, refusals, before)
	if count < 70 || refusals-before > 25 {
		t.Errorf("%d creates, %d refusals after the first two hours", count, refusals-before)
	}
	for r.Run.Count < 2 {
		d.pass(30*time.Minute).sends(100, true)
		r = d.p.Knowledge().Models[flash].Rhythm
	}
	dec := d.waits(100, CauseRhythm)
	if got, want := dec.Reason(), "the service accepts 2 in a row and then refuses for a while, whatever their size"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	// A job that finishes does not end it.
	d.finish().waits(100, CauseRhythm)
	// When it is lifted, that is found out.
	for range 400 {
		d.pass(time.Minute).try(1, true)
	}
	if r := d.p.Knowledge().Models[flash].Rhythm; r.Known && r.Burst < 10 {
		t.Errorf("lifted, but still kept: %+v", r)
	}
}

// A dozen quotas, two models, and everything learned: small, and sorted.
func TestKnowledgeAsJSON(t *testing.T) {
	d := filled(t)
	d.p.UploadRefused(d.now, Refusal{})
	d.pass(time.Hour)
	c := &Create{ID: "pro", Model: "gemini-2.5-pro", Tokens: Counted(5)}
	d.p.Book(d.now, c)
	d.p.Send(d.now, c.ID)
	d.p.Refused(d.now, c.ID, Refusal{Quotas: []string{"GenerateRequestsPerDayPerProjectPerModel"}})
	text, err := json.Marshal(d.p.Knowledge())
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 2000 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
	again, _ := json.Marshal(throughJSON(t, d.p.Knowledge()))
	if string(again) != string(text) {
		t.Errorf("there and back:\n%s\n%s", text, again)
	}
	for _, part := range []string{`"jobs":{"good":5,"bad":6,`, `"named":{"creates gemini-2.5-pro":{"until":"2026-11-24T08:00:00Z"`, `"file_storage":`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	if empty, _ := json.Marshal(Knowledge{}); string(empty) != "{}" {
		t.Errorf("nothing learned: %s", empty)
	}
}

func throughJSON(t *testing.T, k Knowledge) Knowledge {
	t.Helper()
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var back Knowledge
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// What was handed out is not changed by what is learned later.
func TestKnowledgeIsACopy(t *testing.T) {
	d := filled(t)
	k := d.p.Knowledge()
	before, _ := json.Marshal(k)
	d.pass(10*time.Minute).sends(300, true).pass(time.Minute)
	d.p.UploadRefused(d.now, Refusal{})
	if after, _ := json.Marshal(k); string(after) != string(before) {
		t.Errorf("changed from\n%s to\n%s", before, after)
	}
}

// Knowledge of a clock that is years ahead holds nothing up for longer than the
// rules allow.
func TestKnowledgeFromTheFuture(t *testing.T) {
	d := filled(t)
	d.p.UploadRefused(d.now, Refusal{})
	k := d.p.Knowledge()
	past := newDesk(t, Settings{}, Knowledge{})
	past.p = NewCreates(Settings{}, k)
	past.now = d.now.AddDate(-3, 0, 0)
	past.active = d.active
	past.look()
	if dec := past.p.Next(past.now, past.create(1)); dec.Admit() || dec.Until.Sub(past.now) > MaxCooldown*5/4 {
		t.Errorf("waits for %v", dec.Until.Sub(past.now))
	}
	past.pass(MaxCooldown * 5 / 4)
	past.sends(1, true)
	if dec := past.p.Next(past.now, &Create{ID: "u", Model: "x", Upload: true}); dec.Until.Sub(past.now) > maxDay {
		t.Errorf("an upload waits for %v", dec.Until.Sub(past.now))
	}
}
