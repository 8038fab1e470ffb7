package emulator_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// jobName makes a name as the service does.
func jobName(i int) string { return fmt.Sprintf("batches/%036d", i) }

// writeHistory puts a history into a folder, with the inputs in/1 and in/2.
func writeHistory(t *testing.T, dir string, entries ...string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 2; i++ {
		writeFile(t, filepath.Join(dir, "in", fmt.Sprint(i)), requests(i, 0))
	}
	path := filepath.Join(dir, "history.json")
	writeFile(t, path, []byte("[\n"+strings.Join(entries, ",\n")+"\n]\n"))
	return path
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pastJob is an entry of a history, for a job with input in/1 or in/2.
func pastJob(i, input int, age string) string {
	return fmt.Sprintf(`{"name": %q, "source": "in/%d", "age": %q, "model": %q}`, jobName(i), input, age, model)
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		history := writeHistory(t, t.TempDir(),
			pastJob(1, 1, "60h"),
			pastJob(2, 2, "5h"),
			pastJob(3, 2, "45s"), // quick: pending for 30 s, running for 30 s
			pastJob(4, 2, "10s"),
			fmt.Sprintf(`{"name": %q, "source": "in/2", "model": "gemini-2.5-pro", "display_name": "by hand"}`, jobName(5)),
			`{"name": "files/fresh", "source": "in/2", "age": "47h59m", "display_name": "batch 2"}`,
			`{"name": "files/old", "source": "in/2", "age": "48h"}`)
		a := openAPI(t, emulator.Config{History: history})
		for i, want := range map[int]string{1: "SUCCEEDED", 2: "SUCCEEDED", 3: "RUNNING", 4: "PENDING", 5: "PENDING"} {
			op := a.job(jobName(i))
			if got := op.Metadata.State; got != "BATCH_STATE_"+want {
				t.Errorf("job %d is %s, want %s", i, got, want)
			}
			input := a.call("GET", "/v1/"+op.Metadata.InputConfig.FileName, "")
			if i == 1 { // uploads live 48 h
				a.want(403, input)
			} else if got := decode[struct{ SizeBytes string }](t, a.want(200, input)); got.SizeBytes != fmt.Sprint(len(requests(2, 0))) {
				t.Errorf("the input of job %d has %s bytes", i, got.SizeBytes)
			}
		}
		old, theirs := a.job(jobName(1)), a.job(jobName(5))
		if old.Metadata.DisplayName != "" || old.Metadata.CreateTime != "1999-12-29T12:00:00Z" || theirs.Metadata.DisplayName != "by hand" {
			t.Errorf("jobs %+v and %+v", old, theirs)
		}
		if diff := cmp.Diff(rowKeys(1), keys(rows(t, a.want(200, a.output(jobName(1))).body))); diff != "" {
			t.Errorf("answers of the job whose input is gone (-want +got):\n%s", diff)
		}
		a.want(200, a.call("GET", "/v1/files/fresh", ""))
		a.want(403, a.call("GET", "/v1/files/old", ""))
		wantJobs := [][]string{{jobName(5), jobName(4), jobName(3), jobName(2), jobName(1)}}
		if diff := cmp.Diff(wantJobs, a.list("batches", 10)); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		if got := a.list("files", 10); len(got[0]) != 5 || got[0][4] != "files/fresh" {
			t.Errorf("files %v, want the inputs of four jobs and files/fresh, which is the oldest", got)
		}
		// What the history holds is not what was bought through the API, and goes on.
		bought := a.create("fresh", "ours")
		time.Sleep(time.Minute)
		foreign := 0
		for _, p := range purchases(t, a.server) {
			if p.State != "BATCH_STATE_SUCCEEDED" || p.Foreign == (p.Job == bought) {
				t.Errorf("in the books: %+v", p)
			}
			if p.Foreign {
				foreign++
			}
		}
		if foreign != 5 {
			t.Errorf("%d jobs of the history are in the books, want 5", foreign)
		}
	})
}

// A job that is still at work after 48 h is one that has expired.
func TestHistoryOfSlowJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		history := writeHistory(t, t.TempDir(), pastJob(1, 1, "60h"), pastJob(2, 2, "47h"))
		week := emulator.Span{Min: 7 * 24 * time.Hour, Max: 7 * 24 * time.Hour}
		a := openAPI(t, emulator.Config{History: history, QueueTime: quick, RunTime: week})
		for i, want := range map[int]string{1: "EXPIRED", 2: "RUNNING"} {
			if got := a.job(jobName(i)).Metadata.State; got != "BATCH_STATE_"+want {
				t.Errorf("job %d is %s, want %s", i, got, want)
			}
		}
	})
}

// The history is what was before the folder, and is read with its first use only.
func TestHistoryIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	cfg := emulator.Config{Dir: filepath.Join(dir, "data"), History: writeHistory(t, dir, pastJob(1, 1, "1h"))}
	first := openAPI(t, cfg)
	writeHistory(t, dir, pastJob(1, 1, "1h"), pastJob(2, 2, "1h"))
	for _, step := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(cfg.History, []byte("broken"), 0o600) },
		func() error { return os.Remove(cfg.History) },
		func() error { return os.RemoveAll(filepath.Join(dir, "in")) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if err := cfg.CheckHistory(); err != nil {
			t.Errorf("check: %v", err)
		}
		again := openAPI(t, cfg)
		if diff := cmp.Diff(purchases(t, first.server), purchases(t, again.server)); diff != "" {
			t.Errorf("ledger (-before +after):\n%s", diff)
		}
	}
	if got := len(purchases(t, first.server)); got != 1 {
		t.Errorf("%d jobs, want 1", got)
	}
}

// A folder that was made and never got a history has none later.
func TestHistoryOfOldFolder(t *testing.T) {
	dir := t.TempDir()
	cfg := emulator.Config{Dir: filepath.Join(dir, "data")}
	open(t, cfg)
	cfg.History = writeHistory(t, dir, pastJob(1, 1, "1h"))
	if got := purchases(t, open(t, cfg)); len(got) != 0 {
		t.Errorf("jobs came into a folder that had begun: %v", got)
	}
}

// Cut at any byte, the log of a new folder holds the whole history or nothing of
// it, and then the next to come writes it.
func TestTornHistory(t *testing.T) {
	dir := t.TempDir()
	cfg := emulator.Config{Dir: filepath.Join(dir, "data"), History: writeHistory(t, dir, pastJob(1, 1, "1h"))}
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(cfg.Dir, "emulator.log")
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(log, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		a := openAPI(t, cfg)
		if got := purchases(t, a.server); len(got) != 1 || got[0].Job != jobName(1) || got[0].Rows != 1 {
			t.Fatalf("cut at %d of %d: the ledger is %v", cut, len(whole), got)
		}
		a.want(200, a.call("GET", "/v1/"+a.job(jobName(1)).Metadata.InputConfig.FileName, ""))
		if err := a.server.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Several servers that open a new folder at once write one history.
func TestHistoryAtOnce(t *testing.T) {
	dir := t.TempDir()
	cfg := emulator.Config{Dir: filepath.Join(dir, "data"), History: writeHistory(t, dir, pastJob(1, 1, "60h"), pastJob(2, 2, "1h"))}
	servers := make([]*emulator.Server, 8)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			s, err := emulator.New(cfg)
			if err != nil {
				t.Error(err)
			}
			servers[i] = s
		})
	}
	wg.Wait()
	for _, s := range servers {
		if s == nil {
			t.FailNow()
		}
		if got := purchases(t, s); len(got) != 2 || s.ID() != servers[0].ID() {
			t.Errorf("folder %s has %d jobs, want 2 in %s", s.ID(), len(got), servers[0].ID())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	parts, err := os.ReadDir(filepath.Join(cfg.Dir, "bodies"))
	if err != nil || len(parts) != 2 {
		t.Errorf("%d bodies are stored (%v), want 2", len(parts), err)
	}
}

// A history that turns out wrong half-way leaves nothing behind: mended, it is
// taken as a whole.
func TestHistoryWithBadInput(t *testing.T) {
	dir := t.TempDir()
	cfg := emulator.Config{Dir: filepath.Join(dir, "data"), History: writeHistory(t, dir, pastJob(1, 1, "1h"), pastJob(2, 2, "1h"))}
	for _, bad := range []struct{ input, want string }{
		{"{\n", "history.json:3: source " + filepath.Join(dir, "in", "2") + ": the requests: Error on line 1: "},
		{"\n", "history.json:3: source " + filepath.Join(dir, "in", "2") + ": it holds no requests"},
	} {
		writeFile(t, filepath.Join(dir, "in", "2"), []byte(bad.input))
		_, err := emulator.New(cfg)
		if wrong, ok := errors.AsType[*emulator.HistoryError](err); !ok || wrong.Line != 3 || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("error %v, want %s", err, bad.want)
		}
		if parts, err := os.ReadDir(filepath.Join(cfg.Dir, "bodies")); err != nil || len(parts) != 0 {
			t.Errorf("%d bodies are left (%v)", len(parts), err)
		}
	}
	writeHistory(t, dir, pastJob(1, 1, "1h"), pastJob(2, 2, "1h"))
	if got := purchases(t, open(t, cfg)); len(got) != 2 {
		t.Errorf("%d jobs after the history was mended, want 2", len(got))
	}
}

func TestHistoryErrors(t *testing.T) {
	good, upload := pastJob(1, 1, "1h"), `{"name": "files/x", "source": "in/1"}`
	tests := []struct{ name, text, want string }{
		{"empty", "", "1: it is no JSON: it ends too early"},
		{"no list", "{}", "1: expected a list of jobs and files"},
		{"no object", "[\n\n  5]", "3: expected an object with the name of a job or a file"},
		{"cut", "[\n" + good + ",\n{\"name\":", "3: it is no JSON: it ends too early"},
		{"comma too many", "[\n" + good + ",\n]", "3: it is no JSON: "},
		{"comma missing", "[\n" + good + "\n" + upload + "]", "3: it is no JSON: "},
		{"two lists", "[" + upload + "]\n[]", "2: something stands behind the list"},
		{"unknown field", "[\n{\"name\": \"files/x\",\n \"surce\": \"in/1\"}]", `3: there is no "surce" here; known are age, display_name, model, name and source`},
		{"field twice", "[{\"name\": \"files/x\",\n \"name\": \"files/y\"}]", "2: it is no JSON: "},
		{"number", "[{\"name\": \"files/x\", \"source\": \"in/1\",\n \"age\": 5}]", "2: expected age to be a string"},
		{"age", `[{"name": "files/x", "source": "in/1", "age": "2 days"}]`, `1: age "2 days" is no length of time such as "52h" or "3h20m"`},
		{"future", `[{"name": "files/x", "source": "in/1", "age": "-1h"}]`, `1: age "-1h" is no length of time`},
		{"no name", `[{"source": "in/1"}]`, `1: the name is missing: "batches/…" of a job or "files/…" of an upload`},
		{"other name", `[{"name": "models/x", "source": "in/1"}]`, `1: "models/x" is neither the name of a job, batches/…, nor that of an upload`},
		{"short job", `[{"name": "batches/x", "source": "in/1", "model": "` + model + `"}]`, `1: "batches/x" is no name of a job: batches/ and 36 of a to z and 0 to 9`},
		{"bad file", `[{"name": "files/../x", "source": "in/1"}]`, `1: "files/../x" is neither`},
		{"job twice", "[" + good + ",\n" + upload + ",\n" + good + "]", "3: " + jobName(1) + " stands on line 1 already"},
		{"file twice", "[" + upload + ",\n" + upload + "]", "2: files/x stands on line 1 already"},
		{"no model", `[{"name": "` + jobName(1) + `", "source": "in/1"}]`, "1: the model of " + jobName(1) + " is missing"},
		{"other model", strings.ReplaceAll("["+good+"]", model, "gemini-9"), `1: there is no model "gemini-9"; it must be one of ` + model + ", gemini-2.5-pro"},
		{"upload with a model", `[{"name": "files/x", "source": "in/1", "model": "` + model + `"}]`, "1: files/x is an upload, which has no model"},
		{"long name", `[{"name": "files/x", "source": "in/1", "display_name": "` + strings.Repeat("x", 513) + `"}]`, "1: the display name of files/x is longer than 512 characters"},
		{"no source", `[{"name": "files/x"}]`, "1: the source of files/x is missing: the path of its input"},
		{"missing source", `[{"name": "files/x", "source": "in/7"}]`, "1: source in/7: the file does not exist"},
		{"folder", `[{"name": "files/x", "source": "in"}]`, "1: source in: it is no regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := emulator.Config{
				Dir: filepath.Join(dir, "data"), History: writeHistory(t, dir), Models: []string{model, "gemini-2.5-pro"},
			}
			writeFile(t, cfg.History, []byte(tt.text))
			want := cfg.History + ":" + tt.want
			if err := cfg.CheckHistory(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("check: %v, want %s", err, want)
			}
			if _, err := os.Stat(cfg.Dir); err == nil {
				t.Error("a check made the data folder")
			}
			if _, err := emulator.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("new: %v, want %s", err, want)
			}
			if text, err := os.ReadFile(filepath.Join(cfg.Dir, "emulator.log")); err != nil || !bytes.Equal(text, nil) {
				t.Errorf("the log has begun with %q (%v)", text, err)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		cfg := emulator.Config{Dir: filepath.Join(t.TempDir(), "data"), History: filepath.Join(t.TempDir(), "none.json")}
		if err, want := cfg.CheckHistory(), cfg.History+": the file does not exist"; err == nil || err.Error() != want {
			t.Errorf("check: %v, want %s", err, want)
		}
	})
}
