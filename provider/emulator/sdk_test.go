package emulator_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genai"

	"github.com/qaplan/qaplan/provider/emulator"
)

const model = "gemini-2.5-flash"

// quick makes jobs that end a virtual minute after their create.
var quick = emulator.Span{Min: 30 * time.Second, Max: 30 * time.Second}

// sdk serves cfg on loopback and gives the official client for it.
func sdk(t *testing.T, cfg emulator.Config, version string) (*genai.Client, *emulator.Server) {
	t.Helper()
	s := open(t, cfg)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: "test-key", Backend: genai.BackendGeminiAPI,
		HTTPOptions: genai.HTTPOptions{BaseURL: srv.URL, APIVersion: version},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, s
}

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

// requests gives n input lines with the keys row-000, row-001, …, padded so that
// the whole has at least size bytes.
func requests(n, size int) []byte {
	var b bytes.Buffer
	for i := range n {
		pad := strings.Repeat("x", size/n)
		fmt.Fprintf(&b, `{"key":"row-%03d","request":{"contents":[{"role":"user","parts":[{"text":"What does indicator %d measure? %s"}]}]}}`+"\n", i, i, pad)
	}
	return b.Bytes()
}

// exactly gives input lines of size bytes in all.
func exactly(t *testing.T, size int) []byte {
	t.Helper()
	lines := requests(10, size-4096)
	lines = append(lines, bytes.Repeat([]byte("\n"), size-len(lines))...)
	if len(lines) != size {
		t.Fatalf("made %d bytes, want %d", len(lines), size)
	}
	return lines
}

func answerKeys(t *testing.T, output []byte) (keys []string) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Key string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("output line %q: %v", lines.Text(), err)
		}
		keys = append(keys, line.Key)
	}
	return keys
}

func TestSDKLifeOfAJob(t *testing.T) {
	for _, version := range []string{"", "v1", "v1alpha"} {
		t.Run("version "+version, func(t *testing.T) {
			client, _ := sdk(t, emulator.Config{Rate: 2000, QueueTime: quick, RunTime: quick}, version)
			lifeOfAJob(t, client)
		})
	}
}

func lifeOfAJob(t *testing.T, client *genai.Client) {
	ctx := t.Context()
	input := requests(20, 17<<20) // three chunks
	up, err := client.Files.Upload(ctx, bytes.NewReader(input), &genai.UploadFileConfig{
		Name: "files/in-0003", DisplayName: "part-0003.jsonl", MIMEType: "application/jsonl",
	})
	if err != nil {
		t.Fatal(err)
	}
	if up.Name != "files/in-0003" || up.DisplayName != "part-0003.jsonl" || *up.SizeBytes != int64(len(input)) ||
		up.MIMEType != "application/jsonl" || up.State != genai.FileStateActive || up.Source != genai.FileSourceUploaded {
		t.Errorf("uploaded file %+v", up)
	}
	if got, want := up.Sha256Hash, base64.StdEncoding.EncodeToString([]byte(hexSHA256(input))); got != want {
		t.Errorf("sha256Hash %q, want %q", got, want)
	}
	if life := up.ExpirationTime.Sub(up.CreateTime); life > 48*time.Hour || life < 47*time.Hour {
		t.Errorf("the file lives %v", life)
	}
	job, err := client.Batches.Create(ctx, model, &genai.BatchJobSource{FileName: up.Name}, &genai.CreateBatchJobConfig{DisplayName: "run-7/part-0003"})
	if err != nil {
		t.Fatal(err)
	}
	if job.State != genai.JobStatePending || job.DisplayName != "run-7/part-0003" || job.Model != "models/"+model || len(job.Name) != len("batches/")+36 {
		t.Errorf("created job %+v", job)
	}
	for deadline := time.Now().Add(10 * time.Second); job.State != genai.JobStateSucceeded; {
		if time.Now().After(deadline) {
			t.Fatalf("the job is %s", job.State)
		}
		time.Sleep(5 * time.Millisecond)
		if job, err = client.Batches.Get(ctx, job.Name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if job.EndTime.Before(job.CreateTime) || job.Dest == nil || job.Dest.FileName != "files/batch-"+strings.TrimPrefix(job.Name, "batches/") {
		t.Fatalf("job that succeeded %+v, dest %+v", job, job.Dest)
	}
	output, err := client.Files.Download(ctx, genai.NewDownloadURIFromFile(&genai.File{DownloadURI: job.Dest.FileName}), nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := answerKeys(t, output)
	if len(keys) != 20 || isSorted(keys) {
		t.Errorf("keys of the answers: %q", keys)
	}
	if _, err := client.Batches.Delete(ctx, job.Name, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Batches.Get(ctx, job.Name, nil); code(err) != 404 {
		t.Errorf("get of a deleted job: %v", err)
	}
	if _, err := client.Files.Delete(ctx, up.Name, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Files.Get(ctx, up.Name, nil); code(err) != 403 {
		t.Errorf("get of a deleted file: %v", err)
	}
}

func code(err error) int {
	e, _ := errors.AsType[genai.APIError](err)
	return e.Code
}

func TestSDKUploadSizes(t *testing.T) {
	client, _ := sdk(t, emulator.Config{}, "")
	for _, size := range []int{0, 1, 8<<20 - 1, 8 << 20, 16 << 20, 16<<20 + 1} {
		content := bytes.Repeat([]byte("a"), size)
		up, err := client.Files.Upload(t.Context(), bytes.NewReader(content), &genai.UploadFileConfig{MIMEType: "text/plain"})
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		if *up.SizeBytes != int64(size) || len(up.Name) != len("files/")+12 {
			t.Errorf("%d bytes: %s of %d bytes", size, up.Name, *up.SizeBytes)
		}
		if got := up.Sha256Hash; got != base64.StdEncoding.EncodeToString([]byte(hexSHA256(content))) {
			t.Errorf("%d bytes: wrong sha256Hash %s", size, got)
		}
	}
	_ = context.Background
	_ = io.EOF
	_ = http.StatusOK
	_ = exactly
}
