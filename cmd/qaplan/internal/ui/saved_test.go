package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
)

func savedItems() []planner.SavedItem {
	var list []planner.SavedItem
	add := func(n int, standing planner.Standing, why planner.Reason, phase planner.Phase) {
		c := create(n, planner.ActionUpload, planner.ActionCreate)
		list = append(list, planner.SavedItem{Change: &c, Standing: standing, Why: why, Phase: phase})
	}
	for n := 51; n <= 60; n++ {
		add(n, planner.StandsDone, planner.SavedBought, planner.PhaseSubmitted)
	}
	add(61, planner.StandsPlanned, "", planner.PhaseAbsent)
	add(62, planner.StandsStale, planner.SavedSourceChanged, planner.PhaseAbsent)
	add(63, planner.StandsStale, planner.HoldMaybeBought, planner.PhaseHeld)
	add(64, planner.StandsStale, planner.HoldMaybeBought, planner.PhaseHeld)
	for n := 100; n <= 140; n += 2 {
		add(n, planner.StandsDone, planner.SavedSent, planner.PhaseUnknown)
	}
	return list
}

func TestRenderSaved(t *testing.T) {
	golden(t, "saved.txt", RenderSaved(savedItems(), Style{}))
	tests := []struct {
		name  string
		items []planner.SavedItem
		want  string
	}{
		{"empty", nil, "The saved plan holds no changes.\n\n"},
		{"all of it is still to do", savedItems()[10:11], ""},
		{"all of it is done", savedItems()[:1], "The saved plan was carried out: nothing of it is left to do.\n\n  done  batch.refinement[51]  its job was bought\n\n"},
	}
	for _, tt := range tests {
		if got := RenderSaved(tt.items, Style{}); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	p := &planner.Plan{CreatedAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), QaplanVersion: "0.1.0\x1b[2J", Digest: someDigest, Service: planner.Service{Kind: "gemini", BaseURL: "https://example.com"}}
	golden(t, "saved_head.txt", SavedHead(p))
}

// Every reason of a standing has words, and every misfit something to do.
func TestSavedWords(t *testing.T) {
	for _, why := range []planner.Reason{
		planner.SavedBought, planner.SavedSent, planner.SavedRefused, planner.SavedDelivered, planner.SavedAdopted, planner.SavedForgotten,
		planner.SavedUnknown, planner.SavedSourceChanged, planner.SavedModelChanged, planner.SavedRowsChanged, planner.SavedBoughtSince,
		planner.SavedCancelledSince, planner.SavedClaimedSince, planner.SavedOtherProject, planner.SavedNothingToDo, planner.SavedOtherwise,
	} {
		if words := savedWords(&planner.SavedItem{Why: why, Phase: planner.PhaseDone}); words == string(why) {
			t.Errorf("no words for %s", why)
		}
	}
	for _, why := range append(planner.HoldReasons(), planner.FailAttemptsUsedUp) {
		if words := savedWords(&planner.SavedItem{Standing: planner.StandsStale, Why: why, Phase: planner.PhaseHeld}); !strings.HasPrefix(words, "it is held now: ") {
			t.Errorf("%s: %s", why, words)
		}
	}
	seen := map[string]bool{}
	for _, what := range []planner.Misfit{planner.MisfitVersion, planner.MisfitService, planner.MisfitLineage, planner.MisfitConfig, planner.MisfitDigest} {
		x := Explain(&planner.MisfitError{What: what, Plan: "a", Now: "b"})
		if seen[x.Summary] || !strings.HasPrefix(x.Detail, "Nothing was done") {
			t.Errorf("%s: %+v", what, x)
		}
		seen[x.Summary] = true
	}
	if got, want := Saved("p.json", "x"), "Saved the plan as p.json; qaplan -C x apply p.json carries out exactly this."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
