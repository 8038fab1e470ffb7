package gemini

import (
	"context"
	"net/http"
	"net/url"
	"testing"
)

// Whatever builds a request, none with the key leaves for another place.
func TestTapLetsNothingOut(t *testing.T) {
	sent := 0
	tp := &tap{
		base: &url.URL{Scheme: "https", Host: "service.test"},
		next: transport(func(*http.Request) (*http.Response, error) {
			sent++
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		}),
	}
	for _, tt := range []struct {
		url string
		ok  bool
	}{
		{"https://service.test/v1beta/batches", true},
		{"http://service.test/v1beta/batches", false},
		{"https://service.test:444/", false},
		{"https://other.test/", false},
	} {
		before := sent
		ctx := context.WithValue(t.Context(), exchangeKey{}, &exchange{})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, tt.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tp.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != tt.ok || (sent > before) != tt.ok {
			t.Errorf("%s: got error %v, %d requests", tt.url, err, sent-before)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://service.test/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tp.RoundTrip(req); err == nil {
		t.Error("a request that nobody waits for was sent")
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
