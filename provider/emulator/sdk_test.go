package emulator_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genai"

	"github.com/qaplan/qaplan/provider/emulator"
)

// sdk serves cfg on loopback and gives the official client for it.
func sdk(t *testing.T, cfg emulator.Config, version string) *genai.Client {
	t.Helper()
	srv := httptest.NewServer(open(t, cfg))
	t.Cleanup(srv.Close)
	return sdkAt(t, srv.URL, version, "test-key")
}

func sdkAt(t *testing.T, url, version, key string) *genai.Client {
	t.Helper()
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: key, Backend: genai.BackendGeminiAPI,
		HTTPOptions: genai.HTTPOptions{BaseURL: url, APIVersion: version},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func code(err error) int {
	e, _ := errors.AsType[genai.APIError](err)
	return e.Code
}

func TestSDKLifeOfAJob(t *testing.T) {
	// The first is sent in three chunks.
	for version, size := range map[string]int{"": 17 << 20, "v1": 1 << 20, "v1alpha": 1 << 20} {
		t.Run("version "+version, func(t *testing.T) {
			lifeOfAJob(t, sdk(t, emulator.Config{Rate: 2000, QueueTime: quick, RunTime: quick}, version), size)
		})
	}
}

// TestSDKCountsTokens asks for a count as the official client does, on each version
// of the API, and compares it with what the answer to the same contents says.
func TestSDKCountsTokens(t *testing.T) {
	for _, version := range []string{"", "v1", "v1alpha"} {
		client := sdk(t, emulator.Config{}, version)
		contents := genai.Text("What does a relative strength index (RSI) of 74 say about the 14 days before?")
		count, err := client.Models.CountTokens(t.Context(), model, contents, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Models.GenerateContent(t.Context(), model, contents, nil)
		if err != nil {
			t.Fatal(err)
		}
		if count.TotalTokens < 8 || count.TotalTokens != resp.UsageMetadata.PromptTokenCount {
			t.Errorf("version %q: counted %d tokens, the answer says %d", version, count.TotalTokens, resp.UsageMetadata.PromptTokenCount)
		}
		if _, err := client.Models.CountTokens(t.Context(), "gemini-0-nosuchmodel", contents, nil); code(err) != 404 {
			t.Errorf("version %q, no such model: %v", version, err)
		}
	}
}

func lifeOfAJob(t *testing.T, client *genai.Client, size int) {
	ctx := t.Context()
	input := requests(20, size)
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
	if life := up.ExpirationTime.Sub(up.CreateTime); life > 48*time.Hour || life < 40*time.Hour {
		t.Errorf("the file lives %v", life)
	}
	job, err := client.Batches.Create(ctx, model, &genai.BatchJobSource{FileName: up.Name}, &genai.CreateBatchJobConfig{DisplayName: "run-7/part-0003"})
	if err != nil {
		t.Fatal(err)
	}
	if job.State != genai.JobStatePending || job.DisplayName != "run-7/part-0003" || job.Model != "models/"+model || len(job.Name) != len("batches/")+36 {
		t.Errorf("created job %+v", job)
	}
	job = awaitSuccess(t, client, job.Name)
	if job.EndTime.Before(job.CreateTime) || job.Dest == nil || job.Dest.FileName != "files/batch-"+strings.TrimPrefix(job.Name, "batches/") {
		t.Fatalf("job that succeeded %+v, dest %+v", job, job.Dest)
	}
	output, err := client.Files.Download(ctx, genai.NewDownloadURIFromFile(&genai.File{DownloadURI: job.Dest.FileName}), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := keys(rows(t, output))
	if diff := cmp.Diff(rowKeys(20), sorted(got)); diff != "" {
		t.Errorf("keys of the answers (-want +got):\n%s", diff)
	}
	if slices.IsSorted(got) {
		t.Error("the answers came in order")
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

func awaitSuccess(t *testing.T, client *genai.Client, name string) *genai.BatchJob {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		job, err := client.Batches.Get(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if job.State == genai.JobStateSucceeded {
			return job
		}
	}
	t.Fatalf("%s did not succeed", name)
	return nil
}

func TestSDKInlineJob(t *testing.T) {
	client := sdk(t, emulator.Config{Rate: 2000, QueueTime: quick, RunTime: quick}, "")
	var src []*genai.InlinedRequest
	for i := range 3 {
		src = append(src, &genai.InlinedRequest{
			Contents: genai.Text(fmt.Sprintf("inline %d", i)),
			Metadata: map[string]string{"key": fmt.Sprintf("m-%d", i)},
		})
	}
	job, err := client.Batches.Create(t.Context(), model, &genai.BatchJobSource{InlinedRequests: src}, nil)
	if err != nil {
		t.Fatal(err)
	}
	job = awaitSuccess(t, client, job.Name)
	if job.Dest == nil || len(job.Dest.InlinedResponses) != 3 {
		t.Fatalf("dest %+v", job.Dest)
	}
	for i, r := range job.Dest.InlinedResponses {
		if r.Metadata["key"] != fmt.Sprintf("m-%d", i) || !strings.Contains(r.Response.Text(), fmt.Sprintf("inline %d", i)) {
			t.Errorf("answer %d: %+v %q", i, r.Metadata, r.Response.Text())
		}
	}
	page, err := client.Batches.List(t.Context(), &genai.ListBatchJobsConfig{PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 1 || page.Items[0].Dest != nil {
		t.Errorf("the listing carries inline answers: %+v", page.Items)
	}
}

func TestSDKUploadSizes(t *testing.T) {
	client := sdk(t, emulator.Config{}, "")
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
}

func TestSDKPagingAndCancel(t *testing.T) {
	client := sdk(t, emulator.Config{}, "")
	ctx := t.Context()
	var jobs, files []string
	for i := range 7 {
		up, err := client.Files.Upload(ctx, bytes.NewReader(requests(2, 0)), &genai.UploadFileConfig{MIMEType: "application/jsonl"})
		if err != nil {
			t.Fatal(err)
		}
		job, err := client.Batches.Create(ctx, model, &genai.BatchJobSource{FileName: up.Name}, &genai.CreateBatchJobConfig{DisplayName: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		jobs, files = slices.Insert(jobs, 0, job.Name), slices.Insert(files, 0, up.Name)
	}
	var gotJobs, gotFiles []string
	for page, err := client.Batches.List(ctx, &genai.ListBatchJobsConfig{PageSize: 3}); err == nil; page, err = page.Next(ctx) {
		for _, job := range page.Items {
			gotJobs = append(gotJobs, job.Name)
		}
	}
	for page, err := client.Files.List(ctx, &genai.ListFilesConfig{PageSize: 3}); err == nil; page, err = page.Next(ctx) {
		for _, f := range page.Items {
			gotFiles = append(gotFiles, f.Name)
		}
	}
	if diff := cmp.Diff([][]string{jobs, files}, [][]string{gotJobs, gotFiles}); diff != "" {
		t.Errorf("listings (-want +got):\n%s", diff)
	}
	if err := client.Batches.Cancel(ctx, jobs[2], nil); err != nil {
		t.Fatal(err)
	}
	job, err := client.Batches.Get(ctx, jobs[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	if job.State != genai.JobStateCancelled || job.EndTime.IsZero() {
		t.Errorf("cancelled job %+v", job)
	}
}

func TestSDKErrors(t *testing.T) {
	srv := httptest.NewServer(open(t, emulator.Config{APIKey: "test-key", Quota: emulator.Quota{ActiveJobs: 1}}))
	t.Cleanup(srv.Close)
	client := sdkAt(t, srv.URL, "", "test-key")
	ctx := t.Context()
	upload := func(name string, content []byte) error {
		_, err := client.Files.Upload(ctx, bytes.NewReader(content), &genai.UploadFileConfig{Name: name, MIMEType: "application/jsonl"})
		return err
	}
	create := func(client *genai.Client, model, file string) error {
		_, err := client.Batches.Create(ctx, model, &genai.BatchJobSource{FileName: "files/" + file}, nil)
		return err
	}
	for name, content := range map[string][]byte{"good": requests(3, 0), "bad": []byte("{\"key\":\"a\",\"request\":{\"temperature\":1}}\n{\"key\"\n")} {
		if err := upload(name, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := create(client, model, "good"); err != nil {
		t.Fatal(err)
	}
	_, getErr := client.Batches.Get(ctx, "batches/nothing", nil)
	_, deleteErr := client.Files.Delete(ctx, "files/batch-"+strings.Repeat("a", 36), nil)
	for _, test := range []struct {
		what string
		err  error
		code int
		text string
	}{
		{"unknown model", create(client, "gemini-0", "good"), 404, "models/gemini-0 is not found for API version v1beta, or is not supported for batchGenerateContent"},
		{"missing file", create(client, model, "gone"), 403, "You do not have permission to access the File gone or it may not exist."},
		{"bad lines", create(client, model, "bad"), 400, "Error on line 1: invalid JSON, near column"},
		{"over quota", create(client, model, "good"), 429, "You exceeded your current quota"},
		{"wrong key", create(sdkAt(t, srv.URL, "", "other-key"), model, "good"), 400, "API key not valid"},
		{"missing job", getErr, 404, "not found"},
		{"output deleted", deleteErr, 400, "cannot be more than 40 characters"},
	} {
		if code(test.err) != test.code || !strings.Contains(test.err.Error(), test.text) {
			t.Errorf("%s: %v, want code %d with %q", test.what, test.err, test.code, test.text)
		}
	}
	// The SDK hides the type of what a start comes back with.
	if err := upload("good", requests(1, 0)); err == nil || !strings.Contains(err.Error(), "ALREADY_EXISTS") {
		t.Errorf("upload under a taken name: %v", err)
	}
}
