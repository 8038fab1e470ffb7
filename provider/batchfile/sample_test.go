package batchfile

import (
	"strings"
	"testing"
)

// Every request of a source is found at some offset, whole and as it stands
// there, and none is found elsewhere than behind the offset, or at the beginning.
func TestRequestAt(t *testing.T) {
	bodies := []string{
		`{"contents":[{"parts":[{"text":"12345678"}]}]}`,
		`{ "contents" : [{"parts":[{"text":"αβγδ"}]}], "system_instruction":{"parts":[{"text":"be brief"}]}}`,
		`{"contents":[{"parts":[{"text":"x"}]}]}`,
	}
	estimates := []float64{2, 3, 0.25}
	var b strings.Builder
	b.WriteString("\uFEFF")
	var begins []int
	for i, body := range bodies {
		begins = append(begins, b.Len())
		begins[0] = 0 // with the mark in front of it
		b.WriteString(`{"key":"` + string(rune('a'+i)) + `","request":` + body + "}\r\n")
		if i == 0 {
			b.WriteString("\n")
		}
	}
	source := b.String()
	for offset := -1; offset <= len(source)+1; offset++ {
		want := 0
		for i, begin := range begins {
			if i > 0 && offset > begins[i-1] && offset <= begin {
				want = i
			}
		}
		got, ok, err := RequestAt(t.Context(), strings.NewReader(source), int64(offset))
		if err != nil || !ok || string(got.Body) != bodies[want] || got.Tokens != estimates[want] {
			t.Fatalf("at %d: %s with %v tokens, %v, %v; want the request of %c", offset, got.Body, got.Tokens, ok, err, 'a'+want)
		}
	}
	for _, none := range []string{"", "\n\n", "no JSON\n", `{"key":"a"}` + "\n", `{"key":"a","request":[]}` + "\n"} {
		if got, ok, err := RequestAt(t.Context(), strings.NewReader(none), 0); ok || err != nil {
			t.Errorf("in %q: %s, %v", none, got.Body, err)
		}
	}
}
