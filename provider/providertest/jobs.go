package providertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider"
)

func jobTests() []test {
	return []test{
		{"create_get_list_cancel", jobsLife},
		{"list_in_pages", jobsInPages},
		{"same_input_twice", jobsOfOneInput},
		{"job_that_never_was", jobUnknown},
		{"unknown_model", modelUnknown},
		{"input_that_is_gone", inputGone},
		{"input_with_bad_lines", inputBad},
	}
}

func jobsLife(t *testing.T, e *env) {
	c := e.client()
	f := e.upload(t, c, rows(3))
	j := e.create(t, c, f.Name)
	if j.CreateTime.IsZero() {
		t.Error("the job has no time of creation")
	}
	got, err := c.GetJob(t.Context(), j.Name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(identity(j), identity(got)); diff != "" {
		t.Errorf("created and got (-created +got):\n%s", diff)
	}
	var seen provider.Job
	e.until(t, "the job is listed once", func() bool {
		n := 0
		for _, l := range jobs(t, c) {
			if l.Name == j.Name {
				n, seen = n+1, l
			}
		}
		return n == 1
	})
	if diff := cmp.Diff(identity(j), identity(seen)); diff != "" {
		t.Errorf("created and listed (-created +listed):\n%s", diff)
	}
	if err := c.CancelJob(t.Context(), j.Name); err != nil {
		// A job that has ended meanwhile may be refused.
		if now, gerr := c.GetJob(t.Context(), j.Name); gerr != nil || !now.Done {
			t.Fatalf("cancel: %v; the job is %+v, %v", err, now, gerr)
		}
	}
	e.until(t, "the job has ended", func() bool {
		now, err := c.GetJob(t.Context(), j.Name)
		if err != nil {
			t.Fatal(err)
		}
		return now.Done && (now.State == "BATCH_STATE_CANCELLED" || now.State == "BATCH_STATE_SUCCEEDED")
	})
}

// identity is what of a job never changes.
func identity(j provider.Job) provider.Job {
	return provider.Job{
		Name: j.Name, DisplayName: j.DisplayName, Model: j.Model, InputFile: j.InputFile,
		CreateTime: j.CreateTime, Stats: provider.Stats{Requests: j.Stats.Requests},
	}
}

func jobsInPages(t *testing.T, e *env) {
	c := e.open(Options{PageSize: 2})
	f := e.upload(t, c, rows(1))
	var names []string
	for range 5 {
		names = append(names, e.create(t, c, f.Name).Name)
	}
	e.until(t, "each job is listed once", func() bool {
		seen := map[string]int{}
		for _, j := range jobs(t, c) {
			seen[j.Name]++
		}
		return !slices.ContainsFunc(names, func(n string) bool { return seen[n] != 1 })
	})
}

// Two creates are two jobs, even of the same input under the same name: the
// reason why nothing may be sent twice.
func jobsOfOneInput(t *testing.T, e *env) {
	c := e.client()
	f := e.upload(t, c, rows(1))
	if a, b := e.create(t, c, f.Name), e.create(t, c, f.Name); a.Name == b.Name {
		t.Errorf("two creates gave one job, %s", a.Name)
	}
}

func jobUnknown(t *testing.T, e *env) {
	c := e.client()
	const name = "batches/qaplanconformancenosuchjob0000000000"
	_, err := c.GetJob(t.Context(), name)
	wantClass(t, err, provider.ClassGone)
	wantClass(t, c.CancelJob(t.Context(), name), provider.ClassGone)
}

func modelUnknown(t *testing.T, e *env) {
	c := e.client()
	f := e.upload(t, c, rows(1))
	_, err := c.CreateJob(t.Context(), provider.CreateRequest{Model: "gemini-0-nosuchmodel", InputFile: f.Name, DisplayName: "qaplan conformance"})
	if got := wantClass(t, err, provider.ClassRefused); got.About != provider.AboutModel || got.Message == "" || got.Date.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func inputGone(t *testing.T, e *env) {
	c := e.client()
	_, err := c.CreateJob(t.Context(), provider.CreateRequest{Model: e.Model, InputFile: e.name(), DisplayName: "qaplan conformance"})
	if got := wantClass(t, err, provider.ClassRefused); got.About != provider.AboutFile {
		t.Errorf("got %+v", got)
	}
}

func inputBad(t *testing.T, e *env) {
	c := e.client()
	f := e.upload(t, c, append(rows(2), "this is no JSON\n"...))
	_, err := c.CreateJob(t.Context(), provider.CreateRequest{Model: e.Model, InputFile: f.Name, DisplayName: "qaplan conformance"})
	if got := wantClass(t, err, provider.ClassRefused); got.About != provider.AboutInput || got.HTTPStatus != 400 {
		t.Errorf("got %+v", got)
	}
}

func answerTests() []test {
	return []test{
		{"download", answersWhole},
		{"download_of_an_upload", answersOfUpload},
	}
}

// answersWhole buys one job and reads its answers in several ways.
func answersWhole(t *testing.T, e *env) {
	c := e.client()
	const n = 20
	j := e.create(t, c, e.upload(t, c, rows(n)).Name)
	e.until(t, "the job has succeeded and names its answers", func() bool {
		var err error
		if j, err = c.GetJob(t.Context(), j.Name); err != nil {
			t.Fatal(err)
		}
		return j.Done && j.ResponsesFile != ""
	})
	if j.State != "BATCH_STATE_SUCCEEDED" || j.Error != nil || j.EndTime.IsZero() ||
		j.Stats.Requests != n || j.Stats.Succeeded+j.Stats.Failed != n {
		t.Errorf("got %+v", j)
	}

	var whole bytes.Buffer
	info, err := c.Download(t.Context(), j.ResponsesFile, 0, &whole)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(whole.Len())
	if info.Bytes != size || info.Total != size && info.Total != -1 || info.Date.IsZero() {
		t.Errorf("got %+v for %d bytes", info, size)
	}
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("row-%d", i+1))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, keys(t, whole.Bytes())); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}

	for _, at := range []int64{1, size / 2, size - 1, size} {
		var rest bytes.Buffer
		info, err := c.Download(t.Context(), j.ResponsesFile, at, &rest)
		if err != nil || info.Bytes != size-at || !bytes.Equal(rest.Bytes(), whole.Bytes()[at:]) {
			t.Errorf("from %d of %d: got %d bytes, %+v, %v", at, size, rest.Len(), info, err)
		}
	}
	_, err = c.Download(t.Context(), j.ResponsesFile, size+1, &bytes.Buffer{})
	wantClass(t, err, provider.ClassRefused)

	var again bytes.Buffer
	cut := &trouble{match: path(":download"), nth: 1, do: cutAnswer(size / 3)}
	info, err = e.client(cut).Download(t.Context(), j.ResponsesFile, 0, &again)
	if err != nil || info.Bytes != size || !bytes.Equal(again.Bytes(), whole.Bytes()) {
		t.Errorf("after a cut: got %d of %d bytes, %+v, %v", again.Len(), size, info, err)
	}
}

// keys gives the sorted keys of answers.
func keys(t *testing.T, lines []byte) []string {
	t.Helper()
	var got []string
	for line := range bytes.Lines(lines) {
		var row struct {
			Key             string
			Response, Error json.RawMessage
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if (row.Response == nil) == (row.Error == nil) {
			t.Errorf("row %s has neither a response nor an error, or both", row.Key)
		}
		got = append(got, row.Key)
	}
	slices.Sort(got)
	return got
}

func answersOfUpload(t *testing.T, e *env) {
	c := e.client()
	f := e.upload(t, c, rows(1))
	var got bytes.Buffer
	_, err := c.Download(t.Context(), f.Name, 0, &got)
	if cls := provider.ClassOf(err); err == nil || got.Len() != 0 || cls != provider.ClassRefused && cls != provider.ClassGone {
		t.Errorf("got %d bytes and %v, want a refusal", got.Len(), err)
	}
}
