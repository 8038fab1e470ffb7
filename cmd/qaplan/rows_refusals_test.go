package main

import (
	"strings"
	"testing"
	"time"

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
			s.is(2, "submitted") // the other one goes on
			s.ended()
			s.apply(exitStuck)
			s.failed(1, planner.FailRefused, rerunFirst)
			if text := s.mustRun(exitDone, "plan").stdout.String(); !strings.Contains(text, "no_such_field") {
				t.Errorf("the plan does not say why: %s", text)
			}
			s.follow(1, "apply", exitStuck) // sent once more, and refused once more
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
		{name: "creates that are refused for the key, the country or the bill", shows: []string{"key or project refused"}, play: func(t *testing.T) {
			s := newStage(t, 2)
			for _, no := range []struct {
				code            int
				status, message string
			}{
				{400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."},
				{400, "FAILED_PRECONDITION", "User location is not supported for the API use."},
				{401, "UNAUTHENTICATED", "Request had invalid authentication credentials."},
				{403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support."},
			} {
				sent := s.refuse("", no.code, no.status, no.message)
				c := s.apply(exitError)
				if said, out := c.said(), c.stdout.String(); !strings.Contains(said, no.message) || !strings.Contains(out, "Apply stopped: ") || !strings.Contains(out, " 0 failed, 0 held, 3 deferred.") {
					t.Errorf("%d %s: %s%s", no.code, no.status, out, said)
				}
				if n := sent.Load(); n != 1 {
					t.Errorf("%d %s: %d creates were sent, want 1", no.code, no.status, n)
				}
				s.is(1, "uploaded create not_submitted")
				s.is(2, "absent upload+create not_submitted")
			}
			s.obey()
			s.finish(2)
			s.mustHaveUploaded(2)
			s.mustHaveBought(2)
		}},
		{name: "a file that is refused although it is alive", shows: []string{"file refused"}, play: func(t *testing.T) {
			s := newStage(t, 2)
			const words = "You do not have permission to access the File abc or it may not exist."
			sent := s.refuse("", 403, "PERMISSION_DENIED", words)
			if said := s.apply(exitError).said(); !strings.Contains(said, words) {
				t.Errorf("stderr: %s", said)
			}
			if n := sent.Load(); n != 1 {
				t.Errorf("%d creates were sent, want 1: that is about the project", n)
			}
			s.is(1, "uploaded create not_submitted")
			s.obey()
			s.finish(2)
			s.mustHaveUploaded(2)
			s.mustHaveBought(2)
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
		{name: "a model that takes no batches", shows: []string{"no such model"}, play: func(t *testing.T) {
			s := newStage(t, 3)
			s.configure(useModel("gemini-2.5-pro"), func(c *stageConfig) {
				c.last = 2
				c.more = "batch \"other\" {\n  range = [3, 3]\n  model = \"gemini-2.5-flash\"\n  source = \"in/batch_*_proper.jsonl\"\n  output_dir = \"other\"\n}"
			})
			const words = "models/gemini-2.5-pro is not found for API version v1beta, or is not supported for batchGenerateContent."
			sent := s.refuse("gemini-2.5-pro", 404, "NOT_FOUND", words)
			if said := s.apply(exitError).said(); !strings.Contains(said, words) {
				t.Errorf("stderr: %s", said)
			}
			if n := sent.Load(); n != 1 {
				t.Errorf("%d creates were sent for the model, want 1", n)
			}
			s.mustHaveBought(1) // the other block's
			s.is(1, "uploaded create not_submitted")
			s.is(2, "absent upload+create not_submitted")
			s.obey()
			s.finish(3)
			s.mustHaveBought(3)
		}},
		{name: "a quota that frees when a job ends", shows: []string{"quota"}, play: func(t *testing.T) {
			s := newStage(t, 3, emulator.Fault{Name: emulator.FaultQuota429, Op: emulator.OpCreate, First: 2})
			s.configure(func(c *stageConfig) { c.cooldown = "10m" })
			if out := s.apply(exitChanges, "--detailed-exitcode").stdout.String(); !strings.Contains(out, " 2 uploaded, 1 created, ") || !strings.Contains(out, " 0 failed, 0 held, 3 deferred.") {
				t.Errorf("the apply says %s", out)
			}
			s.is(2, "uploaded create not_submitted")
			s.is(3, "absent upload+create not_submitted") // an upload is made just in time
			s.apply(exitDone)                             // and keeps away for the pause
			if n := s.ledger().Calls[emulator.OpCreate]; n != 2 {
				t.Errorf("%d creates were sent, want 2", n)
			}
			s.ended()
			s.apply(exitDone) // a job has ended, and with it the pause
			s.mustHaveBought(2)
			s.apply(exitDone) // and two at once are more than what was accepted
			s.mustHaveBought(2)
			s.ended()
			s.apply(exitDone)
			s.mustHaveBought(3)
			s.ended()
			s.apply(exitDone)
			s.mustBeDone()
		}},
		{name: "a quota that is used up", shows: []string{"quota"}, play: func(t *testing.T) {
			s := newStage(t, 2, emulator.Fault{Name: emulator.FaultQuota429, Op: emulator.OpCreate})
			s.configure(func(c *stageConfig) { c.cooldown = "5s" }) // of the real time, and longer than a run
			if out := s.apply(exitDone).stdout.String(); !strings.Contains(out, "deferred.") || strings.Contains(out, " 0 deferred.") {
				t.Errorf("the apply says %s", out)
			}
			s.is(1, "uploaded create not_submitted")
			s.mustHaveBought(0)
			for began := time.Now(); s.bought() < 2 && time.Since(began) < patience; {
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
			if said := s.apply(exitStuck).said(); strings.Contains(said, "sent again") {
				t.Errorf("the last refusal is told as if it were not: %s", said)
			}
			s.failed(1, planner.FailRefused, rerunFirst)
			s.mustHaveBought(0)
			s.again(1)
			s.mustHaveBought(1)
		}},
	}
}
