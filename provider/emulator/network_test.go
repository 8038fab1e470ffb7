package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// TestFaultsOverTheNetwork holds net/http to what Transport promises: the faults
// look alike over a real connection.
func TestFaultsOverTheNetwork(t *testing.T) {
	for _, test := range []struct {
		fault string
		check func(resp *http.Response, err error) bool
	}{
		{emulator.FaultResetBefore, func(_ *http.Response, err error) bool { return err != nil }},
		{emulator.FaultResetAfter, func(_ *http.Response, err error) bool { return err != nil }},
		{emulator.FaultTimeoutBefore, func(_ *http.Response, err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		{emulator.FaultTimeoutAfter, func(_ *http.Response, err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
		{emulator.FaultCutBody, func(resp *http.Response, err error) bool {
			body, readErr := io.ReadAll(resp.Body)
			return err == nil && len(body) > 0 && errors.Is(readErr, io.ErrUnexpectedEOF)
		}},
		{emulator.FaultWrongLength, func(resp *http.Response, err error) bool {
			_, readErr := io.ReadAll(resp.Body)
			return err == nil && errors.Is(readErr, io.ErrUnexpectedEOF)
		}},
		{emulator.FaultNoDate, func(resp *http.Response, err error) bool { return err == nil && resp.Header["Date"] == nil }},
		{emulator.FaultDateBack, func(resp *http.Response, err error) bool {
			date, dateErr := http.ParseTime(resp.Header.Get("Date"))
			return err == nil && dateErr == nil && time.Since(date) > 30*time.Minute
		}},
		{emulator.FaultStatusBefore, func(resp *http.Response, err error) bool { return err == nil && resp.StatusCode == 503 }},
	} {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(open(t, emulator.Config{Faults: []emulator.Fault{{Name: test.fault, Op: emulator.OpCreate}}}))
			t.Cleanup(srv.Close)
			patience := time.Minute
			if strings.HasPrefix(test.fault, "timeout_") {
				patience = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			// A body that the server must not be waiting for when it answers.
			body := strings.NewReader(`{"batch":{"displayName":"` + strings.Repeat("x", 1<<20) + `"}}`)
			req, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/v1/models/"+model+":batchGenerateContent?key=k", body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := srv.Client().Do(req)
			if err == nil {
				defer resp.Body.Close()
			}
			if !test.check(resp, err) {
				t.Errorf("response %+v, error %v", resp, err)
			}
		})
	}
}

// TestSelfSufficientURLs makes sure that no URL in an answer leads to another
// host, the key with it.
func TestSelfSufficientURLs(t *testing.T) {
	srv := httptest.NewServer(open(t, emulator.Config{}))
	t.Cleanup(srv.Close)
	post := func(url, command, body string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Goog-Api-Key", "k")
		req.Header.Set("X-Goog-Upload-Command", command)
		req.Header.Set("X-Goog-Upload-Offset", "0")
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	at := post(srv.URL+"/upload/v1/files", "start", "{}").Header.Get("X-Goog-Upload-Url")
	if !strings.HasPrefix(at, srv.URL+"/") {
		t.Errorf("upload URL %s", at)
	}
	body, err := io.ReadAll(post(at, "upload, finalize", "content").Body)
	if err != nil || !strings.Contains(string(body), `"uri": "`+srv.URL+"/v1beta/files/") {
		t.Errorf("file %s, error %v", body, err)
	}
}
