package batchfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the service refuses, or ignores to the user's cost, is found before
// anything is bought.
func TestScanRequests(t *testing.T) {
	line := func(members string) string {
		return `{"key":"a","request":{"contents":[{"parts":[{"text":"hi"}]}],` + members + `}}`
	}
	tests := []struct {
		name, text string
		at         string // the column is where this stands
		want       string // summary
		detail     string // a part of it
	}{
		{"temperature in request", line(`"temperature":0.2`), `"temperature"`, `"temperature" stands directly in "request"`, `"generation_config":{"temperature":…}`},
		{"thinking_config in request", line(`"thinking_config":{}`), `"thinking_config"`, `"thinking_config" stands directly in "request"`, "refuses"},
		{"maxOutputTokens in request", line(`"labels":{},"maxOutputTokens":1`), `"maxOutputTokens"`, `"maxOutputTokens" stands directly in "request"`, ""},

		{"config beside request", `{"generation_config":{},` + line(``)[1:], `"generation_config"`, `"generation_config" stands beside "request"`, `Move it into "request".`},
		{"instruction beside request", `{"systemInstruction":{},` + ok("a")[1:], `"systemInstruction"`, `"systemInstruction" stands beside "request"`, "ignores"},
		{"temperature beside request", `{"temperature":1,` + ok("a")[1:], `"temperature"`, `"temperature" stands beside "request"`, `Move it into "generation_config" in "request".`},

		{"a plural", line(`"system_instructions":{}`), `"system_instructions"`, `"request" has an unknown member "system_instructions"`, `Did you mean "system_instruction"?`},
		{"another case", line(`"GenerationConfig":{}`), `"GenerationConfig"`, `"request" has an unknown member "GenerationConfig"`, `Did you mean "generationConfig"?`},
		{"a mixture", line(`"generation_Config":{}`), `"generation_Config"`, `"request" has an unknown member "generation_Config"`, `Did you mean "generation_config"?`},
		{"one letter", line(`"tool":[]`), `"tool"`, `"request" has an unknown member "tool"`, `Did you mean "tools"?`},
		{"contents", `{"key":"a","request":{"content":[]}}`, `"content"`, `"request" has an unknown member "content"`, `Did you mean "contents"?`},

		{"config a string", line(`"generation_config":"{}"`), `"{}"`, `"generation_config" is a string, not an object`, "Expected an object"},
		{"config an array", line(`"generationConfig": []`), `[]}`, `"generationConfig" is an array, not an object`, ""},
		{"unknown in config", line(`"generation_config":{"max_output_token":1}`), `"max_output_token"`, `"generation_config" has an unknown member "max_output_token"`, `Did you mean "max_output_tokens"?`},
		{"safety in config", line(`"generation_config":{"safety_settings":[]}`), `"safety_settings"`, `"safety_settings" stands in "generation_config"`, "one level up"},
		{"tools in config", line(`"generationConfig":{"tools":[]}`), `"tools"`, `"tools" stands in "generationConfig"`, ""},

		{"instruction an array", line(`"system_instruction":["be brief"]`), `["be brief"]`, `"system_instruction" is an array, not an object`, `{"parts":[{"text":"…"}]}`},
		{"instruction a string", line(`"systemInstruction":"be brief"`), `"be brief"`, `"systemInstruction" is a string, not an object`, ""},
		{"instruction empty", line(`"system_instruction":{"parts":[{"text":"x"},{"text":""}]}`), `""}`, `the text of "system_instruction" is empty`, "leave"},

		{"NUL", `{"key":"a","request":{"contents":[{"parts":[{"text":"a\\\u0000b"}]}]}}`, `\u0000`, `\u0000 in a text`, "refuses"},
		{"NUL in the instruction", line(`"systemInstruction":{"parts":[{"text":"\ud83d\ude00\u0000"}]}`), `\u0000`, `\u0000 in a text`, ""},

		{"role of another service", `{"key":"a","request":{"contents":[{"role":"user","parts":[]},{"role":"assistant","parts":[]}]}}`, `"assistant"`, `role "assistant" is not one of the service's`, `role "model"`},
		{"system role", `{"key":"a","request":{"contents":[{"parts":[],"role": "system"}]}}`, `"system"`, `role "system" is not one of the service's`, "system_instruction"},
		{"some other role", `{"key":"a","request":{"contents":[{"role":"human"}]}}`, `"human"`, `role "human" is not one of the service's`, `"user"`},

		{"cache and instruction", line(`"cached_content":"cachedContents/x","system_instruction":{"parts":[{"text":"x"}]}`), `"cached_content"`, `cached content together with "system_instruction"`, "Make the cache"},
		{"tools and cache", line(`"tools":[{}],"cachedContent":"cachedContents/x"`), `"cachedContent"`, `cached content together with "tools"`, ""},
		{"tool config and cache", line(`"toolConfig":{},"cachedContent":"cachedContents/x"`), `"cachedContent"`, `cached content together with "toolConfig"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(tt.text, `],}}`, `]}}`, 1)
			_, problems := scan(t, ok("first")+"\n"+text+"\n", ScanOptions{})
			if len(problems) != 1 {
				t.Fatalf("problems: %v", problems)
			}
			p := problems[0]
			want := Problem{Line: 2, Column: strings.Index(text, tt.at) + 1, Summary: tt.want, Detail: p.Detail}
			if diff := cmp.Diff(want, p); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.Contains(p.Detail, tt.detail) || !strings.ContainsAny(p.Detail[len(p.Detail)-1:], ".}") {
				t.Errorf("detail %q lacks %q or its end", p.Detail, tt.detail)
			}
		})
	}
}

// Nothing is refused for being unknown.
func TestScanLetsPass(t *testing.T) {
	line := func(members string) string {
		return `{"key":"a","request":{"contents":[{"parts":[{"text":"hi"}]}],` + members + `}}`
	}
	for _, text := range []string{
		line(`"something_new":{"temperature":1}`),
		line(`"model":"models/x","labels":{"team":"a"},"serviceTier":"x","store":true`),
		line(`"generation_config":{"something_new":1,"thinkingConfig":{"budget":1},"top_p":0.9,"topK":1}`),
		line(`"generation_config":null,"system_instruction":null,"cached_content":null,"tools":null`),
		line(`"cachedContent":"cachedContents/x","tools":null,"generationConfig":{}`),
		line(`"cachedContent":null,"tools":[]`),
		line(`"system_instruction":{"role":"system","parts":[{"text":"x"}]}`),
		line(`"system_instruction":{"parts":[]}`),
		`{"model":"x","seed":1,"labels":["mine"],"row":{"generation_config":{}},"temp":1,"metadata":{},` + ok("a")[1:],
		`{"key":"a","request":{"contents":[{"role":"user"},{"role":"MODEL"},{"role":"function"},{"role":"tool"},{"role":""},{"role":null}]}}`,
		`{"key":"a","request":{"contents":[{"parts":[{"text":""},{"text":"\\u0000 \u0001 \\\\u0000"}]}]}}`,
		`{"key":"a","request":{"contents":[{"parts":[{"inline_data":{"data":"\u0000"}}]}]}}`,
		`{"key":"a","request":{"contents":[{"temperature":1,"systemInstruction":2}]}}`,
	} {
		if _, problems := scan(t, text, ScanOptions{}); problems != nil {
			t.Errorf("%s: %v", text, problems)
		}
	}
}

func TestScanManyProblemsOfALine(t *testing.T) {
	text := `{"temperature":1,"key":7,"request":{"content":[],"top_p":1,"generation_config":{"tempereture":1}}}`
	_, problems := scan(t, text, ScanOptions{})
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Summary))
	}
	want := []string{
		`1:24 "key" is a number, not a string`,
		`1:2 "temperature" stands beside "request"`,
		`1:37 "request" has an unknown member "content"`,
		`1:50 "top_p" stands directly in "request"`,
		`1:81 "generation_config" has an unknown member "tempereture"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The known names are told apart from each other, so that a name of one place is
// never called a misspelled one of its own.
func TestVocabulary(t *testing.T) {
	w := newWords()
	for _, v := range []*vocabulary{w.request, w.config} {
		for _, name := range v.names {
			if !v.has([]byte(name)) || !v.has([]byte(camel(name))) {
				t.Errorf("%s or %s is not known", name, camel(name))
			}
		}
	}
	for _, name := range requestNames {
		if w.config.has([]byte(name)) || w.config.meant([]byte(name)) != "" {
			t.Errorf("%s is taken for one of the config", name)
		}
	}
	for _, name := range configNames {
		if w.request.has([]byte(name)) || w.request.meant([]byte(name)) != "" {
			t.Errorf("%s is taken for one of the request", name)
		}
	}
	for _, name := range ownNames {
		if !w.request.has([]byte(name)) && !w.config.has([]byte(name)) {
			t.Errorf("%s is not known at all", name)
		}
	}
	for range 2 { // found, then remembered
		for name, want := range map[string]string{
			"Temperature": "temperature", "tempature": "temperature", "max-output-tokens": "maxOutputTokens", "maxoutputtokens": "maxOutputTokens",
			"max_tokens": "", "responseFormat": "", "response_json_schemas": "response_json_schema", "topN": "", "k": "", "": "",
		} {
			if got := w.config.meant([]byte(name)); got != want {
				t.Errorf("%q: got %q, want %q", name, got, want)
			}
		}
	}
	for i := range 2 * maxStrangers {
		w.config.meant(fmt.Append(nil, "x", i))
	}
	if len(w.config.near) != maxStrangers {
		t.Errorf("%d names are remembered", len(w.config.near))
	}
}
