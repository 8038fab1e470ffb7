package emulator_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// pendingJob, succeededJob and cancelledJob are modelled on captures of the
// service; ID stands for the id.
const pendingJob = `{
  "name": "batches/ID",
  "metadata": {
    "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
    "model": "models/gemini-2.5-flash",
    "displayName": "run-7/part-0003",
    "inputConfig": {
      "fileName": "files/in-0003"
    },
    "createTime": "2000-01-01T00:00:00Z",
    "updateTime": "2000-01-01T00:00:00Z",
    "batchStats": {
      "requestCount": "3",
      "pendingRequestCount": "3"
    },
    "state": "BATCH_STATE_PENDING",
    "name": "batches/ID"
  }
}
`

const succeededJob = `{
  "name": "batches/ID",
  "metadata": {
    "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
    "model": "models/gemini-2.5-flash",
    "displayName": "run-7/part-0003",
    "inputConfig": {
      "fileName": "files/in-0003"
    },
    "output": {
      "responsesFile": "files/batch-ID"
    },
    "createTime": "2000-01-01T00:00:00Z",
    "endTime": "2000-01-01T00:01:00Z",
    "updateTime": "2000-01-01T00:00:59.999999970Z",
    "batchStats": {
      "requestCount": "3",
      "successfulRequestCount": "2",
      "failedRequestCount": "1"
    },
    "state": "BATCH_STATE_SUCCEEDED",
    "name": "batches/ID"
  },
  "done": true,
  "response": {
    "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatchOutput",
    "responsesFile": "files/batch-ID"
  }
}
`

const cancelledJob = `{
  "name": "batches/ID",
  "metadata": {
    "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
    "model": "models/gemini-2.5-flash",
    "displayName": "second",
    "inputConfig": {
      "fileName": "files/in-0003"
    },
    "createTime": "2000-01-01T00:01:00Z",
    "endTime": "2000-01-01T00:01:10Z",
    "updateTime": "2000-01-01T00:01:09.999999970Z",
    "batchStats": {
      "requestCount": "3",
      "pendingRequestCount": "3"
    },
    "state": "BATCH_STATE_CANCELLED",
    "name": "batches/ID"
  },
  "done": true,
  "error": {
    "code": 13,
    "message": "Batch ID failed without error."
  }
}
`

const uploadedFile = `{
  "file": {
    "name": "files/in-0003",
    "displayName": "display in-0003",
    "mimeType": "application/jsonl",
    "sizeBytes": "SIZE",
    "createTime": "2000-01-01T00:00:00Z",
    "updateTime": "2000-01-01T00:00:00Z",
    "expirationTime": "2000-01-03T00:00:00Z",
    "sha256Hash": "HASH",
    "uri": "http://emulator.test/v1beta/files/in-0003",
    "state": "ACTIVE",
    "source": "UPLOADED"
  }
}
`

func TestWireShapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		input := slices.Concat(requests(2, 0), []byte(`{"key":"empty","request":{}}`))
		check := func(what, want string, got answer) {
			t.Helper()
			a.want(200, got)
			if diff := cmp.Diff(want, string(got.body)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if ct := got.header.Get("Content-Type"); ct != "application/json; charset=UTF-8" {
				t.Errorf("%s: Content-Type %q", what, ct)
			}
		}
		hash := base64.StdEncoding.EncodeToString([]byte(hexSHA256(input)))
		check("file", strings.NewReplacer("SIZE", fmt.Sprint(len(input)), "HASH", hash).Replace(uploadedFile), a.tryUpload("in-0003", input))
		created := a.tryCreate("in-0003", "run-7/part-0003")
		name := decode[operation](t, created).Name
		id := strings.TrimPrefix(name, "batches/")
		check("pending", strings.ReplaceAll(pendingJob, "ID", id), created)
		time.Sleep(time.Minute)
		check("succeeded", strings.ReplaceAll(succeededJob, "ID", id), a.call("GET", "/v1/"+name, ""))

		second := a.create("in-0003", "second")
		time.Sleep(10 * time.Second)
		check("cancel", "{}\n", a.call("POST", "/v1/"+second+":cancel", ""))
		check("cancelled", strings.ReplaceAll(cancelledJob, "ID", strings.TrimPrefix(second, "batches/")), a.call("GET", "/v1/"+second, ""))
		check("cancel again", "{}\n", a.call("POST", "/v1/"+second+":cancel", "{}"))
		check("delete", "{}\n", a.call("DELETE", "/v1/"+second, "{}"))
		a.want(404, a.call("GET", "/v1/"+second, ""))
		a.want(404, a.call("DELETE", "/v1/"+second, ""))
		a.want(404, a.call("POST", "/v1/"+second+":cancel", ""))
	})
}

func TestEmptyListings(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	for _, path := range []string{"/v1beta/batches", "/v1/files?pageSize=10"} {
		if got := a.want(200, a.call("GET", path, "")); string(got.body) != "{}\n" {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

// TestRoutes reaches every call under every path that it has.
func TestRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		job := a.run("in", requests(2, 0))
		output := "files/batch-" + strings.TrimPrefix(job, "batches/")
		for _, v := range []string{"v1", "v1beta", "v1alpha"} {
			for _, test := range []struct {
				method, path, body string
				status             int
			}{
				{"GET", "/" + v + "/batches", "", 200},
				{"GET", "/" + v + "/" + job, "", 200},
				{"GET", "/" + v + "/files", "", 200},
				{"GET", "/" + v + "/files/in", "", 200},
				{"GET", "/" + v + "/" + output, "", 200},
				{"GET", "/" + v + "/" + output + ":download?alt=media", "", 200},
				{"GET", "/download/" + v + "/" + output + ":download?alt=media", "", 200},
				{"GET", "/" + v + "/" + output + ":download", "", 400},
				{"GET", "/" + v + "/files/in:download?alt=media", "", 400},
				{"GET", "/" + v + "/files/none:download?alt=media", "", 403},
				{"GET", "/download/" + v + "/files/in", "", 404},
				{"GET", "/" + v + "/models", "", 200},
				{"GET", "/" + v + "/models/" + model, "", 200},
				{"GET", "/" + v + "/models/nothing", "", 404},
				{"POST", "/" + v + "/models/" + model + ":countTokens", `{"contents":[{"parts":[{"text":"How are you?"}]}]}`, 200},
				{"POST", "/" + v + "/models/" + model + ":generateContent", `{"contents":[{"parts":[{"text":"How are you?"}]}]}`, 200},
				{"POST", "/" + v + "/models/" + model + ":generateContent", `{}`, 400},
				{"POST", "/" + v + "/models/" + model + ":asyncBatchEmbedContent", `{}`, 404},
				{"PATCH", "/" + v + "/" + job + ":updateGenerateContentBatch", `{}`, 404},
				{"GET", "/v2/batches", "", 404},
				{"GET", "/", "", 404},
				{"POST", "/upload/" + v + "/files", "{}", 400},
			} {
				if got := a.call(test.method, test.path, test.body); got.err != nil || got.status != test.status {
					t.Errorf("%s %s: status %d, error %v, want %d: %s", test.method, test.path, got.status, got.err, test.status, got.body)
				}
			}
			for _, path := range []string{"/upload/" + v + "/files", "/" + v + "/upload/v1beta/files"} {
				a.want(200, a.call("POST", path, "{}", "X-Goog-Upload-Command", "start"))
			}
		}
	})
}

func TestCountTokens(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	type count struct{ TotalTokens int }
	path := "/v1/models/" + model + ":countTokens"
	contents := `[{"role":"user","parts":[{"text":"The relative strength index (RSI) has 14 periods."}]}]`
	one := decode[count](t, a.want(200, a.call("POST", path, `{"contents":`+contents+`}`))).TotalTokens
	same := decode[count](t, a.want(200, a.call("POST", path, `{"generateContentRequest":{"model":"models/x","contents":`+contents+`}}`))).TotalTokens
	if one < 8 || one > 16 || same != one {
		t.Errorf("counted %d and %d tokens", one, same)
	}
	snake := decode[count](t, a.want(200, a.call("POST", path, `{"generate_content_request":{"contents":`+contents+`}}`))).TotalTokens
	cached := decode[struct{ TotalTokens, CachedContentTokenCount int }](t, a.want(200, a.call("POST", path,
		`{"generateContentRequest":{"cachedContent":"cachedContents/guide","contents":`+contents+`}}`)))
	if snake != one || cached.CachedContentTokenCount < 1024 || cached.TotalTokens != one+cached.CachedContentTokenCount {
		t.Errorf("counted %d tokens, and %+v with a cache; want %d without", snake, cached, one)
	}
	a.want(400, a.call("POST", path, `{"contents":`+contents+`,"generateContentRequest":{}}`))
	a.want(404, a.call("POST", "/v1/models/no-such-model:countTokens", `{"contents":`+contents+`}`))
	if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultQuota429, Op: emulator.OpCountTokens},
		emulator.Fault{Name: emulator.FaultStatusBefore, Op: emulator.OpCountTokens, First: 2, Value: "503"}); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{429, 503, 200} {
		a.want(status, a.call("POST", path, `{"contents":`+contents+`}`))
	}
}

func TestKeys(t *testing.T) {
	a := openAPI(t, emulator.Config{APIKey: "right"})
	for _, test := range []struct {
		name, path, key string
		status          int
		reason          string
	}{
		{"none", "/v1/batches", "", 403, "unregistered callers"},
		{"wrong", "/v1/batches", "wrong", 400, "API_KEY_INVALID"},
		{"right", "/v1/batches", "right", 200, ""},
		{"right in the query", "/v1/batches?key=right", "", 200, ""},
		{"wrong in the query", "/v1/batches?key=wrong", "", 400, "API_KEY_INVALID"},
	} {
		got := a.call("GET", test.path, "", "X-Goog-Api-Key", test.key)
		if got.status != test.status || !strings.Contains(string(got.body), test.reason) {
			t.Errorf("%s: status %d %s, want %d %s", test.name, got.status, got.body, test.status, test.reason)
		}
	}
}

func TestCreateRefusals(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	a.upload("good", requests(2, 0))
	a.upload("none", []byte("\n\n"))
	path := "/v1beta/models/" + model + ":batchGenerateContent"
	for _, test := range []struct {
		name, path, body string
		status           int
		text             string
	}{
		{"no JSON", path, "{", 400, "Invalid JSON payload"},
		{"nothing", path, "", 400, "batch is required"},
		{"no input", path, `{"batch":{}}`, 400, "one of file_name and requests"},
		{"both inputs", path, `{"batch":{"inputConfig":{"fileName":"files/good","requests":{"requests":[{}]}}}}`, 400, "exclude each other"},
		{"other model in the body", path, `{"batch":{"model":"models/gemini-2.5-pro","inputConfig":{"fileName":"files/good"}}}`, 400, "differs"},
		{"bad priority", path, `{"batch":{"priority":"much","inputConfig":{"fileName":"files/good"}}}`, 400, "int64"},
		{"unknown model", "/v1/models/gemini-9:batchGenerateContent", `{"batch":{"inputConfig":{"fileName":"files/good"}}}`, 404, "not found for API version v1,"},
		{"missing file", path, `{"batch":{"inputConfig":{"fileName":"files/none-such"}}}`, 403, "You do not have permission to access the File none-such or it may not exist."},
		{"no rows", path, `{"batch":{"inputConfig":{"fileName":"files/none"}}}`, 400, "contains no requests"},
		{"bad inline request", path, `{"batch":{"inputConfig":{"requests":{"requests":[{"request":{"foo":1}}]}}}}`, 400, "Error on line 1: invalid JSON, near column"},
		{"too much inline", path, `{"batch":{"displayName":"` + strings.Repeat("x", 20<<20) + `"}}`, 400, "exceeds the limit"},
		{"snake case", path, `{"batch":{"display_name":"d","priority":5,"input_config":{"file_name":"files/good"},"webhookConfig":{"uris":["https://example.test"]}}}`, 200, `"priority": "5"`},
		{"model in the body", path, `{"batch":{"model":"models/` + model + `","inputConfig":{"fileName":"good"}}}`, 200, "PENDING"},
	} {
		got := a.call("POST", test.path, test.body)
		if got.status != test.status || !strings.Contains(string(got.body), test.text) {
			t.Errorf("%s: status %d %.300s, want %d with %q", test.name, got.status, got.body, test.status, test.text)
		}
		if test.status != 200 {
			if e := decode[apiError](t, got).Error; e.Code != test.status || e.Status == "" {
				t.Errorf("%s: envelope %+v", test.name, e)
			}
		}
	}
}

func TestBadLines(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	strict := openAPI(t, emulator.Config{RefuseCamelCase: true})
	contents := `"contents":[{"parts":[{"text":"hi"}]}]`
	for i, test := range []struct {
		line       string
		want       string // "" when the line is good
		wantStrict string
	}{
		{`{"key":"a","request":{` + contents + `}}`, "", ""},
		{`{"key":"a","stray":{"x":[1]},"request":{` + contents + `}}`, "", ""},
		{`{"request":{` + contents + `}}`, "", ""},
		{`{"key":"a","request":{"contents":[{"role":"user","parts":{"text":"one"}}]}}`, "", ""},
		{`{"key":"a","request":{` + contents + `,"generation_config":{"max_output_tokens":5,"response_mime_type":"application/json"}}}`, "", ""},
		{`{"key":"a","request":{` + contents + `,"generationConfig":{"temperature":0}}}`, "", "no such field: 'generationConfig'"},
		{`{"key":"a","request":{` + contents + `,"temperature":0}}`, "near column 75: no such field: 'temperature'", "no such field: 'temperature'"},
		{`{"key":"a","request":{` + contents + `,"generation_config":{"temprature":0}}}`, "no such field: 'temprature'", "no such field"},
		{`{"key":"a","request":{"contents":[{"text":"hi"}]}}`, "no such field: 'text'", "no such field"},
		{`{"key":"a","request":{"contents":"hi"}}`, "near column 34: unexpected character: '\"'; expected '['", "expected '['"},
		{`{"key":7,"request":{}}`, "near column 8: unexpected character: '7'; expected '\"'", "expected '\"'"},
		{`{"key":"a","key":"b"}`, "duplicate", "duplicate"},
		{`{"key":"a"} {}`, "more than one value", "more than one value"},
		{`{"key":"a"`, "unexpected end of line", "unexpected end of line"},
		{`not JSON`, "near column", "near column"},
		{"{\"key\":\"\xff\"}", "invalid UTF-8", "invalid UTF-8"},
		{"\ufeff{}", "near column 1", "near column 1"},
		{`[]`, "near column 1: unexpected character: '['; expected '{'", "expected '{'"},
		{`{"key":"a","request":{"system_instruction":["be brief"],` + contents + `}}`, "near column 44: unexpected character: '['; expected '{'", "expected '{'"},
		{`{"key":"a","request":{"contents":[{"parts":[{"txt":"hi"}]}]}}`, "no such field: 'txt'", "no such field: 'txt'"},
		{`{"key":"a","request":{"contents":[{"parts":[{"inlineData":{"data":""}}]}]}}`, "", "no such field: 'inlineData'"},
		{`{"key":"a","request":{"thinking_config":{},` + contents + `}}`, "near column 40: no such field: 'thinking_config'", "no such field: 'thinking_config'"},
	} {
		for _, c := range []struct {
			api  *api
			want string
		}{{a, test.want}, {strict, test.wantStrict}} {
			file := fmt.Sprintf("f%d", i)
			c.api.upload(file, slices.Concat(requests(1, 0), []byte("\n"+test.line)))
			got := c.api.tryCreate(file, "")
			if c.want == "" {
				if got.status != 200 {
					t.Errorf("line %s: status %d %s", test.line, got.status, got.body)
				}
				continue
			}
			message := decode[apiError](t, got).Error.Message
			if got.status != 400 || !strings.HasPrefix(message, "Error on line 3: invalid JSON, ") || !strings.Contains(message, c.want) {
				t.Errorf("line %s: status %d %q, want 400 with %q", test.line, got.status, message, c.want)
			}
		}
	}
}

// TestBadLinesAreNamed holds a refusal to one line for each bad line of the
// input, and a key that stands twice to be no reason for one.
func TestBadLinesAreNamed(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	good := strings.TrimSuffix(string(requests(1, 0)), "\n")
	stray := `{"key":"a","request":{"temperature":0.5,"contents":[{"parts":[{"text":"hi"}]}]}}`
	a.upload("bad", []byte(strings.Join([]string{good, stray, good, "{", "", stray}, "\n")))
	want := "Error on line 2: invalid JSON, near column 36: no such field: 'temperature'\n" +
		"Error on line 4: invalid JSON, near column 2: unexpected end of line\n" +
		"Error on line 6: invalid JSON, near column 36: no such field: 'temperature'"
	got := decode[apiError](t, a.want(400, a.tryCreate("bad", ""))).Error
	if got.Status != "INVALID_ARGUMENT" {
		t.Errorf("status %s", got.Status)
	}
	if diff := cmp.Diff(want, got.Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	a.upload("twice", []byte(good+"\n"+good+"\n"))
	if n := decode[operation](t, a.want(200, a.tryCreate("twice", ""))).Metadata.BatchStats.RequestCount; n != "2" {
		t.Errorf("%s requests of a key that stands twice", n)
	}
}

func TestManyBadLinesAreCut(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	a.upload("bad", []byte(strings.Repeat("{\n", 1000)))
	message := decode[apiError](t, a.tryCreate("bad", "")).Error.Message
	if lines := strings.Split(message, "\n"); len(lines) != 20 || !strings.HasPrefix(lines[19], "Error on line 20: ") {
		t.Errorf("the message has %d lines", len(lines))
	}
}

func TestListings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{PageSize: 4, Quota: emulator.Quota{ActiveJobs: -1}})
		var jobs, files []string
		add := func() {
			file := fmt.Sprintf("f%d", len(files))
			a.upload(file, requests(1, 0))
			jobs = slices.Insert(jobs, 0, a.create(file, ""))
			files = slices.Insert(files, 0, "files/"+file)
		}
		for range 6 {
			add() // all at one instant
		}
		time.Sleep(time.Second)
		for range 6 {
			add()
		}
		for size, pages := range map[int]int{0: 3, 1: 12, 4: 3, 5: 3, 12: 1, 13: 1, 5000: 1} {
			for collection, want := range map[string][]string{"batches": jobs, "files": files} {
				got := a.list(collection, size)
				if len(got) != pages {
					t.Errorf("%s by %d: %d pages, want %d", collection, size, len(got), pages)
				}
				if diff := cmp.Diff(want, slices.Concat(got...)); diff != "" {
					t.Errorf("%s by %d (-want +got):\n%s", collection, size, diff)
				}
			}
		}
		// What comes and goes between two pages shifts nothing.
		first := decode[listing](t, a.call("GET", "/v1/batches?pageSize=5", ""))
		add()
		a.want(200, a.call("DELETE", "/v1/"+jobs[3], ""))
		a.want(200, a.call("DELETE", "/v1/"+jobs[5], ""))
		second := decode[listing](t, a.call("GET", "/v1/batches?pageSize=5&pageToken="+first.Next, ""))
		if diff := cmp.Diff(jobs[6:11], second.names()); diff != "" {
			t.Errorf("second page (-want +got):\n%s", diff)
		}
		for _, query := range []string{"pageSize=-1", "pageSize=x", "pageToken=x", "pageToken=Zm9v"} {
			a.want(400, a.call("GET", "/v1/batches?"+query, ""))
			a.want(400, a.call("GET", "/v1/files?"+query, ""))
		}
	})
}

func TestPageSizeHasALimit(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	for i := range 101 {
		if _, err := a.server.AddFile(fmt.Sprintf("f%d", i), "", nil, time.Duration(i)); err != nil {
			t.Fatal(err)
		}
	}
	if pages := a.list("files", 1000); len(pages) != 2 || len(pages[0]) != 100 {
		t.Errorf("%d pages, %d on the first", len(pages), len(pages[0]))
	}
	if pages := a.list("files", 0); len(pages) != 3 || len(pages[0]) != 50 {
		t.Errorf("%d pages, %d on the first", len(pages), len(pages[0]))
	}
}

func TestDownloadRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		job := a.run("in", requests(5, 0))
		whole := a.want(200, a.output(job))
		size := len(whole.body)
		path := "/v1/files/batch-" + strings.TrimPrefix(job, "batches/") + ":download?alt=media"
		for _, test := range []struct {
			spec   string
			status int
			from   int
			to     int
		}{
			{"", 200, 0, size},
			{"bytes=0-", 206, 0, size},
			{"bytes=10-19", 206, 10, 20},
			{"bytes=10-100000000", 206, 10, size},
			{"bytes=-7", 206, size - 7, size},
			{"bytes=-100000000", 206, 0, size},
			{fmt.Sprintf("bytes=%d-", size-1), 206, size - 1, size},
			{fmt.Sprintf("bytes=%d-", size), 416, 0, 0},
			{"bytes=1-2,4-5", 200, 0, size},
			{"bytes=5-2", 200, 0, size},
			{"bytes=x-", 200, 0, size},
			{"lines=1-", 200, 0, size},
		} {
			got := a.call("GET", path, "", "Range", test.spec)
			if got.status != test.status {
				t.Errorf("range %q: status %d, want %d", test.spec, got.status, test.status)
				continue
			}
			if test.status != 416 && string(got.body) != string(whole.body[test.from:test.to]) {
				t.Errorf("range %q: %d bytes, not those from %d to %d", test.spec, len(got.body), test.from, test.to)
			}
			want := map[int]string{206: fmt.Sprintf("bytes %d-%d/%d", test.from, test.to-1, size), 416: fmt.Sprintf("bytes */%d", size)}[test.status]
			if cr := got.header.Get("Content-Range"); cr != want {
				t.Errorf("range %q: Content-Range %q, want %q", test.spec, cr, want)
			}
		}
	})
}

// TestNoSecretsInAnswers makes sure that the key is never sent back.
func TestNoSecretsInAnswers(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	const key = "a-key-to-be-kept"
	for _, path := range []string{"/v1/batches?key=" + key, "/v1/nothing?key=" + key} {
		got := a.call(http.MethodGet, path, "", "X-Goog-Api-Key", key)
		if strings.Contains(string(got.body), key) {
			t.Errorf("%s: the key stands in the answer", path)
		}
	}
}
