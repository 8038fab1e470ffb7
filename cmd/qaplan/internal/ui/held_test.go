package ui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
)

// Neighbours with one reason and one way out are one entry, whose command names
// them all; a job that a person has to look at keeps its own. A plan names each
// of them all the same.
func TestHeldTogether(t *testing.T) {
	held := func(number int, why planner.Reason, job, message string) planner.Held {
		a := planner.Address{Block: "qa", Number: number}
		return planner.Held{Address: a, Reason: why, Job: job, Message: message, Exit: planner.Exit(why, a, job, "out/x.jsonl")}
	}
	p := &planner.Plan{Held: []planner.Held{
		held(1, planner.HoldCancelled, "batches/a", "Batch a failed without error."),
		held(2, planner.HoldCancelled, "batches/b", "Batch b failed without error."),
		held(4, planner.HoldCancelled, "batches/c", ""), // 3 is not held
		held(5, planner.HoldClaimedElsewhere, "batches/d", ""),
		held(6, planner.HoldClaimedElsewhere, "batches/e", ""),
		held(7, planner.HoldWrongJob, "batches/f", ""),
		held(8, planner.HoldWrongJob, "batches/g", ""),
		held(9, planner.HoldLeftConfig, "", ""),
		held(10, planner.HoldLeftConfig, "", ""),
		held(11, planner.HoldJobGone, "batches/h", "one thing"),
		held(12, planner.HoldJobGone, "batches/i", "another thing"),
	}}
	text := RenderLeft(p, nil, Style{}, 0)
	var got []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  ! ") || strings.HasPrefix(line, "      ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		"! batch.qa[1-2], 2 batches: its job was cancelled (cancelled)",
		"-> qaplan apply --rerun 'batch.qa[1-2]'",
		"! batch.qa[4]: its job was cancelled (cancelled), batches/c",
		"-> qaplan apply --rerun 'batch.qa[4]'",
		"! batch.qa[5-6], 2 batches: another state made a job for this batch (claimed_elsewhere)",
		"-> qaplan import ADDRESS JOB, apply with the state that made it, qaplan state rebuild if that one is lost, or qaplan apply --rerun 'batch.qa[5-6]'",
		"! batch.qa[7]: the answers of its job belong to another batch (wrong_job), batches/f",
		"-> qaplan import 'batch.qa[7]' batches/f, or qaplan apply --rerun 'batch.qa[7]'",
		"! batch.qa[8]: the answers of its job belong to another batch (wrong_job), batches/g",
		"-> qaplan import 'batch.qa[8]' batches/g, or qaplan apply --rerun 'batch.qa[8]'",
		"! batch.qa[9-10], 2 batches: it left the config while something bought is outstanding (left_config)",
		"-> put the batch back into the config, or qaplan state rm 'batch.qa[9-10]'",
		"! batch.qa[11]: its job is no longer at the service (job_gone), batches/h",
		"the service says: one thing",
		"-> qaplan apply --rerun 'batch.qa[11]'",
		"! batch.qa[12]: its job is no longer at the service (job_gone), batches/i",
		"the service says: another thing",
		"-> qaplan apply --rerun 'batch.qa[12]'",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held batches (-want +got):\n%s", diff)
	}
	for _, verbose := range []bool{false, true} {
		text := RenderPlan(p, PlanView{Verbose: verbose})
		entries, exits := strings.Count(text, "\n  ! "), strings.Count(text, "\n      -> ")
		if want := map[bool]int{false: 8, true: 11}[verbose]; entries != len(p.Held) || exits != want {
			t.Errorf("verbose %t: %d entries and %d ways out, want %d and %d:\n%s", verbose, entries, exits, len(p.Held), want, text)
		}
	}
}
