package gemini_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/provider/gemini"
	"github.com/qaplan/qaplan/provider/providertest"
)

// go test ./provider/gemini -run Conformance -real -timeout 3h
var (
	realService = flag.Bool("real", false, "run the conformance suite against Google as well; needs GEMINI_API_KEY and costs a few cents")
	realModel   = flag.String("real-model", "gemini-2.5-flash-lite", "the model that -real buys jobs of")
)

const realPatience = 2 * time.Hour

func TestConformance(t *testing.T) {
	suites := map[string]providertest.Suite{
		// Virtual time: jobs take their minutes.
		"emulator in process": {
			Start: func(t *testing.T) providertest.Open {
				return opener(t, "http://emulator.test", emulator.Transport(serve(t, emulator.Config{})))
			},
			Around: synctest.Test,
			Model:  "gemini-2.5-flash", Poll: 10 * time.Second, Patience: time.Hour,
		},
		"emulator over HTTP": {
			Start: func(t *testing.T) providertest.Open {
				soon := emulator.Span{Min: time.Millisecond, Max: time.Millisecond}
				srv := httptest.NewServer(serve(t, emulator.Config{QueueTime: soon, RunTime: soon}))
				t.Cleanup(srv.Close)
				return opener(t, srv.URL, nil)
			},
			Model: "gemini-2.5-flash", Poll: 5 * time.Millisecond, Patience: 20 * time.Second,
		},
	}
	if *realService {
		suites["Google"] = providertest.Suite{
			Start: func(t *testing.T) providertest.Open { return opener(t, "", nil) },
			Model: *realModel, Poll: 10 * time.Second, Patience: realPatience,
		}
	}
	for name, s := range suites {
		t.Run(name, func(t *testing.T) { providertest.Run(t, s) })
	}
}

func serve(t *testing.T, cfg emulator.Config) http.Handler {
	t.Helper()
	cfg.Dir, cfg.APIKey = t.TempDir(), testKey
	srv, err := emulator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv
}

// opener opens clients of the service at base, "" being Google's; next is its
// transport, nil for the network's.
func opener(t *testing.T, base string, next http.RoundTripper) providertest.Open {
	t.Helper()
	key := testKey
	if base == "" {
		if key = os.Getenv("GEMINI_API_KEY"); key == "" {
			t.Fatal("-real needs GEMINI_API_KEY")
		}
	}
	if next == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		t.Cleanup(own.CloseIdleConnections)
		next = own
	}
	return func(o providertest.Options) providertest.Client {
		t.Helper()
		opt := gemini.Options{APIKey: key, BaseURL: base, Transport: next, PageSize: o.PageSize}
		if o.Key != "" {
			opt.APIKey = o.Key
		}
		if o.Wrap != nil {
			opt.Transport = o.Wrap(next)
		}
		c, err := gemini.New(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
}

// Inline jobs are other tools' work: this client reads them and makes none.
func TestInlineAnswersOfTheEmulator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := emulator.Transport(serve(t, emulator.Config{}))
		c := opener(t, "http://emulator.test", rt)(providertest.Options{}).(*gemini.Client)
		const body = `{"batch":{"displayName":"d","inputConfig":{"requests":{"requests":[
			{"request":{"contents":[{"role":"user","parts":[{"text":"hi"}]}]},"metadata":{"key":"row-1"}},
			{"request":{"contents":[{"role":"user","parts":[{"text":"ho"}]}]},"metadata":{"key":"row-2"}}]}}}}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			"http://emulator.test/v1beta/models/gemini-2.5-flash:batchGenerateContent", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Goog-Api-Key", testKey)
		resp, err := (&http.Client{Transport: rt}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		page, err := c.ListJobs(t.Context(), "")
		if err != nil || len(page.Jobs) != 1 {
			t.Fatalf("after the create (%s): %+v, %v", resp.Status, page, err)
		}
		time.Sleep(time.Hour)
		job, err := c.GetJob(t.Context(), page.Jobs[0].Name)
		if err != nil || !job.Done || !job.Inline || job.ResponsesFile != "" || job.InputFile != "" || job.Stats.Requests != 2 {
			t.Errorf("got %+v, %v", job, err)
		}
		var got bytes.Buffer
		if err := c.InlineAnswers(t.Context(), job.Name, &got); err != nil {
			t.Fatal(err)
		}
		var keys []string
		for line := range bytes.Lines(got.Bytes()) {
			var row struct {
				Key      string
				Response struct{ Candidates []json.RawMessage }
			}
			if err := json.Unmarshal(line, &row); err != nil || len(row.Response.Candidates) == 0 {
				t.Errorf("row %s: %v", line, err)
			}
			keys = append(keys, row.Key)
		}
		slices.Sort(keys)
		if diff := cmp.Diff([]string{"row-1", "row-2"}, keys); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}
