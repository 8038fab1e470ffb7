package main

import (
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

const rerunFirst = "qaplan apply --rerun 'batch.qa[1]'"

// onCreate is a fault that stays with the first job that is made.
func onCreate(name, value string) emulator.Fault {
	return emulator.Fault{Name: name, Op: emulator.OpCreate, Value: value}
}

// outputMissing says that an output is not there, for as long as it stands.
var outputMissing = emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpDownload, Count: -1, Value: "404"}

// again buys the first batch again and brings everything to its end.
func (s *stage) again(done int) {
	s.t.Helper()
	s.faults()
	s.finish(done, "--rerun", "batch.qa[1]")
}

func jobRows() []scene {
	return []scene{
		{name: "a job that is old compared with its siblings", shows: []string{"job active"}, play: func(t *testing.T) {
			s := newStage(t, 4, emulator.Fault{Name: emulator.FaultJobStuck, Op: emulator.OpCreate, First: 4, Value: "RUNNING"})
			s.apply(exitDone)
			s.ended()
			s.apply(exitDone)
			s.is(4, "submitted")
			s.later(2 * time.Hour) // the others took one
			s.is(4, "submitted !job_old")
			if text := s.mustRun(exitDone, "plan").stdout.String(); !strings.Contains(text, "batch.qa[4]: its job is old compared with the 3 others of its block that succeeded, each within 61 min") {
				t.Errorf("the plan does not say what it is compared with: %s", text)
			}
			for _, command := range [][]string{{"plan"}, {"plan", "--format", "markdown"}, {"status"}} {
				ran := s.mustRun(exitDone, command...)
				if text := ran.stdout.String() + ran.stderr.String(); !strings.Contains(text, "qaplan cancel 'batch.qa[4]'") {
					t.Errorf("%s does not say what can be done: %s", command, text)
				}
			}
			s.settled()
			s.later(30 * 24 * time.Hour)
			s.settled()
			s.mustHaveBought(4)
			if calls := s.ledger().Calls; calls[emulator.OpCancel]+calls[emulator.OpDeleteJob] > 0 {
				t.Errorf("the job was touched: %v", calls)
			}
		}},
		{name: "answers that stand in the job itself", shows: []string{"output not named"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			job := s.inline(1)
			s.mustRun(exitDone, "import", "--auto-approve", "batch.qa[1]", job)
			s.ended()
			s.is(1, "succeeded download job_succeeded") // only the job tells: the listing does not
			s.apply(exitDone)
			s.mustBe(1)
			if err := checkAnswers(s.path("in"), s.path("out"), 1); err != nil {
				t.Error(err)
			}
			s.mustHaveUploaded(0)
		}},
		{name: "an output that is named late", shows: []string{"output not named"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultSucceededWithoutOutput, "3h"))
			s.apply(exitDone)
			s.ended()
			s.is(1, "submitted")
			s.later(3 * time.Hour)
			s.is(1, "succeeded download job_succeeded")
			s.apply(exitDone)
			s.mustBeDone()
		}},
		{name: "an output that is never named", shows: []string{"output not named"}, reasons: []planner.Reason{planner.HoldNoOutput}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultSucceededWithoutOutput, "100h"))
			s.apply(exitDone)
			s.ended()
			s.later(21 * time.Hour) // it may have ended as soon as it was made, two hours before
			s.is(1, "submitted")
			s.later(4 * time.Hour)
			s.held(1, planner.HoldNoOutput, rerunFirst)
			s.again(1)
			s.mustHaveBought(2)
		}},
		{name: "an output that is named after all", shows: []string{"output not named"}, reasons: []planner.Reason{planner.HoldNoOutput}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultSucceededWithoutOutput, "30h"))
			s.apply(exitDone)
			s.later(27 * time.Hour)
			s.held(1, planner.HoldNoOutput, rerunFirst)
			s.later(5 * time.Hour)
			s.is(1, "succeeded download job_succeeded")
			s.apply(exitDone)
			s.mustBeDone()
		}},
		{name: "an output that is gone before it was downloaded", shows: []string{"output gone"}, reasons: []planner.Reason{planner.HoldResultGone}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			s.ended()
			s.faults(outputMissing)
			s.apply(exitError)
			s.is(1, "succeeded download job_succeeded") // one word is not believed
			s.later(20 * time.Minute)
			s.run("apply", "--auto-approve")
			s.held(1, planner.HoldResultGone, rerunFirst)
			s.mustHaveBought(1)
			s.again(1)
			s.mustHaveBought(2)
		}},
		{name: "a job that failed is bought again", shows: []string{"failed or expired"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultJobFailed, ""))
			s.apply(exitDone)
			s.ended()
			s.is(1, "uploaded create job_failed")
			s.finish(1)
			s.mustHaveBought(2)
			s.mustHaveUploaded(1) // the upload is alive, and is used again
		}},
		{name: "a job that expired is bought again", shows: []string{"failed or expired"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultJobExpired, "48h"))
			s.apply(exitDone)
			s.later(50 * time.Hour)
			s.is(1, "absent upload+create job_expired")
			s.finish(1)
			s.mustHaveBought(2)
			s.mustHaveUploaded(2) // the first one has expired too
		}},
		{name: "a job that expired with some answers", shows: []string{"failed or expired"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultJobExpired, "40h"), onCreate(emulator.FaultPartialOutput, ""))
			s.apply(exitDone)
			s.later(41 * time.Hour)
			s.is(1, "succeeded download partial_output")
			s.apply(exitDone)
			if s.record(1).Last().Part == nil {
				t.Error("the answers were not kept")
			}
			s.mustHaveBought(1)                         // what comes next was not shown yet
			s.is(1, "absent upload+create job_expired") // the rows that it did not reach
			s.finish(1)
			s.mustHaveBought(2)
			s.mustBe(1)
		}},
		{name: "attempts that are used up", shows: []string{"failed or expired"}, reasons: []planner.Reason{planner.FailAttemptsUsedUp}, play: func(t *testing.T) {
			s := newStage(t, 1, emulator.Fault{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, Count: 2})
			s.configure(attrs("  max_attempts = 2"))
			for range 2 {
				s.apply(exitDone)
				s.ended()
			}
			s.failed(1, planner.FailAttemptsUsedUp, rerunFirst)
			s.mustHaveBought(2)
			s.again(1)
			s.mustHaveBought(3)
		}},
		{name: "a job that somebody cancelled", shows: []string{"cancelled"}, reasons: []planner.Reason{planner.HoldCancelled}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.apply(exitDone)
			s.call("POST", s.job(1)+":cancel")
			s.held(1, planner.HoldCancelled, rerunFirst)
			s.ended()
			s.apply(exitStuck)
			s.is(2, "done")
			s.again(2)
			s.mustHaveBought(3)
		}},
		{name: "a job that we cancelled", shows: []string{"cancelled by us"}, reasons: []planner.Reason{planner.HoldCancelled}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			s.mustRun(exitDone, "cancel", "--auto-approve", "batch.qa[1]")
			s.held(1, planner.HoldCancelled, rerunFirst)
			s.ended()
			s.apply(exitStuck)
			s.mustHaveBought(1)
			s.again(1)
			s.mustHaveBought(2)
		}},
		{name: "a job that succeeds after our cancel", shows: []string{"cancelled by us"}, reasons: []planner.Reason{planner.HoldCancelled}, play: func(t *testing.T) {
			s := newStage(t, 1, emulator.Fault{Name: emulator.FaultCancelDelayed, Op: emulator.OpCancel, Value: "5h"})
			s.apply(exitDone)
			if out := s.mustRun(exitDone, "cancel", "--auto-approve", "batch.qa[1]").stdout.String(); !strings.Contains(out, "has not ended yet") {
				t.Errorf("the cancel says %s", out)
			}
			s.is(1, "submitted !cancel_pending")
			s.ended()
			s.is(1, "succeeded download job_succeeded")
			s.apply(exitStuck)
			s.held(1, planner.HoldCancelled, rerunFirst)
			if part := s.record(1).Last().Part; part == nil || s.read(s.path("out", part.Path)) == "" {
				t.Errorf("the answers were not kept: %+v", part)
			}
			s.again(1)
			s.mustHaveBought(2)
		}},
		{name: "a job with rows that a cancel cut off", shows: []string{"cancelled by us"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultPartialOutput, ""))
			s.apply(exitDone)
			s.call("POST", s.job(1)+":cancel")
			s.is(1, "succeeded download partial_output")
			s.apply(exitStuck)
			s.held(1, planner.HoldCancelled, rerunFirst)
			if s.record(1).Last().Part == nil {
				t.Error("the rows were not kept")
			}
		}},
		{name: "a job that succeeded with rows that a cancel cut off", shows: []string{"cancelled by us"}, reasons: []planner.Reason{planner.HoldCancelled}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultAllRowsFailed, "1"))
			s.apply(exitDone)
			s.ended()
			s.is(1, "succeeded download job_succeeded")
			s.apply(exitStuck)
			s.held(1, planner.HoldCancelled, rerunFirst)
			if s.record(1).Last().Part == nil {
				t.Error("the rows were not kept")
			}
			s.follow(1, "apply", exitDone)
			s.ended()
			s.apply(exitDone)
			s.mustBe(1)
			s.mustHaveBought(2)
		}},
		{name: "a job that the listing does not show yet", shows: []string{"job not listed"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultListLag, "10m"))
			s.apply(exitDone)
			s.is(1, "submitted")
			s.apply(exitDone)
			s.later(20 * time.Minute)
			s.is(1, "submitted")
			s.finish(1)
			s.mustHaveBought(1)
		}},
		{name: "a job that is gone", shows: []string{"job not listed"}, reasons: []planner.Reason{planner.HoldJobGone}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.apply(exitDone)
			s.call("DELETE", s.job(1))
			s.is(1, "submitted")
			s.later(20 * time.Minute)
			s.held(1, planner.HoldJobGone, rerunFirst)
			s.is(2, "submitted")
			s.again(2)
			s.mustHaveBought(3)
		}},
		{name: "a key of another project", shows: []string{"job not listed"}, reasons: []planner.Reason{planner.HoldOtherProject}, play: func(t *testing.T) {
			s := newStage(t, 3)
			s.apply(exitDone, "--target", "batch.qa[1-2]")
			s.later(20 * time.Minute)
			right := s.server
			s.server = s.project()
			for n := range 2 {
				s.held(n+1, planner.HoldOtherProject, "set GEMINI_API_KEY to a key of the project that made the jobs")
			}
			s.held(3, planner.HoldOtherProject, "set GEMINI_API_KEY") // nothing was bought for it yet
			s.mustHaveBought(0)                                       // in the other project
			s.front.mu.Lock()
			s.server, s.front.server = right, right // the right key
			s.front.mu.Unlock()
			s.finish(3)
			s.mustHaveBought(3)
		}},
		{name: "jobs that were all deleted", shows: []string{"job not listed"}, reasons: []planner.Reason{planner.HoldOtherProject, planner.HoldJobGone}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.apply(exitDone)
			s.later(20 * time.Minute)
			s.call("DELETE", s.job(1))
			s.call("DELETE", s.job(2))
			s.held(1, planner.HoldOtherProject, "if they were deleted, "+rerunFirst)
			s.follow(1, "apply", exitDone) // its own new job shows that the key is right
			s.is(1, "submitted")
			s.held(2, planner.HoldJobGone, "qaplan apply --rerun 'batch.qa[2]'")
			s.follow(2, "apply", exitDone)
			s.ended()
			s.apply(exitDone)
			s.mustBe(2)
			s.mustHaveBought(4)
		}},
		{name: "a download that is damaged once", shows: []string{"damaged downloads"}, play: func(t *testing.T) {
			s := newStage(t, 1, emulator.Fault{Name: emulator.FaultTruncatedDownload, Op: emulator.OpDownload})
			s.apply(exitDone)
			s.ended()
			s.apply(exitDone)
			s.mustBeDone() // the second and the third were alike, and whole
		}},
		{name: "lines that are damaged", shows: []string{"damaged downloads"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultWrongKeyLine, "1"), onCreate(emulator.FaultMissingRow, "1"))
			s.apply(exitDone)
			s.ended()
			if said := s.apply(exitStuck).said(); !strings.Contains(said, "1 lines of the answers belong to no key") {
				t.Errorf("stderr: %s", said)
			}
			s.is(1, "done")
			if text := s.read(s.result(1)); strings.Count(text, "\n") != 2 || !strings.Contains(text, "qaplan: no answer from the service") {
				t.Errorf("the result is %s", text)
			}
			s.mustHaveBought(1)
		}},
		{name: "jobs that were imported crosswise", shows: []string{"damaged downloads"}, reasons: []planner.Reason{planner.HoldWrongJob}, play: func(t *testing.T) {
			s := newStage(t, 2)
			of1, of2 := s.foreign(1, "RUNNING"), s.foreign(2, "RUNNING")
			s.mustRun(exitDone, "import", "--auto-approve", "batch.qa[1]", of2)
			s.mustRun(exitDone, "import", "--auto-approve", "batch.qa[2]", of1)
			s.is(1, "submitted")
			s.ended()
			s.apply(exitStuck) // the answers come, and are another's
			s.held(1, planner.HoldWrongJob, "qaplan import 'batch.qa[1]' "+of1)
			s.held(2, planner.HoldWrongJob, "qaplan import 'batch.qa[2]' "+of2)
			s.follow(1, "import", exitDone)
			s.follow(2, "import", exitDone)
			s.apply(exitDone)
			s.mustBe(2)
			s.mustHaveBought(0)
		}},
		{name: "an import that fits no key, and no other job", shows: []string{"damaged downloads"}, reasons: []planner.Reason{planner.HoldWrongJob}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.configure(func(c *stageConfig) { c.last = 1 })
			s.mustRun(exitDone, "import", "--auto-approve", "batch.qa[1]", s.foreign(2, "RUNNING"))
			s.ended()
			s.apply(exitStuck)
			s.held(1, planner.HoldWrongJob, "qaplan import 'batch.qa[1]' JOB, or "+rerunFirst)
			s.mustHaveBought(0)
			s.follow(1, "apply", exitDone)
			s.ended()
			s.apply(exitDone)
			s.mustBe(1)
			s.mustHaveBought(1)
		}},
		{name: "a state that is not known, of a job at work", shows: []string{"unknown state"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultUnknownState, "BATCH_STATE_RESTING"))
			s.apply(exitDone)
			if p := s.plan(); len(p.Waiting) != 1 || !strings.Contains(p.Waiting[0].JobState, "RESTING") {
				t.Errorf("waiting: %+v, want the state as it is", p.Waiting)
			}
			s.is(1, "submitted")
			s.ended()
			s.apply(exitDone)
			s.mustBeDone()
		}},
		{name: "a state that is not known, with output", shows: []string{"unknown state"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultUnknownState, "BATCH_STATE_FINE:output"))
			s.apply(exitDone)
			s.ended()
			s.is(1, "succeeded download job_succeeded")
			s.apply(exitDone)
			s.mustBeDone()
		}},
		{name: "a state that is not known, without output", shows: []string{"unknown state"}, reasons: []planner.Reason{planner.HoldStateUnknown}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultUnknownState, "BATCH_STATE_ODD:bare"))
			s.apply(exitDone)
			s.ended()
			s.held(1, planner.HoldStateUnknown, rerunFirst)
			s.again(1)
			s.mustHaveBought(2)
		}},
	}
}
