package emulator_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

func TestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		input := requests(3, 0)
		a.upload("in", input)
		time.Sleep(time.Second)
		first := a.create("in", "one")
		second := a.create("in", "two")
		a.want(200, a.call("DELETE", "/v1/"+second, ""))
		a.want(403, a.tryCreate("none", "refused"))
		time.Sleep(time.Minute)
		ledger, err := a.server.Ledger()
		if err != nil {
			t.Fatal(err)
		}
		bought := emulator.Purchase{
			Job: first, DisplayName: "one", Model: model, InputFile: "files/in", SHA256: hexSHA256(input), Rows: 3, Tokens: 21,
			Created: time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC), State: "BATCH_STATE_SUCCEEDED",
			InputTokens: 21, OutputTokens: 110, ThoughtsTokens: 628, CostUSD: 0.00092565, // 21 × 0.15 + 738 × 1.25
		}
		other := emulator.Purchase{
			Job: second, DisplayName: "two", Model: model, InputFile: "files/in", SHA256: hexSHA256(input), Rows: 3, Tokens: 21,
			Created: bought.Created, State: "BATCH_STATE_CANCELLED", Deleted: true,
		}
		want := emulator.Ledger{
			Purchases: []emulator.Purchase{bought, other},
			Calls:     map[string]int64{emulator.OpUploadStart: 1, emulator.OpUploadFinalize: 1, emulator.OpCreate: 3, emulator.OpDeleteJob: 1},
		}
		if diff := cmp.Diff(want, ledger); diff != "" {
			t.Errorf("ledger (-want +got):\n%s", diff)
		}
	})
}

func TestPlanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		day := 24 * time.Hour
		plant := func(j emulator.PlantedJob) string {
			t.Helper()
			name, err := a.server.AddJob(j)
			if err != nil {
				t.Fatal(err)
			}
			return name
		}
		old := plant(emulator.PlantedJob{Requests: requests(3, 0), InputFile: "files/long-gone", Age: 3 * day})
		running := plant(emulator.PlantedJob{Requests: requests(3, 0), DisplayName: "theirs", Age: time.Hour, State: "RUNNING"})
		pending := plant(emulator.PlantedJob{Requests: requests(3, 0), Age: time.Hour, State: "PENDING", Model: "gemini-2.5-pro"})
		failed := plant(emulator.PlantedJob{Requests: requests(3, 0), Age: time.Hour, State: "FAILED"})
		answers := "{\"key\":\"mine\",\"response\":{}}\n"
		own := plant(emulator.PlantedJob{Answers: []byte(answers), InputFile: "files/x", Age: 2 * time.Hour})
		if diff := cmp.Diff([][]string{{failed, pending, running, own, old}}, a.list("batches", 10)); diff != "" {
			t.Errorf("listing (-want +got):\n%s", diff)
		}
		if got := keys(rows(t, a.want(200, a.output(old)).body)); len(got) != 3 {
			t.Errorf("answers of the old job: %q", got)
		}
		if got := a.want(200, a.output(own)).body; string(got) != answers {
			t.Errorf("planted answers: %s", got)
		}
		op := a.job(old)
		if op.Metadata.State != "BATCH_STATE_SUCCEEDED" || op.Metadata.DisplayName != "" || op.Metadata.InputConfig.FileName != "files/long-gone" ||
			op.Metadata.CreateTime != "1999-12-29T00:00:00Z" || op.Metadata.BatchStats.SuccessfulRequestCount != "3" {
			t.Errorf("old job %+v", op)
		}
		a.want(403, a.call("GET", "/v1/files/long-gone", ""))
		a.want(200, a.call("GET", "/v1/"+a.job(running).Metadata.InputConfig.FileName, ""))
		for name, want := range map[string]string{running: "RUNNING", pending: "PENDING", failed: "FAILED"} {
			if got := a.job(name).Metadata.State; got != "BATCH_STATE_"+want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		time.Sleep(time.Minute)
		for _, name := range []string{running, pending} {
			if got := a.job(name).Metadata.State; got != "BATCH_STATE_SUCCEEDED" {
				t.Errorf("%s is %s a minute later", name, got)
			}
		}
		for _, p := range purchases(t, a.server) {
			if !p.Foreign {
				t.Errorf("planted, but not foreign: %+v", p)
			}
		}
		if _, err := a.server.AddJob(emulator.PlantedJob{State: "ODD", Requests: requests(1, 0)}); err == nil || !strings.Contains(err.Error(), "ODD") {
			t.Errorf("a job in an odd state: %v", err)
		}
		if _, err := a.server.AddJob(emulator.PlantedJob{Requests: []byte("{")}); err == nil {
			t.Error("a job from a bad line, and no error")
		}
	})
}

func TestPlantedFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		for name, age := range map[string]time.Duration{"fresh": time.Hour, "expired": 48 * time.Hour} {
			if got, err := a.server.AddFile(name, "d", []byte("x"), age); err != nil || got != "files/"+name {
				t.Fatalf("%s: %s, %v", name, got, err)
			}
		}
		a.want(200, a.call("GET", "/v1/files/fresh", ""))
		a.want(403, a.call("GET", "/v1/files/expired", ""))
		if _, err := a.server.AddFile("fresh", "", nil, 0); err == nil {
			t.Error("a name twice, and no error")
		}
		if name, err := a.server.AddFile("", "", nil, 0); err != nil || len(name) != len("files/")+12 {
			t.Errorf("name %q, error %v", name, err)
		}
	})
}
