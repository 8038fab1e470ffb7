package planner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everything is a scene whose plan has something to say under every key.
func everything() *scene {
	q := func(n int) Address { return Address{Block: "q", Number: n} }
	s := newScene(
		bought(JobRunning, failedSaying("")),
		alsoWanted(wanted(q(1), contentB), wanted(q(2), contentC), wanted(q(3), strings.Repeat("d", 64)), wanted(q(4), strings.Repeat("e", 64)), wanted(q(5), strings.Repeat("f", 64))),
		liveFile("files/theirs", contentB, 40*time.Hour),
	)
	s.d.Batches[0].Source.SHA256 = contentB // a warning
	job := func(a Address, sha string, state JobState, message string) {
		name := "batches/" + a.Block + string(rune('0'+a.Number))
		s.recOf(a).Attempts = []Attempt{{Number: 1, Outcome: OutcomeBought, Model: "m1", SHA256: sha, Rows: goodRows, Job: name, State: "RUNNING"}}
		s.o.Live.Jobs = append(s.o.Live.Jobs, Job{Name: name, Model: "m1", State: state, RawState: string(state), Done: true,
			Created: now.Add(-3 * time.Hour), Ended: now.Add(-time.Hour), Error: message})
	}
	job(q(2), contentC, JobCancelled, "cancelled by the user")
	job(q(3), strings.Repeat("d", 64), JobFailed, "internal")
	s.d.Batches[3].MaxAttempts = 1
	job(q(4), strings.Repeat("e", 64), JobSucceeded, "")
	s.o.Live.Jobs[len(s.o.Live.Jobs)-1].Output = "files/batch-q4"
	return s
}

// TestPlanJSON pins the keys: scripts read them.
func TestPlanJSON(t *testing.T) {
	for name, s := range map[string]*scene{
		"plan.json":       everything(),
		"plan-empty.json": newScene(noLineage, outOfConfig),
	} {
		p, items := s.diff()
		checkSound(t, s, p, items)
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, '\n')
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(text), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		var back Plan
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, &back); diff != "" {
			t.Errorf("%s does not come back as it was (-want +got):\n%s", name, diff)
		}
	}
}

// TestPlanKeys compares the keys with the documented ones, none of which may
// go away. Keys beyond them are known by name here.
func TestPlanKeys(t *testing.T) {
	p, _ := everything().diff()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var plan map[string]any
	if err := json.Unmarshal(text, &plan); err != nil {
		t.Fatal(err)
	}
	first := func(key string) map[string]any {
		list := plan[key].([]any)
		if len(list) == 0 {
			t.Fatalf("the plan has no %s to look at", key)
		}
		return list[0].(map[string]any)
	}
	tests := []struct {
		of          string
		have        map[string]any
		keys, added string
	}{
		{"plan", plan, "format_version qaplan_version created_at digest lineage serial complete applyable changes waiting held failed problems summary estimate", "config_digest inputs_digest provider"},
		{"changes", first("changes"), "address block number phase actions reason attempt detail", "prior"},
		{"waiting", first("waiting"), "address job job_state since", ""},
		{"held", first("held"), "address reason exit", "job message"},
		{"failed", first("failed"), "address reason", "exit message"},
		{"problems", first("problems"), "severity summary address", "code job"},
		{"summary", plan["summary"].(map[string]any), "upload create adopt download forget in_progress done failed held", ""},
		{"estimate", plan["estimate"].(map[string]any), "requests input_tokens output_tokens cost_usd waves basis", ""},
	}
	for _, tt := range tests {
		known := map[string]bool{}
		for _, key := range strings.Fields(tt.keys) {
			known[key] = true
			if _, ok := tt.have[key]; !ok {
				t.Errorf("%s: the key %s is missing", tt.of, key)
			}
		}
		for _, key := range strings.Fields(tt.added) {
			known[key] = true
		}
		for key := range tt.have {
			if !known[key] {
				t.Errorf("%s: the key %s is documented nowhere", tt.of, key)
			}
		}
	}
}

func TestDigest(t *testing.T) {
	digest := func(facts ...fact) string {
		p, _ := newScene(facts...).diff()
		if !strings.HasPrefix(p.Digest, "sha256:") || len(p.Digest) != len("sha256:")+64 {
			t.Errorf("the digest is %q", p.Digest)
		}
		return p.Digest
	}
	later := func(s *scene) {
		s.opts.Now = s.opts.Now.Add(time.Hour)
		s.o.Live.First, s.o.Live.Last = s.o.Live.First.Add(time.Hour), s.o.Live.Last.Add(time.Hour)
		s.o.Recorded.Serial += 5
	}
	second := alsoWanted(wanted(Address{"r", 2}, contentC))
	running := digest(bought(JobRunning), second)
	same := []struct {
		name string
		got  string
	}{
		{"pending", digest(bought(JobPending), second)},
		{"succeeded, a download is free", digest(bought(JobSucceeded, output), second)},
		{"done", digest(finished(), second)},
		{"later, at another serial", digest(bought(JobRunning), second, later)},
		{"an upload is free", digest(bought(JobRunning), second, liveFile("files/abc", contentC, 40*time.Hour))},
		{"held without a purchase", digest(bought(JobCancelled), second)},
		{"the inputs in another order", digest(bought(JobRunning), second, func(s *scene) { s.d.Batches[0], s.d.Batches[1] = s.d.Batches[1], s.d.Batches[0] })},
	}
	for _, tt := range same {
		if tt.got != running {
			t.Errorf("%s: the digest changes", tt.name)
		}
	}
	seen := map[string]string{running: "running"}
	for _, tt := range []struct {
		name string
		got  string
	}{
		{"another config", digest(bought(JobRunning), second, func(s *scene) { s.d.ConfigDigest = "beef" })},
		{"another source", digest(bought(JobRunning), second, wantSource(contentB))},
		{"another model", digest(bought(JobRunning), second, wantModel("m2"))},
		{"another result path", digest(bought(JobRunning), second, func(s *scene) { s.batch().Output = "elsewhere/x.jsonl" })},
		{"a purchase more", digest(bought(JobFailed), second)},
		{"a purchase less", digest(bought(JobRunning), second, except("batch.r[2]"))},
		{"another attempt of a purchase", digest(bought(JobFailed), bought(JobFailed), second)},
		{"a batch less", digest(bought(JobRunning))},
		{"a repair", digest(repairs(1), answeredBadly(), second)},
		{"a repair of other rows", digest(repairs(1), bought(JobSucceeded, output, part), judged(1, bad(rest2)), second)},
	} {
		if other := seen[tt.got]; other != "" {
			t.Errorf("%s: the digest is that of %s", tt.name, other)
		}
		seen[tt.got] = tt.name
	}
}

// TestSelection: a plan is incomplete when, and only when, the selection
// leaves something out that would be done.
func TestSelection(t *testing.T) {
	tests := []struct {
		name     string
		facts    []fact
		complete bool
		changes  string
	}{
		{"no selection", when(), true, "r[1] r[2]"},
		{"all are targets", when(only("batch.r[1]"), only("batch.r[2-9]")), true, "r[1] r[2]"},
		{"one is a target", when(only("batch.r[2]")), false, "r[2]"},
		{"none is a target", when(only("batch.q")), false, ""},
		{"one is excluded", when(except("batch.r[1]")), false, "r[2]"},
		{"excluded beats targeted", when(only("batch.r"), except("batch.r[2]")), false, "r[1]"},
		{"what is excluded is not there", when(except("batch.q"), except("batch.r[3-9]")), true, "r[1] r[2]"},
		{"what is left out has nothing to do", when(bought(JobRunning), only("batch.r[2]")), true, "r[2]"},
		{"what is excluded is done", when(finished(), except("batch.r[1]")), true, "r[2]"},
		{"what is excluded is held", when(bought(JobCancelled), except("batch.r[1]")), true, "r[2]"},
		{"a download is left out", when(bought(JobSucceeded, output), except("batch.r[1]")), false, "r[2]"},
		{"the listing is incomplete", when(incomplete), false, ""},
		{"the listing is incomplete, nothing to buy", when(incomplete, finished(), only("batch.r[1]")), false, ""},
		{"not refreshed", when(notRefreshed), true, "r[1] r[2]"},
	}
	for _, tt := range tests {
		s := newScene(append([]fact{alsoWanted(wanted(Address{"r", 2}, contentC))}, tt.facts...)...)
		p, items := s.diff()
		checkSound(t, s, p, items)
		var changed []string
		for _, c := range p.Changes {
			changed = append(changed, strings.TrimPrefix(c.Address.String(), "batch."))
		}
		if got := strings.Join(changed, " "); got != tt.changes || p.Complete != tt.complete {
			t.Errorf("%s: got changes %q, complete %t; want %q, %t", tt.name, got, p.Complete, tt.changes, tt.complete)
		}
		if len(items) != 2 {
			t.Errorf("%s: %d items; a selection hides none", tt.name, len(items))
		}
	}
}

// TestEstimate counts what the creates of a plan send.
func TestEstimate(t *testing.T) {
	p, _ := newScene(bought(JobFailed), alsoWanted(wanted(Address{"r", 2}, contentC), wanted(Address{"r", 3}, contentB)), except("batch.r[3]")).diff()
	if p.Estimate.Requests != 2*goodRows || p.Estimate.InputTokens != 1000 || p.Estimate.Basis == "" {
		t.Errorf("two creates of %d rows and 500 tokens each: %+v", goodRows, p.Estimate)
	}
	again := map[string]bool{}
	for _, c := range p.Changes {
		again[c.Address.String()] = c.Detail.Again
	}
	if diff := cmp.Diff(map[string]bool{"batch.r[1]": true, "batch.r[2]": false}, again); diff != "" {
		t.Errorf("what is bought again (-want +got):\n%s", diff)
	}
	p, _ = newScene(finished()).diff()
	if p.Estimate != (Estimate{}) {
		t.Errorf("nothing is bought: %+v", p.Estimate)
	}
}

// TestIncompleteListing says once how much was left for later.
func TestIncompleteListing(t *testing.T) {
	p, _ := newScene(incomplete, alsoWanted(wanted(Address{"r", 2}, contentC), wanted(Address{"r", 3}, contentB)), except("batch.r[3]")).diff()
	want := []Problem{{Severity: SeverityWarning, Code: "listing_incomplete", Summary: "the service's job listing kept changing while it was read; 2 purchases are left for a later run"}}
	if diff := cmp.Diff(want, p.Problems); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
