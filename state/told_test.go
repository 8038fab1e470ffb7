package state

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
)

// What was told goes with its batch: to another address, or out of the state.
func TestToldFollowsBatches(t *testing.T) {
	other := func(n int) planner.Address { return planner.Address{Block: "other", Number: n} }
	path := newPath(t)
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), &planner.Record{}}, Change{addr(2), &planner.Record{}}, Change{addr(3), &planner.Record{}})
	block := planner.Selector{Block: addr(1).Block, Whole: true}.String()
	for subject, id := range map[string]string{addr(1).String(): "id-1", addr(2).String(): "id-2", block: "id-block"} {
		if err := s.WriteTold(subject, id); err != nil {
			t.Fatal(err)
		}
	}
	is := func(what string, want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, s.State().Told); diff != "" {
			t.Errorf("%s: told (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff(want, mustRead(t, path).Told); diff != "" {
			t.Errorf("%s: told on disk (-want +got):\n%s", what, diff)
		}
	}

	if err := s.Move(Move{addr(1), other(7)}); err != nil {
		t.Fatal(err)
	}
	is("one moved", map[string]string{other(7).String(): "id-1", addr(2).String(): "id-2", block: "id-block"})
	if err := s.Move(Move{addr(3), other(3)}); err != nil {
		t.Fatal(err)
	}
	is("one moved of which nothing was told", map[string]string{other(7).String(): "id-1", addr(2).String(): "id-2", block: "id-block"})
	mustWrite(t, s, "adopt", Change{addr(2), nil}, Change{other(2), rec(2)})
	is("the last one of a block moved", map[string]string{other(7).String(): "id-1", other(2).String(): "id-2"})
	mustWrite(t, s, "state_rm", Change{other(2), nil}, Change{other(7), nil})
	is("two forgotten", map[string]string{})
	mustClose(t, s)
}
