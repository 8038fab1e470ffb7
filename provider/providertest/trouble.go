package providertest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// trouble breaks one request, the nth that matches, and lets all others pass.
type trouble struct {
	match func(*http.Request) bool
	nth   int64
	do    func(next http.RoundTripper, req *http.Request) (*http.Response, error)

	next http.RoundTripper
	seen atomic.Int64
}

// RoundTrip passes a request on or breaks it.
func (t *trouble) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.match(req) && t.seen.Add(1) == t.nth {
		return t.do(t.next, req)
	}
	return t.next.RoundTrip(req)
}

var errBroken = errors.New("the connection broke")

// command matches the requests of an upload with one command.
func command(c string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Header.Get("X-Goog-Upload-Command") == c }
}

// path matches requests by how their path ends.
func path(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }
}

// dropRequest breaks the connection before the service has seen the request.
func dropRequest(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body.Close()
	}
	return nil, errBroken
}

// dropAnswer lets the service do what was asked and loses its answer.
func dropAnswer(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	return nil, errBroken
}

// cutRequest breaks the connection after n bytes of the request's body.
func cutRequest(n int64) func(http.RoundTripper, *http.Request) (*http.Response, error) {
	return func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Body, req.GetBody = &cutReader{rc: req.Body, left: n, err: errBroken}, nil
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		// A service in process may answer nevertheless; nobody would see it.
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
		return nil, errBroken
	}
}

// cutAnswer breaks the connection after n bytes of the answer's body.
func cutAnswer(n int64) func(http.RoundTripper, *http.Request) (*http.Response, error) {
	return func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil {
			resp.Body = &cutReader{rc: resp.Body, left: n, err: io.ErrUnexpectedEOF}
		}
		return resp, err
	}
}

type cutReader struct {
	rc   io.ReadCloser
	left int64
	err  error
}

func (r *cutReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, r.err
	}
	n, err := r.rc.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

func (r *cutReader) Close() error { return r.rc.Close() }

// recorder notes what passes: the command of an upload's request, the method of
// any other. It breaks nothing.
type recorder struct {
	mu  sync.Mutex
	log []string
}

func (r *recorder) trouble() *trouble {
	return &trouble{match: func(req *http.Request) bool {
		entry := req.Header.Get("X-Goog-Upload-Command")
		if entry == "" {
			entry = req.Method
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log = append(r.log, entry)
		return false
	}}
}

func (r *recorder) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.log...)
}
