package providertest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider"
)

const chunk = 8 << 20 // what the service takes at once

func fileTests() []test {
	return []test{
		{"upload_small", uploadSmall},
		{"upload_of_whole_chunks", uploadWholeChunks},
		{"upload_of_several_chunks", uploadSeveralChunks},
		{"upload_cut_in_a_chunk", uploadCut},
		{"upload_goes_on_in_another_process", uploadElsewhere},
		{"upload_whose_last_answer_is_lost", uploadAnswerLost},
		{"upload_of_a_taken_name", uploadTaken},
		{"upload_of_other_bytes", uploadDamaged},
		{"get_list_delete", filesLife},
		{"file_that_never_was", fileUnknown},
		{"list_in_pages", filesInPages},
	}
}

func uploadSmall(t *testing.T, e *env) {
	var rec recorder
	c := e.client(rec.trouble())
	e.upload(t, c, rows(3))
	if diff := cmp.Diff([]string{"start", "upload, finalize"}, rec.requests()); diff != "" {
		t.Errorf("requests of a small upload (-want +got):\n%s", diff)
	}
}

func uploadWholeChunks(t *testing.T, e *env) {
	var rec recorder
	e.upload(t, e.client(rec.trouble()), sized(2*chunk))
	if diff := cmp.Diff([]string{"start", "upload", "upload, finalize"}, rec.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func uploadSeveralChunks(t *testing.T, e *env) {
	data := sized(2*chunk + 12345)
	r := e.request(data)
	c := e.client()
	e.forget(t, c, r.Name)
	var sent []int64
	r.Progress = func(n int64) { sent = append(sent, n) }
	f, err := c.Upload(t.Context(), bytes.NewReader(data), r)
	if err != nil {
		t.Fatal(err)
	}
	checkFile(t, f, r)
	if diff := cmp.Diff([]int64{0, chunk, 2 * chunk, int64(len(data))}, sent); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func uploadCut(t *testing.T, e *env) {
	var rec recorder
	cut := &trouble{match: command("upload"), nth: 2, do: cutRequest(chunk / 2)}
	e.upload(t, e.client(cut, rec.trouble()), sized(3*chunk))
	got := rec.requests()
	starts, queries := count(got, "start"), count(got, "query")
	if starts != 1 || queries == 0 {
		t.Errorf("the upload began %d times and asked %d times what is there: %q", starts, queries, got)
	}
}

func uploadElsewhere(t *testing.T, e *env) {
	data := sized(3 * chunk)
	r := e.request(data)
	ctx, kill := context.WithCancel(t.Context())
	die := &trouble{match: command("upload"), nth: 2, do: func(http.RoundTripper, *http.Request) (*http.Response, error) {
		kill()
		return nil, context.Canceled
	}}
	first := r
	started := 0
	first.Started = func(s string) error { started++; r.Session = s; return nil }
	_, err := e.client(die).Upload(ctx, bytes.NewReader(data), first)
	if !errors.Is(err, context.Canceled) || started != 1 || r.Session == "" {
		t.Fatalf("the first process: started %d times, session %q, %v", started, r.Session, err)
	}
	var rec recorder
	c := e.client(rec.trouble())
	e.forget(t, c, r.Name)
	f, err := c.Upload(t.Context(), bytes.NewReader(data), r)
	if err != nil {
		t.Fatal(err)
	}
	checkFile(t, f, r)
	if diff := cmp.Diff([]string{"query", "upload", "upload, finalize"}, rec.requests()); diff != "" {
		t.Errorf("requests of the second process (-want +got):\n%s", diff)
	}
}

func uploadAnswerLost(t *testing.T, e *env) {
	var rec recorder
	lost := &trouble{match: command("upload, finalize"), nth: 1, do: dropAnswer}
	e.upload(t, e.client(lost, rec.trouble()), rows(3))
	if n := count(rec.requests(), "upload, finalize"); n != 1 {
		t.Errorf("the bytes were sent %d times", n)
	}
}

func uploadTaken(t *testing.T, e *env) {
	c := e.client()
	f := e.upload(t, c, rows(3))
	r := e.request(rows(4))
	r.Name = f.Name
	_, err := c.Upload(t.Context(), bytes.NewReader(rows(4)), r)
	if got := wantClass(t, err, provider.ClassRefused); got.Status != "ALREADY_EXISTS" {
		t.Errorf("got status %q: %v", got.Status, got)
	}
	now, err := c.GetFile(t.Context(), f.Name)
	if err != nil || now.SHA256 != f.SHA256 {
		t.Errorf("the first file is %+v, %v", now, err)
	}
}

func uploadDamaged(t *testing.T, e *env) {
	c := e.client()
	r := e.request(rows(3))
	e.forget(t, c, r.Name)
	other := bytes.ReplaceAll(rows(3), []byte("number"), []byte("figure"))
	_, err := c.Upload(t.Context(), bytes.NewReader(other), r)
	if wantClass(t, err, provider.ClassRefused); !errors.Is(err, provider.ErrDamaged) {
		t.Errorf("got %v, want %v", err, provider.ErrDamaged)
	}
}

func filesLife(t *testing.T, e *env) {
	c := e.client()
	f := e.upload(t, c, rows(3))
	got, err := c.GetFile(t.Context(), f.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != f.Name || got.SHA256 != f.SHA256 || got.Source != "UPLOADED" {
		t.Errorf("got %+v, uploaded %+v", got, f)
	}
	e.until(t, "the file is listed", func() bool { return listed(files(t, c), f.Name) == 1 })
	if err := c.DeleteFile(t.Context(), f.Name); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetFile(t.Context(), f.Name)
	wantClass(t, err, provider.ClassGone)
	wantClass(t, c.DeleteFile(t.Context(), f.Name), provider.ClassGone)
	e.until(t, "the file is not listed any more", func() bool { return listed(files(t, c), f.Name) == 0 })
}

func fileUnknown(t *testing.T, e *env) {
	c := e.client()
	_, err := c.GetFile(t.Context(), e.name())
	wantClass(t, err, provider.ClassGone)
	_, err = c.Download(t.Context(), e.name(), 0, &bytes.Buffer{})
	wantClass(t, err, provider.ClassGone)
}

func filesInPages(t *testing.T, e *env) {
	c := e.open(Options{PageSize: 2})
	var names []string
	for range 5 {
		names = append(names, e.upload(t, c, rows(1)).Name)
	}
	e.until(t, "each file is listed once", func() bool {
		all := files(t, c)
		for _, n := range names {
			if listed(all, n) != 1 {
				return false
			}
		}
		return true
	})
}

func listed(all []provider.File, name string) int {
	n := 0
	for _, f := range all {
		if f.Name == name {
			n++
		}
	}
	return n
}

func count(all []string, what string) int {
	n := 0
	for _, s := range all {
		if strings.TrimSpace(s) == what {
			n++
		}
	}
	return n
}
