package planner

import (
	"strings"
	"testing"
)

func TestCompletionsOfItems(t *testing.T) {
	result := func(sum string) *Record {
		return &Record{Attempts: []Attempt{{Number: 1, Outcome: OutcomeBought, Job: "batches/j", Model: "m"}}, Result: &Result{SHA256: sum, Attempt: 1, Rows: 3, Succeeded: 1, Failed: 1, Missing: 1}}
	}
	done := func(block string, number int, sum string) Item {
		return Item{Address: Address{Block: block, Number: number}, Phase: PhaseDone, Record: result(sum), Want: &Batch{}}
	}
	in := func(phase Phase, it Item) Item { it.Phase = phase; return it }
	left := func(it Item) Item { it.Left = true; return it }
	gone := func(it Item) Item { it.Want = nil; return it }
	tests := []struct {
		name  string
		items []Item
		want  string
	}{
		{"all done", []Item{done("a", 1, "x"), done("a", 2, "y")}, "batch.a[1] batch.a[2] batch.a(2,2,0)"},
		{"one runs", []Item{done("a", 1, "x"), in(PhaseSubmitted, done("a", 2, "y"))}, "batch.a[1]"},
		{"one is held", []Item{done("a", 1, "x"), in(PhaseHeld, done("a", 2, "y"))}, "batch.a[1]"},
		{"one failed", []Item{done("a", 1, "x"), in(PhaseFailed, done("a", 2, "y"))}, "batch.a[1] batch.a(2,1,1)"},
		{"all failed", []Item{in(PhaseFailed, done("a", 1, "x"))}, "batch.a(1,0,1)"},
		{"one left the config", []Item{done("a", 1, "x"), gone(done("a", 2, "y"))}, "batch.a[1] batch.a(1,1,0)"},
		{"all left the config", []Item{gone(done("a", 1, "x"))}, ""},
		{"one is left out", []Item{done("a", 1, "x"), left(done("a", 2, "y"))}, "batch.a[1]"},
		{"two blocks, one of which tells", []Item{done("a", 1, "x"), done("b", 1, "y")}, "batch.a[1] batch.a(1,1,0)"},
		{"a block behind", []Item{done("b", 1, "y"), done("c", 7, "x")}, "batch.c[7] batch.c(1,1,0)"},
	}
	tells := map[string]bool{"a": true, "c": true}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var words []string
			told := map[string]string{}
			for _, c := range Completions(tt.items, tells, told) {
				word := c.Subject()
				if c.Event == CompletionBlock {
					word += "(" + strings.Join([]string{itoa(c.Batches), itoa(c.Done), itoa(c.Failed)}, ",") + ")"
				} else if c.Good != 1 || c.Bad != 2 || c.Job != "batches/j" {
					t.Errorf("%s is told as %+v", word, c)
				}
				words = append(words, word)
				told[c.Subject()] = c.ID
			}
			if got := strings.Join(words, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if again := Completions(tt.items, tells, told); len(again) > 0 {
				t.Errorf("told again: %+v", again)
			}
		})
	}
	// Another result is another completion; a former one is none.
	told := map[string]string{}
	for _, c := range Completions([]Item{done("a", 1, "x"), done("a", 2, "y")}, tells, nil) {
		told[c.Subject()] = c.ID
	}
	if got := Completions([]Item{done("a", 1, "x"), done("a", 2, "z")}, tells, told); len(got) != 2 || got[0].Subject() != "batch.a[2]" || got[1].Subject() != "batch.a" {
		t.Errorf("got %+v, want batch.a[2] and batch.a", got)
	}
}

func itoa(n int) string { return string(rune('0' + n)) }
