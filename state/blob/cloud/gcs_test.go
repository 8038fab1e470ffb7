package cloud_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/blob/blobtest"
)

// What was damaged on its way from the bucket is read again; what is damaged on
// its way there does not become an object.
func TestDamageIsNoticed(t *testing.T) {
	s := blobtest.GCS(t)
	b := open(t, s.URL(""))
	content := bytes.Repeat([]byte("sixteen letters\n"), 10_000)
	if _, err := b.Write(t.Context(), "key", content, blob.Always()); err != nil {
		t.Fatal(err)
	}
	var damaged atomic.Int32
	s.Inject(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Query().Get("alt") != "media" || damaged.Add(1) > 2 {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		answer := rec.Body.Bytes()
		answer[len(answer)/2] ^= 1
		w.Write(answer)
	})
	if got, _, err := b.Read(t.Context(), "key"); err != nil || !bytes.Equal(got, content) || damaged.Load() != 3 {
		t.Errorf("%d bytes, %v, after %d tries; want %d after 3", len(got), err, damaged.Load(), len(content))
	}
	s.Inject(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if blobtest.IsWrite(r) {
			sent, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			sent[bytes.Index(sent, []byte("letters"))] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(sent))
		}
		next.ServeHTTP(w, r)
	})
	if _, err := b.Write(t.Context(), "other", content, blob.Always()); err == nil || !strings.Contains(err.Error(), "CRC32C") {
		t.Errorf("write of what arrives damaged: %v", err)
	}
	s.Inject(nil)
	if _, _, err := b.Read(t.Context(), "other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was kept: %v", err)
	}
}

// A listing of several pages is whole.
func TestListingOfPages(t *testing.T) {
	eachServer(t, func(t *testing.T, p place, b *blob.Bucket) {
		var want []string
		for i := range 7 {
			key := fmt.Sprintf("some/key %d+ü", i)
			want = append(want, key)
			if _, err := b.Write(t.Context(), key, []byte(key), blob.IfAbsent()); err != nil {
				t.Fatal(err)
			}
		}
		p.server.Inject(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			q := r.URL.Query()
			q.Set("maxResults", "2")
			q.Set("max-keys", "2")
			r.URL.RawQuery = q.Encode()
			r.RequestURI = r.URL.RequestURI()
			next.ServeHTTP(w, r)
		})
		p.server.Calls()
		list, err := b.List(t.Context(), "some/")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range list {
			got = append(got, o.Key)
		}
		if calls := p.server.Calls(); !slices.Equal(got, want) || len(calls) != 4 {
			t.Errorf("listed %q with %d calls; want %q with 4", got, len(calls), want)
		}
	})
}

// Without a bucket nothing seems to be merely absent.
func TestNoBucketIsNoAbsence(t *testing.T) {
	eachServer(t, func(t *testing.T, p place, b *blob.Bucket) {
		missing := open(t, p.server.In("no-such-bucket", ""))
		_, err := missing.Write(t.Context(), "k", []byte("x"), blob.IfAbsent())
		mustBe(t, err, blob.KindNoBucket, "make the bucket")
	})
	s := blobtest.GCS(t)
	s.Inject(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { // in the words of the service
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error": {"code": 404, "message": "The specified bucket does not exist.", "errors": [{"message": "The specified bucket does not exist.", "domain": "global", "reason": "notFound"}]}}`)
	})
	_, _, err := open(t, s.URL("")).Read(t.Context(), "k")
	mustBe(t, err, blob.KindNoBucket, "make the bucket")
}

func TestEmulatorOfTheEnvironment(t *testing.T) {
	s := blobtest.GCS(t)
	_, endpoint, _ := strings.Cut(s.URL(""), "endpoint=")
	for _, host := range []string{endpoint, strings.TrimPrefix(endpoint, "http://")} {
		t.Setenv("STORAGE_EMULATOR_HOST", host)
		b := open(t, "gs://"+blobtest.BucketName)
		if _, err := b.Write(t.Context(), "k", []byte(host), blob.Always()); err != nil {
			t.Fatal(err)
		}
		if got, _, err := b.Read(t.Context(), "k"); err != nil || string(got) != host {
			t.Errorf("%q, %v; want %q", got, err, host)
		}
	}
}

// serviceAccount lets the environment name the key of a service account whose
// tokens come from a server.
func serviceAccount(t *testing.T, tokens http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(tokens)
	t.Cleanup(server.Close)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.json")
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "qa@example.com", "private_key_id": "1", "token_uri": server.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
}

func issue(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 3600}`, secret)
}

func TestTokens(t *testing.T) {
	s := blobtest.GCS(t)
	address := strings.Replace(s.URL(""), "anonymous=true&", "", 1)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went to another machine")
		}
		w.Header().Set("X-Goog-Generation", "1")
	}))
	defer other.Close()

	t.Run("taken along", func(t *testing.T) {
		serviceAccount(t, issue)
		var asked atomic.Int32
		s.Inject(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			asked.Add(1)
			if got := r.Header.Get("Authorization"); got != "Bearer "+secret {
				t.Errorf("%s %s with %q", r.Method, r.URL.Path, got)
			}
			if strings.HasSuffix(r.URL.Path, "elsewhere") {
				http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
				return
			}
			next.ServeHTTP(w, r)
		})
		defer s.Inject(nil)
		b := open(t, address)
		if _, err := b.Write(t.Context(), "k", []byte("x"), blob.IfAbsent()); err != nil {
			t.Error(err)
		}
		if _, err := b.List(t.Context(), ""); err != nil {
			t.Error(err)
		}
		if _, _, err := b.Read(t.Context(), "elsewhere"); err != nil {
			t.Error(err)
		}
		if err := b.Remove(t.Context(), "k"); err != nil || asked.Load() != 4 {
			t.Errorf("%v, after %d calls, want 4", err, asked.Load())
		}
	})
	t.Run("refused", func(t *testing.T) {
		serviceAccount(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}`)
		})
		_, _, err := open(t, address).Read(t.Context(), "k")
		mustBe(t, err, blob.KindCredentials, "gcloud auth application-default login")
	})
	t.Run("late", func(t *testing.T) {
		serviceAccount(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, _, err := open(t, address).Read(ctx, "k")
		mustBe(t, err, blob.KindTemporary, "")
	})
}
