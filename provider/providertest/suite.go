package providertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider"
)

// Client is what is tested.
type Client interface {
	Jobs
	Files
	Answers
	Counter
}

// Jobs is the part of a client that is about jobs.
type Jobs interface {
	ListJobs(ctx context.Context, token string) (provider.JobPage, error)
	GetJob(ctx context.Context, name string) (provider.Job, error)
	CreateJob(ctx context.Context, r provider.CreateRequest) (provider.Job, error)
	CancelJob(ctx context.Context, name string) error
}

// Files is the part of a client that is about uploads.
type Files interface {
	ListFiles(ctx context.Context, token string) (provider.FilePage, error)
	GetFile(ctx context.Context, name string) (provider.File, error)
	DeleteFile(ctx context.Context, name string) error
	Upload(ctx context.Context, src io.ReaderAt, r provider.UploadRequest) (provider.File, error)
}

// Answers is the part of a client that is about results.
type Answers interface {
	Download(ctx context.Context, file string, offset int64, w io.Writer) (provider.Downloaded, error)
}

// Counter is the part of a client that is about tokens.
type Counter interface {
	CountTokens(ctx context.Context, model string, request []byte) (int64, error)
}

// Options are what a test asks of a client.
type Options struct {
	// Key is the API key; "" means the right one.
	Key      string
	PageSize int // of listings, 0 means the client's own
	// Wrap is put around the transport; nil means nothing.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Open gives a client of a started service.
type Open func(o Options) Client

// Suite says what to test.
type Suite struct {
	// Start makes the service ready for one test and ends it with that test.
	Start func(t *testing.T) Open
	// Around runs the body of each test; nil means that it is called. It is
	// where a bubble of testing/synctest is put around a service in process.
	Around func(t *testing.T, body func(t *testing.T))
	Model  string        // one that the service runs batches of
	Poll   time.Duration // between two looks
	// Patience is how long a small job may take, and a listing to show it.
	Patience time.Duration
}

// Run runs the whole suite.
func Run(t *testing.T, s Suite) {
	around := s.Around
	if around == nil {
		around = func(t *testing.T, body func(t *testing.T)) { body(t) }
	}
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"files", fileTests()}, {"jobs", jobTests()}, {"answers", answerTests()}, {"tokens", tokenTests()}, {"failures", failureTests()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) {
					around(t, func(t *testing.T) {
						tt.do(t, &env{Suite: s, open: s.Start(t), id: strings.ToLower(rand.Text()[:8])})
					})
				})
			}
		})
	}
}

type test struct {
	name string
	do   func(t *testing.T, e *env)
}

// env is the surroundings of one test.
type env struct {
	Suite
	open Open
	id   string // random, so that tests meet no file of one another
	made int
}

// client gives a client with the given troubles, the first one innermost.
func (e *env) client(troubles ...*trouble) Client {
	return e.open(Options{Wrap: func(rt http.RoundTripper) http.RoundTripper {
		for _, tr := range troubles {
			tr.next = rt
			rt = tr
		}
		return rt
	}})
}

// name gives a new file name.
func (e *env) name() string {
	e.made++
	return fmt.Sprintf("files/qp-test-%s-%d", e.id, e.made)
}

// request describes an upload of data under a new name.
func (e *env) request(data []byte) provider.UploadRequest {
	sum := sha256.Sum256(data)
	return provider.UploadRequest{
		Name: e.name(), DisplayName: "qaplan-conformance.jsonl",
		Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
	}
}

// upload uploads data, and deletes it after the test.
func (e *env) upload(t *testing.T, c Client, data []byte) provider.File {
	t.Helper()
	r := e.request(data)
	e.forget(t, c, r.Name)
	f, err := c.Upload(t.Context(), bytes.NewReader(data), r)
	if err != nil {
		t.Fatalf("upload: %v", err)
	}
	checkFile(t, f, r)
	return f
}

// forget deletes a file after the test, if it is there then.
func (e *env) forget(t *testing.T, c Client, name string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := c.DeleteFile(ctx, name); err != nil && provider.ClassOf(err) != provider.ClassGone {
			t.Logf("%s stays behind: %v", name, err)
		}
	})
}

// create buys a job for an upload, and cancels it after the test if it runs
// then.
func (e *env) create(t *testing.T, c Client, input string) provider.Job {
	t.Helper()
	r := provider.CreateRequest{Model: e.Model, InputFile: input, DisplayName: "qaplan conformance " + e.id + " " + input}
	j, err := c.CreateJob(t.Context(), r)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	e.cancel(t, c, j.Name)
	if j.Name == "" || j.DisplayName != r.DisplayName || j.InputFile != input || j.Model != "models/"+e.Model || j.State == "" {
		t.Errorf("created %+v, want it as in %+v", j, r)
	}
	return j
}

func (e *env) cancel(t *testing.T, c Client, job string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if j, err := c.GetJob(ctx, job); err == nil && !j.Done {
			if err := c.CancelJob(ctx, job); err != nil {
				t.Logf("%s goes on: %v", job, err)
			}
		}
	})
}

// until looks again and again until look is satisfied or patience is at an end.
func (e *env) until(t *testing.T, what string, look func() bool) {
	t.Helper()
	begin := time.Now()
	for !look() {
		if time.Since(begin) > e.Patience {
			t.Fatalf("not within %s: %s", e.Patience, what)
		}
		time.Sleep(e.Poll)
	}
}

// jobs lists all jobs.
func jobs(t *testing.T, c Client) []provider.Job {
	t.Helper()
	var all []provider.Job
	for token := ""; ; {
		page, err := c.ListJobs(t.Context(), token)
		if err != nil {
			t.Fatalf("list jobs: %v", err)
		}
		if page.Date.IsZero() {
			t.Error("a page of jobs has no date")
		}
		all = append(all, page.Jobs...)
		if token = page.Next; token == "" {
			return all
		}
	}
}

// files lists all files.
func files(t *testing.T, c Client) []provider.File {
	t.Helper()
	var all []provider.File
	for token := ""; ; {
		page, err := c.ListFiles(t.Context(), token)
		if err != nil {
			t.Fatalf("list files: %v", err)
		}
		if page.Date.IsZero() {
			t.Error("a page of files has no date")
		}
		all = append(all, page.Files...)
		if token = page.Next; token == "" {
			return all
		}
	}
}

func checkFile(t *testing.T, f provider.File, r provider.UploadRequest) {
	t.Helper()
	if f.Name != r.Name || f.Bytes != r.Bytes || f.SHA256 != r.SHA256 || f.State != "ACTIVE" {
		t.Errorf("got file %+v, want it as in %s, %d bytes, %s", f, r.Name, r.Bytes, r.SHA256)
	}
	if life := f.ExpireTime.Sub(f.CreateTime); life < 47*time.Hour || life > 49*time.Hour {
		t.Errorf("the file lives %s, want 48 h", life)
	}
}

// wantClass checks the class of a failure, and that it says what was called.
func wantClass(t *testing.T, err error, want provider.Class) *provider.Error {
	t.Helper()
	e, ok := err.(*provider.Error)
	if !ok {
		t.Fatalf("got error %v (%T), want a *provider.Error of class %s", err, err, want)
	}
	if e.Class != want {
		t.Errorf("got class %s, want %s: %v", e.Class, want, e)
	}
	if e.Op == "" {
		t.Errorf("the error does not say what was called: %v", e)
	}
	return e
}

// rows gives a source of n short requests.
func rows(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"key":"row-%d","request":{"contents":[{"role":"user","parts":[{"text":"Answer with the number %d and nothing else."}]}]}}`+"\n", i+1, i+1)
	}
	return b.Bytes()
}

// sized gives a source of exactly n bytes.
func sized(n int) []byte {
	const head, tail = `{"key":"long","request":{"contents":[{"role":"user","parts":[{"text":"`, `"}]}]}}` + "\n"
	return []byte(head + string(bytes.Repeat([]byte("x"), n-len(head)-len(tail))) + tail)
}
