package gemini_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/gemini"
)

const mib = 1 << 20

const fooFile = `{"name":"files/foo","mimeType":"application/jsonl","sizeBytes":"3","state":"ACTIVE","source":"UPLOADED",
 "sha256Hash":"MmMyNmI0NmI2OGZmYzY4ZmY5OWI0NTNjMWQzMDQxMzQxMzQyMmQ3MDY0ODNiZmEwZjk4YTVlODg2MjY2ZTdhZQ=="}`

func fooRequest() provider.UploadRequest {
	return request("files/foo", []byte("foo"))
}

func request(name string, data []byte) provider.UploadRequest {
	sum := sha256.Sum256(data)
	return provider.UploadRequest{
		Name: name, DisplayName: "part.jsonl", Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]),
	}
}

// uploads is the upload side of the service, without its faults: those come
// from trouble, which sees each request first and answers it itself when it
// returns true.
type uploads struct {
	trouble func(u *uploads, command string, w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	log     []string
	session int
	open    bool
	name    string
	mime    string
	size    int64
	sum     hash.Hash
	files   map[string]string // what get answers, by name
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	command := r.Header.Get("X-Goog-Upload-Command")
	if r.Method == http.MethodGet {
		command = "get"
	}
	entry := command
	if strings.HasPrefix(command, "upload") {
		entry += fmt.Sprintf(" %s+%d", r.Header.Get("X-Goog-Upload-Offset"), r.ContentLength)
	}
	u.log = append(u.log, entry)
	if u.trouble != nil && u.trouble(u, command, w, r) {
		return
	}
	u.handle(command, w, r)
}

func (u *uploads) handle(command string, w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Goog-Api-Key") != testKey {
		refusal(400, "INVALID_ARGUMENT", wrongKey).ServeHTTP(w, r)
		return
	}
	if command == "get" {
		if f, ok := u.files[strings.TrimPrefix(r.URL.Path, "/v1beta/")]; ok {
			answer{body: f}.ServeHTTP(w, r)
			return
		}
		refusal(403, "PERMISSION_DENIED", fileGone).ServeHTTP(w, r)
		return
	}
	if command == "start" {
		u.start(w, r)
		return
	}
	if r.URL.Query().Get("upload_id") != strconv.Itoa(u.session) || u.session == 0 {
		answer{status: 404, body: "no such upload"}.ServeHTTP(w, r)
		return
	}
	status := "active"
	if command != "query" {
		if !u.open || r.Header.Get("X-Goog-Upload-Offset") != strconv.FormatInt(u.size, 10) {
			refusal(400, "INVALID_ARGUMENT", "wrong offset").ServeHTTP(w, r)
			return
		}
		n, _ := io.Copy(u.sum, r.Body)
		u.size += n
		u.open = !strings.Contains(command, "finalize")
	}
	body := ""
	if !u.open {
		status, body = "final", u.finish()
	}
	w.Header().Set("X-Goog-Upload-Status", status)
	w.Header().Set("X-Goog-Upload-Size-Received", strconv.FormatInt(u.size, 10))
	answer{body: body}.ServeHTTP(w, r)
}

func (u *uploads) start(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	u.name = strings.Split(strings.Split(string(b), `"name":"`)[1], `"`)[0]
	u.mime = r.Header.Get("X-Goog-Upload-Header-Content-Type")
	u.session++
	u.open, u.size, u.sum = true, 0, sha256.New()
	for name, v := range map[string]string{
		"Status": "active", "Chunk-Granularity": "8388608",
		"Url": fmt.Sprintf("https://elsewhere.test/upload/v1beta/files?upload_id=%d&upload_protocol=resumable&key=secret", u.session),
	} {
		w.Header().Set("X-Goog-Upload-"+name, v)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
}

// finish makes the file and gives the answer to the last chunk.
func (u *uploads) finish() string {
	if u.files == nil {
		u.files = map[string]string{}
	}
	sum := base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(u.sum.Sum(nil))))
	u.files[u.name] = fmt.Sprintf(`{"name":%q,"mimeType":%q,"sizeBytes":"%d","sha256Hash":%q,"state":"ACTIVE","source":"UPLOADED"}`,
		u.name, u.mime, u.size, sum)
	return `{"file":` + u.files[u.name] + `}`
}

// take reads part of a chunk, as a connection that breaks in the middle does.
func (u *uploads) take(r *http.Request, n int64) {
	got, _ := io.CopyN(u.sum, r.Body, n)
	u.size += got
}

func reset() { panic(http.ErrAbortHandler) }

// nth gives a trouble that hits one request with the command, counted from 1.
func nth(command string, n int, do func(u *uploads, w http.ResponseWriter, r *http.Request)) func(*uploads, string, http.ResponseWriter, *http.Request) bool {
	seen := 0
	return func(u *uploads, c string, w http.ResponseWriter, r *http.Request) bool {
		if c != command {
			return false
		}
		if seen++; seen != n {
			return false
		}
		do(u, w, r)
		return true
	}
}

// data gives n bytes whose period no chunk is a multiple of.
func data(n int) []byte {
	period := make([]byte, 4099)
	for i := range period {
		period[i] = byte(i*7 + i>>8)
	}
	return bytes.Repeat(period, n/len(period)+1)[:n]
}

func TestUpload(t *testing.T) {
	small, exact, long := data(3000), data(16*mib), data(20*mib)
	const ch = 8 * mib
	last := fmt.Sprintf("upload, finalize %d+%d", 2*ch, len(long)-2*ch)
	whole := []string{"start", "upload 0+8388608", "upload 8388608+8388608", last}
	badMIME := answer{status: 400, body: "Unsupported MIME type: application/jsonl"}

	tests := []struct {
		name    string
		data    []byte
		trouble func(*uploads, string, http.ResponseWriter, *http.Request) bool
		log     []string
	}{
		{"small", small, nil, []string{"start", "upload, finalize 0+3000"}},
		{"empty", nil, nil, []string{"start", "upload, finalize 0+0"}},
		{"an exact multiple", exact, nil, []string{"start", "upload 0+8388608", "upload, finalize 8388608+8388608"}},
		{"several chunks", long, nil, whole},

		{"the start is refused for a while", small, nth("start", 1, func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			answer{status: 503}.ServeHTTP(w, r)
		}), []string{"start", "start", "upload, finalize 0+3000"}},
		{"the answer to the start is lost", small, nth("start", 1, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			u.start(w, r)
			reset()
		}), []string{"start", "start", "upload, finalize 0+3000"}},
		{"a start without an upload URL", small, nth("start", 1, func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			answer{}.ServeHTTP(w, r)
		}), []string{"start", "start", "upload, finalize 0+3000"}},

		// The SDK gives up on a reset, and on three answers without a status.
		{"a reset before the chunk", long, nth("upload", 2, func(*uploads, http.ResponseWriter, *http.Request) { reset() }),
			[]string{"start", "upload 0+8388608", "upload 8388608+8388608", "query", "upload 8388608+8388608", last}},
		{"a reset in the middle of the chunk", long, nth("upload", 2, func(u *uploads, _ http.ResponseWriter, r *http.Request) { u.take(r, 4*mib); reset() }),
			[]string{"start", "upload 0+8388608", "upload 8388608+8388608", "query", "upload, finalize 12582912+8388608"}},
		{"a reset after the chunk", long, nth("upload", 2, func(u *uploads, _ http.ResponseWriter, r *http.Request) { u.take(r, 8*mib); reset() }),
			[]string{"start", "upload 0+8388608", "upload 8388608+8388608", "query", last}},
		{"a chunk's answer without a status", long, nth("upload", 1, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			u.take(r, 8*mib)
			answer{}.ServeHTTP(w, r)
		}), []string{"start", "upload 0+8388608", "query", "upload 8388608+8388608", last}},
		{"a 503 with nothing in it", long, nth("upload", 1, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			answer{status: 503}.ServeHTTP(w, r)
		}), []string{"start", "upload 0+8388608", "query", "upload 0+8388608", "upload 8388608+8388608", last}},
		{"the service forgets a part", long, nth("upload", 2, func(u *uploads, _ http.ResponseWriter, _ *http.Request) {
			u.size, u.sum = 0, sha256.New()
			reset()
		}), []string{"start", "upload 0+8388608", "upload 8388608+8388608", "query", "upload 0+8388608", "upload 8388608+8388608", last}},
		{"the question is lost too", long, both(
			nth("upload", 2, func(*uploads, http.ResponseWriter, *http.Request) { reset() }),
			nth("query", 1, func(*uploads, http.ResponseWriter, *http.Request) { reset() }),
		), []string{"start", "upload 0+8388608", "upload 8388608+8388608", "query", "query", "upload 8388608+8388608", last}},
		{"the service drops the session", long, nth("upload", 2, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			u.open = false
			answer{status: 410}.ServeHTTP(w, r)
		}), append([]string{"start", "upload 0+8388608", "upload 8388608+8388608", "get"}, whole...)},
		{"the session is cancelled", long, nth("upload", 2, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Goog-Upload-Status", "cancelled")
			answer{status: 500}.ServeHTTP(w, r)
		}), append([]string{"start", "upload 0+8388608", "upload 8388608+8388608", "get"}, whole...)},

		// The SDK panics on the second and the third of these.
		{"the last answer is lost", small, nth("upload, finalize", 1, func(u *uploads, _ http.ResponseWriter, r *http.Request) {
			u.take(r, 3000)
			u.open = false
			u.finish()
			reset()
		}), []string{"start", "upload, finalize 0+3000", "query"}},
		{"the last answer names no file", small, nth("upload, finalize", 1, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			u.take(r, 3000)
			u.finish()
			w.Header().Set("X-Goog-Upload-Status", "final")
			answer{body: `{}`}.ServeHTTP(w, r)
		}), []string{"start", "upload, finalize 0+3000", "get"}},
		{"the last answer is empty", small, nth("upload, finalize", 1, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			u.take(r, 3000)
			u.finish()
			w.Header().Set("X-Goog-Upload-Status", "final")
		}), []string{"start", "upload, finalize 0+3000", "get"}},
		{"the bytes arrived and the end did not", small, nth("upload, finalize", 1, func(u *uploads, _ http.ResponseWriter, r *http.Request) {
			u.take(r, 3000)
			reset()
		}), []string{"start", "upload, finalize 0+3000", "query", "upload, finalize 3000+0"}},
		{"finished, and the session is forgotten", small, nth("upload, finalize", 1, func(u *uploads, _ http.ResponseWriter, r *http.Request) {
			u.take(r, 3000)
			u.finish()
			u.session = 99
			reset()
		}), []string{"start", "upload, finalize 0+3000", "query", "get"}},
		{"the answer leaves the hash out", small, nth("upload, finalize", 1, func(u *uploads, w http.ResponseWriter, r *http.Request) {
			u.take(r, 3000)
			u.finish()
			w.Header().Set("X-Goog-Upload-Status", "final")
			answer{body: `{"file":{"name":"files/qp-1","sizeBytes":"3000"}}`}.ServeHTTP(w, r)
		}), []string{"start", "upload, finalize 0+3000", "get"}},

		{"the type is refused at the start", small, nth("start", 1, func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			badMIME.ServeHTTP(w, r)
		}), []string{"start", "start", "upload, finalize 0+3000"}},
		{"the type is refused at the start under HTTP 200", small, nth("start", 1, func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			answer{body: badMIME.body}.ServeHTTP(w, r)
		}), []string{"start", "start", "upload, finalize 0+3000"}},
		{"the type is refused at the end", small, nth("upload, finalize", 1, func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			refusal(400, "INVALID_ARGUMENT", badMIME.body).ServeHTTP(w, r)
		}), []string{"start", "upload, finalize 0+3000", "start", "upload, finalize 0+3000"}},
		{"the type is refused at the end under HTTP 200", small, nth("upload, finalize", 1, func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Goog-Upload-Status", "final")
			answer{body: badMIME.body}.ServeHTTP(w, r)
		}), []string{"start", "upload, finalize 0+3000", "start", "upload, finalize 0+3000"}},
		{"a short quota", long, nth("upload", 2, func(_ *uploads, w http.ResponseWriter, r *http.Request) {
			refusal(429, "RESOURCE_EXHAUSTED", "slow down", retryInfo("3s")).ServeHTTP(w, r)
		}), []string{"start", "upload 0+8388608", "upload 8388608+8388608", "query", "upload 8388608+8388608", last}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &uploads{trouble: tt.trouble}
				r := request("files/qp-1", tt.data)
				var sessions []string
				var sent []int64
				r.Started = func(s string) error { sessions = append(sessions, s); return nil }
				r.Progress = func(n int64) { sent = append(sent, n) }
				f, err := newClient(t, u).Upload(t.Context(), bytes.NewReader(tt.data), r)
				if err != nil {
					t.Fatal(err)
				}
				if f.Name != r.Name || f.SHA256 != r.SHA256 || f.Bytes != r.Bytes {
					t.Errorf("got file %+v", f)
				}
				if diff := cmp.Diff(tt.log, u.log); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if want := "application/jsonl"; strings.Contains(tt.name, "type is refused") {
					if f.MIMEType != "text/plain" {
						t.Errorf("got type %s", f.MIMEType)
					}
				} else if f.MIMEType != want {
					t.Errorf("got type %s, want %s", f.MIMEType, want)
				}
				for _, s := range sessions {
					if strings.Contains(s, "elsewhere") || strings.Contains(s, "secret") || !strings.Contains(s, "upload_id=") {
						t.Errorf("got session %q", s)
					}
				}
				if len(sessions) == 0 || len(sent) == 0 || sent[0] != 0 {
					t.Errorf("got sessions %q, progress %v", sessions, sent)
				}
			})
		})
	}
}

func both(a, b func(*uploads, string, http.ResponseWriter, *http.Request) bool) func(*uploads, string, http.ResponseWriter, *http.Request) bool {
	return func(u *uploads, c string, w http.ResponseWriter, r *http.Request) bool {
		return a(u, c, w, r) || b(u, c, w, r)
	}
}

// present is what get answers for an upload that is there.
func present(content []byte) string {
	r := request("files/qp-1", content)
	return fmt.Sprintf(`{"name":%q,"sizeBytes":"%d","sha256Hash":%q}`, r.Name, r.Bytes, base64.StdEncoding.EncodeToString([]byte(r.SHA256)))
}

func TestUploadFails(t *testing.T) {
	small := data(3000)
	always := func(command string, a answer) func(*uploads, string, http.ResponseWriter, *http.Request) bool {
		return func(_ *uploads, c string, w http.ResponseWriter, r *http.Request) bool {
			if c == command || command == "" {
				a.ServeHTTP(w, r)
				return true
			}
			return false
		}
	}
	file := func(body string) answer {
		return answer{header: map[string]string{"X-Goog-Upload-Status": "final"}, body: body}
	}
	tests := []struct {
		name    string
		trouble func(*uploads, string, http.ResponseWriter, *http.Request) bool
		class   provider.Class
		status  string
		cause   error
		most    int // requests
	}{
		// errors.As finds no status in the SDK's error of a failed start.
		{"start refused", always("start", refusal(403, "PERMISSION_DENIED", "no")), provider.ClassRefused, "PERMISSION_DENIED", nil, 1},
		{"storage full", always("start", refusal(429, "RESOURCE_EXHAUSTED", "full", quotaFailure("FileStorageBytesPerProject"), retryInfo("9223372036854775807s"))), provider.ClassQuota, "RESOURCE_EXHAUSTED", nil, 1},
		{"name taken at the start", always("start", refusal(409, "ALREADY_EXISTS", "taken")), provider.ClassRefused, "ALREADY_EXISTS", nil, 1},
		{"name taken at the end", always("upload, finalize", refusal(409, "ALREADY_EXISTS", "taken")), provider.ClassRefused, "ALREADY_EXISTS", nil, 2},
		{"name taken by the same bytes", both(always("upload, finalize", refusal(409, "ALREADY_EXISTS", "taken")), always("get", answer{body: present(small)})), provider.ClassRefused, "ALREADY_EXISTS", nil, 2},
		{"name taken by other bytes, unnoticed", both(
			nth("upload, finalize", 1, func(*uploads, http.ResponseWriter, *http.Request) { reset() }),
			both(always("upload, finalize", refusal(409, "ALREADY_EXISTS", "taken")), always("get", answer{body: present(small[1:])})),
		), provider.ClassRefused, "ALREADY_EXISTS", nil, 5},
		{"wrong key", always("", refusal(400, "INVALID_ARGUMENT", wrongKey, infoBadKey)), provider.ClassRefused, "INVALID_ARGUMENT", nil, 1},
		{"the outage of May 2026", always("", answer{status: 503}), provider.ClassTemporary, "", nil, 4},
		{"chunks fail for ever", always("upload, finalize", answer{reset: true}), provider.ClassTemporary, "", nil, 20},
		{"chunks refused for ever", always("upload, finalize", refusal(400, "INVALID_ARGUMENT", "no such thing")), provider.ClassRefused, "INVALID_ARGUMENT", nil, 3},
		{"chunks never get a status", always("upload, finalize", answer{}), provider.ClassTemporary, "", nil, 20},
		{"sessions never live", always("upload, finalize", answer{status: 404}), provider.ClassTemporary, "", nil, 9},
		{"no type is good", always("upload, finalize", answer{status: 200, body: "Unsupported MIME type"}), provider.ClassRefused, "", nil, 4},
		{"another hash", always("upload, finalize", file(`{"file":`+strings.ReplaceAll(strings.ReplaceAll(fooFile, "files/foo", "files/qp-1"), `"3"`, `"3000"`)+`}`)), provider.ClassRefused, "", provider.ErrDamaged, 2},
		{"another name", always("upload, finalize", file(`{"file":`+fooFile+`}`)), provider.ClassRefused, "", nil, 2},
		{"no hash anywhere", both(always("upload, finalize", file(`{"file":{"name":"files/qp-1"}}`)), always("get", answer{body: `{"name":"files/qp-1"}`})), provider.ClassRefused, "", nil, 3},
		{"the session cannot be told", always("query", answer{header: map[string]string{"X-Goog-Upload-Status": "active"}}), "", "", nil, 2},
		{"nothing ends", always("upload, finalize", answer{hang: true}), provider.ClassTemporary, "", nil, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &uploads{trouble: tt.trouble}
				_, err := newClient(t, u).Upload(t.Context(), bytes.NewReader(small), request("files/qp-1", small))
				if tt.class == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				got := wantError(t, err)
				if got.Class != tt.class || got.Status != tt.status || tt.cause != nil && !errors.Is(err, tt.cause) {
					t.Errorf("got class %s, status %q: %v", got.Class, got.Status, got)
				}
				if len(u.log) > tt.most {
					t.Errorf("%d requests: %q", len(u.log), u.log)
				}
			})
		})
	}
}

// An upload that a killed process left behind goes on from what the service
// holds.
func TestUploadGoesOnInAnotherProcess(t *testing.T) {
	long := data(20 * mib)
	r := request("files/qp-1", long)
	tests := []struct {
		name string
		then func(u *uploads) // what happened meanwhile
		log  []string
	}{
		{"in the middle", func(*uploads) {},
			[]string{"query", "upload 8388608+8388608", "upload, finalize 16777216+4194304"}},
		{"the session is gone", func(u *uploads) { u.session = 99 },
			[]string{"query", "get", "start", "upload 0+8388608", "upload 8388608+8388608", "upload, finalize 16777216+4194304"}},
		{"it had been finished", func(u *uploads) { u.sum.Write(long[u.size:]); u.size = int64(len(long)); u.open = false; u.finish() },
			[]string{"query"}},
		{"finished and forgotten", func(u *uploads) {
			u.sum.Write(long[u.size:])
			u.size = int64(len(long))
			u.finish()
			u.session = 99
		}, []string{"query", "get"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &uploads{}
				ctx, kill := context.WithCancel(t.Context())
				first := r
				first.Started = func(s string) error { r.Session = s; return nil }
				u.trouble = nth("upload", 2, func(_ *uploads, _ http.ResponseWriter, r *http.Request) {
					kill()
					<-r.Context().Done()
				})
				_, err := newClient(t, u).Upload(ctx, bytes.NewReader(long), first)
				if e := wantError(t, err); !errors.Is(e, context.Canceled) || e.Class != provider.ClassTemporary {
					t.Fatalf("got error %v", e)
				}
				synctest.Wait()
				tt.then(u)
				u.log, u.trouble = nil, nil
				f, err := newClient(t, u).Upload(t.Context(), bytes.NewReader(long), r)
				if err != nil {
					t.Fatal(err)
				}
				if f.SHA256 != r.SHA256 {
					t.Errorf("got hash %s, want %s", f.SHA256, r.SHA256)
				}
				if diff := cmp.Diff(tt.log, u.log); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestUploadOfABadSource(t *testing.T) {
	for name, src := range map[string]io.ReaderAt{
		"shorter than said": strings.NewReader("fo"),
		"unreadable":        unreadable{},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := listening(t, &uploads{})
			_, err := c.Upload(t.Context(), src, fooRequest())
			if e := wantError(t, err); e.Class != provider.ClassRefused || !strings.Contains(e.Error(), "read the source") {
				t.Errorf("got %v", e)
			}
		})
	}
}

type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, errors.New("stale file handle") }

func TestUploadStopsWhenTheSessionCannotBeRecorded(t *testing.T) {
	u := &uploads{}
	r := fooRequest()
	r.Started = func(string) error { return errors.New("disk is full") }
	_, err := newClient(t, u).Upload(t.Context(), strings.NewReader("foo"), r)
	if e := wantError(t, err); !strings.Contains(e.Error(), "disk is full") || len(u.log) != 1 {
		t.Errorf("got %v after %q", e, u.log)
	}
}

// Each chunk passes admission, and a transfer without progress ends.
func TestUploadIsAdmittedAndWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := data(20 * mib)
		var ops []string
		open := 0
		u := &uploads{trouble: nth("upload", 2, func(_ *uploads, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
		c := newClient(t, u, func(o *gemini.Options) {
			o.Admit = func(_ context.Context, op string) (func(), error) {
				ops = append(ops, op)
				open++
				if open != 1 {
					t.Errorf("%d requests at once", open)
				}
				return func() { open-- }, nil
			}
		})
		begin := time.Now()
		if _, err := c.Upload(t.Context(), bytes.NewReader(long), request("files/qp-1", long)); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d < 60*time.Second || d > 62*time.Second {
			t.Errorf("took %s, want a stall of 60 s and a short pause", d)
		}
		want := []string{"upload", "upload", "upload", "upload", "upload", "upload"}
		if diff := cmp.Diff(want, ops); diff != "" || open != 0 {
			t.Errorf("admissions (-want +got), %d open:\n%s", open, diff)
		}
	})
}
