package gemini_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/gemini"
)

// listening gives a client with its own transport and a server on loopback.
func listening(t *testing.T, h http.Handler, change ...func(*gemini.Options)) (*gemini.Client, *httptest.Server) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	set := func(o *gemini.Options) { o.Transport, o.BaseURL = nil, srv.URL }
	return newClient(t, nil, append([]func(*gemini.Options){set}, change...)...), srv
}

// peakHeap runs do and gives how far the live heap rose above where it was, in
// bytes.
func peakHeap(t *testing.T, do func()) uint64 {
	t.Helper()
	live := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	runtime.GC()
	before := live()
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				peak.Store(max(peak.Load(), live()))
			}
		}
	}()
	do()
	close(stop)
	<-done
	return max(peak.Load(), before) - before
}

func TestRedirects(t *testing.T) {
	var stolen atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen.Add(1)
		answer{body: pendingJob}.ServeHTTP(w, r)
	}))
	defer thief.Close()
	var requests atomic.Int32
	c, _ := listening(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		switch {
		case strings.HasSuffix(r.URL.Path, "/near"):
			http.Redirect(w, r, "/v1beta/batches/k3v0", http.StatusTemporaryRedirect)
		case strings.HasSuffix(r.URL.Path, "/k3v0"):
			answer{body: pendingJob}.ServeHTTP(w, r)
		case strings.HasSuffix(r.URL.Path, "/loop"):
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		default:
			http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}
	}), func(o *gemini.Options) { o.CallTimeout = time.Minute })

	if job, err := c.GetJob(t.Context(), "batches/near"); err != nil || job.Name != "batches/k3v0" {
		t.Errorf("on the same host: got %q, %v", job.Name, err)
	}
	for op, do := range map[string]func(context.Context, *gemini.Client) error{
		"create": calls["create job"], "cancel": calls["cancel job"], "delete": calls["delete file"],
	} {
		before := requests.Load()
		got := wantError(t, do(t.Context(), c))
		if got.Class != provider.ClassUnknown || requests.Load() != before+1 {
			t.Errorf("%s: got class %s after %d requests", op, got.Class, requests.Load()-before)
		}
		if !strings.Contains(got.Error(), thief.Listener.Addr().String()) {
			t.Errorf("%s: the error does not name the host: %v", op, got)
		}
	}
	// Reads are tried again; one round is enough to see where the key goes.
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for _, op := range []string{"get file", "download", "read inline answers of job"} {
		wantError(t, calls[op](short, c))
	}
	if _, err := c.GetJob(short, "batches/loop"); wantError(t, err).Class != provider.ClassTemporary {
		t.Errorf("a loop: %v", err)
	}
	if n := stolen.Load(); n != 0 {
		t.Errorf("%d requests with the key went to another host", n)
	}
}

// A transport that would go elsewhere all the same is stopped beneath the
// client, whatever the SDK asks for.
func TestOnlyTheBaseURLIsAsked(t *testing.T) {
	var hosts []string
	c := newClient(t, nil, func(o *gemini.Options) {
		o.BaseURL = "https://service.test:8443/x"
		o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.URL.Scheme+"://"+r.URL.Host)
			rec := httptest.NewRecorder()
			rec.Header().Set("X-Goog-Upload-Url", "https://elsewhere.test/upload/v1beta/files?upload_id=1&upload_protocol=resumable")
			rec.Header().Set("X-Goog-Upload-Status", "final")
			refusalOrFile(rec, r)
			return rec.Result(), nil
		})
	})
	if _, err := c.Upload(t.Context(), strings.NewReader("foo"), fooRequest()); err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		if h != "https://service.test:8443" {
			t.Errorf("a request went to %s", h)
		}
	}
	if len(hosts) != 2 {
		t.Errorf("got %d requests, want 2", len(hosts))
	}
}

func refusalOrFile(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Goog-Upload-Command") != "start" {
		io.WriteString(w, `{"file":`+fooFile+`}`)
	}
}

// The caller decides where requests go and with what key; the environment does
// not.
func TestEnvironmentIsNotHeard(t *testing.T) {
	for name, v := range map[string]string{
		"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_GENAI_USE_ENTERPRISE": "true",
		"GOOGLE_GEMINI_BASE_URL": "http://elsewhere.test", "GOOGLE_VERTEX_BASE_URL": "http://elsewhere.test",
		"GOOGLE_API_KEY": "other-key", "GEMINI_API_KEY": "another-key",
		"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "us-central1",
		"GOOGLE_GENAI_API_VERSION": "v9",
	} {
		t.Setenv(name, v)
	}
	// The SDK warns about two keys through the process's logger.
	var warned bytes.Buffer
	former := log.Writer()
	log.SetOutput(&warned)
	defer log.SetOutput(former)
	var seen []string
	see := roundTripper(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.URL.String()+" "+r.Header.Get("X-Goog-Api-Key"))
		return inProcess{answer{body: pendingJob}}.RoundTrip(r)
	})
	for _, base := range []string{"", "http://service.test"} {
		c := newClient(t, nil, func(o *gemini.Options) { o.Transport, o.BaseURL = see, base })
		if _, err := c.GetJob(t.Context(), "batches/k3v0"); err != nil {
			t.Fatal(err)
		}
	}
	want := "https://generativelanguage.googleapis.com/v1beta/batches/k3v0 " + testKey +
		"\nhttp://service.test/v1beta/batches/k3v0 " + testKey
	if got := strings.Join(seen, "\n"); got != want {
		t.Errorf("got requests\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(warned.String(), "other-key") || strings.Contains(warned.String(), testKey) {
		t.Errorf("a key was logged: %s", &warned)
	}
}

func TestBaseURLs(t *testing.T) {
	for base, ok := range map[string]bool{
		"": true, "http://127.0.0.1:8080": true, "https://proxy.test/gemini/": true,
		"localhost:8080": false, "ftp://x": false, "http://": false, "://": false,
		"https://user:secret@x": false, "https://x/?key=1": false, "https://x/#a": false,
	} {
		c, err := gemini.New(t.Context(), gemini.Options{APIKey: testKey, BaseURL: base})
		if (err == nil) != ok {
			t.Errorf("%q: got error %v", base, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
		if c != nil {
			c.Close()
		}
	}
}

// Every answer is read or closed, whichever way a call ends: connections are
// used again and nothing stays behind.
func TestNothingLeaks(t *testing.T) {
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, ":download") {
			w.Write(bytes.Repeat([]byte("x"), 100_000))
			return
		}
		refusal(404, "NOT_FOUND", "Requested entity was not found.").ServeHTTP(w, r)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	before := runtime.NumGoroutine()
	c := newClient(t, nil, func(o *gemini.Options) { o.Transport, o.BaseURL = nil, srv.URL })
	for range 20 {
		for op, do := range calls {
			if err := do(t.Context(), c); (err == nil) != (op == "download") {
				t.Fatalf("%s: got error %v", op, err)
			}
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections were made, want 1", n)
	}
	if _, err := c.Download(t.Context(), "files/batch-b1", 0, failingWriter{}); err == nil {
		t.Error("a failing writer went unnoticed")
	}
	c.Close()
	srv.Close()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

// Over HTTP/2 as well, a create counts as not sent only where no connection
// came about: neither on the first request of one nor on a later one.
func TestNotSentOverHTTP2(t *testing.T) {
	var abort atomic.Bool
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("spoke %s", r.Proto)
		}
		if abort.Load() {
			panic(http.ErrAbortHandler)
		}
		answer{body: pendingJob}.ServeHTTP(w, r)
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	open := func(rt http.RoundTripper) *gemini.Client {
		return newClient(t, nil, func(o *gemini.Options) { o.Transport, o.BaseURL = rt, srv.URL })
	}
	trusting := srv.Client().Transport
	c := open(trusting)
	if _, err := c.CreateJob(t.Context(), createRequest); err != nil {
		t.Fatal(err)
	}
	abort.Store(true)
	_, err := c.CreateJob(t.Context(), createRequest)
	if e := wantError(t, err); e.NotSent || e.Class != provider.ClassUnknown {
		t.Errorf("on a connection that was used before: %+v", e)
	}
	trusting.(*http.Transport).CloseIdleConnections()
	_, err = c.CreateJob(t.Context(), createRequest)
	if e := wantError(t, err); e.NotSent || e.Class != provider.ClassUnknown {
		t.Errorf("on a new connection: %+v", e)
	}
	_, err = open(&http.Transport{}).CreateJob(t.Context(), createRequest)
	if e := wantError(t, err); !e.NotSent || e.Class != provider.ClassUnknown || e.About != provider.AboutCertificate {
		t.Errorf("to a host that is not trusted: %+v", e)
	}
}

// A host that does not prove who it is is asked once.
func TestUntrustedHost(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"another certificate": (*httptest.Server).StartTLS, "no TLS": (*httptest.Server).Start} {
		t.Run(name, func(t *testing.T) {
			var calls, tries atomic.Int64
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
			srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					tries.Add(1)
				}
			}
			start(srv)
			c := newClient(t, nil, func(o *gemini.Options) {
				o.Transport, o.BaseURL = &http.Transport{}, "https://"+srv.Listener.Addr().String()
			})
			_, err := c.GetJob(t.Context(), "batches/x")
			srv.Close()
			e := wantError(t, err)
			if !e.NotSent || e.Class != provider.ClassTemporary || e.About != provider.AboutCertificate {
				t.Errorf("got %+v", e)
			}
			if tries.Load() != 1 || calls.Load() != 0 {
				t.Errorf("%d connections and %d calls, want one and none", tries.Load(), calls.Load())
			}
		})
	}
}

// zeros is a file of any size that needs no memory.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

func TestBigFilesNeedNoMemory(t *testing.T) {
	const size = 300 * mib
	sum := sha256.New()
	io.Copy(sum, io.NewSectionReader(zeros{}, 0, size))
	u := &uploads{}
	c, _ := listening(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ":download") {
			u.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(size))
		io.Copy(w, io.NewSectionReader(zeros{}, 0, size))
	}))
	r := provider.UploadRequest{Name: "files/big", Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
	for name, do := range map[string]func() error{
		"upload": func() error { _, err := c.Upload(t.Context(), zeros{}, r); return err },
		"download": func() error {
			info, err := c.Download(t.Context(), "files/batch-1", 0, io.Discard)
			if err == nil && (info.Bytes != size || info.Total != size) {
				err = fmt.Errorf("got %+v", info)
			}
			return err
		},
	} {
		peak := peakHeap(t, func() {
			if err := do(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if peak > 16*mib {
			t.Errorf("%s of %d MiB: the heap grew by %d MiB", name, size/mib, peak/mib)
		}
	}
}
