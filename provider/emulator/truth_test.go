package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

func rowPurchases(t *testing.T, s *emulator.Server) (list []emulator.RowPurchase) {
	t.Helper()
	if err := s.RowPurchases(t.Context(), func(p emulator.RowPurchase) error {
		list = append(list, p)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// truths gives the rows of a job by key.
func (a *api) truths(job string) map[string]emulator.RowPurchase {
	a.t.Helper()
	byKey := map[string]emulator.RowPurchase{}
	for _, p := range rowPurchases(a.t, a.server) {
		if p.Job == job {
			byKey[p.Key] = p
		}
	}
	return byKey
}

// seen gives the outcome that the lines of an output show for one key.
func seen(lines []outputRow) emulator.RowOutcome {
	switch {
	case len(lines) == 0:
		return emulator.RowMissing
	case len(lines) > 1:
		return emulator.RowDuplicated
	}
	switch f := fate(lines[0]); {
	case strings.HasPrefix(f, "error"):
		return emulator.RowFailed
	case f == "STOP" && len(lines[0].text()) < 40:
		return emulator.RowInvalid
	case f == "STOP":
		return emulator.RowGood
	case f == "MAX_TOKENS":
		return emulator.RowTruncated
	default:
		return emulator.RowOutcome(f) // blocked, empty
	}
}

// TestRowPurchases holds the books against the output, with every fate in it.
func TestRowPurchases(t *testing.T) {
	const n = 400
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		share := 0.08
		a := openAPI(t, emulator.Config{Dir: dir, Rows: emulator.RowFaults{
			ErrorShare: share, TruncatedShare: share, BlockedShare: share, EmptyShare: share, MissingShare: share,
			DuplicatedShare: share, InvalidShare: share, SwappedShare: share,
		}})
		job := a.run("in", requests(n, 0))
		a.want(200, a.call("DELETE", "/v1/files/in", "")) // nothing depends on it any more
		lines := map[string][]outputRow{}
		for _, r := range rows(t, a.want(200, a.output(job)).body) {
			lines[r.Key] = append(lines[r.Key], r)
		}
		books := rowPurchases(t, a.server)
		counts := map[emulator.RowOutcome]int{}
		for i, p := range books {
			counts[p.Outcome]++
			want := emulator.RowPurchase{Job: job, Model: model, Key: rowKey(i), AnswerOf: p.AnswerOf, Outcome: seen(lines[p.Key])}
			if of := lines[p.Key]; len(of) > 0 && of[0].Error != nil {
				want.Code = 13
			} else if len(of) > 0 {
				want.Text = of[0].text()
			}
			if diff := cmp.Diff(want, p); diff != "" {
				t.Errorf("row %d (-output +books):\n%s", i, diff)
			}
			question := "indicator " + fmt.Sprint(i) + " "
			if p.AnswerOf != p.Key {
				counts["swapped"]++
				other := 0
				fmt.Sscanf(p.AnswerOf, "row-%d", &other) //nolint:errcheck // 0 will not fit
				question = "indicator " + fmt.Sprint(other) + " "
			}
			if p.Outcome == emulator.RowGood && !strings.Contains(p.Text, question) {
				t.Errorf("row %d is an answer of %s: %q", i, p.AnswerOf, p.Text)
			}
		}
		for _, o := range []emulator.RowOutcome{
			emulator.RowFailed, emulator.RowTruncated, emulator.RowBlocked, emulator.RowEmpty, emulator.RowMissing,
			emulator.RowDuplicated, emulator.RowInvalid, "swapped",
		} {
			if counts[o] < 10 || counts[o] > 60 {
				t.Errorf("%d rows are %s, of %d", counts[o], o, n)
			}
		}
		time.Sleep(100 * 24 * time.Hour) // input and output are gone
		a.want(403, a.output(job))
		if diff := cmp.Diff(books, rowPurchases(t, openAPI(t, emulator.Config{Dir: dir}).server)); diff != "" {
			t.Errorf("the books of another server, much later:\n%s", diff)
		}
	})
}

// TestRowPurchasesOfJobs looks at jobs that ended in other ways.
func TestRowPurchasesOfJobs(t *testing.T) {
	fault := func(name string) emulator.Fault { return emulator.Fault{Name: name, Op: emulator.OpCreate} }
	for _, test := range []struct {
		name   string
		faults []emulator.Fault
		do     func(a *api, job string)
		want   string // outcome, code and key of the answer's row, by row
	}{
		{"good", nil, nil, "good 0 row-000, good 0 row-001, good 0 row-002, good 0 row-003"},
		{"failed", []emulator.Fault{fault(emulator.FaultJobFailed)}, nil, "missing 0 row-000, missing 0 row-001, missing 0 row-002, missing 0 row-003"},
		{"failed with half", []emulator.Fault{fault(emulator.FaultJobFailed), fault(emulator.FaultPartialOutput)}, nil,
			"good 0 row-000, good 0 row-001, failed 1 row-002, failed 1 row-003"},
		{"all rows failed", []emulator.Fault{fault(emulator.FaultAllRowsFailed)}, nil, "failed 3 row-000, failed 3 row-001, failed 3 row-002, failed 3 row-003"},
		{"swapped keys", []emulator.Fault{fault(emulator.FaultSwappedKeys)}, nil, "good 0 row-001, good 0 row-000, good 0 row-002, good 0 row-003"},
		{"swapped and missing", []emulator.Fault{fault(emulator.FaultSwappedKeys), fault(emulator.FaultMissingRow)}, nil,
			"good 0 row-001, missing 0 row-000, good 0 row-002, good 0 row-003"},
		{"twice", []emulator.Fault{fault(emulator.FaultDuplicatedKey)}, nil, "duplicated 0 row-000, good 0 row-001, good 0 row-002, good 0 row-003"},
		{"wrong key", []emulator.Fault{fault(emulator.FaultWrongKeyLine)}, nil, "good 0 row-000, good 0 row-001, good 0 row-002, good 0 row-003"},
		{"deleted while it ran", nil, func(a *api, job string) { a.want(200, a.call("DELETE", "/v1/"+job, "")) },
			"missing 0 row-000, missing 0 row-001, missing 0 row-002, missing 0 row-003"},
		{"stuck", []emulator.Fault{fault(emulator.FaultJobStuck)}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openAPI(t, emulator.Config{Faults: test.faults})
				a.upload("in", requests(4, 0))
				job := a.create("in", "")
				time.Sleep(quick.Max)
				if len(rowPurchases(t, a.server)) > 0 {
					t.Error("rows of a job that runs")
				}
				if test.do != nil {
					test.do(a, job)
				}
				time.Sleep(quick.Max)
				var got []string
				for _, p := range rowPurchases(t, a.server) {
					got = append(got, fmt.Sprintf("%s %d %s", p.Outcome, p.Code, p.AnswerOf))
				}
				if diff := cmp.Diff(test.want, strings.Join(got, ", ")); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRowPurchasesStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		first, second := a.run("one", requests(2, 0)), a.run("two", requests(3, 0))
		if _, err := a.server.AddJob(emulator.PlantedJob{Answers: []byte("{\"key\":\"mine\",\"response\":{}}\n"), Age: time.Hour}); err != nil {
			t.Fatal(err)
		}
		var jobs []string
		for _, p := range rowPurchases(t, a.server) {
			jobs = append(jobs, p.Job)
		}
		if diff := cmp.Diff([]string{first, first, second, second, second}, jobs); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		enough := errors.New("enough")
		n := 0
		if err := a.server.RowPurchases(t.Context(), func(emulator.RowPurchase) error { n++; return enough }); err != enough || n != 1 {
			t.Errorf("%v after %d rows", err, n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := a.server.RowPurchases(ctx, func(emulator.RowPurchase) error { n++; cancel(); return nil })
		if !errors.Is(err, context.Canceled) || n != 2 {
			t.Errorf("%v after %d rows", err, n)
		}
	})
}

// TestRowPurchasesInline has keys in metadata, which are never swapped.
func TestRowPurchasesInline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Rows: emulator.RowFaults{SwappedShare: 1}})
		body := `{"batch":{"inputConfig":{"requests":{"requests":[
			{"request":{"contents":[{"parts":[{"text":"one"}]}]},"metadata":{"key":"m-1"}},
			{"request":{"contents":[{"parts":[{"text":"two"}]}]},"metadata":{"key":"m-2"}}]}}}}`
		job := decode[operation](t, a.want(200, a.call("POST", "/v1/models/"+model+":batchGenerateContent", body))).Name
		time.Sleep(time.Minute)
		truth := a.truths(job)
		for _, r := range a.job(job).Response.InlinedResponses.InlinedResponses {
			key := r.Metadata["key"]
			want := emulator.RowPurchase{Job: job, Model: model, Key: key, Outcome: emulator.RowGood, Text: r.text(), AnswerOf: key}
			if diff := cmp.Diff(want, truth[key]); diff != "" {
				t.Errorf("%s (-output +books):\n%s", key, diff)
			}
		}
	})
}
