package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// through sends a request to a handler in process.
func through(t *testing.T, ctx context.Context, body io.Reader, h http.HandlerFunc) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://emulator.test/a/b?c=d", body)
	if err != nil {
		t.Fatal(err)
	}
	return (&http.Client{Transport: emulator.Transport(h)}).Do(req)
}

func TestTransportCarriesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resp, err := through(t, t.Context(), strings.NewReader("ping"), func(w http.ResponseWriter, r *http.Request) {
			got, err := io.ReadAll(r.Body)
			if string(got) != "ping" || err != nil || r.ContentLength != 4 || r.Host != "emulator.test" || r.RequestURI != "/a/b?c=d" {
				t.Errorf("body %q, error %v, request %+v", got, err, r)
			}
			w.Header().Set("X-Test", "yes")
			w.Header()["Date"] = nil
			w.WriteHeader(418)
			w.Header().Set("X-Late", "no")
			io.WriteString(w, "po") //nolint:errcheck // the client looks
			io.WriteString(w, "ng") //nolint:errcheck // the client looks
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if string(got) != "pong" || err != nil || resp.StatusCode != 418 || resp.Status != "418 I'm a teapot" || resp.ContentLength != -1 ||
			resp.Header.Get("X-Test") != "yes" || resp.Header.Get("X-Late") != "" || len(resp.Header) != 1 {
			t.Errorf("body %q, error %v, response %+v", got, err, resp)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestTransportCuts(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		callErr error
		body    string
		bodyErr error
	}{
		{"nothing said", func(http.ResponseWriter, *http.Request) {}, nil, "", nil},
		{"aborted at once", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, syscall.ECONNRESET, "", nil},
		{"aborted in the body", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half") //nolint:errcheck // the client looks
			panic(http.ErrAbortHandler)
		}, nil, "half", io.ErrUnexpectedEOF},
		{"shorter than announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "half") //nolint:errcheck // the client looks
		}, nil, "half", io.ErrUnexpectedEOF},
		{"longer than announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			io.WriteString(w, "half") //nolint:errcheck // the client looks
			if _, err := io.WriteString(w, "more"); !errors.Is(err, http.ErrContentLength) {
				panic(err)
			}
		}, nil, "half", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, err := through(t, t.Context(), nil, test.handler)
				if !errors.Is(err, test.callErr) {
					t.Fatalf("error %v, want %v", err, test.callErr)
				}
				if err != nil {
					return
				}
				defer resp.Body.Close()
				got, err := io.ReadAll(resp.Body)
				if string(got) != test.body || !errors.Is(err, test.bodyErr) {
					t.Errorf("body %q, error %v, want %q, %v", got, err, test.body, test.bodyErr)
				}
			})
		})
	}
}

func TestTransportHearsCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		wait := func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended <- r.Context().Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := through(t, ctx, nil, wait); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v before the answer", err)
		}
		<-ended
		// In the middle of the body.
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		resp, err := through(t, ctx, nil, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half") //nolint:errcheck // the client looks
			wait(w, r)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if string(got) != "half" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("body %q, error %v", got, err)
		}
		<-ended
		resp.Body.Close()
		// A client that reads no further.
		resp, err = through(t, t.Context(), nil, func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := io.WriteString(w, "more"); err != nil {
					break
				}
			}
			wait(w, r)
		})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		<-ended
		if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
			t.Error("a closed body gives data")
		}
		// One that has given up before.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := through(t, gone, strings.NewReader("x"), wait); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

// closing remembers that it was closed.
type closing struct {
	io.Reader
	closed chan struct{}
}

func (c *closing) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

func TestTransportRequestBody(t *testing.T) {
	for _, test := range []struct {
		name    string
		content string
		length  int64
		want    string
		err     error
	}{
		{"as announced", "content", 7, "content", nil},
		{"not announced", "content", -1, "content", nil},
		{"shorter", "content", 9, "content", io.ErrUnexpectedEOF},
		{"longer", "content", 3, "con", io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := &closing{strings.NewReader(test.content), make(chan struct{})}
				req, err := http.NewRequestWithContext(t.Context(), "POST", "http://emulator.test/", body)
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = test.length
				resp, err := emulator.Transport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					got, err := io.ReadAll(r.Body)
					if string(got) != test.want || !errors.Is(err, test.err) {
						t.Errorf("the handler reads %q, %v, want %q, %v", got, err, test.want, test.err)
					}
				})).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				<-body.closed // else the bubble reports a deadlock
			})
		})
	}
}
