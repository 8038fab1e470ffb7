package gemini_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/gemini"
)

const pendingJob = `{"name":"batches/k3v0",
 "metadata":{
  "@type":"type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
  "model":"models/gemini-3.8-flash","displayName":"run-7/part-0003",
  "inputConfig":{"fileName":"files/in-0003"},
  "createTime":"2026-11-23T10:00:00.827892252Z","updateTime":"2026-11-23T10:00:00.827892252Z",
  "batchStats":{"requestCount":"3","pendingRequestCount":"3"},
  "state":"BATCH_STATE_PENDING",
  "name":"batches/k3v0"}}`

var (
	created = time.Date(2026, 11, 23, 10, 0, 0, 827892252, time.UTC)
	date    = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

	pending = provider.Job{
		Name: "batches/k3v0", DisplayName: "run-7/part-0003", Model: "models/gemini-3.8-flash",
		InputFile: "files/in-0003", State: "BATCH_STATE_PENDING",
		CreateTime: created, UpdateTime: created,
		Stats: provider.Stats{Requests: 3, Pending: 3},
	}
)

// Each row is an answer that the SDK loses something of, or fails on.
func TestJobsOffTheWire(t *testing.T) {
	end := created.Add(time.Hour)
	tests := []struct {
		name, body string
		want       provider.Job
	}{
		{"pending", pendingJob, pending},
		{"succeeded with a file", `{"name":"batches/b1","done":true,
			"metadata":{"model":"models/m","displayName":"d","inputConfig":{"fileName":"files/in"},
			 "output":{"responsesFile":"files/batch-b1"},
			 "createTime":"2026-11-23T10:00:00.827892252Z","endTime":"2026-11-23T11:00:00.827892252Z","updateTime":"2026-11-23T11:00:00.827892252Z",
			 "batchStats":{"requestCount":"3","successfulRequestCount":"2","failedRequestCount":"1"},"state":"BATCH_STATE_SUCCEEDED"},
			"response":{"responsesFile":"files/batch-b1"}}`,
			provider.Job{
				Name: "batches/b1", Done: true, Model: "models/m", DisplayName: "d", InputFile: "files/in", State: "BATCH_STATE_SUCCEEDED",
				CreateTime: created, UpdateTime: end, EndTime: end, ResponsesFile: "files/batch-b1",
				Stats: provider.Stats{Requests: 3, Succeeded: 2, Failed: 1},
			}},
		{"the output in response alone", `{"name":"batches/b1","metadata":{"state":"BATCH_STATE_SUCCEEDED"},"response":{"responsesFile":"files/batch-b1"}}`,
			provider.Job{Name: "batches/b1", State: "BATCH_STATE_SUCCEEDED", ResponsesFile: "files/batch-b1"}},
		{"failed with its reason", `{"name":"batches/b1","done":true,"metadata":{"state":"BATCH_STATE_CANCELLED"},"error":{"code":13,"message":"Batch b1 failed without error."}}`,
			provider.Job{Name: "batches/b1", Done: true, State: "BATCH_STATE_CANCELLED", Error: &provider.Status{Code: 13, Message: "Batch b1 failed without error."}}},
		{"an unknown state", `{"name":"batches/b1","metadata":{"state":"BATCH_STATE_RESTING"}}`,
			provider.Job{Name: "batches/b1", State: "BATCH_STATE_RESTING"}},
		{"the state at the top", `{"name":"batches/b1","state":"JOB_STATE_RUNNING"}`,
			provider.Job{Name: "batches/b1", State: "JOB_STATE_RUNNING"}},
		{"counts as numbers", `{"name":"batches/b1","metadata":{"batchStats":{"requestCount":3,"pendingRequestCount":"2"}}}`,
			provider.Job{Name: "batches/b1", Stats: provider.Stats{Requests: 3, Pending: 2}}},
		{"types that nobody expects", `{"name":"batches/b1","done":"yes","metadata":{"displayName":7,"createTime":12,"batchStats":[],"output":"x","inputConfig":null},"error":[]}`,
			provider.Job{Name: "batches/b1"}},
		{"inline answers", `{"name":"batches/b1","metadata":{"output":{"inlinedResponses":{"inlinedResponses":[{"response":{},"metadata":{"key":"r1"}}]}}}}`,
			provider.Job{Name: "batches/b1", Inline: true}},
		{"an inline error with details", `{"name":"batches/b1","metadata":{"output":{"inlinedResponses":{"inlinedResponses":[{"error":{"code":3,"message":"m","details":[{"@type":"x","n":1}]},"metadata":{"key":"r1"}}]}}}}`,
			provider.Job{Name: "batches/b1", Inline: true}},
		{"an inline answer that is no object", `{"name":"batches/b1","response":{"inlinedResponses":{"inlinedResponses":[{"response":"text","metadata":{"key":7}},3,null]}}}`,
			provider.Job{Name: "batches/b1", Inline: true}},
		{"inline requests", `{"name":"batches/b1","metadata":{"inputConfig":{"requests":{"requests":[{"request":{}}]}}}}`,
			provider.Job{Name: "batches/b1"}},
		{"members twice and unknown ones", `{"new":{"a":[1,2]},"name":"batches/b0","name":"batches/b1"}`,
			provider.Job{Name: "batches/b1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, answer{body: tt.body})
			got, err := c.GetJob(t.Context(), "batches/b1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("job (-want +got):\n%s", diff)
			}
			// The same in a listing and as the answer to a create.
			page, err := newClient(t, answer{body: `{"operations":[` + tt.body + `]}`}).ListJobs(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(provider.JobPage{Jobs: []provider.Job{tt.want}, Date: date}, page); diff != "" {
				t.Errorf("listing (-want +got):\n%s", diff)
			}
			got, err = c.CreateJob(t.Context(), createRequest)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilesOffTheWire(t *testing.T) {
	const hexHash = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	tests := []struct{ name, hash, want string }{
		{"base64 of the hex text", "MmMyNmI0NmI2OGZmYzY4ZmY5OWI0NTNjMWQzMDQxMzQxMzQyMmQ3MDY0ODNiZmEwZjk4YTVlODg2MjY2ZTdhZQ==", hexHash},
		{"base64 of the bytes", "LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=", hexHash},
		{"hex", strings.ToUpper(hexHash), hexHash},
		{"no hash", "", ""},
		{"something else", "aGVsbG8=", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"name":"files/in-0003","displayName":"part-0003.jsonl","mimeType":"jsonl","sizeBytes":"91234",
			 "createTime":"2026-11-23T10:00:00.827892252Z","updateTime":"2026-11-23T10:00:00Z","expirationTime":"2026-11-25T10:00:00Z",
			 "sha256Hash":"` + tt.hash + `","uri":"https://x/v1beta/files/in-0003","state":"ACTIVE","source":"UPLOADED"}`
			want := provider.File{
				Name: "files/in-0003", DisplayName: "part-0003.jsonl", MIMEType: "jsonl", Bytes: 91234, SHA256: tt.want,
				State: "ACTIVE", Source: "UPLOADED", CreateTime: created, ExpireTime: date.Add(48 * time.Hour),
			}
			got, err := newClient(t, answer{body: body}).GetFile(t.Context(), "files/in-0003")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
			number := strings.Replace(body, `"91234"`, `91234`, 1)
			page, err := newClient(t, answer{body: `{"files":[` + number + `],"nextPageToken":"t"}`}).ListFiles(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(provider.FilePage{Files: []provider.File{want}, Next: "t", Date: date}, page); diff != "" {
				t.Errorf("listing (-want +got):\n%s", diff)
			}
		})
	}
}

// A listing that merely looks empty would let an unknown create pass for one
// that was never carried out.
func TestListingsThatAreNone(t *testing.T) {
	good := map[string]answer{
		"nothing there":  {body: `{}`},
		"an empty list":  {body: `{"operations":[],"files":[]}`},
		"an empty token": {body: `{"nextPageToken":""}`},
	}
	for name, a := range good {
		t.Run(name, func(t *testing.T) {
			page, err := newClient(t, a).ListJobs(t.Context(), "")
			if err != nil || len(page.Jobs) != 0 || page.Next != "" {
				t.Errorf("got %+v, %v", page, err)
			}
		})
	}
	bad := map[string]answer{
		"empty":              {},
		"null":               {body: `null`},
		"array":              {body: `[]`},
		"another object":     {body: `{"status":"ok"}`},
		"an error under 200": {body: `{"error":{"code":503,"message":"later","status":"UNAVAILABLE"}}`},
		"no array":           {body: `{"operations":{},"files":{}}`},
		"unreachable":        {body: `{"operations":[],"files":[],"unreachable":["us-central1"]}`},
		"an entry of null":   {body: `{"operations":[null],"files":[null]}`},
		"a nameless entry":   {body: `{"operations":[{"metadata":{}}],"files":[{"sizeBytes":"1"}]}`},
		"cut off":            {body: `{"operations":[`},
		"not said to be JSON": {body: `{}`,
			header: map[string]string{"Content-Type": "text/plain"}},
	}
	for name, a := range bad {
		for _, op := range []string{"list jobs", "list files"} {
			t.Run(name+"/"+op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					err := calls[op](t.Context(), newClient(t, a))
					if got := wantError(t, err); got.Class != provider.ClassTemporary {
						t.Errorf("got class %s: %v", got.Class, got)
					}
				})
			})
		}
	}
}

// Begun with a token, the SDK's own paging fetches one page for ever.
func TestListFromToken(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := map[string]string{"": "two", "two": "three", "three": ""}
		token := r.URL.Query().Get("pageToken")
		to, known := next[token]
		if !known || r.URL.Query().Get("pageSize") != "7" {
			refusal(400, "INVALID_ARGUMENT", r.URL.RawQuery).ServeHTTP(w, r)
			return
		}
		body := fmt.Sprintf(`{"operations":[{"name":"batches/b%s"}],"files":[{"name":"files/f%s"}]`, token, token)
		if to != "" {
			body += fmt.Sprintf(`,"nextPageToken":%q`, to)
		}
		answer{body: body + "}"}.ServeHTTP(w, r)
	})
	c := newClient(t, h, func(o *gemini.Options) { o.PageSize = 7 })
	var jobs, files []string
	for token := "two"; ; {
		page, err := c.ListJobs(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			jobs = append(jobs, j.Name)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	for token := ""; ; {
		page, err := c.ListFiles(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Files {
			files = append(files, f.Name)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	want := [][]string{{"batches/btwo", "batches/bthree"}, {"files/f", "files/ftwo", "files/fthree"}}
	if diff := cmp.Diff(want, [][]string{jobs, files}); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

// What goes over the wire, header by header.
func TestRequests(t *testing.T) {
	type request struct{ Line, Body string }
	tests := map[string]request{
		"list jobs":                  {"GET /v1beta/batches?pageSize=100", ""},
		"get job":                    {"GET /v1beta/batches/b1", ""},
		"create job":                 {"POST /v1beta/models/gemini-2.5-flash:batchGenerateContent", `{"batch":{"displayName":"refinement_072 [abc123.72.1.0badcafe]","inputConfig":{"fileName":"files/qp-1"}}}`},
		"cancel job":                 {"POST /v1beta/batches/b1:cancel", ""},
		"read inline answers of job": {"GET /v1beta/batches/b1", ""},
		"list files":                 {"GET /v1beta/files?pageSize=100", ""},
		"get file":                   {"GET /v1beta/files/f1", ""},
		"delete file":                {"DELETE /v1beta/files/f1", ""},
		"download":                   {"GET /v1beta/files/batch-b1:download?alt=media", ""},
	}
	if len(tests) != len(calls) {
		t.Fatalf("%d calls, %d tests", len(calls), len(tests))
	}
	for _, base := range []string{"http://service.test", "http://service.test/", "http://service.test/gemini/"} {
		for op, want := range tests {
			t.Run(base+"/"+op, func(t *testing.T) {
				var got request
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					b, _ := io.ReadAll(r.Body)
					got = request{r.Method + " " + r.URL.RequestURI(), strings.TrimSpace(string(b))}
					if v := r.Header["X-Goog-Api-Key"]; !cmp.Equal(v, []string{testKey}) {
						t.Errorf("key header %q", v)
					}
					if v := r.Header.Get("User-Agent"); v != "qaplan/0.1" {
						t.Errorf("user agent %q", v)
					}
					name := "batches/b1"
					if op == "get file" {
						name = "files/f1"
					}
					answer{body: `{"name":"` + name + `","operations":[],"files":[],"response":{"inlinedResponses":{"inlinedResponses":[]}}}`}.ServeHTTP(w, r)
				})
				c := newClient(t, h, func(o *gemini.Options) { o.BaseURL, o.UserAgent = base, "qaplan/0.1" })
				if err := calls[op](t.Context(), c); err != nil {
					t.Error(err)
				}
				want := want
				if strings.HasSuffix(base, "/gemini/") {
					want.Line = strings.Replace(want.Line, " /", " /gemini/", 1)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("request (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A job with a hundred megabytes of inline answers is read like any other.
func TestGetJobWithManyInlineAnswers(t *testing.T) {
	row := []byte(`{"response":{"candidates":[{"content":{"parts":[{"text":"` + strings.Repeat("x", 1<<16) + `"}]}}]},"metadata":{"key":"r1"}},`)
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"name":"batches/b1","metadata":{"state":"BATCH_STATE_SUCCEEDED","output":{"inlinedResponses":{"inlinedResponses":[`)
		for range 1600 {
			w.Write(row)
		}
		io.WriteString(w, `{}]}}},"done":true}`)
	})
	c, _ := listening(t, h)
	var job provider.Job
	peak := peakHeap(t, func() {
		var err error
		if job, err = c.GetJob(t.Context(), "batches/b1"); err != nil {
			t.Fatal(err)
		}
	})
	if !job.Inline || !job.Done || job.State != "BATCH_STATE_SUCCEEDED" {
		t.Errorf("got %+v", job)
	}
	if peak > 16<<20 {
		t.Errorf("the heap grew by %d MiB", peak>>20)
	}
}

func TestInlineAnswers(t *testing.T) {
	const rows = `[
	  {"response":{"candidates":[{"content":{"parts":[{"text":"a\nb"}]}}]},"metadata":{"key":"r1"}},
	  {"metadata":{"key":"r2"}, "error":{"code":3,"message":"m","details":[{"@type":"x"}]}},
	  {"response":"text","metadata":{"key":7}},
	  {"response":{"n":1.0}},
	  {"response":{},"metadata":{"key":{}}},
	  {},
	  3]`
	const want = `{"key":"r1","response":{"candidates":[{"content":{"parts":[{"text":"a\nb"}]}}]}}
{"key":"r2","error":{"code":3,"message":"m","details":[{"@type":"x"}]}}
{"key":"7","response":"text"}
{"response":{"n":1.0}}
{"response":{}}
{}
{"error":{"code":13,"message":"qaplan: the answer is no JSON object"}}
`
	in := `{"inlinedResponses":{"inlinedResponses":` + rows + `}}`
	for name, body := range map[string]string{
		"in both places":    `{"name":"batches/b1","metadata":{"output":` + in + `},"response":` + in + `}`,
		"in metadata alone": `{"metadata":{"inputConfig":{"requests":` + in + `},"output":` + in + `},"name":"batches/b1"}`,
		"in response alone": `{"response":` + in + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := newClient(t, answer{body: body}).InlineAnswers(t.Context(), "batches/b1", &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			for line := range strings.Lines(got.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %s", line)
				}
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		err := newClient(t, answer{body: pendingJob}).InlineAnswers(t.Context(), "batches/b1", io.Discard)
		if got := wantError(t, err); got.Class != provider.ClassRefused {
			t.Errorf("got class %s: %v", got.Class, got)
		}
	})
	t.Run("cut off after a row", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := scripted(answer{status: 503}, answer{body: `{"response":{"inlinedResponses":{"inlinedResponses":[{"response":{}},{"resp`})
			var got bytes.Buffer
			err := newClient(t, h).InlineAnswers(t.Context(), "batches/b1", &got)
			if e := wantError(t, err); e.Class != provider.ClassTemporary || got.String() != "{\"response\":{}}\n" || len(h.requests()) != 2 {
				t.Errorf("got %v, rows %q after %d requests", e, &got, len(h.requests()))
			}
		})
	})
	t.Run("a writer that fails", func(t *testing.T) {
		h := scripted(answer{body: `{"response":` + in + `}`})
		err := newClient(t, h).InlineAnswers(t.Context(), "batches/b1", failingWriter{})
		if e := wantError(t, err); e.Class != provider.ClassRefused || !strings.Contains(e.Error(), "disk is full") || len(h.requests()) != 1 {
			t.Errorf("got %v after %d requests", e, len(h.requests()))
		}
	})
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("disk is full") }

func TestReadsAreRepeated(t *testing.T) {
	good := answer{body: pendingJob}
	busy := refusal(503, "UNAVAILABLE", "")
	tests := []struct {
		name     string
		answers  []http.Handler
		want     provider.Class // "" for success
		requests int
		min, max time.Duration
	}{
		{"once", []http.Handler{good}, "", 1, 0, 0},
		{"a reset", []http.Handler{answer{reset: true}, good}, "", 2, 375 * time.Millisecond, 625 * time.Millisecond},
		{"a hanging answer", []http.Handler{answer{hang: true}, good}, "", 2, 30 * time.Second, 31 * time.Second},
		{"three failures", []http.Handler{busy, answer{status: 502}, answer{reset: true}, good}, "", 4, 2625 * time.Millisecond, 4375 * time.Millisecond},
		{"for ever", []http.Handler{busy}, provider.ClassTemporary, 4, 2625 * time.Millisecond, 4375 * time.Millisecond},
		{"a delay of the service", []http.Handler{refusal(503, "UNAVAILABLE", "", retryInfo("20s")), good}, "", 2, 20 * time.Second, 20 * time.Second},
		{"a delay beyond patience", []http.Handler{refusal(503, "UNAVAILABLE", "", retryInfo("31s")), good}, provider.ClassTemporary, 1, 0, 0},
		{"a quota with a short delay", []http.Handler{refusal(429, "RESOURCE_EXHAUSTED", "", retryInfo("9s")), good}, "", 2, 9 * time.Second, 9 * time.Second},
		{"a quota twice", []http.Handler{refusal(429, "RESOURCE_EXHAUSTED", "", retryInfo("9s"))}, provider.ClassQuota, 2, 9 * time.Second, 9 * time.Second},
		{"a quota without a delay", []http.Handler{refusal(429, "RESOURCE_EXHAUSTED", "", help), good}, provider.ClassQuota, 1, 0, 0},
		{"a refusal", []http.Handler{refusal(400, "INVALID_ARGUMENT", wrongKey), good}, provider.ClassRefused, 1, 0, 0},
		{"gone", []http.Handler{refusal(404, "NOT_FOUND", "x"), good}, provider.ClassGone, 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := scripted(tt.answers...)
				var admitted, released int
				c := newClient(t, h, func(o *gemini.Options) {
					o.Admit = func(_ context.Context, op string) (func(), error) {
						admitted++
						if op != provider.OpGetJob {
							t.Errorf("admission for %q", op)
						}
						return func() { released++ }, nil
					}
				})
				begin := time.Now()
				_, err := c.GetJob(t.Context(), "batches/b1")
				if tt.want == "" && err != nil || tt.want != "" && wantError(t, err).Class != tt.want {
					t.Errorf("got error %v, want class %q", err, tt.want)
				}
				if n := len(h.requests()); n != tt.requests || admitted != n || released != n {
					t.Errorf("got %d requests, %d admitted, %d released; want %d", n, admitted, released, tt.requests)
				}
				if d := time.Since(begin); d < tt.min || d > tt.max {
					t.Errorf("took %s, want %s to %s", d, tt.min, tt.max)
				}
			})
		})
	}
}

// Every wait hears the caller's context and says what ended it.
func TestContexts(t *testing.T) {
	for op, do := range calls {
		for name, a := range map[string]answer{"while waiting for an answer": {hang: true}, "between attempts": {status: 503}} {
			t.Run(op+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					once := op == "create job" || op == "cancel job" || op == "delete file"
					if once && a.status != 0 {
						return // there is nothing between attempts
					}
					ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
					defer cancel()
					begin := time.Now()
					err := do(ctx, newClient(t, a))
					e := wantError(t, err)
					if !strings.Contains(fmt.Sprint(e.Err), context.DeadlineExceeded.Error()) {
						t.Errorf("got %v", e)
					}
					if once != (e.Class == provider.ClassUnknown) {
						t.Errorf("got class %s", e.Class)
					}
					if d := time.Since(begin); d != 300*time.Millisecond {
						t.Errorf("took %s", d)
					}
				})
			})
		}
	}
}

// Waiting for admission takes nothing from the time of the request.
func TestAdmissionIsOutsideTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(29 * time.Second)
			answer{body: pendingJob}.ServeHTTP(w, r)
		})
		c := newClient(t, h, func(o *gemini.Options) {
			o.Admit = func(context.Context, string) (func(), error) {
				time.Sleep(time.Hour)
				return nil, nil
			}
		})
		if _, err := c.CreateJob(t.Context(), createRequest); err != nil {
			t.Error(err)
		}
	})
}
