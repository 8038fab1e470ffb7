package gemini_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/gemini"
)

const text = "0123456789abcdefghij"

// piece answers with part of the text, under a whole one's headers.
type piece struct {
	ranges bool // hears Range
	cut    int  // ends after so many bytes of the body; 0 does not
	total  int  // the length that is told; 0 is the text's, -1 none
	html   bool
}

func (p piece) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin, status := 0, http.StatusOK
	total := len(text)
	if p.total != 0 {
		total = p.total
	}
	if spec := r.Header.Get("Range"); spec != "" && p.ranges {
		fmt.Sscanf(spec, "bytes=%d-", &begin)
		if begin >= total {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", total))
			answer{status: 416}.ServeHTTP(w, r)
			return
		}
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", begin, total-1, total))
	}
	body := text[begin:]
	if total >= 0 {
		w.Header().Set("Content-Length", strconv.Itoa(total-begin))
	}
	if p.cut > 0 && p.cut < len(body) {
		body = body[:p.cut]
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if p.html {
		w.Header().Set("Content-Type", "text/html")
	}
	w.Header().Set("Date", "Mon, 23 Nov 2026 10:00:00 GMT")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func TestDownload(t *testing.T) {
	all := int64(len(text))
	tests := []struct {
		name     string
		offset   int64
		answers  []http.Handler
		want     string
		total    int64
		class    provider.Class // "" for success
		requests int
	}{
		{"whole", 0, []http.Handler{piece{}}, text, all, "", 1},
		{"a length that is not told", 0, []http.Handler{piece{total: -1}}, text, -1, "", 1},
		{"resumed", 12, []http.Handler{piece{ranges: true}}, text[12:], all, "", 1},
		{"resumed without ranges", 12, []http.Handler{piece{}}, text[12:], all, "", 1},
		{"nothing is missing", all, []http.Handler{piece{ranges: true}}, "", all, "", 1},
		{"nothing is missing, without ranges", all, []http.Handler{piece{}}, "", all, "", 1},
		{"an offset beyond the end", all + 1, []http.Handler{piece{}}, "", -1, provider.ClassRefused, 1},

		// A body that ends early is no file, whatever the SDK makes of it.
		{"broken off, then whole", 0, []http.Handler{piece{cut: 7}, piece{ranges: true}}, text, all, "", 2},
		{"broken off, no ranges", 0, []http.Handler{piece{cut: 7}, piece{}}, text, all, "", 2},
		{"broken off again and again", 0, []http.Handler{
			piece{cut: 3}, piece{ranges: true, cut: 2}, piece{ranges: true, cut: 2}, piece{ranges: true, cut: 2},
			piece{ranges: true, cut: 2}, piece{ranges: true, cut: 2}, piece{ranges: true},
		}, text, all, "", 7},
		{"always at the same place", 0, []http.Handler{piece{cut: 7}}, text[:7], all, provider.ClassTemporary, 5},
		{"it grew meanwhile", 0, []http.Handler{piece{cut: 7}, piece{ranges: true, total: 30}}, text[:7], all, provider.ClassRefused, 2},

		// The SDK gives the bodies of these as the file's data, with a nil error.
		{"503", 0, []http.Handler{answer{status: 503, body: "oops"}, piece{}}, text, all, "", 2},
		{"503 for ever", 0, []http.Handler{refusal(503, "UNAVAILABLE", "")}, "", -1, provider.ClassTemporary, 4},
		{"403", 0, []http.Handler{refusal(403, "PERMISSION_DENIED", fileGone)}, "", -1, provider.ClassGone, 1},
		{"404", 0, []http.Handler{refusal(404, "NOT_FOUND", "x")}, "", -1, provider.ClassGone, 1},
		{"429", 0, []http.Handler{refusal(429, "RESOURCE_EXHAUSTED", "x")}, "", -1, provider.ClassQuota, 1},
		{"not to be downloaded", 0, []http.Handler{refusal(400, "INVALID_ARGUMENT", "only generated files can be downloaded")}, "", -1, provider.ClassRefused, 1},
		{"a web page", 0, []http.Handler{piece{html: true}}, "", -1, provider.ClassTemporary, 4},
		{"a reset", 0, []http.Handler{answer{reset: true}, piece{}}, text, all, "", 2},
		{"a part that was not asked for", 0, []http.Handler{answer{status: 206, body: text}}, "", -1, provider.ClassTemporary, 4},
		{"a part from elsewhere", 3, []http.Handler{answer{status: 206, header: map[string]string{"Content-Range": "bytes 9-19/20"}, body: text[9:]}}, "", -1, provider.ClassTemporary, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := scripted(tt.answers...)
				var got bytes.Buffer
				info, err := newClient(t, h).Download(t.Context(), "files/batch-1", tt.offset, &got)
				if tt.class == "" && err != nil || tt.class != "" && wantError(t, err).Class != tt.class {
					t.Errorf("got error %v, want class %q", err, tt.class)
				}
				if got.String() != tt.want {
					t.Errorf("got %q, want %q", &got, tt.want)
				}
				want := provider.Downloaded{Bytes: int64(len(tt.want)), Total: tt.total}
				if tt.total >= 0 || err == nil {
					want.Date = date
				}
				if diff := cmp.Diff(want, info); diff != "" {
					t.Errorf("info (-want +got):\n%s", diff)
				}
				if reqs := h.requests(); len(reqs) != tt.requests {
					t.Errorf("got %d requests, want %d: %q", len(reqs), tt.requests, reqs)
				}
			})
		})
	}
}

func TestDownloadToAFailingWriter(t *testing.T) {
	h := scripted(piece{})
	_, err := newClient(t, h).Download(t.Context(), "files/batch-1", 0, failingWriter{})
	if e := wantError(t, err); e.Class != provider.ClassRefused || !strings.Contains(e.Error(), "disk is full") || len(h.requests()) != 1 {
		t.Errorf("got %v after %d requests", e, len(h.requests()))
	}
}

// Over a real connection: a body that ends before its length, and one in which
// nothing moves any more.
func TestDownloadOverABadConnection(t *testing.T) {
	tests := map[string]struct {
		end  func(w http.ResponseWriter, r *http.Request)
		want error
	}{
		"cut off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, io.ErrUnexpectedEOF},
		"stalled": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			// The caller's time is over in the pause before the second try.
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			c, _ := listening(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(text)))
				io.WriteString(w, text[:5])
				w.(http.Flusher).Flush()
				tt.end(w, r)
			}), func(o *gemini.Options) {
				o.StallTimeout = 2 * time.Second
				o.Log = slog.New(ending(func() { end(context.DeadlineExceeded) }))
			})
			var got bytes.Buffer
			info, err := c.Download(ctx, "files/batch-1", 0, &got)
			e := wantError(t, err)
			if e.Class != provider.ClassTemporary || got.String() != text[:5] || info.Bytes != 5 || info.Total != int64(len(text)) {
				t.Errorf("got %q, %+v, %v", &got, info, e)
			}
			if !errors.Is(e, context.DeadlineExceeded) {
				t.Errorf("got %v, want the end of the context during the pause", e)
			}
		})
	}
}

// ending is a log handler that does something when a call is tried again.
type ending func()

func (ending) Enabled(context.Context, slog.Level) bool { return true }
func (e ending) WithAttrs([]slog.Attr) slog.Handler     { return e }
func (e ending) WithGroup(string) slog.Handler          { return e }
func (e ending) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "trying again") {
		e()
	}
	return nil
}

// A packed answer would have another length, and ranges of other bytes.
func TestDownloadAsksForPlainBytes(t *testing.T) {
	var got []string
	c, _ := listening(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header["Accept-Encoding"]
		piece{}.ServeHTTP(w, r)
	}))
	if _, err := c.Download(t.Context(), "files/batch-1", 0, io.Discard); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"identity"}, got); diff != "" {
		t.Errorf("accepted encodings (-want +got):\n%s", diff)
	}
}
