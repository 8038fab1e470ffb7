package gemini_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/qaplan/qaplan/provider/gemini"
)

// depot takes and gives files of one content, at the least cost that HTTP has.
type depot struct {
	data []byte
	sum  string // sha256 in hex
	url  string
}

func (d *depot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	command := r.Header.Get("X-Goog-Upload-Command")
	switch {
	case r.Method == http.MethodGet:
		w.Header().Set("Content-Length", strconv.Itoa(len(d.data)))
		w.Write(d.data)
	case command == "start":
		var body strings.Builder
		io.Copy(&body, r.Body)
		_, name, _ := strings.Cut(body.String(), `"name":"`)
		name, _, _ = strings.Cut(name, `"`)
		w.Header().Set("X-Goog-Upload-Status", "active")
		w.Header().Set("X-Goog-Upload-URL", d.url+"/upload?name="+name)
		io.WriteString(w, "{}")
	default:
		n, _ := io.Copy(io.Discard, r.Body)
		at, _ := strconv.ParseInt(r.Header.Get("X-Goog-Upload-Offset"), 10, 64)
		w.Header().Set("X-Goog-Upload-Size-Received", strconv.FormatInt(at+n, 10))
		if !strings.Contains(command, "finalize") {
			w.Header().Set("X-Goog-Upload-Status", "active")
			return
		}
		w.Header().Set("X-Goog-Upload-Status", "final")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"file":{"name":%q,"mimeType":"application/jsonl","sizeBytes":"%d","state":"ACTIVE","source":"UPLOADED","sha256Hash":%q,"expirationTime":"2030-01-01T00:00:00Z"}}`,
			r.URL.Query().Get("name"), len(d.data), base64.StdEncoding.EncodeToString([]byte(d.sum)))
	}
}

// BenchmarkTransfer sends and fetches large files over loopback, four at a time:
// with the client, and with nothing but HTTP, whose part is to be read next to it.
func BenchmarkTransfer(b *testing.B) {
	const parallel, size = 4, 64 * mib
	data := bytes.Repeat([]byte(`{"key":"k","request":{}}`+"\n"), size/25)
	r := request("files/a", data)
	d := &depot{data: data, sum: r.SHA256}
	srv := httptest.NewServer(d)
	defer srv.Close()
	d.url = srv.URL
	c, err := gemini.New(context.Background(), gemini.Options{APIKey: testKey, BaseURL: srv.URL})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	raw := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallel}}
	defer raw.CloseIdleConnections()
	plain := func(req *http.Request, err error) error {
		if err != nil {
			return err
		}
		resp, err := raw.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	for _, part := range []struct {
		name string
		one  func() error
	}{
		{"upload/client", func() error {
			_, err := c.Upload(b.Context(), bytes.NewReader(data), r)
			return err
		}},
		{"upload/http", func() error { return plain(http.NewRequest(http.MethodPost, srv.URL+"/raw", bytes.NewReader(data))) }},
		{"download/client", func() error {
			_, err := c.Download(b.Context(), "files/a", 0, io.Discard)
			return err
		}},
		{"download/http", func() error { return plain(http.NewRequest(http.MethodGet, srv.URL+"/raw", nil)) }},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.SetBytes(parallel * int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				var wg sync.WaitGroup
				errs := make([]error, parallel)
				for i := range errs {
					wg.Go(func() { errs[i] = part.one() })
				}
				wg.Wait()
				for _, err := range errs {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
