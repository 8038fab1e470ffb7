package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/durable"
)

func TestMoveWarnings(t *testing.T) {
	at := func(n int) planner.Address { return planner.Address{Block: "qa", Number: n} }
	declared := func(a planner.Address) bool { return a.Number <= 3 }
	tests := []struct {
		name  string
		moves []state.Move
		want  []string
	}{
		{"none", nil, nil},
		{"into the config", []state.Move{{From: at(9), To: at(1)}}, nil},
		{"beside the config", []state.Move{{From: at(9), To: at(8)}}, []string{"The config declares no batch.qa[8]"}},
		{"out of the config", []state.Move{{From: at(1), To: at(8)}, {From: at(2), To: at(9)}},
			[]string{"The config declares no batch.qa[8] and 1 more", "The config still declares batch.qa[1] and 1 more"}},
		{"inside the config", []state.Move{{From: at(1), To: at(2)}, {From: at(2), To: at(3)}}, []string{"The config still declares batch.qa[1]"}},
	}
	for _, tt := range tests {
		var got []string
		for _, w := range MoveWarnings(tt.moves, declared) {
			if !w.Warning || w.Detail == "" {
				t.Errorf("%s: %+v is no warning that says what follows", tt.name, w)
			}
			got = append(got, w.Summary)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRenderLock(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 3, 10, 0, time.UTC)
	lock := state.LockStatus{
		File: "qaplan.state.json.lock", Held: true, Process: state.ProcessAlive, At: at.Add(90 * time.Second),
		Holder: state.Holder{ID: "1a2b", Operation: "apply", Who: "ann@de\x1bsk", PID: 7, Version: "0.1.0", Started: at, Renewed: at.Add(80 * time.Second)},
	}
	want := `  lock     1a2b
  file     qaplan.state.json.lock
  held by  apply by ann@de\x1bsk, pid 7, since 12:03:10, last seen 10 s ago
  version  0.1.0
  alive    yes: its process runs on this machine and holds the lock
`
	if diff := cmp.Diff(want, RenderLock(&lock)); diff != "" {
		t.Errorf("lock (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		held    bool
		process state.Process
		want    string
	}{
		{true, state.ProcessDead, "alive    perhaps: something holds the lock, but process 7 is gone"},
		{true, state.ProcessElsewhere, "alive    yes: a process on another machine"},
		{false, state.ProcessAlive, "alive    no: nothing holds the lock"},
		{false, state.ProcessDead, "alive    no: nothing holds the lock"},
	} {
		lock.Held, lock.Process = tt.held, tt.process
		if got := RenderLock(&lock); !strings.Contains(got, tt.want) {
			t.Errorf("held %v, process %s: %q is missing in\n%s", tt.held, tt.process, tt.want, got)
		}
	}
}

// Every refusal of surgery says what to do.
func TestSurgeryHints(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&state.OtherStateError{File: "x.json", Have: "aaaaaaa", Given: "bbbbbbb"}, "move x.json and its journal away"},
		{&state.OlderStateError{File: "x.json", Have: 2, Given: 1}, "move x.json and its journal away"},
		{&state.NotHolderError{File: "x.lock", ID: "a", Have: "b"}, "qaplan force-unlock b"},
		{&state.MoveError{Err: state.ErrTaken}, "qaplan state rm"},
		{&state.MoveError{Err: state.ErrUnsettled}, "qaplan apply"},
		{durable.ErrNotSeized, "ends with its process"},
		{durable.ErrLost, "the next run finds what was done"},
	} {
		if got := Explain(fmt.Errorf("doing: %w", tt.err)).Detail; !strings.Contains(got, tt.want) {
			t.Errorf("%v: hint %q lacks %q", tt.err, got, tt.want)
		}
	}
}
