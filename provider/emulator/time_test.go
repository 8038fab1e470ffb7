package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

func TestStatesOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{
			QueueTime: emulator.Span{Min: 10 * time.Second, Max: 10 * time.Second},
			RunTime:   emulator.Span{Min: 20 * time.Second, Max: 20 * time.Second},
		})
		a.upload("in", requests(10, 0))
		job := a.create("in", "")
		type seen struct {
			State, Pending string
			Done           bool
		}
		var got []seen
		for range 7 {
			op := a.job(job)
			got = append(got, seen{op.Metadata.State, op.Metadata.BatchStats.PendingRequestCount, op.Done})
			time.Sleep(5 * time.Second)
		}
		want := []seen{
			{"BATCH_STATE_PENDING", "10", false}, {"BATCH_STATE_PENDING", "10", false},
			{"BATCH_STATE_RUNNING", "10", false}, {"BATCH_STATE_RUNNING", "8", false},
			{"BATCH_STATE_RUNNING", "5", false}, {"BATCH_STATE_RUNNING", "3", false},
			{"BATCH_STATE_SUCCEEDED", "", true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

func TestEverythingExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		job := a.run("in", requests(3, 0))
		a.want(200, a.output(job))
		time.Sleep(48*time.Hour - 2*time.Minute)
		a.want(200, a.call("GET", "/v1/files/in", ""))
		time.Sleep(time.Minute)
		a.want(403, a.call("GET", "/v1/files/in", ""))
		a.want(403, a.call("DELETE", "/v1/files/in", ""))
		a.want(403, a.tryCreate("in", ""))
		if pages := a.list("files", 10); len(pages[0]) != 0 {
			t.Errorf("an expired file is listed: %v", pages)
		}
		a.upload("in", requests(1, 0)) // the name is free again
		time.Sleep(6*7*24*time.Hour - 48*time.Hour - time.Second)
		a.want(200, a.output(job))
		output := "/v1/files/batch-" + strings.TrimPrefix(job, "batches/")
		file := decode[struct{ Source, SizeBytes, DownloadURI, ExpirationTime string }](t, a.want(200, a.call("GET", output, "")))
		if file.Source != "GENERATED" || file.SizeBytes == "" || !strings.HasSuffix(file.DownloadURI, output[len("/v1"):]+":download?alt=media") {
			t.Errorf("file of the output: %+v", file)
		}
		time.Sleep(2 * time.Minute)
		a.want(403, a.output(job))
		a.want(403, a.call("GET", output, ""))
		a.want(200, a.call("GET", "/v1/"+job, ""))
	})
}

func TestJobsThatTakeTooLongExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, cfg := range []emulator.Config{
			{QueueTime: emulator.Span{Min: 50 * time.Hour, Max: 60 * time.Hour}},
			{QueueTime: quick, RunTime: emulator.Span{Min: 50 * time.Hour, Max: 60 * time.Hour}},
		} {
			a := openAPI(t, cfg)
			a.upload("in", requests(2, 0))
			job := a.create("in", "")
			time.Sleep(48*time.Hour - time.Second)
			if op := a.job(job); op.Done {
				t.Errorf("the job is %s before its time", op.Metadata.State)
			}
			time.Sleep(time.Second)
			op := a.job(job)
			if !op.Done || op.Metadata.State != "BATCH_STATE_EXPIRED" || op.Error == nil || op.Metadata.Output != nil || op.Response != nil {
				t.Errorf("job after 48 h: %+v", op)
			}
			a.want(403, a.output(job))
		}
	})
}

func TestClockRunsFastAndOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := openAPI(t, emulator.Config{Dir: dir, Rate: 3600})
		begin := a.server.Now()
		time.Sleep(time.Second)
		if got := a.server.Now().Sub(begin); got != time.Hour {
			t.Errorf("a second took %v", got)
		}
		if err := a.server.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // nobody serves
		a = openAPI(t, emulator.Config{Dir: dir, Rate: 3600})
		if got := a.server.Now().Sub(begin); got != 2*time.Hour {
			t.Errorf("two seconds took %v", got)
		}
		a = openAPI(t, emulator.Config{Dir: dir}) // a slower clock goes on from there
		time.Sleep(time.Second)
		if got := a.server.Now().Sub(begin); got != 2*time.Hour+time.Second {
			t.Errorf("after another second at rate 1: %v", got)
		}
		date, err := http.ParseTime(a.call("GET", "/v1/batches", "").header.Get("Date"))
		if err != nil || !date.Equal(a.server.Now().Truncate(time.Second)) {
			t.Errorf("Date %v, error %v, want %v", date, err, a.server.Now())
		}
	})
}

// TestClockNeverRunsBackwards opens a folder on a machine whose clock was set
// back by a year.
func TestClockNeverRunsBackwards(t *testing.T) {
	dir := t.TempDir()
	real := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time { return real }
	a := openAPI(t, emulator.Config{Dir: dir, Clock: clock})
	real = real.Add(time.Hour)
	a.want(200, a.call("GET", "/v1/batches", ""))
	latest := a.server.Now()
	real = real.AddDate(-1, 0, 0)
	if now := a.server.Now(); now.Before(latest) {
		t.Errorf("the time went from %v to %v", latest, now)
	}
	a = openAPI(t, emulator.Config{Dir: dir, Clock: clock})
	if now := a.server.Now(); !now.Equal(latest) {
		t.Errorf("the time after opening again is %v, want %v", now, latest)
	}
	real = real.Add(time.Minute)
	if now := a.server.Now(); !now.Equal(latest.Add(time.Minute)) {
		t.Errorf("the time a minute later is %v, want %v", now, latest.Add(time.Minute))
	}
}

func TestQuotas(t *testing.T) {
	// Each of these quotas takes one job, and no other beside it.
	for _, test := range []struct {
		name  string
		quota emulator.Quota
		wait  time.Duration // after which the next create goes through
	}{
		{"active jobs", emulator.Quota{ActiveJobs: 1}, time.Minute},
		{"active jobs, released late", emulator.Quota{ActiveJobs: 1, ReleaseDelay: time.Hour}, time.Hour + time.Minute},
		{"tokens", emulator.Quota{EnqueuedTokens: map[string]int64{model: 20}}, time.Minute},
		{"creates a minute", emulator.Quota{ActiveJobs: -1, CreatesPerMinute: 1}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openAPI(t, emulator.Config{Quota: test.quota})
				a.upload("in", requests(2, 0))
				a.create("in", "")
				refused := decode[apiError](t, a.want(429, a.tryCreate("in", ""))).Error
				if len(refused.Details) != 1 || refused.Details[0]["@type"] != "type.googleapis.com/google.rpc.Help" {
					t.Errorf("details %v", refused.Details)
				}
				time.Sleep(test.wait - time.Second)
				a.want(429, a.tryCreate("in", ""))
				time.Sleep(time.Second)
				a.want(200, a.tryCreate("in", ""))
			})
		})
	}
	t.Run("cancel and delete release", func(t *testing.T) {
		a := openAPI(t, emulator.Config{Quota: emulator.Quota{ActiveJobs: 1}})
		a.upload("in", requests(2, 0))
		first := a.create("in", "")
		a.want(200, a.call("POST", "/v1/"+first+":cancel", ""))
		second := a.create("in", "")
		a.want(200, a.call("DELETE", "/v1/"+second, ""))
		a.create("in", "")
	})
	t.Run("tokens are counted by model", func(t *testing.T) {
		a := openAPI(t, emulator.Config{Quota: emulator.Quota{EnqueuedTokens: map[string]int64{model: 20}}})
		a.upload("in", requests(2, 0))
		a.create("in", "")
		a.want(429, a.tryCreate("in", ""))
		a.want(200, a.call("POST", "/v1/models/gemini-2.5-pro:batchGenerateContent", `{"batch":{"inputConfig":{"fileName":"files/in"}}}`))
	})
	t.Run("requests a minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := openAPI(t, emulator.Config{Quota: emulator.Quota{RequestsPerMinute: 3}})
			for i, want := range []int{200, 200, 200, 429, 429} {
				if got := a.call("GET", "/v1/batches", ""); got.status != want {
					t.Errorf("call %d: status %d, want %d", i, got.status, want)
				}
			}
			time.Sleep(2 * time.Minute)
			a.want(200, a.call("GET", "/v1/batches", ""))
		})
	})
}

// TestEnqueuedTokens fills a quota of tokens with two jobs of 14, and has a
// third wait until one of them has ended.
func TestEnqueuedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Quota: emulator.Quota{EnqueuedTokens: map[string]int64{model: 30}}})
		a.upload("in", requests(2, 0))
		a.create("in", "")
		time.Sleep(quick.Max) // the first runs, the others are pending
		a.create("in", "")
		begin := time.Now()
		got := a.want(429, a.tryCreate("in", ""))
		if took := time.Since(begin); took != 0 {
			t.Errorf("the refusal took %v", took)
		}
		refused := decode[apiError](t, got).Error
		if len(refused.Details) != 1 || refused.Details[0]["@type"] != "type.googleapis.com/google.rpc.Help" || got.header.Get("Retry-After") != "" {
			t.Errorf("details %v, header %v", refused.Details, got.header)
		}
		time.Sleep(quick.Max - time.Second)
		a.want(429, a.tryCreate("in", ""))
		time.Sleep(time.Second) // the first has ended
		a.create("in", "")
		a.want(429, a.tryCreate("in", ""))
		if n := len(purchases(t, a.server)); n != 3 {
			t.Errorf("%d jobs were bought", n)
		}
	})
}

// TestBurst has a pause after every second create, whatever its size.
func TestBurst(t *testing.T) {
	for _, test := range []struct {
		name     string
		pause    emulator.Span
		min, max time.Duration
	}{
		{"by default", emulator.Span{}, 15 * time.Minute, 20 * time.Minute},
		{"of its own", emulator.Span{Min: time.Minute, Max: 2 * time.Minute}, time.Minute, 2 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				cfg := emulator.Config{Dir: dir, Quota: emulator.Quota{Burst: 2, BurstPause: test.pause}}
				a := openAPI(t, cfg)
				a.upload("in", requests(2, 0))
				var pauses []time.Duration
				for range 4 {
					a.create("in", "")
					time.Sleep(time.Second)
					a.create("in", "")
					begin := time.Now()
					a = openAPI(t, cfg) // whoever serves
					for {
						got := a.tryCreate("in", "")
						if got.status == 200 {
							break
						}
						if details := decode[apiError](t, a.want(429, got)).Error.Details; len(details) != 1 {
							t.Errorf("details %v", details)
						}
						time.Sleep(10 * time.Second)
					}
					pauses = append(pauses, time.Since(begin))
					a.create("in", "") // the second of the next burst
					time.Sleep(test.max)
				}
				for _, pause := range pauses {
					if pause < test.min || pause > test.max+10*time.Second {
						t.Errorf("a pause of %v", pause)
					}
				}
				if slices.Min(pauses) == slices.Max(pauses) {
					t.Errorf("all pauses are alike: %v", pauses)
				}
			})
		})
	}
}

// TestNamedRefusals looks at the limits that say which one refuses.
func TestNamedRefusals(t *testing.T) {
	named := func(t *testing.T, got answer) (quota, value string) {
		t.Helper()
		var body struct {
			Error struct {
				Details []struct {
					Violations []struct{ QuotaID, QuotaValue string }
				}
			}
		}
		if err := json.Unmarshal(got.body, &body); err != nil || got.status != 429 || len(body.Error.Details) != 3 || len(body.Error.Details[1].Violations) != 1 {
			t.Fatalf("status %d %s", got.status, got.body)
		}
		v := body.Error.Details[1].Violations[0]
		return v.QuotaID, v.QuotaValue
	}
	t.Run("per minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := openAPI(t, emulator.Config{Quota: emulator.Quota{CreatesPerMinute: 3, NamedRefusals: true}})
			a.upload("in", requests(2, 0))
			for range 3 {
				a.create("in", "")
			}
			if id, value := named(t, a.tryCreate("in", "")); !strings.Contains(id, "PerMinute") || value != "3" {
				t.Errorf("quota %s of %s", id, value)
			}
			time.Sleep(time.Minute)
			a.create("in", "")
		})
	})
	t.Run("per day", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := openAPI(t, emulator.Config{Quota: emulator.Quota{CreatesPerDay: 2}})
			a.upload("in", requests(2, 0))
			a.create("in", "")
			time.Sleep(7 * time.Hour) // from midnight UTC
			a.create("in", "")
			if id, value := named(t, a.tryCreate("in", "")); !strings.Contains(id, "PerDay") || value != "2" {
				t.Errorf("quota %s of %s", id, value)
			}
			a.want(200, a.call("POST", "/v1/models/gemini-2.5-pro:batchGenerateContent", `{"batch":{"inputConfig":{"fileName":"files/in"}}}`))
			time.Sleep(time.Hour - time.Second)
			a.want(429, a.tryCreate("in", ""))
			time.Sleep(time.Second) // midnight Pacific
			a.create("in", "")
			a.create("in", "")
			a.want(429, a.tryCreate("in", ""))
		})
	})
}

func TestStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Quota: emulator.Quota{FileBytes: 1000, StorageBytes: 2000}})
		content := []byte(strings.Repeat("x", 900))
		tooLarge := a.tryUpload("large", []byte(strings.Repeat("x", 1001)))
		if tooLarge.status != 400 || !strings.Contains(string(tooLarge.body), "exceeds the limit of 1000 bytes") {
			t.Errorf("a file over the limit: %d %s", tooLarge.status, tooLarge.body)
		}
		announced := a.call("POST", "/upload/v1/files", "{}", "X-Goog-Upload-Command", "start", "X-Goog-Upload-Header-Content-Length", "1001")
		a.want(400, announced)
		a.upload("one", content)
		a.upload("two", content)
		full := decode[apiError](t, a.want(429, a.tryUpload("three", content))).Error
		text := fmt.Sprint(full.Details)
		if !strings.Contains(text, "FileStorageBytesPerProject") || !strings.Contains(text, "9223372036854775807s") {
			t.Errorf("details %s", text)
		}
		a.want(200, a.call("DELETE", "/v1/files/one", ""))
		a.upload("three", content)
		a.want(429, a.tryUpload("four", content))
		time.Sleep(48 * time.Hour)
		a.upload("four", content)
	})
}

func TestOutputsCountAsStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Quota: emulator.Quota{StorageBytes: 3000}})
		job := a.run("in", requests(3, 0))
		a.want(200, a.call("DELETE", "/v1/files/in", ""))
		a.upload("fits", []byte(strings.Repeat("x", 2500)))
		a.want(200, a.call("DELETE", "/v1/files/fits", ""))
		a.want(200, a.output(job))
		a.want(429, a.tryUpload("fits-no-more", []byte(strings.Repeat("x", 2500))))
	})
}
