package planner

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// savedIn gives the plan of a scene as it comes back from its file.
func savedIn(t *testing.T, s *scene) *Plan {
	t.Helper()
	p, _ := s.diff()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadPlan(text)
	if err != nil {
		t.Fatalf("a plan that was just made: %v", err)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Fatalf("a plan does not come back as it was (-want +got):\n%s", diff)
	}
	return back
}

// standing writes where the subject's change stands, and what is done for it.
func standing(saved *Saved, p *Plan, items []Item) string {
	for _, it := range saved.Items(items) {
		if it.Change.Address != subject {
			continue
		}
		line := string(it.Standing)
		if it.Why != "" {
			line += " " + string(it.Why)
		}
		if it.Job != "" {
			line += " " + it.Job
		}
		for _, c := range p.Changes {
			if c.Address == subject {
				line += fmt.Sprintf(" %v %d", c.Actions, c.Attempt)
			}
		}
		return line
	}
	return "not in the plan"
}

func wholly(outcome Outcome, model string, sha string) fact {
	return sent(outcome, func(at *Attempt) {
		at.Model, at.SHA256, at.Token = model, sha, NewToken(ours6, subject, at.Number, sha, model).String()
	})
}

// finalRefusal is a send of content A that the service refused for good.
func finalRefusal(s *scene) {
	refused(contentA, "m1", true)(s)
	sent(OutcomeRefused, func(at *Attempt) { at.Error = s.rec().Refused.Message })(s)
}

func anotherProject(s *scene) { s.o.Live.Jobs = nil; otherIsMissing(s) }

// A change of a saved plan is judged by itself: each row has what was there when
// it was saved, what is there now, and what comes of it.
func TestSavedStanding(t *testing.T) {
	nothing := when()
	failed := bought(JobFailed)
	tests := []struct {
		name      string
		then, now []fact
		want      string
	}{
		// Purchases.
		{"a purchase as it was", nothing, nothing, "planned [upload create] 1"},
		{"uploaded meanwhile, which is free", nothing, when(uploaded(hours(40))), "planned [create] 1"},
		{"somebody else's upload, which is free", nothing, when(liveFile("files/x", contentA, hours(40))), "planned [adopt create] 1"},
		{"the upload expired, which is free", when(uploaded(hours(40))), when(uploadRecorded(-hours(1))), "planned [upload create] 1"},
		{"a quota refused it meanwhile", nothing, when(sent(OutcomeRefused)), "planned [upload create] 2"},
		{"a send was withdrawn", nothing, when(sent(OutcomeNotSent)), "planned [upload create] 2"},
		{"a send bought nothing", nothing, when(sent(OutcomeAbsent)), "planned [upload create] 2"},
		{"bought since", nothing, when(bought(JobRunning)), "done bought batches/j1"},
		{"bought and delivered since", nothing, when(finished()), "done bought batches/j1"},
		{"bought and failed since", nothing, when(failed), "done bought batches/j1"},
		{"bought, failed and bought again since", nothing, when(failed, bought(JobRunning)), "done bought batches/j2"},
		{"sent since, the outcome is open", nothing, when(sent(OutcomeIntent, lately)), "done sent"},
		{"refused for good since", nothing, when(finalRefusal), "done refused"},
		{"a job that this state lost", nothing, when(labelled("lost", ours6, 1, JobRunning)), "done bought batches/lost"},
		{"somebody bought the same bytes", nothing, when(liveFile("files/x", contentA, hours(40)), unlabelledJob("x", "files/x", "m1", goodRows, JobRunning)), "done bought batches/x"},
		{"the source changed", nothing, when(wantSource(contentB)), "stale source_changed"},
		{"the model changed", nothing, when(wantModel("m2")), "stale model_changed"},
		{"the source is gone", nothing, when(sourceGone), "stale source_changed"},
		{"something else was bought", nothing, when(wholly(OutcomeIntent, "m1", contentB)), "stale bought_since"},
		{"another state was faster", nothing, when(labelled("theirs", theirs6, 1, JobRunning)), "stale claimed_elsewhere"},
		{"a job that may be it", nothing, when(unlabelledJob("u", "files/u", "m1", goodRows, JobRunning)), "stale maybe_bought"},
		{"a result in the way", nothing, when(seen(ResultForeign)), "stale result_exists"},
		{"out of the config", when(bought(JobFailed), maxAttempts(3)), when(bought(JobFailed), outOfConfig), "stale planned_otherwise"},
		{"not there any more", nothing, when(outOfConfig), "stale not_known"},
		{"the listing is incomplete", nothing, when(incomplete), "planned"},

		// Further attempts.
		{"a further attempt as it was", when(failed), when(failed), "planned [upload create] 2"},
		{"a further attempt was made", when(failed), when(failed, bought(JobRunning)), "done bought batches/j2"},
		{"a further attempt failed as well", when(failed), when(failed, failed), "done bought batches/j2"},
		{"attempts are used up by others", when(failed), when(failed, wholly(OutcomeBought, "m1", contentB), maxAttempts(1)), "stale bought_since"},
		{"max_attempts was lowered", when(failed), when(failed, maxAttempts(1)), "stale attempts_used_up"},
		{"an older state was restored", when(failed), nothing, "stale bought_since"},
		{"one held for absent turned up late", when(sent(OutcomeAbsent)), when(bought(JobRunning)), "done bought batches/j1"},
		{"a cancel was asked for since", when(sent(OutcomeAbsent)), when(sent(OutcomeAbsent, cancelledMeanwhile)), "stale cancelled"},

		// Reruns.
		{"a rerun as it was", when(finished(), rerun), when(finished()), "planned [upload create] 2"},
		{"a rerun that was sent", when(finished(), rerun), when(finished(), bought(JobRunning, askedFor)), "done bought batches/j2"},
		{"a rerun that was sent and delivered", when(finished(), rerun), when(finished(), bought(JobSucceeded, askedFor, output, read), deliveredBy(2, contentA)), "done bought batches/j2"},
		{"a rerun that was sent and failed", when(finished(), rerun), when(finished(), bought(JobFailed, askedFor)), "done bought batches/j2"},
		{"a rerun whose outcome is open", when(finished(), rerun), when(finished(), sent(OutcomeIntent, lately, askedBy)), "done sent"},
		{"a rerun that bought nothing", when(finished(), rerun), when(finished(), sent(OutcomeAbsent, askedBy)), "planned [upload create] 3"},
		{"a rerun that a person cancelled", when(finished(), rerun), when(finished(), sent(OutcomeAbsent, askedBy, cancelledMeanwhile)), "stale cancelled_since"},
		{"a rerun that another state forestalled", when(finished(), rerun), when(finished(), labelled("theirs", theirs6, 1, JobRunning)), "stale claimed_since"},
		{"a rerun beside a job that was seen", when(finished(), rerun, labelled("theirs", theirs6, 1, JobRunning)), when(finished(), labelled("theirs", theirs6, 1, JobRunning)), "planned [upload create] 2"},
		{"a rerun with another project's key", when(failed, otherJobOfOurs, rerun), when(failed, anotherProject), "stale other_project"},
		{"a rerun of a first attempt, bought since", when(rerun), when(bought(JobRunning)), "done bought batches/j1"},
		{"no rerun was reviewed, and one is wished for", nothing, when(sent(OutcomeAbsent, askedBy)), "stale planned_otherwise"},

		// Downloads.
		{"a download as it was", when(bought(JobSucceeded, output)), when(bought(JobSucceeded, output)), "planned [download] 1"},
		{"delivered since", when(bought(JobSucceeded, output)), when(finished()), "done delivered"},
		{"delivered, and another bought since", when(bought(JobSucceeded, output)), when(finished(), bought(JobRunning)), "done delivered"},
		{"the answers are gone", when(bought(JobSucceeded, output)), when(bought(JobSucceeded, output, outputGone)), "stale result_gone"},
		{"a lost result as it was", when(finished(), seen(ResultNone)), when(finished(), seen(ResultChanged)), "planned [download] 1"},
		{"a lost result that is back", when(finished(), seen(ResultNone)), when(finished()), "done delivered"},
		{"some answers, fetched since", when(bought(JobFailed, output)), when(bought(JobFailed, output, part)), "done delivered"},

		// Adoptions.
		{"an adoption as it was", when(labelled("lost", ours6, 1, JobRunning)), when(labelled("lost", ours6, 1, JobRunning)), "planned [adopt] 1"},
		{"an adoption with its answers", when(labelled("lost", ours6, 1, JobRunning)), when(labelled("lost", ours6, 1, JobSucceeded, output)), "planned [adopt download] 1"},
		{"adopted since", when(labelled("j1", ours6, 1, JobRunning)), when(bought(JobRunning)), "done adopted"},
		{"failed since, and more would be bought", when(labelled("lost", ours6, 1, JobRunning)), when(labelled("lost", ours6, 1, JobFailed)), "stale planned_otherwise"},
		{"another job in its place", when(labelled("lost", ours6, 1, JobRunning)), when(bought(JobRunning)), "stale nothing_to_do"},

		// What leaves the config.
		{"forgotten as it was", when(finished(), outOfConfig), when(finished(), outOfConfig), "planned [forget] 0"},
		{"forgotten since", when(finished(), outOfConfig), when(outOfConfig), "done forgotten"},
		{"put back", when(finished(), outOfConfig), when(finished()), "stale nothing_to_do"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := savedIn(t, newScene(tt.then...))
			s := newScene(tt.now...)
			s.opts.Saved = NewSaved(plan, false)
			p, items := s.diff()
			checkSound(t, s, p, items)
			if got := standing(s.opts.Saved, p, items); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A plan from before the first apply fits a state that was made since.
func TestSavedBeforeTheFirstApply(t *testing.T) {
	plan := savedIn(t, newScene(noLineage, alsoWanted(wanted(Address{"r", 2}, contentB))))
	s := newScene(bought(JobRunning), alsoWanted(wanted(Address{"r", 2}, contentB)))
	if err := plan.Fits(Basis{Version: "0.1.0", Service: s.opts.Service, Lineage: lineage, ConfigDigest: s.d.ConfigDigest}); err != nil {
		t.Errorf("it does not fit: %v", err)
	}
	s.opts.Saved = NewSaved(plan, false)
	p, items := s.diff()
	if got, want := standing(s.opts.Saved, p, items), "done bought batches/j1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(p.Changes) != 1 || p.Changes[0].Address.Number != 2 || !p.Complete {
		t.Errorf("what was not bought yet is not what is left: %+v", p.Changes)
	}
}

// Only the plan's own batches are worked on. What is free of those that are
// waited for follows, where the run goes on to their end.
func TestSavedFollow(t *testing.T) {
	other := Address{Block: "r", Number: 2}
	then := newScene(bought(JobRunning), alsoWanted(wanted(other, contentB)))
	plan := savedIn(t, then)
	later := func(follow bool, facts ...fact) (string, []Item) {
		s := newScene(append([]fact{alsoWanted(wanted(other, contentB), wanted(Address{"r", 3}, contentC))}, facts...)...)
		s.opts.Saved = NewSaved(plan, follow)
		p, items := s.diff()
		checkSound(t, s, p, items)
		var changed []string
		for _, c := range p.Changes {
			changed = append(changed, fmt.Sprintf("%s %v", strings.TrimPrefix(c.Address.String(), "batch."), c.Actions))
		}
		if got := s.opts.Saved.Others(items); got != 1 && !follow {
			t.Errorf("%d batches are said to be beside the plan, want 1 or more", got)
		}
		return strings.Join(changed, ", "), items
	}
	tests := []struct {
		name   string
		follow bool
		facts  []fact
		want   string
	}{
		{"the job runs", true, when(bought(JobRunning)), "r[2] [upload create]"},
		{"the job is done", true, when(bought(JobSucceeded, output)), "r[1] [download], r[2] [upload create]"},
		{"the job failed, and no other was reviewed", true, when(bought(JobFailed)), "r[2] [upload create]"},
		{"the job was lost and is found", true, when(labelled("j1", ours6, 1, JobRunning)), "r[1] [adopt], r[2] [upload create]"},
		{"the job failed and left some", true, when(bought(JobFailed, output)), "r[1] [download], r[2] [upload create]"},
	}
	for _, tt := range tests {
		if got, _ := later(tt.follow, tt.facts...); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	got, items := later(false, bought(JobRunning))
	if got != "r[2] [upload create]" {
		t.Errorf("without following: %s", got)
	}
	for _, it := range items {
		if want := it.Address.Number != 2; it.Left != want {
			t.Errorf("%s is left out: %t, want %t", it.Address, it.Left, want)
		}
	}
	s := newScene(bought(JobSucceeded, output), alsoWanted(wanted(other, contentB)))
	s.opts.Saved = NewSaved(plan, false)
	if p, _ := s.diff(); len(p.Changes) != 1 || p.Complete {
		t.Errorf("a download that the plan does not hold is in it: %+v", p.Changes)
	}
}

// A repair is a purchase like another: of these rows, once.
func TestSavedRepair(t *testing.T) {
	subset := func(sha string) Change {
		return Change{Address: subject, Actions: []Action{ActionUpload, ActionCreate}, Reason: ReasonRepair, Attempt: 2,
			Detail: Detail{SHA256: sha, Model: "m1", Subset: true}, Prior: Prior{Bought: 1, Job: "batches/j1"}}
	}
	b := wanted(subject, contentA)
	item := func(c *Change, attempts ...Attempt) *Item {
		it := &Item{Address: subject, Phase: PhaseDone, Want: &b, Change: c, Record: &Record{Attempts: attempts}}
		it.prior = (&view{rec: it.Record}).prior()
		return it
	}
	first := Attempt{Number: 1, Outcome: OutcomeBought, Model: "m1", SHA256: contentA, Job: "batches/j1", State: "SUCCEEDED"}
	second := Attempt{Number: 2, Outcome: OutcomeBought, Model: "m1", SHA256: contentA, Input: contentB, Repair: true, Job: "batches/j2"}
	same, other, whole := subset(contentB), subset(contentC), subset(contentB)
	whole.Reason = ReasonJobFailed
	tests := []struct {
		name string
		it   *Item
		want string
	}{
		{"as it was", item(&same, first), "planned"},
		{"other rows are bad now", item(&other, first), "stale rows_changed"},
		{"no longer for repair", item(&whole, first), "stale planned_otherwise"},
		{"bought since", item(&other, first, second), "done bought"},
		{"nothing is bad any more", item(nil, first), "stale nothing_to_do"},
	}
	for _, tt := range tests {
		saved := subset(contentB)
		got := stand(&saved, tt.it)
		if line := strings.TrimSpace(string(got.Standing) + " " + string(got.Why)); line != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, line, tt.want)
		}
	}
}

// TestSavedIsWhatWasPlanned: a plan that is carried out at once is carried out
// whole, its wishes included, and nothing else is.
func TestSavedIsWhatWasPlanned(t *testing.T) {
	eachScene(t, func(t *testing.T, build func() *scene) {
		plan := savedIn(t, build())
		s := build()
		wishes := s.opts.Rerun
		s.opts = Options{Version: s.opts.Version, Service: s.opts.Service, Now: now, Saved: NewSaved(plan, false)}
		p, items := s.diff()
		if diff := cmp.Diff(apart(plan.Changes, wishes), apart(p.Changes, wishes)); diff != "" && !s.opts.Saved.follow {
			t.Errorf("(-saved +now):\n%s", diff)
		}
		if p.Digest != plan.Digest {
			t.Error("the digest is another")
		}
		for _, it := range s.opts.Saved.Items(items) {
			if it.Standing != StandsPlanned {
				t.Errorf("%s: %s %s", it.Change.Address, it.Standing, it.Why)
			}
		}
	})
}

// apart leaves out the changes of batches for which another job is wished and has
// to wait: the wish is no change, so a saved plan does not hold it, and without it
// the batch may stand elsewhere.
func apart(changes []Change, wishes []Selector) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool {
		return c.Reason != ReasonRerun && slices.ContainsFunc(wishes, func(w Selector) bool { return w.Contains(c.Address) })
	})
}

// TestSavedOnlyRestricts: whatever a saved plan says, nothing is done that a
// plan of now with the same wishes would not do, and nothing is bought that was
// not planned.
func TestSavedOnlyRestricts(t *testing.T) {
	reached := map[Standing]int{}
	n := uint64(0)
	eachScene(t, func(t *testing.T, build func() *scene) {
		n++
		rng := rand.New(rand.NewPCG(7, n))
		plan := savedIn(t, build())
		s := build()
		(&dice{Rand: rng, s: s}).meanwhile()
		s.opts.Rerun, s.opts.RerunFrom, s.opts.Targets, s.opts.Excludes = nil, map[Address]int{}, nil, nil
		for _, c := range plan.Changes {
			if c.Reason == ReasonRerun {
				s.opts.Rerun = append(s.opts.Rerun, selector(c.Address.String()))
				s.opts.RerunFrom[c.Address] = c.Attempt
			}
		}
		free, _ := s.diff()
		s.opts.Rerun, s.opts.RerunFrom, s.opts.Saved = nil, nil, NewSaved(plan, n%2 == 0)
		p, items := s.diff()
		checkSound(t, s, p, items)
		for i := range p.Changes {
			c := &p.Changes[i]
			if !slices.ContainsFunc(free.Changes, func(f Change) bool { return cmp.Equal(f, *c) }) {
				t.Errorf("%s: %v is done for the saved plan alone", c.Address, c.Actions)
			}
			was := s.opts.Saved.changes[c.Address]
			if c.Has(ActionCreate) && (was == nil || !was.Has(ActionCreate) || was.Detail.SHA256 != c.Detail.SHA256 || was.Detail.Model != c.Detail.Model ||
				was.Prior != c.Prior) {
				t.Errorf("%s: the purchase was not planned", c.Address)
			}
		}
		for _, it := range s.opts.Saved.Items(items) {
			reached[it.Standing]++
			if it.Standing == StandsStale && slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Address == it.Change.Address }) {
				t.Errorf("%s is stale and is worked on", it.Change.Address)
			}
		}
	})
	for _, want := range []Standing{StandsPlanned, StandsDone, StandsStale} {
		if reached[want] < 30 {
			t.Errorf("%d changes are %s, which is too few to prove anything", reached[want], want)
		}
	}
}

// meanwhile lets something happen between a plan and its apply.
func (r *dice) meanwhile() {
	for range 1 + r.IntN(4) {
		a := Address{Block: pick(r, "q", "r"), Number: r.IntN(4)}
		rec := r.s.o.Recorded.Batches[a]
		switch r.IntN(8) {
		case 0:
			r.record(a)
		case 1:
			delete(r.s.o.Recorded.Batches, a)
		case 2:
			r.strayJob()
		case 3:
			r.strayFile()
		case 4:
			if len(r.s.o.Live.Jobs) > 0 {
				j := &r.s.o.Live.Jobs[r.IntN(len(r.s.o.Live.Jobs))]
				*j = r.job(j.Model, j.InputFile, j.DisplayName)
			}
		case 5:
			if len(r.s.d.Batches) > 0 {
				b := &r.s.d.Batches[r.IntN(len(r.s.d.Batches))]
				b.Source.SHA256, b.Model = r.content(), r.model()
			}
		case 6:
			r.s.o.Results[a] = pick(r, ResultNone, ResultChanged, ResultForeign)
		case 7:
			if rec != nil && len(rec.Attempts) > 0 {
				rec.Attempts[r.IntN(len(rec.Attempts))].Outcome = pick(r, OutcomeBought, OutcomeIntent, OutcomeAbsent, OutcomeRefused)
			}
		}
	}
}

// TestSavedBuysOnce carries a saved plan out again and again, through lost
// answers, refusals, restored states and changed sources: for each of its
// purchases one job is bought at most.
func TestSavedBuysOnce(t *testing.T) {
	seed := testSeed(t)
	t.Logf("seed %d", seed)
	bought := 0
	for n := range uint64(300) {
		w := newWorld(t, rand.New(rand.NewPCG(seed, n)))
		w.trouble = true
		for range w.r.IntN(8) {
			w.round()
			w.pass()
			w.disturb()
		}
		o := w.observe()
		plan, _ := Diff(&w.d, o, w.opts)
		before := len(w.sold)
		w.opts = Options{Saved: NewSaved(plan, w.r.percent(50))}
		var items []Item
		for i := range troubled {
			w.trouble = i < troubled/2
			w.opts.Saved = NewSaved(plan, w.opts.Saved.follow) // another run
			_, items = w.round()
			w.pass()
			if w.trouble && w.r.percent(30) {
				saved := w.opts
				w.disturb()
				w.opts = saved
			}
		}
		sold := map[Address]int{}
		for _, s := range w.sold[before:] {
			sold[s.a]++
			bought++
			if c := w.opts.Saved.changes[s.a]; c == nil || !c.Has(ActionCreate) || sold[s.a] > 1 || c.Detail.SHA256 != s.sha || c.Detail.Model != s.model {
				t.Errorf("%s: job %d for content %.4s and model %s", s.a, sold[s.a], s.sha, s.model)
			}
		}
		for _, it := range w.opts.Saved.Items(items) {
			if it.Standing == StandsPlanned {
				t.Errorf("%s is planned for ever", it.Change.Address)
			}
		}
		if t.Failed() {
			t.Fatalf("in world %d of seed %d", n, seed)
		}
	}
	if bought < 300 {
		t.Errorf("%d jobs were bought, which proves little", bought)
	}
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
