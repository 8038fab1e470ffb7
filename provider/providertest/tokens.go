package providertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/provider"
)

func tokenTests() []test {
	return []test{
		{"whole_request_is_counted", countsRequests},
		{"unknown_model", countOfUnknownModel},
		{"what_is_no_request", countOfNoRequest},
		{"count_after_a_break", countAfterBreak},
	}
}

// asking is a request with a text and, unless it is empty, an instruction.
func asking(text, instruction string) string {
	if instruction != "" {
		instruction = fmt.Sprintf(`"system_instruction":{"parts":[{"text":%q}]},`, instruction)
	}
	return fmt.Sprintf(`{%s"contents":[{"role":"user","parts":[{"text":%q}]}],"generation_config":{"max_output_tokens":64}}`, instruction, text)
}

// The count grows with the text and with the instruction, in both spellings that
// the service takes, and is the same when it is asked for again.
func countsRequests(t *testing.T, e *env) {
	c := e.client()
	count := func(request string) int64 {
		t.Helper()
		n, err := c.CountTokens(t.Context(), e.Model, []byte(request))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const text = "What does a relative strength index of 74 say about the days before?"
	short, long := count(asking(text, "")), count(asking(strings.Repeat(text+" ", 50), ""))
	if short < 8 || short > 40 || long < 40*short || long > 60*short {
		t.Errorf("a text has %d tokens, 50 of it have %d", short, long)
	}
	if again := count(asking(text, "")); again != short {
		t.Errorf("counted again: %d, before %d", again, short)
	}
	instructed := count(asking(text, "Answer in one short sentence, and name no source."))
	if instructed < short+5 {
		t.Errorf("an instruction adds nothing: %d tokens with it, %d without", instructed, short)
	}
	camel := strings.NewReplacer("system_instruction", "systemInstruction", "generation_config", "generationConfig", "max_output_tokens", "maxOutputTokens")
	if other := count(camel.Replace(asking(text, "Answer in one short sentence, and name no source."))); other != instructed {
		t.Errorf("spelled otherwise: %d, want %d", other, instructed)
	}
	if named := count(strings.Replace(asking(text, ""), "{", `{"model":"models/another",`, 1)); named != short {
		t.Errorf("with the name of another model in it: %d, want %d", named, short)
	}
}

func countOfUnknownModel(t *testing.T, e *env) {
	_, err := e.client().CountTokens(t.Context(), "gemini-0-nosuchmodel", []byte(asking("Hello", "")))
	if got := wantClass(t, err, provider.ClassGone); got.About != provider.AboutModel || got.Message == "" {
		t.Errorf("got %+v", got)
	}
}

func countOfNoRequest(t *testing.T, e *env) {
	for _, request := range []string{"", "[]", "null", `{"contents":`} {
		_, err := e.client().CountTokens(t.Context(), e.Model, []byte(request))
		if got := wantClass(t, err, provider.ClassRefused); !got.NotSent {
			t.Errorf("%q was sent: %v", request, got)
		}
	}
	for _, model := range []string{"", "a/b", "models/x", "x:cancel"} {
		if _, err := e.client().CountTokens(t.Context(), model, []byte(asking("Hello", ""))); provider.ClassOf(err) != provider.ClassRefused {
			t.Errorf("model %q: %v", model, err)
		}
	}
}

// A count has no effect, so a lost answer is asked for again.
func countAfterBreak(t *testing.T, e *env) {
	want, err := e.client().CountTokens(t.Context(), e.Model, []byte(asking("Hello", "")))
	if err != nil {
		t.Fatal(err)
	}
	lost := &trouble{match: path(":countTokens"), nth: 1, do: dropAnswer}
	got, err := e.client(lost).CountTokens(t.Context(), e.Model, []byte(asking("Hello", "")))
	if err != nil || got != want || lost.seen.Load() != 2 {
		t.Errorf("got %d, %v after %d requests, want %d", got, err, lost.seen.Load(), want)
	}
}
