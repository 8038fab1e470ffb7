package emulator_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

const model = "gemini-2.5-flash"

// quick makes jobs that are pending for 30 virtual seconds and run for as long.
var quick = emulator.Span{Min: 30 * time.Second, Max: 30 * time.Second}

// open makes a server that is closed with the test.
func open(t *testing.T, cfg emulator.Config) *emulator.Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := emulator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// api speaks to an emulator in process, by plain HTTP.
type api struct {
	t      *testing.T
	server *emulator.Server
	http   *http.Client
}

func openAPI(t *testing.T, cfg emulator.Config) *api {
	t.Helper()
	if cfg.QueueTime == (emulator.Span{}) {
		cfg.QueueTime, cfg.RunTime = quick, quick
	}
	s := open(t, cfg)
	return &api{t, s, &http.Client{
		Transport:     emulator.Transport(s),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what a call came back with. err is the trouble of the wire; the body
// is what came before it.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// call sends a request; head are pairs of header names and values.
func (a *api) call(method, path, body string, head ...string) answer {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, "http://emulator.test"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("X-Goog-Api-Key", "test-key")
	for i := 0; i < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	return a.send(req)
}

func (a *api) send(req *http.Request) answer {
	resp, err := a.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, content, err}
}

// want fails the test unless the call went well with the status.
func (a *api) want(status int, got answer) answer {
	a.t.Helper()
	if got.err != nil || got.status != status {
		a.t.Fatalf("status %d, error %v, want %d: %s", got.status, got.err, status, got.body)
	}
	return got
}

// upload puts content under a name, in one chunk.
func (a *api) upload(name string, content []byte) {
	a.t.Helper()
	a.want(200, a.tryUpload(name, content))
}

func (a *api) tryUpload(name string, content []byte) answer {
	a.t.Helper()
	start := a.start(name)
	if start.err != nil || start.status != 200 {
		return start
	}
	return a.chunk(start.header.Get("X-Goog-Upload-Url"), "upload, finalize", 0, content)
}

func (a *api) start(name string) answer {
	a.t.Helper()
	body := fmt.Sprintf(`{"file":{"name":%q,"displayName":%q,"mimeType":"application/jsonl"}}`, "files/"+name, "display "+name)
	if name == "" {
		body = `{"file":{"mime_type":"text/plain"}}`
	}
	return a.call("POST", "/upload/v1beta/files", body, "X-Goog-Upload-Command", "start", "X-Goog-Upload-Protocol", "resumable")
}

func (a *api) chunk(uploadURL, command string, offset int, content []byte) answer {
	a.t.Helper()
	return a.call("POST", strings.TrimPrefix(uploadURL, "http://emulator.test"), string(content),
		"X-Goog-Upload-Command", command, "X-Goog-Upload-Offset", fmt.Sprint(offset), "X-Goog-Api-Key", "")
}

func (a *api) tryCreate(file, display string) answer {
	a.t.Helper()
	body := fmt.Sprintf(`{"batch":{"displayName":%q,"inputConfig":{"fileName":%q}}}`, display, "files/"+file)
	return a.call("POST", "/v1beta/models/"+model+":batchGenerateContent", body)
}

// create makes a job and gives its name.
func (a *api) create(file, display string) string {
	a.t.Helper()
	return decode[operation](a.t, a.want(200, a.tryCreate(file, display))).Name
}

func (a *api) job(name string) operation {
	a.t.Helper()
	return decode[operation](a.t, a.want(200, a.call("GET", "/v1beta/"+name, "")))
}

// output downloads the answers of a job that has ended.
func (a *api) output(job string) answer {
	a.t.Helper()
	return a.call("GET", "/v1beta/files/batch-"+strings.TrimPrefix(job, "batches/")+":download?alt=media", "")
}

// run uploads lines, makes a job of them and lets time pass until its end.
func (a *api) run(file string, lines []byte) string {
	a.t.Helper()
	a.upload(file, lines)
	job := a.create(file, file)
	time.Sleep(quick.Max * 2)
	return job
}

// list walks a listing and gives the names on each page.
func (a *api) list(collection string, size int) (pages [][]string) {
	a.t.Helper()
	token := ""
	for {
		got := decode[listing](a.t, a.want(200, a.call("GET", fmt.Sprintf("/v1/%s?pageSize=%d&pageToken=%s", collection, size, token), "")))
		pages = append(pages, got.names())
		if got.Next == "" {
			return pages
		}
		token = got.Next
		if len(pages) > 1000 {
			a.t.Fatal("the listing has no end")
		}
	}
}

// operation is a job as a client reads it.
type operation struct {
	Name     string
	Done     bool
	Metadata struct {
		DisplayName, Model, State, CreateTime, EndTime, UpdateTime, Priority string
		InputConfig                                                          struct{ FileName string }
		BatchStats                                                           struct {
			RequestCount, SuccessfulRequestCount, FailedRequestCount, PendingRequestCount string
		}
		Output *batchOutput
	}
	Error    *rowError
	Response *batchOutput
}

type batchOutput struct {
	Type             string `json:"@type"`
	ResponsesFile    string
	InlinedResponses struct{ InlinedResponses []outputRow }
}

type rowError struct {
	Code    int
	Message string
	Details []map[string]string
}

type listing struct {
	Operations []struct{ Name string }
	Files      []struct{ Name string }
	Next       string `json:"nextPageToken"`
}

func (l listing) names() (names []string) {
	for _, o := range l.Operations {
		names = append(names, o.Name)
	}
	for _, f := range l.Files {
		names = append(names, f.Name)
	}
	return names
}

// outputRow is a line of an output file.
type outputRow struct {
	Key      string
	Metadata map[string]string
	Error    *rowError
	Response *struct {
		Candidates []struct {
			FinishReason string
			Content      struct{ Parts []struct{ Text string } }
		}
		PromptFeedback *struct{ BlockReason string }
		UsageMetadata  struct{ PromptTokenCount, CandidatesTokenCount, TotalTokenCount, ThoughtsTokenCount, CachedContentTokenCount int }
		ModelVersion   string
		ResponseID     string
	}
}

func (r outputRow) text() string {
	if r.Response == nil || len(r.Response.Candidates) == 0 || len(r.Response.Candidates[0].Content.Parts) == 0 {
		return ""
	}
	return r.Response.Candidates[0].Content.Parts[0].Text
}

type apiError struct {
	Error struct {
		Code    int
		Message string
		Status  string
		Details []map[string]any
	}
}

func decode[T any](t *testing.T, got answer) (v T) {
	t.Helper()
	if err := json.Unmarshal(got.body, &v); err != nil {
		t.Fatalf("%v in %q", err, got.body)
	}
	return v
}

func rows(t *testing.T, output []byte) (rows []outputRow) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row outputRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("output line %q: %v", lines.Text(), err)
		}
		rows = append(rows, row)
	}
	return rows
}

func keys(rows []outputRow) (keys []string) {
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	return keys
}

// requests gives n input lines with the keys row-000, row-001, …, padded so that
// the whole has at least size bytes.
func requests(n, size int) []byte {
	var b bytes.Buffer
	pad := strings.Repeat("x", size/n)
	for i := range n {
		fmt.Fprintf(&b, `{"key":%q,"request":{"contents":[{"role":"user","parts":[{"text":"What does indicator %d measure? %s"}]}]}}`+"\n", rowKey(i), i, pad)
	}
	return b.Bytes()
}

func rowKey(i int) string { return fmt.Sprintf("row-%03d", i) }

func rowKeys(n int) (keys []string) {
	for i := range n {
		keys = append(keys, rowKey(i))
	}
	return keys
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
