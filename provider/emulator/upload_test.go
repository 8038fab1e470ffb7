package emulator_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// file is a file as a client reads it.
type file struct {
	Name, DisplayName, MIMEType, SizeBytes, Sha256Hash, ExpirationTime, State, Source string
}

func uploaded(t *testing.T, got answer) file {
	t.Helper()
	return decode[struct{ File file }](t, got).File
}

func TestUploadStart(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	got := a.want(200, a.start("in"))
	if len(got.body) != 0 {
		t.Errorf("body %q", got.body)
	}
	at := got.header.Get("X-Goog-Upload-Url")
	id := strings.TrimSuffix(strings.TrimPrefix(at, "http://emulator.test/upload/v1beta/files?upload_id="), "&upload_protocol=resumable")
	if len(id) != 115 {
		t.Errorf("upload URL %s", at)
	}
	for k, want := range map[string]string{
		"X-Goog-Upload-Status": "active", "X-Goog-Upload-Control-Url": at, "X-Goog-Upload-Chunk-Granularity": "8388608",
		"Content-Type": "text/plain; charset=utf-8", "Server": "UploadServer",
	} {
		if v := got.header.Get(k); v != want {
			t.Errorf("%s: %q, want %q", k, v, want)
		}
	}
}

func TestResumableUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Granularity: 4})
		at := a.start("in").header.Get("X-Goog-Upload-Url")
		step := func(command string, offset int, content string, status int, upload, held string) answer {
			t.Helper()
			got := a.want(status, a.chunk(at, command, offset, []byte(content)))
			if s := got.header.Get("X-Goog-Upload-Status"); s != upload {
				t.Errorf("%s at %d: upload status %q, want %q", command, offset, s, upload)
			}
			if h := got.header.Get("X-Goog-Upload-Size-Received"); held != "" && h != held {
				t.Errorf("%s at %d: %q bytes held, want %s", command, offset, h, held)
			}
			return got
		}
		step("query", 0, "", 200, "active", "0")
		time.Sleep(time.Hour)
		step("upload", 0, "abcd", 200, "active", "4")
		step("upload", 0, "abcd", 400, "active", "4") // sent again
		step("upload", 8, "ijkl", 400, "active", "4") // one left out
		step("upload", 4, "efg", 400, "active", "")   // no multiple
		step("upload", -1, "efgh", 400, "active", "") //
		step("query", 0, "", 200, "active", "4")      //
		step("upload", 4, "efghijkl", 200, "active", "12")
		final := uploaded(t, step("upload, finalize", 12, "mn", 200, "final", ""))
		want := file{
			Name: "files/in", DisplayName: "display in", MIMEType: "application/jsonl", SizeBytes: "14",
			Sha256Hash: base64.StdEncoding.EncodeToString([]byte(hexSHA256([]byte("abcdefghijklmn")))),
			// 48 h from the start of the upload.
			ExpirationTime: "2000-01-03T00:00:00Z", State: "ACTIVE", Source: "UPLOADED",
		}
		if final != want {
			t.Errorf("file %+v, want %+v", final, want)
		}
		if again := uploaded(t, step("upload, finalize", 12, "mn", 200, "final", "")); again != want {
			t.Errorf("finalize sent again: %+v", again)
		}
		if again := uploaded(t, step("upload, finalize", 14, "", 200, "final", "")); again != want {
			t.Errorf("empty finalize sent again: %+v", again)
		}
		step("upload, finalize", 12, "mno", 400, "final", "")
		step("upload", 14, "more", 400, "final", "")
		step("query", 0, "", 200, "final", "14")
		step("cancel", 0, "", 400, "final", "")
		if pages := a.list("files", 10); len(pages[0]) != 1 {
			t.Errorf("files %v", pages)
		}
	})
}

func TestUploadCancelAndExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		at := a.start("in").header.Get("X-Goog-Upload-Url")
		a.want(200, a.chunk(at, "cancel", 0, nil))
		if got := a.chunk(at, "upload, finalize", 0, []byte("x")); got.status != 400 || got.header.Get("X-Goog-Upload-Status") != "cancelled" {
			t.Errorf("chunk of a cancelled upload: %d %v", got.status, got.header)
		}
		if got := a.chunk(at, "query", 0, nil); got.header.Get("X-Goog-Upload-Status") != "cancelled" {
			t.Errorf("query of a cancelled upload: %v", got.header)
		}
		at = a.start("in").header.Get("X-Goog-Upload-Url")
		time.Sleep(49 * time.Hour)
		if got := a.chunk(at, "upload, finalize", 0, []byte("x")); got.status != 404 || got.header.Get("X-Goog-Upload-Status") != "final" {
			t.Errorf("chunk of an old upload: %d %v", got.status, got.header)
		}
		a.want(404, a.chunk("/upload/v1/files?upload_id=none", "query", 0, nil))
	})
}

// brokenReader gives some bytes and then fails, as the body of a client does that
// dies.
type brokenReader struct{ io.Reader }

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("the client died")
	}
	return n, err
}

func TestBrokenChunkIsKeptInPart(t *testing.T) {
	a := openAPI(t, emulator.Config{Granularity: 4})
	at := a.start("in").header.Get("X-Goog-Upload-Url")
	req, err := http.NewRequestWithContext(t.Context(), "POST", at, brokenReader{strings.NewReader("abcdefghij")})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 100
	req.Header.Set("X-Goog-Upload-Command", "upload, finalize")
	req.Header.Set("X-Goog-Upload-Offset", "0")
	if got := a.send(req); got.err == nil {
		t.Fatalf("a broken chunk was answered: %d %s", got.status, got.body)
	}
	if held := a.chunk(at, "query", 0, nil).header.Get("X-Goog-Upload-Size-Received"); held != "8" {
		t.Fatalf("%s bytes are held, want 8", held)
	}
	final := uploaded(t, a.want(200, a.chunk(at, "upload, finalize", 8, []byte("ijklm"))))
	if want := base64.StdEncoding.EncodeToString([]byte(hexSHA256([]byte("abcdefghijklm")))); final.Sha256Hash != want {
		t.Errorf("hash %s, want %s", final.Sha256Hash, want)
	}
}

func TestFileNames(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	a.upload("taken", []byte("x"))
	long := strings.Repeat("a", 40)
	for _, test := range []struct {
		name   string
		status int
		text   string
	}{
		{"", 200, ""},
		{"a", 200, ""},
		{"qp-0123456789abcdef01234567-abc123-1", 200, ""},
		{long, 200, ""},
		{long + "a", 400, "File ID (name " + long + "a) cannot be more than 40 characters"},
		{"-a", 400, "cannot begin or end with a dash"},
		{"a-", 400, "cannot begin or end with a dash"},
		{"A", 400, "lowercase"},
		{"a_b", 400, "lowercase"},
		{"a/b", 400, "lowercase"},
		{"taken", 409, "already exists"},
	} {
		got := a.tryUpload(test.name, []byte("x"))
		if got.status != test.status || !strings.Contains(string(got.body), test.text) {
			t.Errorf("name %q: status %d %s, want %d with %q", test.name, got.status, got.body, test.status, test.text)
		}
	}
	display := `{"file":{"displayName":"` + strings.Repeat("ä", 513) + `"}}`
	a.want(400, a.call("POST", "/upload/v1/files", display, "X-Goog-Upload-Command", "start"))
	a.want(400, a.call("DELETE", "/v1/files/batch-"+strings.Repeat("a", 36), ""))
	a.want(403, a.call("DELETE", "/v1/files/none", ""))
	a.want(403, a.call("GET", "/v1/files/none", ""))
	a.want(200, a.call("DELETE", "/v1/files/taken", ""))
	a.upload("taken", []byte("y")) // free again
}

// TestNameTakenMeanwhile lets two uploads race for a name.
func TestNameTakenMeanwhile(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	first, second := a.start("in").header.Get("X-Goog-Upload-Url"), a.start("in").header.Get("X-Goog-Upload-Url")
	a.want(200, a.chunk(second, "upload, finalize", 0, []byte("x")))
	if got := a.want(409, a.chunk(first, "upload, finalize", 0, []byte("y"))); got.header.Get("X-Goog-Upload-Status") != "final" {
		t.Errorf("header %v", got.header)
	}
}

// TestDeletedInputServesItsJob deletes an input while its job runs.
func TestDeletedInputServesItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		input := requests(4, 0)
		a.upload("in", input)
		job := a.create("in", "")
		a.want(200, a.call("DELETE", "/v1/files/in", ""))
		a.want(403, a.tryCreate("in", ""))
		time.Sleep(time.Minute)
		if got := rows(t, a.want(200, a.output(job)).body); len(got) != 4 {
			t.Errorf("%d answers", len(got))
		}
		if op := a.job(job); op.Metadata.InputConfig.FileName != "files/in" {
			t.Errorf("input %q", op.Metadata.InputConfig.FileName)
		}
	})
}

// TestManyParts makes a file of more chunks than are read at once.
func TestManyParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Granularity: 16})
		input := requests(100, 0)
		at := a.start("in").header.Get("X-Goog-Upload-Url")
		const chunk = 160
		for off := 0; ; off += chunk {
			if off+chunk >= len(input) {
				a.want(200, a.chunk(at, "upload, finalize", off, input[off:]))
				break
			}
			a.want(200, a.chunk(at, "upload", off, input[off:off+chunk]))
		}
		job := a.create("in", "")
		time.Sleep(time.Minute)
		for _, row := range rows(t, a.want(200, a.output(job)).body) {
			n := strings.TrimLeft(strings.TrimPrefix(row.Key, "row-"), "0")
			if n == "" {
				n = "0"
			}
			if !strings.Contains(row.text(), "indicator "+n+" ") {
				t.Errorf("%s: %s", row.Key, row.text())
			}
		}
		if !bytes.HasSuffix(input, []byte("\n")) {
			t.Error("the input has no last newline")
		}
	})
}
