package main

import (
	"slices"
	"testing"

	"github.com/qaplan/qaplan/planner"
)

// scene is one test from the outside of what is seen and what is then done. It
// tells which rows of the table it shows, and which reasons of holds and
// failures with their ways out.
type scene struct {
	name    string
	shows   []string
	reasons []planner.Reason
	play    func(t *testing.T)
}

// tableRows are the rows of the design's table of transitions, in its order.
func tableRows() []string {
	return []string{
		"nothing bought", "upload alive", "upload gone", "source changed before buying",
		"job active", "output not named", "output gone", "succeeded with output", "failed or expired", "cancelled",
		"job not listed", "cancelled by us", "damaged downloads", "result in the way",
		"input refused", "key or project refused", "file refused", "no such model", "quota", "refused without a cause",
		"unknown state", "result changed", "source changed after buying", "model changed after buying", "source gone after buying",
		"changed when done", "left the config", "rerun",
	}
}

func allRows() []scene {
	return slices.Concat(buyingRows(), jobRows(), refusalRows(), changeRows(), strangerRows())
}

func TestRows(t *testing.T) {
	for _, r := range allRows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.play(t)
		})
	}
}

// Every row of the table and every reason has its test.
func TestRowsAreComplete(t *testing.T) {
	shown, met := map[string]bool{}, map[planner.Reason]bool{}
	for _, r := range allRows() {
		for _, name := range r.shows {
			if !slices.Contains(tableRows(), name) {
				t.Errorf("%s: there is no row %q", r.name, name)
			}
			shown[name] = true
		}
		for _, why := range r.reasons {
			met[why] = true
		}
	}
	for _, name := range tableRows() {
		if !shown[name] {
			t.Errorf("no test shows the row %q", name)
		}
	}
	for _, why := range append(planner.HoldReasons(), planner.FailAttemptsUsedUp, planner.FailRefused) {
		if !met[why] {
			t.Errorf("no test meets %s and its way out", why)
		}
	}
}
