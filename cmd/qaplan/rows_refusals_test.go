package main

import (
	"strings"
	"testing"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

func refusalRows() []scene {
	return []scene{
		{name: "an input that the service refuses", shows: []string{"input refused"}, reasons: []planner.Reason{planner.FailRefused}, play: func(t *testing.T) {
			s := newStage(t, 2)
			good := s.read(s.source(1))
			s.put(s.source(1), strings.ReplaceAll(good, `"request":{`, `"request":{"no_such_field":1,`))
			s.apply(exitDone)
			s.is(1, "failed refused")
			s.is(2, "submitted") // the other one goes on
			s.ended()
			s.apply(exitStuck)
			if text := s.mustRun(exitDone, "plan").stdout.String(); !strings.Contains(text, "no_such_field") || !strings.Contains(text, rerunFirst) {
				t.Errorf("the plan says neither why nor what to do: %s", text)
			}
			s.run("apply", "--auto-approve", "--rerun", "batch.qa[1]") // sent once more, and refused once more
			s.is(1, "failed refused")
			if n := s.ledger().Calls[emulator.OpCreate]; n != 3 {
				t.Errorf("%d creates were sent, want 3", n)
			}
			s.mustHaveBought(1)
			s.put(s.source(1), good)
			s.finish(2)
			s.mustHaveBought(2)
		}},
		{name: "a key that the service refuses", shows: []string{"key or project refused"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			right := s.server
			s.server = s.serve(t.TempDir(), emulator.Config{APIKey: "another-key"})
			if said := s.apply(exitError).said(); !strings.Contains(said, "API key") {
				t.Errorf("stderr: %s", said)
			}
			s.mustHaveBought(0)
			s.mustHaveUploaded(0)
			s.front.mu.Lock()
			s.server, s.front.server = right, right
			s.front.mu.Unlock()
			s.is(1, "absent upload+create not_submitted") // no batch changed its phase
		}},
		{name: "a project that the service refuses", shows: []string{"key or project refused"}, play: func(t *testing.T) {
			s := newStage(t, 3, emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, Value: "403"})
			s.apply(exitError)
			s.mustHaveBought(0)
			s.is(1, "uploaded create not_submitted")
			s.is(3, "absent upload+create not_submitted") // the run stopped buying
			s.finish(3)
			s.mustHaveBought(3)
		}},
		{name: "an upload that is lost before its create", shows: []string{"file refused"}, play: func(t *testing.T) {
			s := newStage(t, 1, emulator.Fault{Name: emulator.FaultFileExpiredEarly, Op: emulator.OpUploadFinalize, Value: "0s"})
			s.finish(1)
			s.mustHaveUploaded(2)
			s.mustHaveBought(1)
		}},
		{name: "an upload that is lost again and again", shows: []string{"file refused"}, play: func(t *testing.T) {
			s := newStage(t, 1, emulator.Fault{Name: emulator.FaultFileExpiredEarly, Op: emulator.OpUploadFinalize, Count: -1, Value: "0s"})
			s.apply(exitError)
			s.mustHaveUploaded(2) // once more, and not for ever
			s.mustHaveBought(0)
			s.faults()
			s.finish(1)
			s.mustHaveBought(1)
		}},
		{name: "a model that is not there", shows: []string{"no such model"}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.configure(useModel("gemini-0.1-nonsense"), func(c *stageConfig) {
				c.last = 1
				c.more = "batch \"other\" {\n  range = [2, 2]\n  model = \"gemini-2.5-flash\"\n  source = \"in/batch_*_proper.jsonl\"\n  output_dir = \"other\"\n}"
			})
			if said := s.apply(exitError).said(); !strings.Contains(said, "gemini-0.1-nonsense") {
				t.Errorf("stderr: %s", said)
			}
			s.mustHaveBought(1) // the other block's
			s.mustHaveUploaded(1)
			s.is(1, "absent upload+create not_submitted")
		}},
		{name: "a quota that is used up", shows: []string{"quota"}, play: func(t *testing.T) {
			s := newStage(t, 2, emulator.Fault{Name: emulator.FaultQuota429, Op: emulator.OpCreate})
			if out := s.apply(exitDone).stdout.String(); !strings.Contains(out, "deferred.") || strings.Contains(out, " 0 deferred.") {
				t.Errorf("the apply says %s", out)
			}
			s.is(1, "uploaded create not_submitted")
			s.mustHaveBought(0)
			for tries := 0; s.bought() < 2 && tries < 100; tries++ { // the pause is of the real time
				s.apply(exitDone)
			}
			s.ended()
			s.apply(exitDone)
			s.mustBeDone()
		}},
		{name: "a refusal without a cause", shows: []string{"refused without a cause"}, reasons: []planner.Reason{planner.FailRefused}, play: func(t *testing.T) {
			s := newStage(t, 1, emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, Count: 3, Value: "400"})
			for range 2 {
				s.apply(exitError)
				s.is(1, "uploaded create not_submitted")
			}
			s.run("apply", "--auto-approve")
			s.is(1, "failed refused")
			s.apply(exitStuck)
			s.mustHaveBought(0)
			s.again(1)
			s.mustHaveBought(1)
		}},
	}
}
