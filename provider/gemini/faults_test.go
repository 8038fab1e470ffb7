package gemini_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/provider/gemini"
)

const conformanceModel = "gemini-2.5-flash"

var wireFaults = []string{
	emulator.FaultResetBefore, emulator.FaultResetAfter, emulator.FaultTimeoutBefore, emulator.FaultTimeoutAfter,
	emulator.FaultStatusBefore, emulator.FaultStatusAfter, emulator.FaultEmpty200, emulator.FaultHTML200,
	emulator.FaultHTML503, emulator.FaultRedirect, emulator.FaultCutBody, emulator.FaultWrongLength,
	emulator.FaultMalformedJSON, emulator.FaultQuota429, emulator.FaultSlow, emulator.FaultNoDate, emulator.FaultDateBack,
}

func fault(name, op string) emulator.Fault {
	f := emulator.Fault{Name: name, Op: op}
	if name == emulator.FaultRedirect {
		f.Value = "http://elsewhere.test/"
	}
	return f
}

// rehearsal is an emulator in process and a client of it.
func rehearsal(t *testing.T) (*emulator.Server, *gemini.Client) {
	t.Helper()
	srv, err := emulator.New(emulator.Config{Dir: t.TempDir(), APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return srv, newClient(t, nil, func(o *gemini.Options) { o.Transport = emulator.Transport(srv) })
}

func source() []byte {
	return []byte(`{"key":"r1","request":{"contents":[{"parts":[{"text":"What does RSI measure?"}]}]}}` + "\n" +
		`{"key":"r2","request":{"contents":[{"parts":[{"text":"What is a golden cross?"}]}]}}` + "\n")
}

func uploadSource(t *testing.T, c *gemini.Client, name string) provider.File {
	t.Helper()
	f, err := c.Upload(t.Context(), bytes.NewReader(source()), request(name, source()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Whatever goes wrong with a create, what the client says of it agrees with the
// service's books, and it arrived once at most.
func TestCreateUnderEachFault(t *testing.T) {
	faults := []emulator.Fault{{Name: emulator.FaultDelayedCreate}, {Name: emulator.FaultListLag, Op: emulator.OpCreate}}
	for _, name := range wireFaults {
		faults = append(faults, fault(name, emulator.OpCreate))
	}
	for _, when := range []string{emulator.FaultStatusBefore, emulator.FaultStatusAfter} {
		for _, status := range []string{"400", "401", "403", "404", "408", "409", "429", "500", "502", "503", "504"} {
			faults = append(faults, emulator.Fault{Name: when, Op: emulator.OpCreate, Value: status})
		}
	}
	classes := map[provider.Class]int{}
	for _, f := range faults {
		t.Run(strings.TrimSpace(f.Name+" "+f.Value), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, c := rehearsal(t)
				r := provider.CreateRequest{Model: conformanceModel, InputFile: uploadSource(t, c, "files/qp-1").Name, DisplayName: "d"}
				if err := srv.SetFaults(f); err != nil {
					t.Fatal(err)
				}
				job, err := c.CreateJob(t.Context(), r)
				books, lerr := srv.Ledger()
				if lerr != nil {
					t.Fatal(lerr)
				}
				bought := len(books.Purchases)
				class := provider.Class("")
				if err != nil {
					class = wantError(t, err).Class
				}
				classes[class]++
				switch class {
				case "":
					if bought != 1 || books.Purchases[0].Job != job.Name {
						t.Errorf("got job %q, the books say %+v", job.Name, books.Purchases)
					}
				case provider.ClassRefused, provider.ClassQuota:
					// A service that bought and says no in its own words would lie;
					// the fault that makes it do so is no answer of the real one.
					if bought != 0 && f.Name != emulator.FaultStatusAfter {
						t.Errorf("class %s, and %d were bought: %v", class, bought, err)
					}
				case provider.ClassUnknown:
				default:
					t.Errorf("a create of class %s: %v", class, err)
				}
				if n := books.Calls[emulator.OpCreate]; n > 1 || bought > 1 {
					t.Errorf("%d creates arrived, %d jobs were bought", n, bought)
				}
			})
		})
	}
	for _, c := range []provider.Class{"", provider.ClassRefused, provider.ClassQuota, provider.ClassUnknown} {
		if classes[c] == 0 {
			t.Errorf("no fault led to class %q: %v", c, classes)
		}
	}
}

// Reads come through one fault of any kind; only a quota is passed on.
func TestReadsUnderEachFault(t *testing.T) {
	reads := map[string]func(t *testing.T, c *gemini.Client, job provider.Job) (string, error){
		emulator.OpGetJob: func(t *testing.T, c *gemini.Client, job provider.Job) (string, error) {
			j, err := c.GetJob(t.Context(), job.Name)
			return j.Name, err
		},
		emulator.OpListJobs: func(t *testing.T, c *gemini.Client, job provider.Job) (string, error) {
			p, err := c.ListJobs(t.Context(), "")
			return fmt.Sprint(len(p.Jobs)), err
		},
		emulator.OpGetFile: func(t *testing.T, c *gemini.Client, job provider.Job) (string, error) {
			f, err := c.GetFile(t.Context(), job.InputFile)
			return f.Name + f.SHA256, err
		},
		emulator.OpListFiles: func(t *testing.T, c *gemini.Client, job provider.Job) (string, error) {
			p, err := c.ListFiles(t.Context(), "")
			return fmt.Sprint(len(p.Files)), err
		},
		emulator.OpDownload: func(t *testing.T, c *gemini.Client, job provider.Job) (string, error) {
			var b bytes.Buffer
			_, err := c.Download(t.Context(), job.ResponsesFile, 0, &b)
			return b.String(), err
		},
	}
	for op, read := range reads {
		faults := wireFaults
		if op == emulator.OpDownload {
			faults = append(faults[:len(faults):len(faults)], emulator.FaultTruncatedDownload, emulator.FaultIgnoreRange)
		}
		for _, name := range faults {
			t.Run(op+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, c := rehearsal(t)
					id, err := srv.AddJob(emulator.PlantedJob{DisplayName: "d", Requests: source()})
					if err != nil {
						t.Fatal(err)
					}
					job, err := c.GetJob(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					want, err := read(t, c, job)
					if err != nil || want == "" || want == "0" {
						t.Fatalf("without a fault: %q, %v", want, err)
					}
					if err := srv.SetFaults(fault(name, op)); err != nil {
						t.Fatal(err)
					}
					got, err := read(t, c, job)
					switch {
					case provider.ClassOf(err) == provider.ClassQuota && name == emulator.FaultQuota429:
					case op == emulator.OpDownload && unnoticed(name):
						// The bytes that came are what was announced: only who
						// knows the keys can tell (planner/apply does).
					case err != nil || got != want:
						t.Errorf("got %q, %v; want %q", got, err, want)
					}
				})
			})
		}
	}
}

// unnoticed tells whether a fault leaves a download that is whole as far as
// HTTP goes.
func unnoticed(name string) bool {
	return name == emulator.FaultTruncatedDownload || name == emulator.FaultEmpty200 || name == emulator.FaultMalformedJSON
}

// Uploads come through one fault of any kind in any of their requests.
func TestUploadUnderEachFault(t *testing.T) {
	content := data(9 * mib)
	sum := sha256.Sum256(content)
	special := map[string][]string{
		emulator.OpUploadStart:    {emulator.FaultUnsupportedMIME200},
		emulator.OpUploadChunk:    {emulator.FaultChunkWithoutStatus, emulator.FaultCutUpload},
		emulator.OpUploadFinalize: {emulator.FaultChunkWithoutStatus, emulator.FaultCutUpload, emulator.FaultFinalizeWithoutFile, emulator.FaultUnsupportedMIME200},
		emulator.OpUploadQuery:    nil,
	}
	for op, more := range special {
		for _, name := range append(more, wireFaults...) {
			t.Run(op+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv, c := rehearsal(t)
					faults := []emulator.Fault{fault(name, op)}
					if op == emulator.OpUploadQuery { // nothing is asked unless something broke
						faults = append(faults, emulator.Fault{Name: emulator.FaultResetBefore, Op: emulator.OpUploadChunk})
					}
					if err := srv.SetFaults(faults...); err != nil {
						t.Fatal(err)
					}
					f, err := c.Upload(t.Context(), bytes.NewReader(content), request("files/qp-1", content))
					if provider.ClassOf(err) == provider.ClassQuota && name == emulator.FaultQuota429 {
						return
					}
					if err != nil || f.SHA256 != hex.EncodeToString(sum[:]) {
						t.Fatalf("got %+v, %v", f, err)
					}
					page, err := c.ListFiles(t.Context(), "")
					if err != nil || len(page.Files) != 1 {
						t.Errorf("the service holds %+v, %v", page.Files, err)
					}
				})
			})
		}
	}
}

// FuzzAnswers lets the service answer anything under any status.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		pendingJob, `{}`, ``, `null`, `[]`, `{"operations":[` + pendingJob + `],"nextPageToken":"t"}`,
		`{"files":[` + fooFile + `]}`, `{"file":` + fooFile + `}`,
		`{"response":{"inlinedResponses":{"inlinedResponses":[{"response":{},"metadata":{"key":"r1"}},3]}}}`,
		`{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT","details":[` + infoBadKey + `,3]}}`,
		`{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[` + retryInfo("9223372036854775807s") + `,` + quotaFailure("x") + `]}}`,
		"<html>\x00\xff</html>", `{"name":"batches/` + "\xff" + `"}`, `{"inlinedResponses":`,
	} {
		f.Add([]byte(s), 200)
		f.Add([]byte(s), 400)
		f.Add([]byte(s), 429)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if status < 200 || status > 599 {
			return
		}
		h := answer{status: status, body: string(body)}
		for op, do := range calls {
			err := doOnce(t, h, do)
			if err == nil {
				continue
			}
			e := wantError(t, err)
			// A create is refused by the listed statuses alone, in JSON.
			if op == "create job" && e.Class != provider.ClassUnknown {
				listed := status == 400 || status == 401 || status == 403 || status == 404 || status == 429
				if !listed || !bytes.Contains(body, []byte("error")) && !bytes.Contains(body, []byte(`\u`)) {
					t.Errorf("status %d, body %q: class %s", status, body, e.Class)
				}
			}
		}
	})
}

// doOnce makes a call whose context ends with its first pause.
func doOnce(t *testing.T, h answer, do func(context.Context, *gemini.Client) error) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := newClient(t, h, func(o *gemini.Options) {
		o.Log = slog.New(onLog{slog.DiscardHandler, cancel})
	})
	return do(ctx, c)
}

// onLog calls a function when something is logged: a retry, here.
type onLog struct {
	slog.Handler
	do func()
}

func (h onLog) Enabled(context.Context, slog.Level) bool  { return true }
func (h onLog) Handle(context.Context, slog.Record) error { h.do(); return nil }
