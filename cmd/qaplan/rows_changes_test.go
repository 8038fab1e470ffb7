package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

func changeRows() []scene {
	return []scene{
		{name: "a result that is gone or changed on the disk", shows: []string{"result changed"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.finish(1)
			right := s.read(s.result(1))
			s.remove(s.result(1))
			s.is(1, "succeeded download result_missing")
			s.apply(exitDone)
			s.put(s.result(1), right+"more\n")
			s.is(1, "succeeded download result_changed")
			s.apply(exitDone)
			if s.read(s.result(1)) != right {
				t.Error("the result is not as it was")
			}
			s.mustHaveBought(1)
		}},
		{name: "a result that is gone and not to be had any more", shows: []string{"result changed"}, reasons: []planner.Reason{planner.HoldResultGone}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.finish(1)
			s.remove(s.result(1))
			s.faults(outputMissing)
			s.apply(exitError)
			s.later(20 * time.Minute)
			s.run("apply", "--auto-approve")
			s.held(1, planner.HoldResultGone, rerunFirst)
			s.mustHaveBought(1)
			s.again(1)
			s.mustHaveBought(2)
		}},
		{name: "a source that changed after buying", shows: []string{"source changed after buying"}, reasons: []planner.Reason{planner.HoldSourceChanged}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			former := s.read(s.source(1))
			s.edit(1)
			s.is(1, "submitted !source_changed")
			s.ended()
			s.apply(exitStuck)
			s.held(1, planner.HoldSourceChanged, "restore the source file, or "+rerunFirst)
			if part := s.record(1).Last().Part; part == nil {
				t.Error("the answers were not kept")
			}
			s.put(s.source(1), former)
			s.is(1, "succeeded download rows_in_hand")
			s.apply(exitDone)
			s.mustHaveBought(1)
			s.mustBeDone()
		}},
		{name: "a source that changed after buying, bought again by hand", shows: []string{"source changed after buying"}, reasons: []planner.Reason{planner.HoldSourceChanged}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			s.edit(1)
			s.ended()
			s.apply(exitStuck)
			s.held(1, planner.HoldSourceChanged, rerunFirst)
			s.again(1)
			s.mustHaveBought(2)
		}},
		{name: "a source that changed after buying, with on_change = rerun", shows: []string{"source changed after buying"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.configure(attrs(`  on_change = "rerun"`))
			s.apply(exitDone)
			s.edit(1)
			s.is(1, "submitted !source_changed") // one job at a time
			s.apply(exitDone)
			s.mustHaveBought(1)
			s.ended()
			s.apply(exitDone)
			s.finish(1)
			s.mustHaveBought(2)
		}},
		{name: "a source that changed after buying, with on_change = keep", shows: []string{"source changed after buying"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.configure(attrs(`  on_change = "keep"`))
			s.apply(exitDone)
			s.edit(1)
			s.ended()
			s.apply(exitDone)
			s.mustBe(1)
			s.mustHaveBought(1)
		}},
		{name: "keys that changed after buying, with on_change = keep", shows: []string{"source changed after buying"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.configure(attrs(`  on_change = "keep"`))
			s.apply(exitDone)
			s.put(s.source(1), strings.ReplaceAll(s.read(s.source(1)), "b001-r001", "new-key"))
			s.ended()
			s.apply(exitStuck) // joined to the keys that the source has now
			lines := strings.Split(s.read(s.result(1)), "\n")
			if len(lines) != 3 || !strings.Contains(lines[0], `"key":"new-key"`) || !strings.Contains(lines[0], "no answer from the service") || !strings.Contains(lines[1], `"key":"b001-r002"`) {
				t.Errorf("the result is %s", lines)
			}
			s.is(1, "done")
			s.settled()
			s.mustHaveBought(1)
		}},
		{name: "a model that changed after buying", shows: []string{"model changed after buying"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			s.configure(useModel("gemini-2.5-pro"))
			s.is(1, "submitted !model_changed")
			s.ended()
			s.apply(exitDone)
			s.is(1, "done !model_changed")
			s.mustHaveBought(1)
		}},
		{name: "a model that changed, of a job that failed", shows: []string{"model changed after buying"}, reasons: []planner.Reason{planner.HoldModelChanged}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultJobFailed, ""))
			s.apply(exitDone)
			s.configure(useModel("gemini-2.5-pro"))
			s.ended()
			s.held(1, planner.HoldModelChanged, rerunFirst)
			s.again(1)
			s.mustHaveBought(2)
			if m := s.ledger().Purchases[1].Model; m != "gemini-2.5-pro" {
				t.Errorf("the second job was bought with %s", m)
			}
		}},
		{name: "a model that changed, of a job that failed, with on_change = rerun", shows: []string{"model changed after buying"}, play: func(t *testing.T) {
			s := newStage(t, 1, onCreate(emulator.FaultJobFailed, ""))
			s.configure(attrs(`  on_change = "rerun"`))
			s.apply(exitDone)
			s.configure(useModel("gemini-2.5-pro"))
			s.is(1, "submitted !model_changed")
			s.ended()
			s.is(1, "uploaded create job_failed")
			s.finish(1)
			s.mustHaveBought(2)
			if m := s.ledger().Purchases[1].Model; m != "gemini-2.5-pro" {
				t.Errorf("the second job was bought with %s", m)
			}
		}},
		{name: "another source in the place of one that is gone", shows: []string{"source gone after buying"}, reasons: []planner.Reason{planner.HoldSourceGone}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			former := s.read(s.source(1))
			s.remove(s.source(1))
			s.ended()
			s.apply(exitStuck)
			s.held(1, planner.HoldSourceGone, "put another in its place and "+rerunFirst)
			s.put(s.source(1), strings.ReplaceAll(former, "measure", "say of tomorrow"))
			s.held(1, planner.HoldSourceChanged, rerunFirst)
			s.follow(1, "apply", exitDone)
			s.ended()
			s.apply(exitDone)
			s.mustBe(1)
			s.mustHaveBought(2)
		}},
		{name: "a source that is gone after buying", shows: []string{"source gone after buying"}, reasons: []planner.Reason{planner.HoldSourceGone}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			former := s.read(s.source(1))
			s.remove(s.source(1))
			s.is(1, "submitted !source_gone")
			s.ended()
			s.apply(exitStuck)
			s.held(1, planner.HoldSourceGone, "restore the source file")
			if s.record(1).Last().Part == nil {
				t.Error("the answers were not kept")
			}
			s.put(s.source(1), former)
			s.apply(exitDone)
			s.mustBe(1)
			s.remove(s.source(1)) // delivered: it stays done
			s.is(1, "done !source_gone")
			s.mustHaveBought(1)
		}},
		{name: "a change when all is delivered", shows: []string{"changed when done"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.finish(1)
			s.edit(1)
			s.is(1, "done !source_changed")
			s.apply(exitDone)
			s.mustHaveBought(1)
			s.configure(attrs(`  on_change = "keep"`))
			s.is(1, "done")
			s.configure(attrs(`  on_change = "rerun"`))
			s.is(1, "done upload+create source_changed")
			s.finish(1)
			s.mustHaveBought(2)
			s.configure(attrs(`  on_change = "hold"`), useModel("gemini-2.5-pro"))
			s.is(1, "done !model_changed")
			s.configure(attrs(`  on_change = "rerun"`))
			s.is(1, "done create model_changed")
			s.finish(1)
			s.mustHaveBought(3)
		}},
		{name: "a batch that leaves the config", shows: []string{"left the config"}, reasons: []planner.Reason{planner.HoldLeftConfig}, play: func(t *testing.T) {
			s := newStage(t, 3)
			s.apply(exitDone)
			s.configure(func(c *stageConfig) { c.last = 1 })
			s.held(2, planner.HoldLeftConfig, "qaplan state rm 'batch.qa[2]'")
			s.held(3, planner.HoldLeftConfig, "put the batch back into the config")
			s.mustRun(exitDone, "state", "rm", "--auto-approve", "batch.qa[2]")
			s.configure(func(c *stageConfig) { c.last = 3 })
			s.is(3, "submitted")
			s.is(2, "submitted adopt job_found") // its label finds it again
			s.finish(3)
			s.configure(func(c *stageConfig) { c.last = 2 })
			s.is(3, "done forget left_config") // all of it is delivered
			s.apply(exitDone)
			s.mustHaveBought(3)
			if _, err := os.Stat(s.result(3)); err != nil {
				t.Errorf("the result of a forgotten batch: %v", err)
			}
		}},
		{name: "what ended leaves the config", shows: []string{"left the config"}, reasons: []planner.Reason{planner.HoldLeftConfig}, play: func(t *testing.T) {
			s := newStage(t, 3, emulator.Fault{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, First: 3})
			s.apply(exitDone)
			s.configure(func(c *stageConfig) { c.last = 1 })
			s.ended()
			s.is(3, "absent forget left_config") // it failed: nothing of it is outstanding
			s.apply(exitStuck)
			s.held(2, planner.HoldLeftConfig, "put the batch back into the config, or qaplan state rm 'batch.qa[2]'")
			if _, err := os.Stat(s.result(2)); err == nil {
				t.Error("the answers of a batch out of the config were delivered")
			}
			s.follow(2, "state rm", exitDone)
			s.mustBe(1)
			s.apply(exitDone) // the manifest follows the state
			s.settled()
			s.mustHaveBought(3)
		}},
		{name: "a block that is renamed", shows: []string{"left the config"}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.apply(exitDone)
			s.configure(func(c *stageConfig) { c.block = "answers" })
			s.is(1, "submitted adopt renamed")
			s.apply(exitDone)
			s.is(1, "submitted")
			s.finish(2)
			s.mustHaveBought(2)
		}},
	}
}

func strangerRows() []scene {
	return []scene{
		{name: "a job that may be anybody's", shows: []string{"nothing bought"}, reasons: []planner.Reason{planner.HoldMaybeBought}, play: func(t *testing.T) {
			s := newStage(t, 2)
			job := s.foreign(1, "RUNNING")
			for n := range 2 {
				s.held(n+1, planner.HoldMaybeBought, strings.ReplaceAll("qaplan import 'batch.qa[N]' "+job, "N", string(rune('1'+n))))
			}
			s.apply(exitStuck)
			s.mustHaveUploaded(0)
			s.mustRun(exitDone, "import", "--auto-approve", "batch.qa[1]", job)
			s.is(1, "submitted")
			s.finish(2)
			s.mustHaveBought(1)
		}},
		{name: "a job that is nobody's, as a person says", shows: []string{"nothing bought"}, reasons: []planner.Reason{planner.HoldMaybeBought}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.foreign(1, "RUNNING")
			s.held(1, planner.HoldMaybeBought, `set unclaimed = "ignore" in batch "qa"`)
			s.configure(attrs(`  unclaimed = "ignore"`))
			s.is(1, "absent upload+create not_submitted")
			s.finish(2)
			s.mustHaveBought(2)
		}},
		{name: "a job that its answers explain", shows: []string{"succeeded with output"}, play: func(t *testing.T) {
			s := newStage(t, 2)
			s.foreign(1, "SUCCEEDED")
			s.is(1, "succeeded adopt+download job_succeeded")
			s.is(2, "absent upload+create not_submitted")
			s.finish(2)
			s.mustHaveBought(1)
		}},
		{name: "jobs that explain themselves when they end", shows: []string{"nothing bought"}, reasons: []planner.Reason{planner.HoldMaybeBought}, play: func(t *testing.T) {
			s := newStage(t, 3)
			s.foreign(1, "RUNNING")
			s.foreign(3, "RUNNING")
			s.configure(func(c *stageConfig) { c.last = 2 }) // the second job is nobody's then
			s.held(1, planner.HoldMaybeBought, "qaplan import 'batch.qa[1]'")
			s.held(2, planner.HoldMaybeBought, "qaplan import 'batch.qa[2]'")
			s.ended()
			s.is(1, "succeeded adopt+download job_succeeded")
			s.is(2, "absent upload+create not_submitted")
			s.finish(2)
			s.mustHaveBought(1)
		}},
		{name: "a job of another state that comes back", shows: []string{"nothing bought"}, reasons: []planner.Reason{planner.HoldClaimedElsewhere}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			theirs := s.read(s.path("qaplan.state.json"))
			s.remove(s.path("qaplan.state.json"))
			s.held(1, planner.HoldClaimedElsewhere, "apply with the state that made it")
			s.put(s.path("qaplan.state.json"), theirs)
			s.is(1, "submitted")
			s.finish(1)
			s.mustHaveBought(1)
		}},
		{name: "a job that another state made", shows: []string{"nothing bought"}, reasons: []planner.Reason{planner.HoldClaimedElsewhere}, play: func(t *testing.T) {
			s := newStage(t, 3)
			s.apply(exitDone)
			s.remove(s.path("qaplan.state.json"))
			for n := range 3 {
				s.held(n+1, planner.HoldClaimedElsewhere, strings.ReplaceAll("qaplan import 'batch.qa[N]' batches/", "N", string(rune('1'+n))))
			}
			s.apply(exitStuck)
			s.follow(1, "import", exitDone)
			s.is(1, "submitted")
			s.follow(2, "apply", exitDone) // a person wants one of its own
			s.mustHaveBought(4)
			s.mustRun(exitDone, "state", "rebuild", "--auto-approve")
			s.is(3, "submitted")
			s.finish(3)
			s.mustHaveBought(4)
		}},
	}
}
