package cloud_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/blob/blobtest"
	"github.com/qaplan/qaplan/state/blob/cloud"
)

// TestMain keeps the machine's own credentials out, and gives the S3 server some.
func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "GOOGLE_") || name == "STORAGE_EMULATOR_HOST" {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTEST")
	os.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

const secret = "s3cr3t-that-nothing-may-show"

// place is a kind of bucket.
type place struct {
	name   string
	server *blobtest.Server // nil for a folder
	url    func(key string) string
}

func places(t *testing.T) []place {
	dir := t.TempDir()
	s3, gcs := blobtest.S3(t), blobtest.GCS(t)
	return []place{
		{"folder", nil, func(key string) string { return "file://" + path.Join("/", filepath.ToSlash(dir), key) }},
		{"s3", s3, s3.URL},
		{"gcs", gcs, gcs.URL},
	}
}

func open(t *testing.T, address string) *blob.Bucket {
	t.Helper()
	at, err := blob.ParseFolder(address)
	if err != nil {
		t.Fatal(err)
	}
	b, err := cloud.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func each(t *testing.T, do func(t *testing.T, p place, b *blob.Bucket)) {
	for _, p := range places(t) {
		t.Run(p.name, func(t *testing.T) { do(t, p, open(t, p.url(""))) })
	}
}

// eachServer leaves out the folder, which has no server to fail.
func eachServer(t *testing.T, do func(t *testing.T, p place, b *blob.Bucket)) {
	for _, p := range places(t) {
		if p.server != nil {
			t.Run(p.name, func(t *testing.T) { do(t, p, open(t, p.url(""))) })
		}
	}
}

// The whole protocol rests on this: a write under a condition that does not hold
// changes nothing, whoever else writes.
func TestConditionsHold(t *testing.T) {
	each(t, func(t *testing.T, _ place, b *blob.Bucket) {
		ctx := t.Context()
		if _, _, err := b.Read(ctx, "a/key"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("read of what is not there: %v", err)
		}
		if _, err := b.Write(ctx, "a/key", []byte("zero"), blob.IfMatch("12345")); !errors.Is(err, blob.ErrConflict) {
			t.Errorf("a version of what is not there was replaced: %v", err)
		}
		v1, err := b.Write(ctx, "a/key", []byte("one"), blob.IfAbsent())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Write(ctx, "a/key", []byte("two"), blob.IfAbsent()); !errors.Is(err, blob.ErrConflict) {
			t.Errorf("a second creation: %v, want a conflict", err)
		}
		v2, err := b.Write(ctx, "a/key", []byte("two"), blob.IfMatch(v1))
		if err != nil || v1 == v2 {
			t.Fatalf("replace %s: %s, %v", v1, v2, err)
		}
		if _, err := b.Write(ctx, "a/key", []byte("three"), blob.IfMatch(v1)); !errors.Is(err, blob.ErrConflict) {
			t.Errorf("an old version was replaced: %v", err)
		}
		data, v, err := b.Read(ctx, "a/key")
		if err != nil || string(data) != "two" || v != v2 {
			t.Errorf("read %q, %s, %v; want two, %s", data, v, err, v2)
		}
		if _, err := b.Write(ctx, "a/key", []byte("four"), blob.Always()); err != nil {
			t.Error(err)
		}
		if err := b.Remove(ctx, "a/key"); err != nil {
			t.Error(err)
		}
		if err := b.Remove(ctx, "a/key"); err != nil {
			t.Errorf("removing what is not there: %v", err)
		}
		if _, err := b.Write(ctx, "a/key", []byte("five"), blob.IfMatch(v2)); !errors.Is(err, blob.ErrConflict) {
			t.Errorf("an object that is gone was replaced: %v", err)
		}
	})
}

// Of many who write at the same time under one condition, one succeeds.
func TestOneOfManyWins(t *testing.T) {
	each(t, func(t *testing.T, p place, first *blob.Bucket) {
		buckets := []*blob.Bucket{first, open(t, p.url("")), open(t, p.url("")), open(t, p.url(""))}
		version := blob.Version("")
		for round := range 5 {
			var wg sync.WaitGroup
			won := make([]blob.Version, len(buckets))
			for i, b := range buckets {
				wg.Go(func() {
					v, err := b.Write(t.Context(), "contested", fmt.Appendf(nil, "round %d, writer %d", round, i), blob.IfMatch(version))
					if err != nil && !errors.Is(err, blob.ErrConflict) {
						t.Error(err)
					}
					won[i] = v
				})
			}
			wg.Wait()
			won = slices.DeleteFunc(won, func(v blob.Version) bool { return v == "" })
			if len(won) != 1 {
				t.Fatalf("round %d: %d writers won, want 1", round, len(won))
			}
			version = won[0]
		}
	})
}

func TestListing(t *testing.T) {
	each(t, func(t *testing.T, _ place, b *blob.Bucket) {
		ctx := t.Context()
		for _, key := range []string{"x/state.json", "x/state.json.journal/2", "x/state.json.journal/10", "x/stale", "y/state.json"} {
			if _, err := b.Write(ctx, key, []byte(key), blob.Always()); err != nil {
				t.Fatal(err)
			}
		}
		list, err := b.List(ctx, "x/state.json")
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, o := range list {
			keys = append(keys, o.Key)
			if o.Size != int64(len(o.Key)) || time.Since(o.ModTime).Abs() > time.Hour {
				t.Errorf("%+v", o)
			}
		}
		if want := []string{"x/state.json", "x/state.json.journal/10", "x/state.json.journal/2"}; !slices.Equal(keys, want) {
			t.Errorf("listed %q, want %q", keys, want)
		}
		if list, err := b.List(ctx, "z"); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		if o, ok, err := b.Stat(ctx, "x/sta"); ok || err != nil {
			t.Errorf("%+v, %v", o, err)
		}
		if o, ok, err := b.Stat(ctx, "x/stale"); !ok || err != nil || o.Size != 7 {
			t.Errorf("%+v, %v, %v", o, ok, err)
		}
	})
}

// An object larger than any buffer comes back as it went.
func TestLargeObjects(t *testing.T) {
	each(t, func(t *testing.T, _ place, b *blob.Bucket) {
		content := bytes.Repeat([]byte("0123456789abcde\n"), 20<<20/16)
		v, err := b.Upload(t.Context(), "large", bytes.NewReader(content), int64(len(content)), blob.IfAbsent())
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(t.TempDir(), "copy"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		size, got, err := b.Copy(t.Context(), "large", f)
		if err != nil || size != int64(len(content)) || got != v {
			t.Fatalf("%d bytes, version %s, %v; want %d and %s", size, got, err, len(content), v)
		}
		if there, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(there, content) {
			t.Errorf("other bytes came back (%v)", err)
		}
	})
}

// A write whose answer is lost is not written twice, and is no conflict with
// itself; one that never arrived is sent again.
func TestFailuresInPassing(t *testing.T) {
	eachServer(t, func(t *testing.T, p place, b *blob.Bucket) {
		for _, f := range []blobtest.Fault{blobtest.StatusBefore, blobtest.StatusAfter, blobtest.DropBefore, blobtest.DropAfter} {
			for _, status := range []int{500, 503, 429} {
				key := fmt.Sprintf("%s %d", f, status)
				p.server.Inject(blobtest.Some(2, f, status, blobtest.Conditional))
				v, err := b.Write(t.Context(), key, []byte(key), blob.IfAbsent())
				p.server.Inject(nil)
				if err != nil {
					t.Errorf("%s: %v", key, err)
					continue
				}
				if data, got, err := b.Read(t.Context(), key); err != nil || string(data) != key || got != v {
					t.Errorf("%s: there is %q of version %s, %v; want version %s", key, data, got, err, v)
				}
				p.server.Inject(blobtest.Some(1, blobtest.StatusBefore, status, func(r *http.Request) bool { return r.Method == http.MethodGet }))
				if _, _, err := b.Read(t.Context(), key); err != nil {
					t.Errorf("%s: read: %v", key, err)
				}
			}
		}
	})
}

// What fails for good says what to do, and shows no secret.
func TestFailuresForGood(t *testing.T) {
	each(t, func(t *testing.T, p place, b *blob.Bucket) {
		if p.server == nil {
			missing := open(t, p.url("no/such/folder"))
			_, err := missing.List(t.Context(), "")
			mustBe(t, err, blob.KindNoBucket, "make the folder")
			_, err = missing.Write(t.Context(), "k", nil, blob.Always())
			mustBe(t, err, blob.KindNoBucket, "make the folder")
			return
		}
		missing := open(t, p.server.In("no-such-bucket", ""))
		_, err := missing.List(t.Context(), "x")
		mustBe(t, err, blob.KindNoBucket, "make the bucket")

		for status, kind := range map[int]blob.Kind{403: blob.KindDenied, 401: blob.KindCredentials, 500: blob.KindTemporary} {
			p.server.Inject(blobtest.Some(1000, blobtest.StatusBefore, status, func(*http.Request) bool { return true }))
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, err := b.Write(ctx, "k", []byte("x"), blob.Always())
			cancel()
			mustBe(t, err, kind, "")
			p.server.Inject(nil)
		}
	})
}

// A server that does not prove who it is is asked once, not for as long as one that
// is ill.
func TestUntrustedServer(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"another certificate": (*httptest.Server).StartTLS, "no TLS": (*httptest.Server).Start} {
		for scheme, query := range map[string]string{"s3": "?use_path_style=true&region=us-east-1&endpoint=", "gs": "?anonymous=true&endpoint="} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				var tries atomic.Int64
				srv := httptest.NewUnstartedServer(http.NotFoundHandler())
				srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
					if s == http.StateNew {
						tries.Add(1)
					}
				}
				start(srv)
				b := open(t, scheme+"://bucket/"+query+"https://"+srv.Listener.Addr().String())
				_, err := b.Write(t.Context(), "k", []byte("x"), blob.Always())
				srv.Close()
				mustBe(t, err, blob.KindUntrusted, "check the endpoint, this machine's clock")
				if tries.Load() != 1 {
					t.Errorf("%d connections, want one", tries.Load())
				}
			})
		}
	}
}

func mustBe(t *testing.T, err error, kind blob.Kind, word string) {
	t.Helper()
	if blob.KindOf(err) != kind || !strings.Contains(err.Error(), word) {
		t.Errorf("%v is of kind %q; want %q and %q", err, blob.KindOf(err), kind, word)
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("%v shows a secret", err)
	}
}

func TestNoCredentials(t *testing.T) {
	s3 := blobtest.S3(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := open(t, s3.URL("")).List(t.Context(), "x")
	mustBe(t, err, blob.KindCredentials, "AWS_ACCESS_KEY_ID")

	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	at, err := blob.ParseFolder("gs://bucket")
	if err != nil {
		t.Fatal(err)
	}
	_, err = cloud.Open(t.Context(), at)
	mustBe(t, err, blob.KindCredentials, "gcloud auth application-default login")

	at, err = blob.ParseFolder("s3://bucket")
	if err != nil {
		t.Fatal(err)
	}
	_, err = cloud.Open(t.Context(), at)
	mustBe(t, err, blob.KindOther, "AWS_REGION")
}
