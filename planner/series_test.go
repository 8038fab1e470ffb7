package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func numbers(attempts []*Attempt) string {
	var list []string
	for _, a := range attempts {
		list = append(list, fmt.Sprint(a.Number))
	}
	return strings.Join(list, " ")
}

// TestSeries: which attempts make a result together, what their answers are
// joined from, and what the rows that are open then would be.
func TestSeries(t *testing.T) {
	keptB := bought(JobSucceeded, forSource(contentB), output, part)
	for _, row := range []struct {
		name   string
		facts  []fact
		number int
		series string
		pieces string // "result" and the attempts to be added
		repair bool
	}{
		{"no such attempt", when(bought(JobRunning)), 2, "", "", false},
		{"a send without a job", when(sent(OutcomeAbsent)), 1, "", "", false},
		{"one job, answered", when(bought(JobSucceeded, output, lastSeen(JobSucceeded))), 1, "1", "", true},
		{"one job, kept", when(answeredBadly(lastSeen(JobSucceeded))), 1, "1", "1", true},
		{"one job, at work", when(bought(JobRunning)), 1, "1", "", false},
		{"one job, cut short", when(cutShort(JobExpired, lastSeen(JobExpired))), 1, "1", "1", false},
		{"one job, succeeded after a cancel", when(answeredBadly(lastSeen(JobSucceeded), cancelAsked)), 1, "1", "1", false},
		{"a repair cut short", when(answeredBadly(), bought(JobExpired, repairing(rest1), output, part, lastSeen(JobExpired))), 2, "1 2", "1 2", true},
		{"a repair failed", when(answeredBadly(), bought(JobFailed, repairing(rest1), lastSeen(JobFailed))), 2, "1 2", "1", true},
		{"a repair fits no key", when(answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part, wrongJob)), 2, "1 2", "1", true},
		{"up to the first, the second kept", when(answeredBadly(lastSeen(JobSucceeded)), bought(JobSucceeded, repairing(rest1), output, part)), 1, "1", "1 2", true},
		{"what was not reached, answered", when(cutShort(JobExpired), bought(JobSucceeded, ofRows(rest1), output, part, lastSeen(JobSucceeded))), 2, "1 2", "1 2", true},
		{"another content between", when(answeredBadly(), keptB, bought(JobSucceeded, repairing(rest1), output, part)), 3, "1 3", "1 3", true},
		{"another content between, itself", when(answeredBadly(), keptB, bought(JobSucceeded, repairing(rest1), output, part)), 2, "2", "2", false},
		{"the whole source again", when(answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), bought(JobSucceeded, output, part, lastSeen(JobSucceeded))), 3, "3", "3", true},
		{"the first is not recorded", when(bought(JobSucceeded, repairing(rest1), output, part)), 1, "", "1", false},
		{"delivered", when(finished(lastSeen(JobSucceeded))), 1, "1", "result", true},
		{"delivered, a repair kept", when(deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part)), 2, "1 2", "result 2", true},
		{"delivered, a repair kept, the file gone", when(deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), seen(ResultNone)), 2, "1 2", "1 2", true},
		{"delivered with a repair, the file changed", when(bought(JobSucceeded, output, read), bought(JobSucceeded, repairing(rest1), output, read), deliveredBy(2, contentA), seen(ResultChanged)), 2, "1 2", "1 2", true},
		{"another series is delivered, and the part is gone", when(finished(), bought(JobExpired, askedFor, output, read), bought(JobSucceeded, ofRows(rest1), output, part)), 3, "2 3", "2 3", false},
	} {
		s := newScene(row.facts...)
		rec := s.rec()
		if got := numbers(rec.Series(row.number)); got != row.series {
			t.Errorf("%s: the series is %q, want %q", row.name, got, row.series)
		}
		result, add := rec.Pieces(row.number, s.o.Results[subject])
		pieces := numbers(add)
		if result {
			pieces = strings.TrimSpace("result " + pieces)
		}
		if pieces != row.pieces {
			t.Errorf("%s: joined from %q, want %q", row.name, pieces, row.pieces)
		}
		if got := rec.RestIsRepair(row.number); got != row.repair {
			t.Errorf("%s: what is open would be repaired: %t, want %t", row.name, got, row.repair)
		}
	}
	var none *Record
	if none.Series(1) != nil || none.Unjudged(newScene().batch()) != 0 {
		t.Error("a batch without a record has a series")
	}
}

// TestUnjudged: rows in hand are judged once for what is wanted, and again when
// the rules change or more of them came.
func TestUnjudged(t *testing.T) {
	for _, row := range []struct {
		name  string
		facts []fact
		want  int
	}{
		{"nothing in hand", when(bought(JobSucceeded, output)), 0},
		{"kept, never judged", when(bought(JobSucceeded, output, part)), 1},
		{"kept, judged", when(answeredBadly()), 0},
		{"kept, judged by other rules", when(answeredBadly(), wantRules("new")), 1},
		{"kept, judged for another content", when(bought(JobSucceeded, output, part), judged(1, nil, forContent(contentB))), 1},
		{"kept for another content", when(answeredBadly(), wantSource(contentB)), 0},
		{"source gone", when(bought(JobSucceeded, output, part), sourceGone), 0},
		{"more of them came", when(answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part)), 2},
		{"more of them came without an answer", when(answeredBadly(), bought(JobFailed, repairing(rest1))), 0},
		{"cut short, judged by other rules", when(cutShort(JobExpired), wantRules("new")), 1},
		{"delivered, never judged", when(finished()), 1},
		{"delivered, judged", when(deliveredBadly()), 0},
		{"delivered with a repair, judged by other rules", when(bought(JobSucceeded, output, read), bought(JobSucceeded, repairing(rest1), output, read), judged(2, nil), deliveredBy(2, contentA), wantRules("new")), 2},
		{"delivered after a repair failed, judged by other rules", when(bought(JobSucceeded, output, read), bought(JobFailed, repairing(rest1)), judged(1, nil), deliveredBy(2, contentA), wantRules("new")), 1},
		{"delivered to other keys", when(bought(JobSucceeded, output, read), deliveredBy(1, contentB)), 0},
	} {
		s := newScene(row.facts...)
		if got := s.rec().Unjudged(s.batch()); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

// TestJudgement: a judgement of the rows of the result corrects its counts, and one
// of others leaves them alone. It is learned once.
func TestJudgement(t *testing.T) {
	for _, row := range []struct {
		name              string
		facts             []fact
		good, bad, learnt int
	}{
		{"of the result", when(finished(), judgedNow(1, bad(rest1))), goodRows - restRows, restRows, 1},
		{"of the result, known", when(finished(), judged(1, bad(rest1)), judgedNow(1, bad(rest1))), goodRows, 0, 0},
		{"of a repair beyond it", when(finished(), bought(JobSucceeded, repairing(rest1), output, part), judgedNow(2, bad(rest1))), goodRows, 0, 1},
		{"of another series", when(finished(), bought(JobSucceeded, askedFor, output, part), judgedNow(2, bad(rest1))), goodRows, 0, 1},
		{"of other keys", when(finished(), judgedNow(1, bad(rest1), forContent(contentB))), goodRows, 0, 1},
	} {
		s := newScene(append(row.facts, notRefreshed)...)
		before := s.rec().Clone()
		l := Learn(&s.d, &s.o)
		if diff := cmp.Diff(before, s.rec()); diff != "" {
			t.Errorf("%s: the argument changed: %s", row.name, diff)
		}
		res := l.Recorded.Batches[subject].Result
		if len(l.Updates) != row.learnt || res.Succeeded != row.good || res.Failed != row.bad {
			t.Errorf("%s: %d updates, %d good and %d bad rows; want %d, %d and %d", row.name, len(l.Updates), res.Succeeded, res.Failed, row.learnt, row.good, row.bad)
		}
	}
}
