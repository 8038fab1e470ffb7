package gemini_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/qaplan/qaplan/provider"
)

// TestCutUploadSendsLittleAgain cuts an upload when 95 % of it have come, in each way
// that it can be cut. What the service receives in all is no more than a tenth over
// the file, even where it keeps nothing of the chunk that was cut: a chunk is 8 MiB,
// so that of a file of 2 GB no more than 0.4 % are sent again.
func TestCutUploadSendsLittleAgain(t *testing.T) {
	const size, at = 160 * mib, 152 * mib // 19 of 20 chunks
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(zeros{}, 0, size)); err != nil {
		t.Fatal(err)
	}
	const inChunk = 7 * mib
	for _, tt := range []struct {
		name string
		cut  func(u *uploads, w http.ResponseWriter, r *http.Request)
		kill bool
	}{
		{"reset, what came is kept", func(u *uploads, _ http.ResponseWriter, r *http.Request) { u.take(r, inChunk); reset() }, false},
		{"reset, what came is lost", func(_ *uploads, _ http.ResponseWriter, r *http.Request) {
			io.CopyN(io.Discard, r.Body, inChunk)
			reset()
		}, false},
		{"503", func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			answer{status: 503}.ServeHTTP(w, r)
		}, false},
		{"the process dies", func(_ *uploads, _ http.ResponseWriter, r *http.Request) { io.CopyN(io.Discard, r.Body, inChunk) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				var received atomic.Int64
				hit := false
				u := &uploads{trouble: func(u *uploads, command string, w http.ResponseWriter, r *http.Request) bool {
					if command == "query" || hit || u.size < at-8*mib {
						return false
					}
					hit = true
					tt.cut(u, w, r)
					if tt.kill {
						kill()
						<-r.Context().Done()
					}
					return true
				}}
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.Body = &countedBody{r.Body, &received}
					u.ServeHTTP(w, r)
				})
				r := provider.UploadRequest{Name: "files/big", Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
				r.Started = func(session string) error { r.Session = session; return nil }
				f, err := newClient(t, h).Upload(ctx, zeros{}, r)
				if tt.kill {
					if err == nil {
						t.Fatal("the upload outlived its process")
					}
					synctest.Wait()
					f, err = newClient(t, h).Upload(t.Context(), zeros{}, r)
				}
				if err != nil {
					t.Fatal(err)
				}
				if !hit || f.SHA256 != r.SHA256 {
					t.Errorf("cut: %v, file %+v", hit, f)
				}
				again := received.Load() - size
				t.Logf("%.1f %% were sent again", 100*float64(again)/size)
				if again > size/10 {
					t.Errorf("%d bytes were sent again of %d, want a tenth at most", again, int64(size))
				}
			})
		})
	}
}

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
