package apply_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/provider/emulator"
)

// repair lets every batch of the world have its bad rows bought again.
func (w *world) repair(r *planner.Repair) {
	for i := range w.desired.Batches {
		w.desired.Batches[i].Repair = r
	}
}

// judge makes the rows of every batch be judged by rules that digest stands for.
func (w *world) judge(digest string, rows apply.Rows) {
	for i := range w.desired.Batches {
		w.desired.Batches[i].Rules = digest
	}
	w.rows = map[string]apply.Rows{"qa": rows}
}

// longer lets rows that were cut off be bought again with more room.
func longer() apply.Rows {
	return apply.Rows{GenerationConfig: []byte(`{"max_output_tokens":16384}`), MoreOutput: true}
}

// fates gives what became of each row at each purchase, in order.
func (w *world) fates() map[string][]emulator.RowOutcome {
	w.t.Helper()
	out := map[string][]emulator.RowOutcome{}
	err := w.server.RowPurchases(w.t.Context(), func(p emulator.RowPurchase) error {
		out[p.Key] = append(out[p.Key], p.Outcome)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestEveryRowIsGoodInTheEnd is the whole case: 154 batches at a service that
// errs, cuts off, leaves out, doubles and shuffles rows, cuts downloads and is
// not there at times. Every row ends good, and none is bought once more than it
// takes.
func TestEveryRowIsGoodInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batches, rows := 154, 100
		if every > 1 {
			batches = 20
		}
		cfg := quick(
			emulator.Fault{Name: emulator.FaultCutBody, Op: emulator.OpDownload, First: 5, Count: 20},
			emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpDownload, First: 40, Count: 20, Value: "503"},
			emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpListJobs, First: 4, Count: 2, Value: "503"},
			// So many that two of one output are short alike.
			emulator.Fault{Name: emulator.FaultTruncatedDownload, Op: emulator.OpDownload, First: 60, Count: 30},
		)
		cfg.Rows = emulator.RowFaults{ErrorShare: 0.03, TruncatedShare: 0.02, MissingShare: 0.01, DuplicatedShare: 0.005}
		w := newWorld(t, batches, rows, cfg)
		w.judge("longer", longer())
		w.repair(&planner.Repair{MaxAttempts: 8})
		w.mustConverge()
		again, most := 0, 0
		for key, fates := range w.fates() {
			for i, f := range fates {
				good := f == emulator.RowGood || f == emulator.RowDuplicated
				if good != (i == len(fates)-1) {
					t.Fatalf("%s was bought with these outcomes, one after the other: %v", key, fates)
				}
			}
			again += len(fates) - 1
			most = max(most, len(fates))
		}
		good := 0
		for a, rec := range w.state().Batches {
			if rec.Result.Succeeded != rows || rec.Judged.Classes.Bad() != 0 {
				t.Errorf("%s has %+v", a, rec.Result)
			}
			good += rec.Result.Succeeded
		}
		t.Logf("%d good rows, %d rows bought again, at most %d times each; calls: %v", good, again, most, w.ledger().Calls)
		if good != batches*rows || again < batches*rows*4/100 {
			t.Errorf("%d good rows, and %d bought again", good, again)
		}
	})
}

// Without a repair the results are whole all the same: bad rows stand in them,
// and the next plan is empty.
func TestBadRowsStayWithoutARepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quick()
		cfg.Rows = emulator.RowFaults{ErrorShare: 0.1, TruncatedShare: 0.1, MissingShare: 0.1, DuplicatedShare: 0.05, BlockedShare: 0.1, EmptyShare: 0.1}
		w := newWorld(t, 5, 40, cfg)
		w.mustConverge()
		fates := w.fates()
		count := map[emulator.RowOutcome]int{}
		for key, f := range fates {
			if len(f) != 1 {
				t.Errorf("%s was bought %d times", key, len(f))
			}
			count[f[0]]++
		}
		var all planner.Classes
		for _, rec := range w.state().Batches {
			c := rec.Judged.Classes
			all.Good, all.Error, all.Truncated, all.Missing = all.Good+c.Good, all.Error+c.Error, all.Truncated+c.Truncated, all.Missing+c.Missing
			all.Blocked, all.Empty, all.Invalid = all.Blocked+c.Blocked, all.Empty+c.Empty, all.Invalid+c.Invalid
			if rec.Result.Failed+rec.Result.Missing != c.Bad() || rec.Result.Succeeded != c.Good {
				t.Errorf("the result counts %+v, the judgement %+v", rec.Result, c)
			}
		}
		want := planner.Classes{Good: count[emulator.RowGood] + count[emulator.RowDuplicated], Error: count[emulator.RowFailed], Truncated: count[emulator.RowTruncated],
			Missing: count[emulator.RowMissing], Blocked: count[emulator.RowBlocked], Empty: count[emulator.RowEmpty]}
		if all != want {
			t.Errorf("judged %+v, the service made %+v", all, want)
		}
		bad := map[string]bool{}
		w.eachBadRow(func(r batchfile.BadRow) { bad[r.Key] = true })
		for key, f := range fates {
			if isBad := f[0] != emulator.RowGood && f[0] != emulator.RowDuplicated; isBad != bad[key] {
				t.Errorf("%s is %s, and listed as bad: %v", key, f[0], bad[key])
			}
		}
	})
}

func (w *world) eachBadRow(f func(batchfile.BadRow)) {
	w.t.Helper()
	err := w.process(w.t.Context(), false, func(ctx context.Context, p process) error {
		_, items, err := p.engine.Plan(ctx)
		if err != nil {
			return err
		}
		for i := range items {
			if err := p.engine.BadRows(ctx, &items[i], func(r batchfile.BadRow) error { f(r); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A repair is asked for after the results were delivered: the plan shows it at
// once, and the rows that were good stay as they were.
func TestRepairThatIsAskedForLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quick()
		cfg.Rows = emulator.RowFaults{ErrorShare: 0.2}
		w := newWorld(t, 3, 20, cfg)
		w.mustConverge()
		bad := 0
		for _, rec := range w.state().Batches {
			bad += rec.Judged.Classes.Bad()
		}
		w.repair(&planner.Repair{MaxAttempts: 9})
		p, _ := w.plan(t.Context())
		rows := 0
		for i := range p.Changes {
			rows += p.Changes[i].Detail.Rows
			if p.Changes[i].Phase != planner.PhaseDone || p.Changes[i].Reason != planner.ReasonRepair {
				t.Errorf("planned %+v", p.Changes[i])
			}
		}
		if bad == 0 || rows != bad || p.Summary.Done != 3 {
			t.Errorf("%d rows of %d are planned, %+v", rows, bad, p.Summary)
		}
		w.mustConverge()
	})
}

// Rules that change judge what is in hand anew, without a call: the plan tells
// what they cost before anything is bought.
func TestRulesThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 6, quick())
		w.repair(&planner.Repair{MaxAttempts: 1})
		w.mustConverge()
		calls := w.ledger().Calls[emulator.OpDownload]
		w.judge("long answers", apply.Rows{Rules: batchfile.Rules{MinChars: 1 << 20}})
		p, _ := w.plan(t.Context())
		if len(p.Changes) != 2 || p.Changes[0].Reason != planner.ReasonRepair || p.Changes[0].Detail.Rows != 6 || p.Estimate.Requests != 12 {
			t.Fatalf("planned %+v", p.Changes)
		}
		if n := w.ledger().Calls[emulator.OpDownload]; n != calls {
			t.Errorf("%d downloads for a plan", n-calls)
		}
		rep := w.mustApply(true)
		if rep.Summary.Done != 2 || rep.Summary.Created != 2 {
			t.Errorf("%+v", rep.Summary)
		}
		for a, rec := range w.state().Batches {
			if rec.Result.Failed != 6 || rec.Judged.Classes.Invalid != 6 {
				t.Errorf("%s: %+v, judged %+v; no answer is that long", a, rec.Result, rec.Judged)
			}
		}
		w.judge("", apply.Rows{})
		if p, items := w.plan(t.Context()); len(p.Changes) > 0 || items[0].BadRows != 0 {
			t.Errorf("back with the former rules: planned %+v, %d bad rows", p.Changes, items[0].BadRows)
		}
		w.mustApply(false)
		if rec := w.state().Batches[planner.Address{Block: "qa", Number: 51}]; rec.Result.Succeeded != 6 || rec.Result.Failed != 0 {
			t.Errorf("back with the former rules: %+v", rec.Result)
		}
	})
}

// Rows that were cut off are bought again only with more room, and the requests
// say so.
func TestRepairChangesTheRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		rows  apply.Rows
		again bool
	}{"as before": {apply.Rows{}, false}, "with more room": {longer(), true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := quick()
				cfg.Rows = emulator.RowFaults{TruncatedShare: 0.5}
				w := newWorld(t, 1, 20, cfg)
				w.judge(name, tc.rows)
				w.repair(&planner.Repair{MaxAttempts: 2})
				w.mustConverge()
				rec := w.state().Batches[planner.Address{Block: "qa", Number: 51}]
				if again := len(rec.Attempts) == 2; again != tc.again || again != (rec.Result.Failed == 0) {
					t.Errorf("%d attempts, %+v", len(rec.Attempts), rec.Result)
				}
			})
		})
	}
}

// Another model repairs, where the config says so.
func TestRepairWithAnotherModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 4, quick(emulator.Fault{Name: emulator.FaultInlineErrorDetails, Op: emulator.OpCreate, First: 1}))
		w.repair(&planner.Repair{MaxAttempts: 2, Model: "gemini-2.5-pro"})
		w.mustConverge()
		l := w.ledger()
		if len(l.Purchases) != 2 || l.Purchases[1].Model != "gemini-2.5-pro" || l.Purchases[1].Rows != 1 {
			t.Errorf("bought %+v", l.Purchases)
		}
	})
}

// What was paid for survives that the kept answers, or the result, are lost from
// the disk.
func TestRepairWithoutWhatWasKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 4, quick(emulator.Fault{Name: emulator.FaultInlineErrorDetails, Op: emulator.OpCreate, First: 1}))
		w.repair(&planner.Repair{MaxAttempts: 2})
		for range 2 { // bought, then read; the repair is left for the next plan
			w.mustApply(false)
			time.Sleep(5 * time.Minute)
		}
		w.removeParts()
		w.mustConverge()
		w.removeResult(51)
		w.mustConverge()
		if n := w.purchases(); n != 2 {
			t.Errorf("%d jobs were bought", n)
		}
	})
}

// Answers that were kept and are lost come cut from the service: nothing that is
// missing in them is bought again, or called missing.
func TestRepairFetchesWhatWasKeptWhole(t *testing.T) {
	for _, delivered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1, 4, quick(emulator.Fault{Name: emulator.FaultInlineErrorDetails, Op: emulator.OpCreate, First: 1}))
			w.repair(&planner.Repair{MaxAttempts: 2})
			for range 2 { // bought, then read; the repair is left for the next plan
				w.mustApply(false)
				time.Sleep(5 * time.Minute)
			}
			if delivered {
				w.mustConverge()
				w.removeResult(51)
			} else {
				w.removeParts()
			}
			if err := w.server.SetFaults(emulator.Fault{Name: emulator.FaultTruncatedDownload, Op: emulator.OpDownload, First: 1, Count: 3}); err != nil {
				t.Fatal(err)
			}
			w.mustConverge()
			for key, fates := range w.fates() {
				if len(fates) > 1 && fates[0] == emulator.RowGood {
					t.Errorf("%s was bought with these outcomes, one after the other: %v", key, fates)
				}
			}
			if n := w.state().Batches[w.desired.Batches[0].Address].Result.Succeeded; n != 4 {
				t.Errorf("the result has %d good rows", n)
			}
		})
	}
}

// The service refuses lines of a repair: the words name the file's own lines,
// and the batch is delivered with what is in hand.
func TestRepairThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusal, err := json.Marshal(map[string]any{"error": map[string]any{"code": 400, "status": "INVALID_ARGUMENT", "message": "Error on line 1: invalid JSON, near column 9: no such field: 'x'"}})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, 1, 4, quick(emulator.Fault{Name: emulator.FaultInlineErrorDetails, Op: emulator.OpCreate, First: 1}))
		w.repair(&planner.Repair{MaxAttempts: 2})
		w.transport = &refusing{next: emulator.Transport(w.server), from: 2, body: string(refusal)}
		rep := w.mustApply(true)
		if rep.Summary.Done != 1 || w.purchases() != 1 {
			t.Errorf("%+v after %d purchases", rep.Summary, w.purchases())
		}
		words := ""
		for _, e := range w.eventsOf(apply.EventCreateRefused) {
			words += e.Message
		}
		if want := "in/batch_051.jsonl:1: "; !strings.Contains(words, want) {
			t.Errorf("the refusal is told as %q, want %q in it", words, want)
		}
		if p, _ := w.plan(t.Context()); len(p.Changes) > 0 {
			t.Errorf("then planned: %+v", p.Changes)
		}
	})
}

// Nothing is bought again for a row that cannot get better.
func TestRowsThatCannotGetBetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 3, quick(emulator.Fault{Name: emulator.FaultAllRowsFailed, Op: emulator.OpCreate, First: 1, Value: "3"}))
		w.repair(&planner.Repair{MaxAttempts: 2})
		w.mustConverge()
		if n := w.purchases(); n != 1 {
			t.Errorf("%d jobs were bought", n)
		}
	})
}

// The events of a repair tell a reader what it will buy.
func TestRepairIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 4, quick(emulator.Fault{Name: emulator.FaultInlineErrorDetails, Op: emulator.OpCreate, First: 1}))
		w.repair(&planner.Repair{MaxAttempts: 2})
		w.mustConverge()
		told := w.eventsOf(apply.EventRepairPlanned)
		if len(told) != 1 || told[0].Rows != 1 || told[0].Attempt != 2 || told[0].BadRows != 1 {
			t.Errorf("told %s", fmt.Sprint(told))
		}
	})
}

// removeParts loses the answers that are kept.
func (w *world) removeParts() {
	w.t.Helper()
	parts, err := filepath.Glob(filepath.Join(w.dir, "out", ".parts", "*"))
	if err != nil || len(parts) == 0 {
		w.t.Fatalf("no answers are kept: %v", err)
	}
	for _, p := range parts {
		if err := os.Remove(p); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) removeResult(number int) {
	w.t.Helper()
	path := w.paths[planner.Address{Block: "qa", Number: number}]
	if err := os.Remove(filepath.Join(path.OutputDir, path.OutputName)); err != nil {
		w.t.Fatal(err)
	}
}

// refusing answers creates from one on with a refusal of the service's.
type refusing struct {
	next http.RoundTripper
	from int
	body string
	n    int
}

func (r *refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, ":batchGenerateContent") {
		if r.n++; r.n >= r.from {
			return &http.Response{StatusCode: 400, Status: "400 Bad Request", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
				Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, ContentLength: int64(len(r.body)),
				Body: io.NopCloser(strings.NewReader(r.body))}, nil
		}
	}
	return r.next.RoundTrip(req)
}
