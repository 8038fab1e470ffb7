package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// faultTests has a test for each fault. Each runs in a bubble, on an emulator
// that holds the file "in" with four rows, before the fault is switched on.
func faultTests() map[string]func(t *testing.T, a *api) {
	return map[string]func(t *testing.T, a *api){
		emulator.FaultResetBefore:   lost(syscall.ECONNRESET, false),
		emulator.FaultResetAfter:    lost(syscall.ECONNRESET, true),
		emulator.FaultTimeoutBefore: lost(context.DeadlineExceeded, false),
		emulator.FaultTimeoutAfter:  lost(context.DeadlineExceeded, true),
		emulator.FaultStatusBefore:  answered(503, "UNAVAILABLE", false),
		emulator.FaultStatusAfter:   answered(503, "UNAVAILABLE", true),
		emulator.FaultEmpty200:      answered(200, "", true),
		emulator.FaultHTML200:       answered(200, "<html>", false),
		emulator.FaultHTML503:       answered(503, "<html>", false),
		emulator.FaultMalformedJSON: answered(500, `{"error":{"code":500,"mess`, false),
		emulator.FaultQuota429:      answered(429, "google.rpc.Help", false),
		emulator.FaultRedirect:      redirected,
		emulator.FaultCutBody:       lost(io.ErrUnexpectedEOF, true),
		emulator.FaultWrongLength:   lost(io.ErrUnexpectedEOF, true),
		emulator.FaultSlow: func(t *testing.T, a *api) {
			begin := time.Now()
			a.want(200, a.tryCreate("in", ""))
			if took := time.Since(begin); took != 10*time.Second {
				t.Errorf("the call took %v", took)
			}
		},
		emulator.FaultNoDate: func(t *testing.T, a *api) {
			if got := a.tryCreate("in", ""); got.status != 200 || got.header["Date"] != nil {
				t.Errorf("header %v", got.header)
			}
		},
		emulator.FaultDateBack: func(t *testing.T, a *api) {
			if got := a.tryCreate("in", ""); got.header.Get("Date") != "Fri, 31 Dec 1999 23:00:00 GMT" {
				t.Errorf("Date %s", got.header.Get("Date"))
			}
		},
		emulator.FaultListRepeat:             walked(5, 5, 4, 3, 2, 1, 0),
		emulator.FaultListSkip:               walked(4, 3, 2, 1, 0),
		emulator.FaultListShift:              listShift,
		emulator.FaultListFailPage:           pageFails,
		emulator.FaultListLag:                listLag,
		emulator.FaultDelayedCreate:          delayedCreate,
		emulator.FaultUnknownState:           unknownState,
		emulator.FaultSucceededWithoutOutput: lateOutput,
		emulator.FaultJobStuck: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(1000 * time.Hour)
			if op := a.job(job); op.Done || op.Metadata.State != "BATCH_STATE_PENDING" {
				t.Errorf("job %+v", op)
			}
			a.want(200, a.call("POST", "/v1/"+job+":cancel", ""))
			if op := a.job(job); op.Metadata.State != "BATCH_STATE_CANCELLED" {
				t.Errorf("job %+v", op)
			}
		},
		emulator.FaultJobFailed:     ended("BATCH_STATE_FAILED", time.Minute, 13),
		emulator.FaultJobExpired:    ended("BATCH_STATE_EXPIRED", 48*time.Hour, 4),
		emulator.FaultPartialOutput: partialOutput,
		emulator.FaultCancelDelayed: cancelDelayed,
		emulator.FaultCancelCode: func(t *testing.T, a *api) {
			job := a.create("in", "")
			a.want(200, a.call("POST", "/v1/"+job+":cancel", ""))
			if op := a.job(job); op.Error == nil || op.Error.Code != 1 {
				t.Errorf("job %+v", op)
			}
		},
		emulator.FaultChunkWithoutStatus: func(t *testing.T, a *api) {
			at := a.start("new").header.Get("X-Goog-Upload-Url")
			got := a.chunk(at, "upload, finalize", 0, []byte("x"))
			if got.status != 503 || got.header.Get("X-Goog-Upload-Status") != "" {
				t.Errorf("status %d %v", got.status, got.header)
			}
			a.want(200, a.chunk(at, "upload, finalize", 0, []byte("x")))
		},
		emulator.FaultCutUpload: func(t *testing.T, a *api) {
			at := a.start("new").header.Get("X-Goog-Upload-Url")
			content := strings.Repeat("x", 40<<20)
			if got := a.chunk(at, "upload, finalize", 0, []byte(content)); !errors.Is(got.err, syscall.ECONNRESET) {
				t.Fatalf("status %d, error %v", got.status, got.err)
			}
			if held := a.chunk(at, "query", 0, nil).header.Get("X-Goog-Upload-Size-Received"); held != fmt.Sprint(16<<20) {
				t.Fatalf("%s bytes held", held)
			}
			a.want(200, a.chunk(at, "upload, finalize", 16<<20, []byte(content[16<<20:])))
		},
		emulator.FaultFinalizeWithoutFile: func(t *testing.T, a *api) {
			got := a.want(200, a.tryUpload("new", []byte("x")))
			if string(got.body) != "{}\n" || got.header.Get("X-Goog-Upload-Status") != "final" {
				t.Errorf("%s %v", got.body, got.header)
			}
			a.want(403, a.call("GET", "/v1/files/new", ""))
			a.upload("new", []byte("x"))
		},
		emulator.FaultUnsupportedMIME200: func(t *testing.T, a *api) {
			got := a.want(200, a.tryUpload("new", []byte("x")))
			if e := decode[apiError](t, got).Error; e.Code != 400 || e.Message != "Unsupported MIME type: jsonl" {
				t.Errorf("%s", got.body)
			}
			a.want(403, a.call("GET", "/v1/files/new", ""))
		},
		emulator.FaultFileExpiredEarly: func(t *testing.T, a *api) {
			if f := uploaded(t, a.want(200, a.tryUpload("new", []byte("x")))); f.ExpirationTime != "2000-01-03T00:00:00Z" {
				t.Errorf("file %+v", f)
			}
			a.want(403, a.call("GET", "/v1/files/new", ""))
			a.want(403, a.tryCreate("new", ""))
		},
		emulator.FaultLongNameGet: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(time.Minute)
			path := "/v1/files/batch-" + strings.TrimPrefix(job, "batches/")
			a.want(400, a.call("GET", path, ""))
			a.want(200, a.call("GET", path, ""))
		},
		emulator.FaultAllRowsFailed: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(time.Minute)
			for _, r := range rows(t, a.want(200, a.output(job)).body) {
				if r.Error == nil || r.Error.Code != 3 {
					t.Errorf("row %+v", r)
				}
			}
			if op := a.job(job); op.Metadata.State != "BATCH_STATE_SUCCEEDED" || op.Metadata.BatchStats.FailedRequestCount != "4" {
				t.Errorf("job %+v", op)
			}
		},
		emulator.FaultMissingRow:    damaged([]string{"row-001", "row-002", "row-003"}),
		emulator.FaultDuplicatedKey: damaged([]string{"row-000", "row-000", "row-001", "row-002", "row-003"}),
		emulator.FaultWrongKeyLine:  damaged([]string{"nobody-asked-1", "row-000", "row-001", "row-002", "row-003"}),
		emulator.FaultSwappedKeys: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(time.Minute)
			for _, r := range rows(t, a.want(200, a.output(job)).body) {
				want := map[string]string{"row-000": "indicator 1", "row-001": "indicator 0", "row-002": "indicator 2", "row-003": "indicator 3"}[r.Key]
				if !strings.Contains(r.text(), want) {
					t.Errorf("%s: %q, want %q", r.Key, r.text(), want)
				}
			}
		},
		emulator.FaultMalformedLastLine: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(time.Minute)
			lines := strings.Split(string(a.want(200, a.output(job)).body), "\n")
			if len(lines) != 4 || json.Valid([]byte(lines[3])) || !json.Valid([]byte(lines[2])) {
				t.Errorf("output %q", lines)
			}
		},
		emulator.FaultInlineErrorDetails: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(time.Minute)
			with := 0
			for _, r := range rows(t, a.want(200, a.output(job)).body) {
				if r.Error != nil && len(r.Error.Details) == 1 {
					with++
				}
			}
			if with != 1 {
				t.Errorf("%d rows with details", with)
			}
		},
		emulator.FaultTruncatedDownload: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(time.Minute)
			short, whole := a.want(200, a.output(job)), a.want(200, a.output(job))
			if len(short.body) != len(whole.body)/2 || short.header.Get("Content-Length") != fmt.Sprint(len(short.body)) {
				t.Errorf("%d bytes of %d", len(short.body), len(whole.body))
			}
		},
		emulator.FaultIgnoreRange: func(t *testing.T, a *api) {
			job := a.create("in", "")
			time.Sleep(time.Minute)
			path := "/v1/files/batch-" + strings.TrimPrefix(job, "batches/") + ":download?alt=media"
			a.want(200, a.call("GET", path, "", "Range", "bytes=5-"))
			a.want(206, a.call("GET", path, "", "Range", "bytes=5-"))
		},
	}
}

func TestFaults(t *testing.T) {
	tests := faultTests()
	values := map[string]string{emulator.FaultRedirect: "https://elsewhere.test", emulator.FaultUnknownState: "BATCH_STATE_PAUSED"}
	// Faults that hit any call are tried on creates.
	ops := map[string]string{emulator.FaultUnknownState: emulator.OpCreate, emulator.FaultListLag: emulator.OpCreate}
	for i, name := range emulator.FaultNames() {
		test := tests[name]
		if test == nil {
			t.Errorf("%s is not tested", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openAPI(t, emulator.Config{})
				a.http.Timeout = 30 * time.Second
				a.upload("in", requests(4, 0))
				op := ops[name]
				if i < slices.Index(emulator.FaultNames(), emulator.FaultListRepeat) {
					op = emulator.OpCreate
				}
				if err := a.server.SetFaults(emulator.Fault{Name: name, Op: op, Value: values[name]}); err != nil {
					t.Fatal(err)
				}
				test(t, a)
			})
		})
	}
}

// lost expects a create without an answer; made tells whether there is a job
// afterwards. The next create goes well.
func lost(want error, made bool) func(t *testing.T, a *api) {
	return func(t *testing.T, a *api) {
		got := a.tryCreate("in", "lost")
		if !errors.Is(got.err, want) {
			t.Errorf("status %d, error %v, want %v", got.status, got.err, want)
		}
		jobsMade(t, a, made)
	}
}

// answered expects a create with a wrong answer.
func answered(status int, text string, made bool) func(t *testing.T, a *api) {
	return func(t *testing.T, a *api) {
		got := a.tryCreate("in", "answered")
		if got.err != nil || got.status != status || !strings.Contains(string(got.body), text) || text == "" && len(got.body) > 0 {
			t.Errorf("status %d, error %v, %q, want %d with %q", got.status, got.err, got.body, status, text)
		}
		jobsMade(t, a, made)
	}
}

func jobsMade(t *testing.T, a *api, made bool) {
	t.Helper()
	want := 1
	if made {
		want = 2
	}
	a.create("in", "next")
	if pages := a.list("batches", 10); len(pages[0]) != want {
		t.Errorf("%d jobs, want %d", len(pages[0]), want)
	}
	ledger, err := a.server.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	if len(ledger.Purchases) != want || ledger.Calls[emulator.OpCreate] != 2 {
		t.Errorf("ledger %+v", ledger)
	}
}

func redirected(t *testing.T, a *api) {
	got := a.tryCreate("in", "")
	if got.status != http.StatusTemporaryRedirect || got.header.Get("Location") != "https://elsewhere.test/v1beta/models/"+model+":batchGenerateContent" {
		t.Errorf("status %d, %v", got.status, got.header)
	}
	jobsMade(t, a, false)
}

func TestFaultCounts(t *testing.T) {
	for _, test := range []struct {
		fault emulator.Fault
		want  string // one digit a call: 1 is hit
	}{
		{emulator.Fault{}, "1000000"},
		{emulator.Fault{First: 3}, "0010000"},
		{emulator.Fault{Count: 2}, "1100000"},
		{emulator.Fault{First: 2, Count: 3}, "0111000"},
		{emulator.Fault{First: 4, Count: -1}, "0001111"},
	} {
		test.fault.Name, test.fault.Op, test.fault.Value = emulator.FaultStatusBefore, emulator.OpListJobs, "500"
		a := openAPI(t, emulator.Config{Faults: []emulator.Fault{test.fault}})
		var got strings.Builder
		for range 7 {
			a.want(200, a.call("GET", "/v1/files", "")) // counts nothing
			if a.call("GET", "/v1/batches", "").status == 500 {
				got.WriteByte('1')
			} else {
				got.WriteByte('0')
			}
		}
		if got.String() != test.want {
			t.Errorf("%+v: hits %s, want %s", test.fault, got.String(), test.want)
		}
	}
}

func TestFaultChecks(t *testing.T) {
	for _, test := range []struct {
		fault emulator.Fault
		want  string
	}{
		{emulator.Fault{Name: "nothing"}, "no such fault"},
		{emulator.Fault{Name: emulator.FaultSlow, Op: "nothing"}, "no such kind of call"},
		{emulator.Fault{Name: emulator.FaultJobStuck, Op: emulator.OpCancel}, "it can hit"},
		{emulator.Fault{Name: emulator.FaultSlow, First: -1}, "negative"},
		{emulator.Fault{Name: emulator.FaultSlow, Count: -2}, "negative"},
		{emulator.Fault{Name: emulator.FaultSlow, Value: "long"}, `value "long"`},
		{emulator.Fault{Name: emulator.FaultStatusBefore, Value: "200"}, "no status of an error"},
		{emulator.Fault{Name: emulator.FaultQuota429, Value: "much"}, "is none of"},
		{emulator.Fault{Name: emulator.FaultMissingRow, Value: "x"}, `value "x"`},
		{emulator.Fault{Name: emulator.FaultChunkWithoutStatus, Value: "x"}, "is none of"},
		{emulator.Fault{Name: emulator.FaultFinalizeWithoutFile, Value: "x"}, "is none of"},
		{emulator.Fault{Name: emulator.FaultJobStuck, Value: "x"}, "is none of"},
		{emulator.Fault{Name: emulator.FaultRedirect}, "needs a value"},
		{emulator.Fault{Name: emulator.FaultUnknownState}, "needs a value"},
	} {
		dir := t.TempDir()
		if _, err := emulator.New(emulator.Config{Dir: dir, Faults: []emulator.Fault{test.fault}}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.fault, err, test.want)
		}
	}
}

// TestQuota429Kinds looks at what tells the kinds of a 429 apart.
func TestQuota429Kinds(t *testing.T) {
	for kind, want := range map[string]struct{ types, text, header string }{
		"help_only":        {"Help", "", ""},
		"bare":             {"", "Resource has been exhausted (e.g. check quota).", ""},
		"per_minute":       {"Help QuotaFailure RetryInfo", "PerMinute", ""},
		"per_day":          {"Help QuotaFailure RetryInfo", "PerDay", ""},
		"storage":          {"Help QuotaFailure RetryInfo", "FileStorageBytesPerProject", ""},
		"huge_delay":       {"Help RetryInfo", "9223372036854775807s", ""},
		"retry_after":      {"", "exceeded your current quota", "30"},
		"huge_retry_after": {"", "exceeded your current quota", "9223372036854775807"},
	} {
		a := openAPI(t, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultQuota429, Op: emulator.OpListJobs, Value: kind}}})
		got := a.want(429, a.call("GET", "/v1/batches", ""))
		e := decode[apiError](t, got).Error
		var types []string
		for _, d := range e.Details {
			types = append(types, strings.TrimPrefix(d["@type"].(string), "type.googleapis.com/google.rpc."))
		}
		if strings.Join(types, " ") != want.types || !strings.Contains(string(got.body), want.text) ||
			e.Status != "RESOURCE_EXHAUSTED" || got.header.Get("Retry-After") != want.header {
			t.Errorf("%s: %s %v", kind, got.body, got.header)
		}
	}
}

// TestFaultVariants tries the values that change what a fault does.
func TestFaultVariants(t *testing.T) {
	t.Run("chunk stored without status", func(t *testing.T) {
		a := openAPI(t, emulator.Config{Granularity: 1, Faults: []emulator.Fault{{Name: emulator.FaultChunkWithoutStatus, Value: "after"}}})
		at := a.start("new").header.Get("X-Goog-Upload-Url")
		if got := a.want(200, a.chunk(at, "upload", 0, []byte("ab"))); got.header.Get("X-Goog-Upload-Status") != "" {
			t.Errorf("header %v", got.header)
		}
		a.want(400, a.chunk(at, "upload", 0, []byte("ab")))
		a.want(200, a.chunk(at, "upload, finalize", 2, []byte("c")))
	})
	t.Run("finalize with a file but no word of it", func(t *testing.T) {
		a := openAPI(t, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultFinalizeWithoutFile, Value: "made"}}})
		if got := a.want(200, a.tryUpload("new", []byte("x"))); string(got.body) != "{}\n" {
			t.Errorf("body %s", got.body)
		}
		a.want(200, a.call("GET", "/v1/files/new", ""))
	})
	t.Run("unsupported MIME type at the start", func(t *testing.T) {
		a := openAPI(t, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultUnsupportedMIME200, Op: emulator.OpUploadStart}}})
		if got := a.want(200, a.start("new")); got.header.Get("X-Goog-Upload-Url") != "" || !strings.Contains(string(got.body), "Unsupported MIME type") {
			t.Errorf("%s %v", got.body, got.header)
		}
	})
	t.Run("running for ever", func(t *testing.T) {
		a := openAPI(t, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultJobStuck, Value: "RUNNING"}}})
		a.upload("in", requests(1, 0))
		if op := a.job(a.create("in", "")); op.Metadata.State != "BATCH_STATE_RUNNING" {
			t.Errorf("state %s", op.Metadata.State)
		}
	})
	t.Run("list shifted back", func(t *testing.T) {
		a := openAPI(t, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultListShift, First: 2, Value: "-1"}}})
		for i := range 4 {
			if _, err := a.server.AddFile(fmt.Sprintf("f%d", i), "", nil, time.Duration(10-i)*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		want := [][]string{{"files/f3", "files/f2"}, {"files/f2", "files/f1"}, {"files/f0"}}
		if diff := cmp.Diff(want, a.list("files", 2)); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
	t.Run("timeout of an upload", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := openAPI(t, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultTimeoutAfter, Op: emulator.OpUploadFinalize}}})
			a.http.Timeout = time.Minute
			begin := time.Now()
			if got := a.tryUpload("new", requests(100, 0)); !errors.Is(got.err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
				t.Errorf("status %d, error %v after %v", got.status, got.err, time.Since(begin))
			}
			a.want(200, a.call("GET", "/v1/files/new", ""))
		})
	})
	t.Run("delayed create and timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := openAPI(t, emulator.Config{})
			a.upload("in", requests(1, 0))
			a.http.Timeout = time.Minute
			err := a.server.SetFaults(
				emulator.Fault{Name: emulator.FaultDelayedCreate, Value: "5m"},
				emulator.Fault{Name: emulator.FaultTimeoutAfter, Op: emulator.OpCreate})
			if err != nil {
				t.Fatal(err)
			}
			if got := a.tryCreate("in", ""); !errors.Is(got.err, context.DeadlineExceeded) {
				t.Errorf("error %v", got.err)
			}
			if pages := a.list("batches", 10); len(pages[0]) != 0 {
				t.Errorf("jobs at once: %v", pages)
			}
			time.Sleep(4 * time.Minute)
			if pages := a.list("batches", 10); len(pages[0]) != 1 {
				t.Errorf("jobs after five minutes: %v", pages)
			}
		})
	})
}
