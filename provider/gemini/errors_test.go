package gemini_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/gemini"
)

const (
	fileGone  = "You do not have permission to access the File f1 or it may not exist."
	wrongKey  = "API key not valid. Please pass a valid API key."
	modelGone = "models/gemini-9 is not found for API version v1beta, or is not supported for batchGenerateContent."

	infoBadKey = `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}`
	help       = `{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"quotas","url":"https://ai.google.dev/gemini-api/docs/rate-limits"}]}`
)

func quotaFailure(id string) string {
	return fmt.Sprintf(`{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":%q,"quotaValue":"10"}]}`, id)
}

func retryInfo(delay string) string {
	return fmt.Sprintf(`{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":%q}`, delay)
}

func TestRefusals(t *testing.T) {
	date := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		op   string
		ans  answer
		want provider.Error
	}{
		{"a wrong key", "list jobs", refusal(400, "INVALID_ARGUMENT", wrongKey, infoBadKey),
			provider.Error{Class: provider.ClassRefused, Reason: "API_KEY_INVALID", About: provider.AboutKey}},
		{"a wrong key without a reason", "create job", refusal(400, "INVALID_ARGUMENT", wrongKey),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutKey}},
		{"no key", "get job", refusal(401, "UNAUTHENTICATED", "Request is missing required authentication credential."),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutKey}},
		{"a leaked key", "get file", refusal(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutKey}},
		{"billing", "create job", refusal(400, "FAILED_PRECONDITION", "Batch mode is not available in your country without billing."),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutProject}},
		{"a project without the API", "create job", refusal(403, "PERMISSION_DENIED", "Generative Language API has not been used in project 12 before or it is disabled.",
			`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED"}`),
			provider.Error{Class: provider.ClassRefused, Reason: "SERVICE_DISABLED", About: provider.AboutProject}},

		{"create: the input is gone", "create job", refusal(403, "PERMISSION_DENIED", fileGone),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutFile}},
		{"create: a file that is not ready", "create job", refusal(400, "FAILED_PRECONDITION", "The File f1 is not in an ACTIVE state and usage is not allowed."),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutFile}},
		{"create: no such model", "create job", refusal(404, "NOT_FOUND", modelGone),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutModel}},
		{"create: bad lines", "create job", refusal(400, "INVALID_ARGUMENT", "Error on line 1: invalid JSON, near column 1032: no such field: 'x'\nError on line 7: invalid JSON"),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutInput}},
		{"create: a type", "create job", refusal(400, "INVALID_ARGUMENT", "Unsupported MIME type: jsonl"),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutInput}},
		{"create: a size", "create job", refusal(400, "INVALID_ARGUMENT", "Input file is too large: 3000000000 bytes."),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutInput}},
		{"create: something else", "create job", refusal(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
			provider.Error{Class: provider.ClassRefused}},
		{"create: the 429 that names nothing", "create job", refusal(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details.", help),
			provider.Error{Class: provider.ClassQuota}},
		{"create: 409", "create job", refusal(409, "ABORTED", "The operation was aborted."), provider.Error{Class: provider.ClassUnknown}},
		{"create: 503", "create job", refusal(503, "UNAVAILABLE", "The service is currently unavailable."), provider.Error{Class: provider.ClassUnknown}},
		{"create: 499", "create job", refusal(499, "CANCELLED", "The operation was cancelled."), provider.Error{Class: provider.ClassUnknown}},

		{"a quota with its id and delay", "cancel job", refusal(429, "RESOURCE_EXHAUSTED", "quota", help, quotaFailure("RequestsPerMinutePerProject"), retryInfo("51s")),
			provider.Error{Class: provider.ClassQuota, Quotas: []string{"RequestsPerMinutePerProject"}, RetryDelay: 51 * time.Second}},
		{"a delay of 2^63-1 s", "cancel job", refusal(429, "RESOURCE_EXHAUSTED", "full", quotaFailure("FileStorageBytesPerProject"), retryInfo("9223372036854775807s")),
			provider.Error{Class: provider.ClassQuota, Quotas: []string{"FileStorageBytesPerProject"}, RetryDelay: time.Hour}},
		{"a negative delay", "cancel job", refusal(429, "RESOURCE_EXHAUSTED", "x", retryInfo("-5s")), provider.Error{Class: provider.ClassQuota}},
		{"a delay in words", "cancel job", refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded. Please retry in 45.57s."),
			provider.Error{Class: provider.ClassQuota, RetryDelay: 45570 * time.Millisecond}},
		{"a longer delay in words", "cancel job", refusal(429, "RESOURCE_EXHAUSTED", "Please retry in 1m2.5s."),
			provider.Error{Class: provider.ClassQuota, RetryDelay: 62500 * time.Millisecond}},
		{"a delay in a header", "cancel job", with(refusal(429, "RESOURCE_EXHAUSTED", "x"), "Retry-After", "7"),
			provider.Error{Class: provider.ClassQuota, RetryDelay: 7 * time.Second}},
		{"a date in a header", "cancel job", with(refusal(429, "RESOURCE_EXHAUSTED", "x"), "Retry-After", "Mon, 23 Nov 2026 10:02:00 GMT"),
			provider.Error{Class: provider.ClassQuota, RetryDelay: 2 * time.Minute}},

		{"get: no such job", "get job", refusal(404, "NOT_FOUND", "Requested entity was not found."), provider.Error{Class: provider.ClassGone}},
		{"cancel: no such job", "cancel job", refusal(404, "NOT_FOUND", "Requested entity was not found."), provider.Error{Class: provider.ClassGone}},
		{"get: no such file", "get file", refusal(403, "PERMISSION_DENIED", fileGone), provider.Error{Class: provider.ClassGone, About: provider.AboutFile}},
		{"delete: no such file", "delete file", refusal(403, "PERMISSION_DENIED", fileGone), provider.Error{Class: provider.ClassGone, About: provider.AboutFile}},
		{"download: no such file", "download", refusal(403, "PERMISSION_DENIED", fileGone), provider.Error{Class: provider.ClassGone, About: provider.AboutFile}},
		{"download: 404", "download", refusal(404, "NOT_FOUND", "Requested entity was not found."), provider.Error{Class: provider.ClassGone}},
		{"get: a 403 about something else", "get file", refusal(403, "PERMISSION_DENIED", "The caller does not have permission"),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutProject}},
		{"delete: the name of an output", "delete file", refusal(400, "INVALID_ARGUMENT", "* DeleteFileRequest.name: File ID (name batch-x) cannot be more than 40 characters"),
			provider.Error{Class: provider.ClassRefused, About: provider.AboutFile}},
		{"cancel: 500", "cancel job", refusal(500, "INTERNAL", "An internal error has occurred."), provider.Error{Class: provider.ClassUnknown}},
		{"delete: 503", "delete file", refusal(503, "UNAVAILABLE", ""), provider.Error{Class: provider.ClassUnknown}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, tt.ans)
			got := wantError(t, calls[tt.op](t.Context(), c))
			tt.want.Op = tt.op
			tt.want.HTTPStatus = tt.ans.status
			tt.want.Date = date
			ignore := cmpopts.IgnoreFields(provider.Error{}, "Message", "Target", "Status")
			if diff := cmp.Diff(&tt.want, got, ignore); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if got.Status == "" {
				t.Error("the status is lost")
			}
		})
	}
}

func with(a answer, name, value string) answer {
	a.header = map[string]string{name: value}
	return a
}

// Answers that are not the service's own prove nothing: no job is gone, no
// create refused, because a proxy said so.
func TestForeignAnswers(t *testing.T) {
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	answers := map[string]answer{
		"html 404":              {status: 404, header: html, body: "<html><title>Not Found</title></html>"},
		"html 403":              {status: 403, header: html, body: "<html>File access denied</html>"},
		"html 400":              {status: 400, header: html, body: "<html>Bad Request</html>"},
		"html 200":              {status: 200, header: html, body: "<html>Log in to the network</html>"},
		"empty 404":             {status: 404},
		"empty 503":             {status: 503},
		"text 429":              {status: 429, body: "slow down"},
		"json without an error": {status: 404, body: `{"detail":"Not Found"}`},
		"json without a code":   {status: 404, body: `{"error":{"message":"no route to the File","status":"NOT_FOUND"}}`},
		"json without a status": {status: 404, body: `{"error":{"code":404,"message":"no route"}}`},
		"json with other code":  {status: 404, body: `{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}`},
		"an error as a string":  {status: 400, body: `{"error":"bad"}`},
		"an array":              {status: 400, body: `[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]`},
		"redirect elsewhere":    {status: 302, header: map[string]string{"Location": "https://login.test/"}},
		"too long":              {status: 400, body: strings.Repeat("x", 2<<20)},
	}
	for name, a := range answers {
		for op, do := range calls {
			t.Run(name+"/"+op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := scripted(a)
					got := wantError(t, do(t.Context(), newClient(t, h)))
					want, requests := provider.ClassTemporary, 4
					if op == "create job" || op == "cancel job" || op == "delete file" {
						want, requests = provider.ClassUnknown, 1
					}
					if got.Class != want || got.NotSent {
						t.Errorf("got class %s, not sent %v; want %s: %v", got.Class, got.NotSent, want, got)
					}
					if n := len(h.requests()); n != requests {
						t.Errorf("got %d requests, want %d", n, requests)
					}
				})
			})
		}
	}
}

// What creates a job is sent once, whatever comes back.
func TestCreateIsSentOnce(t *testing.T) {
	answers := map[string]answer{
		"empty 200":               {},
		"empty object":            {body: `{}`},
		"a job without a name":    {body: `{"metadata":{"state":"BATCH_STATE_PENDING"}}`},
		"a name of something":     {body: `{"name":"operations/1"}`},
		"null":                    {body: `null`},
		"an array":                {body: `[]`},
		"an error under HTTP 200": {body: `{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}`},
		"cut off":                 {body: `{"name":"batches/b1","meta`},
		"reset":                   {reset: true},
		"hang":                    {hang: true},
		"408":                     refusal(408, "DEADLINE_EXCEEDED", "too slow"),
		"500":                     refusal(500, "INTERNAL", "oops"),
		"502":                     {status: 502, body: "<html>Bad Gateway</html>"},
		"504":                     refusal(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
		"307 on the same host":    {status: 307, header: map[string]string{"Location": "http://service.test/elsewhere"}},
		"308 without a place":     {status: 308},
		"too long":                {body: `{"name":"` + strings.Repeat("x", 40<<20) + `"}`},
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := scripted(a)
				begin := time.Now()
				job, err := newClient(t, h).CreateJob(t.Context(), createRequest)
				got := wantError(t, err)
				if got.Class != provider.ClassUnknown || got.NotSent || job != (provider.Job{}) {
					t.Errorf("got class %s, not sent %v, job %+v: %v", got.Class, got.NotSent, job, got)
				}
				if n := len(h.requests()); n != 1 {
					t.Errorf("sent %d times", n)
				}
				if d := time.Since(begin); a.hang && d != 30*time.Second || !a.hang && d != 0 {
					t.Errorf("took %s", d)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Error("our own limit passes for the caller's")
				}
			})
		})
	}
}

// A create that never left this machine says so, and is unknown all the same.
func TestNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		opt  func(*gemini.Options)
		want provider.Class
	}{
		{"connection refused", t.Context(), func(o *gemini.Options) { o.Transport, o.BaseURL = nil, closed }, provider.ClassUnknown},
		{"not admitted", t.Context(), func(o *gemini.Options) {
			o.Admit = func(context.Context, string) (func(), error) { return nil, errors.New("no slot") }
		}, provider.ClassUnknown},
		{"context ended", ended, func(*gemini.Options) {}, provider.ClassUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := scripted(answer{body: `{"name":"batches/b1"}`})
			c := newClient(t, h, tt.opt)
			_, err := c.CreateJob(tt.ctx, createRequest)
			if got := wantError(t, err); got.Class != tt.want || !got.NotSent {
				t.Errorf("got class %s, not sent %v", got.Class, got.NotSent)
			}
			if n := len(h.requests()); n != 0 {
				t.Errorf("sent %d times", n)
			}
		})
	}
	// A connection that came about and broke is another thing.
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer srv.Close()
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	c := newClient(t, nil, func(o *gemini.Options) { o.Transport, o.BaseURL = nil, srv.URL })
	if _, err := c.CreateJob(t.Context(), createRequest); wantError(t, err).NotSent {
		t.Error("a broken connection counts as not sent")
	}
}

func TestInvalidNamesAreNotSent(t *testing.T) {
	h := scripted(answer{body: `{}`})
	c := newClient(t, h)
	ctx := t.Context()
	create := func(r provider.CreateRequest) error { _, err := c.CreateJob(ctx, r); return err }
	get := func(name string) error { _, err := c.GetJob(ctx, name); return err }
	file := func(name string) error { _, err := c.GetFile(ctx, name); return err }
	load := func(name string, at int64) error { _, err := c.Download(ctx, name, at, io.Discard); return err }
	up := func(r provider.UploadRequest) error { _, err := c.Upload(ctx, strings.NewReader(""), r); return err }
	for name, err := range map[string]error{
		"job without collection": get("b1"),
		"job with a slash":       get("batches/a/b"),
		"job with a query":       get("batches/a?x=1"),
		"job of dots":            get("batches/.."),
		"file as a URL":          file("https://service.test/v1beta/files/batch-abc"),
		"file empty":             file("files/"),
		"file escaped":           load("files/%2e%2e", 0),
		"offset":                 load("files/a", -1),
		"cancel":                 c.CancelJob(ctx, "files/a"),
		"delete":                 c.DeleteFile(ctx, "batches/a"),
		"inline":                 c.InlineAnswers(ctx, "batches/", io.Discard),
		"model with prefix":      create(provider.CreateRequest{Model: "models/m", InputFile: "files/a"}),
		"model empty":            create(provider.CreateRequest{InputFile: "files/a"}),
		"input empty":            create(provider.CreateRequest{Model: "m"}),
		"hash":                   up(provider.UploadRequest{Name: "files/a", SHA256: "xyz"}),
		"size":                   up(provider.UploadRequest{Name: "files/a", SHA256: strings.Repeat("0", 64), Bytes: -1}),
		"upload name":            up(provider.UploadRequest{Name: "a", SHA256: strings.Repeat("0", 64)}),
	} {
		if got := wantError(t, err); got.Class != provider.ClassRefused || !got.NotSent {
			t.Errorf("%s: got class %s, not sent %v: %v", name, got.Class, got.NotSent, got)
		}
	}
	if n := len(h.requests()); n != 0 {
		t.Errorf("sent %d requests", n)
	}
}

// The key appears in no error, whoever puts it there.
func TestKeyIsRedacted(t *testing.T) {
	says := "the key " + testKey + " is wrong"
	for _, h := range []http.Handler{
		refusal(400, "INVALID_ARGUMENT", says),
		answer{status: 400, body: says},
		answer{status: 302, header: map[string]string{"Location": "https://x.test/?key=" + testKey}},
	} {
		_, err := newClient(t, h).CreateJob(t.Context(), createRequest)
		wantError(t, err) // looks for the key
	}
	broken := roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: "https://x.test/?key=" + testKey, Err: errors.New("proxy says " + testKey)}
	})
	_, err := newClient(t, nil, func(o *gemini.Options) { o.Transport = broken }).CreateJob(t.Context(), createRequest)
	wantError(t, err)
	for _, key := range []string{"", "two words", "line\n", "schlüssel"} {
		_, err := gemini.New(t.Context(), gemini.Options{APIKey: key})
		if err == nil || key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("key %q: got error %v", key, err)
		}
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	long := strings.Repeat("ä", 40_000)
	got := wantError(t, newClient(t, refusal(400, "INVALID_ARGUMENT", long)).CancelJob(t.Context(), "batches/b1"))
	if n := len(got.Message); n > 2<<10+8 || n < 2<<10-8 || !strings.HasPrefix(long, strings.TrimSuffix(got.Message, " …")) {
		t.Errorf("the message has %d bytes", n)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
