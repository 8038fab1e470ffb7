package gemini_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/gemini"
)

const testKey = "AIzaSyTEST-key_0123456789"

// inProcess is a transport that calls a handler. A handler that panics with
// http.ErrAbortHandler resets the connection.
type inProcess struct{ h http.Handler }

func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	type answer struct {
		resp *http.Response
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		rec := httptest.NewRecorder()
		defer in.Body.Close()
		defer func() {
			if p := recover(); p != nil {
				done <- answer{err: errors.New("connection reset by peer")}
			}
		}()
		p.h.ServeHTTP(rec, in)
		done <- answer{resp: rec.Result()}
	}()
	select {
	case a := <-done:
		return a.resp, a.err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func newClient(t testing.TB, h http.Handler, change ...func(*gemini.Options)) *gemini.Client {
	t.Helper()
	o := gemini.Options{APIKey: testKey, BaseURL: "http://service.test", Transport: inProcess{h}}
	for _, f := range change {
		f(&o)
	}
	c, err := gemini.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// answer is a whole reply; the zero status is 200.
type answer struct {
	status int
	header map[string]string
	body   string
	reset  bool // no answer: the connection breaks
	hang   bool // no answer at all
}

func (a answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	switch {
	case a.hang:
		<-r.Context().Done()
		return
	case a.reset:
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Date", "Mon, 23 Nov 2026 10:00:00 GMT")
	for name, v := range a.header {
		w.Header().Set(name, v)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	io.WriteString(w, a.body)
}

// script answers one request after the other; the last answer stays.
type script struct {
	mu      sync.Mutex
	answers []http.Handler
	seen    []string // method and path of each request
}

func scripted(answers ...http.Handler) *script { return &script{answers: answers} }

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, r.Method+" "+r.URL.Path)
	h := s.answers[min(len(s.seen), len(s.answers))-1]
	s.mu.Unlock()
	h.ServeHTTP(w, r)
}

func (s *script) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// refusal is an error in the service's own words.
func refusal(code int, status, message string, details ...string) answer {
	body := fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q`, code, message, status)
	if len(details) > 0 {
		body += `,"details":[` + strings.Join(details, ",") + `]`
	}
	return answer{status: code, body: body + "}}"}
}

func wantError(t *testing.T, err error) *provider.Error {
	t.Helper()
	e, ok := err.(*provider.Error)
	if !ok {
		t.Fatalf("got error %v (%T), want a *provider.Error", err, err)
	}
	if strings.Contains(e.Error(), testKey) {
		t.Errorf("the error holds the key: %v", e)
	}
	return e
}

var createRequest = provider.CreateRequest{
	Model: "gemini-2.5-flash", DisplayName: "refinement_072 [abc123.72.1.0badcafe]", InputFile: "files/qp-1",
}

// calls are all calls that one request answers, by name.
var calls = map[string]func(context.Context, *gemini.Client) error{
	"list jobs": func(ctx context.Context, c *gemini.Client) error { _, err := c.ListJobs(ctx, ""); return err },
	"get job":   func(ctx context.Context, c *gemini.Client) error { _, err := c.GetJob(ctx, "batches/b1"); return err },
	"create job": func(ctx context.Context, c *gemini.Client) error {
		_, err := c.CreateJob(ctx, createRequest)
		return err
	},
	"cancel job": func(ctx context.Context, c *gemini.Client) error { return c.CancelJob(ctx, "batches/b1") },
	"read inline answers of job": func(ctx context.Context, c *gemini.Client) error {
		return c.InlineAnswers(ctx, "batches/b1", io.Discard)
	},
	"list files":  func(ctx context.Context, c *gemini.Client) error { _, err := c.ListFiles(ctx, ""); return err },
	"get file":    func(ctx context.Context, c *gemini.Client) error { _, err := c.GetFile(ctx, "files/f1"); return err },
	"delete file": func(ctx context.Context, c *gemini.Client) error { return c.DeleteFile(ctx, "files/f1") },
	"download": func(ctx context.Context, c *gemini.Client) error {
		_, err := c.Download(ctx, "files/batch-b1", 0, io.Discard)
		return err
	},
}
