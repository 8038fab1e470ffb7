package main

import (
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

// onceRefused refuses the first create without a cause, so that its upload
// stays.
var onceRefused = emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpCreate, Value: "400"}

func buyingRows() []scene {
	return []scene{
		{name: "the life of a batch", shows: []string{"nothing bought", "job active", "succeeded with output"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.is(1, "absent upload+create not_submitted")
			s.apply(exitDone)
			s.is(1, "submitted")
			s.apply(exitChanges, "--detailed-exitcode")
			s.ended()
			s.is(1, "succeeded download job_succeeded")
			s.apply(exitDone, "--detailed-exitcode")
			s.is(1, "done")
			s.mustBeDone()
		}},
		{name: "an upload that is alive is used", shows: []string{"upload alive"}, play: func(t *testing.T) {
			s := newStage(t, 1, onceRefused)
			s.apply(exitError)
			s.is(1, "uploaded create not_submitted")
			s.finish(1)
			s.mustHaveUploaded(1)
			s.mustHaveBought(1)
		}},
		{name: "an upload that expired is made again", shows: []string{"upload gone"}, play: func(t *testing.T) {
			s := newStage(t, 1, onceRefused)
			s.apply(exitError)
			s.later(47*time.Hour + 20*time.Minute)
			s.is(1, "uploaded create not_submitted")
			s.later(15 * time.Minute) // less than half an hour is left
			s.is(1, "absent upload+create upload_expired")
			s.later(time.Hour)
			s.is(1, "absent upload+create upload_expired")
			s.finish(1)
			s.mustHaveUploaded(2)
			s.mustHaveBought(1)
		}},
		{name: "an upload that holds other bytes is never bought on", shows: []string{"upload gone"}, play: func(t *testing.T) {
			s := newStage(t, 1, onceRefused)
			s.apply(exitError)
			file := s.record(1).Upload.File
			s.call("DELETE", file)
			s.is(1, "absent upload+create upload_expired")
			if _, err := s.server.AddFile(file, "", []byte(s.read(s.source(1))+"\n"), 0); err != nil {
				t.Fatal(err)
			}
			s.is(1, "absent upload+create upload_expired")
			s.finish(1)
			s.mustHaveBought(1)
			if at := s.record(1).Last(); at.File == file {
				t.Errorf("the job was bought on %s, which holds other bytes", file)
			}
		}},
		{name: "a source that changed before buying", shows: []string{"source changed before buying"}, play: func(t *testing.T) {
			s := newStage(t, 1, onceRefused)
			s.apply(exitError)
			former := s.record(1).Upload.SHA256
			s.edit(1)
			s.is(1, "absent upload+create source_changed")
			s.finish(1)
			s.mustHaveBought(1)
			if got := s.ledger().Purchases[0].SHA256; got == former {
				t.Error("the former bytes were bought")
			}
		}},
		{name: "a file in the way of a result", shows: []string{"result in the way"}, reasons: []planner.Reason{planner.HoldResultExists}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.put(s.result(1), "somebody's\n")
			s.held(1, planner.HoldResultExists, "move out/batch_001_proper.jsonl away")
			s.apply(exitStuck)
			s.mustHaveUploaded(0)
			if s.read(s.result(1)) != "somebody's\n" {
				t.Error("the file was touched")
			}
			s.remove(s.result(1))
			s.finish(1)
			s.mustBeDone()
		}},
		{name: "a file in the way that is the result", shows: []string{"result in the way"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.finish(1)
			result := s.read(s.result(1))
			s.mustRun(exitDone, "state", "rm", "--auto-approve", "batch.qa[1]")
			s.is(1, "succeeded adopt+download job_succeeded")
			s.apply(exitDone)
			s.is(1, "done")
			if s.read(s.result(1)) != result {
				t.Error("the result is another one")
			}
			s.mustHaveBought(1)
		}},
		{name: "another job is asked for", shows: []string{"rerun"}, play: func(t *testing.T) {
			s := newStage(t, 1)
			s.apply(exitDone)
			s.is(1, "submitted !rerun_refused", "--rerun", "batch.qa[1]") // while one is active
			s.ended()
			s.apply(exitDone)
			first := s.read(s.result(1))
			s.is(1, "done create rerun", "--rerun", "batch.qa[1]")
			s.faults(emulator.Fault{Name: emulator.FaultJobFailed, Op: emulator.OpCreate})
			s.apply(exitDone, "--rerun", "batch.qa[1]")
			if s.read(s.result(1)) != first {
				t.Error("the former result did not stay until there is a new one")
			}
			s.ended()
			s.apply(exitDone)
			s.is(1, "done !job_failed") // the former result stands
			s.mustHaveBought(2)
			s.finish(1, "--rerun", "batch.qa[1]")
			s.mustHaveBought(3)
			if s.record(1).Result.Attempt != 3 {
				t.Errorf("the result is of attempt %d, want 3", s.record(1).Result.Attempt)
			}
		}},
	}
}
