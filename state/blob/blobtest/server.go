package blobtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// BucketName is the bucket that each server has.
const BucketName = "team-bucket"

// Server is a server of object storage that ends with its test.
type Server struct {
	scheme, query string

	mu    sync.Mutex
	fault func(w http.ResponseWriter, r *http.Request, next http.Handler)
	calls []string
}

// URL is the address of a key, or of the beginning of keys, in the bucket.
func (s *Server) URL(key string) string { return s.In(BucketName, key) }

// In is the address of a key in any bucket.
func (s *Server) In(bucket, key string) string {
	return s.scheme + "://" + bucket + "/" + key + s.query
}

// Scheme is that of the server's addresses.
func (s *Server) Scheme() string { return s.scheme }

// Inject lets f answer each request; nil is no fault.
func (s *Server) Inject(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Calls lists the requests since the last time: method and path.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *Server) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		fault := s.fault
		s.calls = append(s.calls, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if fault == nil {
			next.ServeHTTP(w, r)
			return
		}
		fault(w, r, next)
	})
}

// S3 starts a server that speaks like Amazon S3. It takes any credentials.
func S3(t testing.TB) *Server {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(BucketName); err != nil {
		t.Fatal(err)
	}
	s := &Server{scheme: "s3"}
	// The server checks a condition and writes in two steps; Amazon's does it in
	// one.
	var one sync.Mutex
	inner := gofakes3.New(backend).Server()
	server := httptest.NewServer(s.handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		inner.ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	s.query = "?use_path_style=true&region=us-east-1&endpoint=" + server.URL
	return s
}

// GCS starts a server that speaks like Google Cloud Storage.
func GCS(t testing.TB) *Server {
	t.Helper()
	inner, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		t.Fatal(err)
	}
	inner.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: BucketName})
	s := &Server{scheme: "gs"}
	server := httptest.NewServer(s.handler(inner.HTTPHandler()))
	t.Cleanup(func() {
		server.Close()
		inner.Stop()
	})
	s.query = "?anonymous=true&endpoint=" + server.URL
	return s
}

// Conditional reports whether a request is a write with a condition.
func Conditional(r *http.Request) bool {
	return r.Header.Get("If-Match") != "" && r.Method == http.MethodPut || r.Header.Get("If-None-Match") != "" && r.Method == http.MethodPut ||
		r.URL.Query().Has("ifGenerationMatch")
}

// IsWrite reports whether a request writes an object.
func IsWrite(r *http.Request) bool {
	return r.Method == http.MethodPut || r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/upload/")
}

// Unconditional takes the conditions out of each write, as a server does that
// does not know them.
func Unconditional(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if IsWrite(r) {
		r.Header.Del("If-Match")
		r.Header.Del("If-None-Match")
		q := r.URL.Query()
		q.Del("ifGenerationMatch")
		r.URL.RawQuery = q.Encode()
		r.RequestURI = r.URL.RequestURI()
	}
	next.ServeHTTP(w, r)
}

// Fault is a way for single requests to fail.
type Fault string

const (
	// Before: a status, and nothing was done.
	StatusBefore Fault = "status before"
	// StatusAfter: a status, and it was done.
	StatusAfter Fault = "status after"
	// DropBefore and DropAfter: the connection ends without an answer.
	DropBefore Fault = "drop before"
	DropAfter  Fault = "drop after"
)

// Some lets the first n requests that a test picks fail in one way.
func Some(n int, f Fault, status int, pick func(*http.Request) bool) func(http.ResponseWriter, *http.Request, http.Handler) {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		hit := n > 0 && pick(r)
		if hit {
			n--
		}
		mu.Unlock()
		if !hit {
			next.ServeHTTP(w, r)
			return
		}
		if f == StatusAfter || f == DropAfter {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		if f == StatusBefore || f == StatusAfter {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			return
		}
		panic(http.ErrAbortHandler)
	}
}
