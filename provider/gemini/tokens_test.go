package gemini_test

import (
	"testing"

	"github.com/qaplan/qaplan/provider"
)

// What is no count is no zero: it would make everything seem free of tokens.
func TestAnswersWithoutACount(t *testing.T) {
	request := []byte(`{"contents":[{"parts":[{"text":"Hello"}]}]}`)
	for _, body := range []string{`{}`, `[]`, `{"totalTokens":null}`, `{"promptTokensDetails":[{"modality":"TEXT","tokenCount":4}]}`} {
		n, err := newClient(t, answer{status: 200, body: body}).CountTokens(t.Context(), "gemini-2.5-flash", request)
		if got := wantError(t, err); n != 0 || got.Op != provider.OpCountTokens || got.Target != "models/gemini-2.5-flash" {
			t.Errorf("%s: got %d, %+v", body, n, got)
		}
	}
	for _, body := range []string{`{"totalTokens":7}`, `{"totalTokens":"7"}`} {
		if n, err := newClient(t, answer{status: 200, body: body}).CountTokens(t.Context(), "gemini-2.5-flash", request); n != 7 || err != nil {
			t.Errorf("%s: got %d, %v", body, n, err)
		}
	}
}
