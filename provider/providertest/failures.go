package providertest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/provider"
)

func failureTests() []test {
	return []test{
		{"wrong_key", wrongKey},
		{"ended_contexts", endedContexts},
		{"create_whose_answer_is_lost", createAnswerLost},
		{"create_that_does_not_arrive", createLost},
		{"reads_go_on_after_a_break", readsGoOn},
	}
}

// everyCall makes each call once and hands its error to check.
func everyCall(ctx context.Context, e *env, c Client, check func(op string, err error)) {
	_, err := c.ListJobs(ctx, "")
	check(provider.OpListJobs, err)
	_, err = c.GetJob(ctx, "batches/b1")
	check(provider.OpGetJob, err)
	_, err = c.CreateJob(ctx, provider.CreateRequest{Model: e.Model, InputFile: e.name(), DisplayName: "qaplan conformance"})
	check(provider.OpCreateJob, err)
	check(provider.OpCancelJob, c.CancelJob(ctx, "batches/b1"))
	_, err = c.ListFiles(ctx, "")
	check(provider.OpListFiles, err)
	_, err = c.GetFile(ctx, e.name())
	check(provider.OpGetFile, err)
	check(provider.OpDeleteFile, c.DeleteFile(ctx, e.name()))
	_, err = c.Upload(ctx, bytes.NewReader(rows(1)), e.request(rows(1)))
	check(provider.OpUpload, err)
	_, err = c.Download(ctx, e.name(), 0, &bytes.Buffer{})
	check(provider.OpDownload, err)
	_, err = c.CountTokens(ctx, e.Model, []byte(asking("Hello", "")))
	check(provider.OpCountTokens, err)
}

func wrongKey(t *testing.T, e *env) {
	const key = "AIzaSy-qaplan-conformance-no-such-key00"
	everyCall(t.Context(), e, e.open(Options{Key: key}), func(op string, err error) {
		got := wantClass(t, err, provider.ClassRefused)
		if got.Op != op || got.About != provider.AboutKey || got.Message == "" {
			t.Errorf("%s: got %+v", op, got)
		}
		if strings.Contains(got.Error(), key) {
			t.Errorf("%s: the error tells the key: %v", op, got)
		}
	})
}

func endedContexts(t *testing.T, e *env) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	cancel(why)
	var rec recorder
	everyCall(ctx, e, e.client(rec.trouble()), func(op string, err error) {
		got, ok := err.(*provider.Error)
		if !ok || got.Op != op || !got.NotSent || !errors.Is(err, why) {
			t.Errorf("%s: got %v", op, err)
		}
	})
	if n := len(rec.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// A create whose answer is lost has made a job: the caller is told that it does
// not know, and finds the job in the listing by its names.
func createAnswerLost(t *testing.T, e *env) {
	lost := &trouble{match: path(":batchGenerateContent"), nth: 1, do: dropAnswer}
	checkLost(t, e, lost, 1)
}

func createLost(t *testing.T, e *env) {
	lost := &trouble{match: path(":batchGenerateContent"), nth: 1, do: dropRequest}
	checkLost(t, e, lost, 0)
}

func checkLost(t *testing.T, e *env, lost *trouble, want int) {
	c := e.client()
	f := e.upload(t, c, rows(1))
	label := "qaplan conformance " + e.id + " lost"
	_, err := e.client(lost).CreateJob(t.Context(), provider.CreateRequest{Model: e.Model, InputFile: f.Name, DisplayName: label})
	if got := wantClass(t, err, provider.ClassUnknown); got.NotSent {
		t.Errorf("the create counts as not sent: %v", got)
	}
	if n := lost.seen.Load(); n != 1 {
		t.Errorf("the create was sent %d times", n)
	}
	// A second job, made later, tells when the listing is up to date.
	marker := e.create(t, c, f.Name)
	found := 0
	e.until(t, "the listing is up to date", func() bool {
		found = 0
		seen := false
		for _, j := range jobs(t, c) {
			seen = seen || j.Name == marker.Name
			if j.DisplayName == label && j.InputFile == f.Name {
				e.cancel(t, c, j.Name)
				found++
			}
		}
		return seen && found >= want
	})
	if found != want {
		t.Errorf("%d jobs were made, want %d", found, want)
	}
}

func readsGoOn(t *testing.T, e *env) {
	f := e.upload(t, e.client(), rows(1))
	broken := func() *trouble {
		return &trouble{match: func(r *http.Request) bool { return r.Method == http.MethodGet }, nth: 1, do: dropRequest}
	}
	c := e.client(broken())
	if _, err := c.GetFile(t.Context(), f.Name); err != nil {
		t.Error(err)
	}
	files(t, e.client(broken()))
	jobs(t, e.client(broken()))
}
