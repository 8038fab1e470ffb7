package batchfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// judged is what the judge says of the answer to the one row of a source: its
// class, and the reason where it is not good.
func judged(t *testing.T, rules Rules, request, answer string) (Class, string) {
	t.Helper()
	source := `{"key":"a","request":` + request + "}\n"
	j, err := NewJoiner(t.Context(), strings.NewReader(source), rules)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Add(t.Context(), strings.NewReader(answer)); err != nil {
		t.Fatal(err)
	}
	r, err := j.Report()
	if err != nil {
		t.Fatal(err)
	}
	class, reason := Good, ""
	if err := j.Bad(t.Context(), func(b BadRow) error {
		class, reason = b.Class, b.Reason
		if b.Key != "a" || b.Line != 1 {
			t.Errorf("bad row %+v", b)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if r.Rows[class] != 1 || r.Rows.Total() != 1 {
		t.Errorf("%s: the report says %v, the list %v", answer, r.Rows, class)
	}
	return class, reason
}

// says is the line that answers key "a" with a candidate that ended well.
func says(text string) string {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		panic(err)
	}
	return candidate(`"content":{"parts":[{"text":` + string(quoted) + `}]},"finishReason":"STOP"`)
}

func candidate(members string) string { return response(`"candidates":[{` + members + `}]`) }
func response(members string) string  { return `{"key":"a","response":{` + members + `}}` }

const anyRequest = `{"contents":[{}]}`

func TestJudge(t *testing.T) {
	x := `"content":{"parts":[{"text":"x"}]}`
	part := func(members string) string {
		return candidate(`"content":{"parts":[{` + members + `}]},"finishReason":"STOP"`)
	}
	tests := []struct {
		name, answer string
		class        Class
		reason       string
	}{
		{"text", says("x"), Good, ""},
		{"snake_case", `{"key":"a","response":{"candidates":[{"content":{"parts":[{"text":"x"}]},"finish_reason":"STOP"}]}}`, Good, ""},
		{"parts", candidate(`"content":{"parts":[{"text":""},{"text":" "},{"text":"x"}]}`), Good, ""},
		{"no finish reason", candidate(x), Good, ""},
		{"finish reason null", candidate(x + `,"finishReason":null`), Good, ""},
		{"finish reason unspecified", candidate(x + `,"finishReason":"FINISH_REASON_UNSPECIFIED"`), Good, ""},
		{"an empty feedback", response(`"promptFeedback":{"safetyRatings":[]},"candidates":[{` + x + `}]`), Good, ""},
		{"feedback without a reason", response(`"promptFeedback":{"blockReason":"BLOCKED_REASON_UNSPECIFIED"},"candidates":[{` + x + `}]`), Good, ""},
		{"the first of two candidates", response(`"candidates":[{` + x + `},{"finishReason":"SAFETY"}]`), Good, ""},
		{"the last of two members", response(`"candidates":[{"finishReason":"SAFETY"}],"candidates":[{` + x + `}]`), Good, ""},

		{"missing", "", Missing, "no answer from the service"},
		{"missing in a result", fmt.Sprintf(missingRow, "a"), Missing, "no answer from the service"},
		{"error", `{"key":"a","error":{"code":8,"message":"Resource has\n been  exhausted.","details":[{}]}}`, Failed, "Resource has been exhausted"},
		{"status", `{"key":"a","status":{"code":13,"message":"Internal error."}}`, Failed, "Internal error"},
		{"bare", `{"code":14,"message":"overloaded","key":"a"}`, Failed, "overloaded"},
		{"error text", `{"key":"a","error":"no luck"}`, Failed, "no luck"},
		{"error without words", `{"key":"a","error":{"code":3}}`, Failed, "an error with code 3 and no message"},
		{"error without anything", `{"key":"a","error":{"details":[]}}`, Failed, "an error without code and message"},
		{"nothing", `{"key":"a"}`, Failed, "neither a response nor an error"},
		{"response null", `{"key":"a","response":null}`, Failed, "neither a response nor an error"},
		{"long message", `{"key":"a","error":{"code":3,"message":"` + strings.Repeat("é", 200) + `"}}`, Failed, strings.Repeat("é", 148) + "…"},
		{"another not found", `{"key":"a","error":{"code":5,"message":"qaplan: no answer"}}`, Failed, "qaplan: no answer"},

		{"prompt blocked", response(`"promptFeedback":{"blockReason":"SAFETY"}`), Blocked, "the prompt was blocked: SAFETY"},
		{"prompt blocked, snake_case", response(`"prompt_feedback":{"block_reason":"OTHER"},"candidates":[{` + x + `}]`), Blocked, "the prompt was blocked: OTHER"},
		{"no candidates", response(`"usageMetadata":{"promptTokenCount":9}`), Blocked, "a response without candidates"},
		{"candidates empty", response(`"candidates":[]`), Blocked, "a response without candidates"},
		{"candidates null", response(`"candidates":null`), Blocked, "a response without candidates"},
		{"safety", candidate(x + `,"finishReason":"SAFETY"`), Blocked, "stopped by the service's policies: SAFETY"},
		{"recitation, no content", candidate(`"finish_reason":"RECITATION"`), Blocked, "stopped by the service's policies: RECITATION"},

		{"max tokens", response(`"candidates":[{` + x + `,"finishReason":"MAX_TOKENS"}],"usageMetadata":{"candidatesTokenCount":2048,"thoughtsTokenCount":100}`), Truncated, "cut off at the limit of output tokens, after 2148 tokens, 100 of them for thoughts"},
		{"max tokens in thoughts", response(`"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS"}],"usage_metadata":{"candidates_token_count":7}`), Truncated, "cut off at the limit of output tokens, after 7 tokens"},

		{"no content", candidate(`"finishReason":"STOP"`), Empty, "no text, finish reason STOP"},
		{"no parts", candidate(`"content":{"role":"model"}`), Empty, "no text"},
		{"empty text", says(""), Empty, "no text, finish reason STOP"},
		{"white space", says(" \t\r\n"), Empty, "no text, finish reason STOP"},
		{"thought alone", part(`"text":"hm","thought":true`), Empty, "no text, finish reason STOP"},
		{"thought of one token", response(`"candidates":[{}],"usageMetadata":{"thoughtsTokenCount":1}`), Empty, "no text, after 1 token, 1 of them for thoughts"},
		{"thought before", part(`"thought":true,"text":"hm","functionCall":{}`), Empty, "no text, finish reason STOP"},
		{"signature alone", part(`"text":"","thoughtSignature":"AAAA"`), Empty, "no text, finish reason STOP"},
		{"candidate null", response(`"candidates":[null]`), Empty, "no text"},
		{"other, no content", response(`"candidates":[{"finishReason":"OTHER"}]`), Empty, "no text, finish reason OTHER"},
		{"thought is false", part(`"text":"x","thought":false`), Good, ""},
		{"function call", part(`"functionCall":{"name":"f"}`), Good, ""},
		{"function call, snake_case", part(`"function_call":{"name":"f"}`), Good, ""},
		{"image", part(`"inlineData":{"mimeType":"image/png","data":"AAAA"}`), Good, ""},
		{"code", part(`"executableCode":{"code":"1+1"}`), Good, ""},
		{"outcome of code", part(`"codeExecutionResult":{"outcome":"OUTCOME_OK"}`), Good, ""},
		{"file", part(`"fileData":{"fileUri":"x"}`), Good, ""},
		{"a part of a kind to come", part(`"smell":{"of":"roses"}`), Good, ""},

		{"other", candidate(x + `,"finishReason":"OTHER"`), Invalid, "finish reason OTHER, expected STOP"},
		{"finish reason of some other kind", candidate(x + `,"finishReason":"all\u0020is said"`), Invalid, `finish reason "all\\u0020is said", expected STOP`},
		{"finish reason a number", candidate(x + `,"finishReason":5`), Invalid, "finish reason 5, expected STOP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			class, reason := judged(t, Rules{}, anyRequest, tt.answer)
			if class != tt.class || reason != tt.reason {
				t.Errorf("got %v, %q; want %v, %q", class, reason, tt.class, tt.reason)
			}
		})
	}
}

func TestJudgeRules(t *testing.T) {
	finish := func(reason string) string {
		return candidate(`"content":{"parts":[{"text":"x"}]},"finishReason":"` + reason + `"`)
	}
	shape := schema(t, `{"type":"object","required":["q","a"],"properties":{"q":{"type":"string"},"a":{"type":"array","maxItems":2,"items":{"$ref":"#/$defs/a"}}},
		"$defs":{"a":{"anyOf":[{"type":"integer"},{"enum":["x"]}]}}}`)
	split := candidate(`"content":{"parts":[{"text":"{\"q\":"},{"text":"{\"","thought":true},{"text":"\"\\u00e9\"}"}]}`)
	tests := []struct {
		name   string
		rules  Rules
		answer string
		class  Class
		reason string
	}{
		{"a reason that is listed", Rules{FinishReasons: []string{"STOP", "MAX_TOKENS"}}, finish("MAX_TOKENS"), Good, ""},
		{"a policy that is listed", Rules{FinishReasons: []string{"RECITATION"}}, finish("RECITATION"), Good, ""},
		{"a reason that is not", Rules{FinishReasons: []string{"OTHER", "MAX_TOKENS"}}, finish("STOP"), Invalid, "finish reason STOP, expected OTHER or MAX_TOKENS"},
		{"none listed", Rules{FinishReasons: []string{}}, finish("STOP"), Invalid, "finish reason STOP, expected none"},
		{"listed, still empty", Rules{FinishReasons: []string{"SAFETY"}}, candidate(`"finishReason":"SAFETY"`), Empty, "no text, finish reason SAFETY"},

		{"long enough", Rules{MinChars: 3}, says("日\"足"), Good, ""},
		{"too short", Rules{MinChars: 4}, says("日\"足"), Invalid, "3 characters, expected at least 4"},
		{"one character", Rules{MinChars: 4}, says("日"), Invalid, "1 character, expected at least 4"},
		{"parts together", Rules{MinChars: 4}, candidate(`"content":{"parts":[{"text":"ab"},{"text":"cdef","thought":true},{"text":"gh"}]}`), Good, ""},
		{"no characters in a call", Rules{MinChars: 1}, candidate(`"content":{"parts":[{"functionCall":{}}]}`), Invalid, "0 characters, expected at least 1"},

		{"JSON", Rules{JSON: true}, says(" {\"a\":[1,\"\\ud800\"],\"a\":null}\r\n"), Good, ""},
		{"JSON in parts", Rules{JSON: true}, split, Good, ""},
		{"JSON word", Rules{JSON: true}, says("true"), Good, ""},
		{"prose", Rules{JSON: true}, says("Sure! {}"), Invalid, "not JSON from byte 1 of 8 on"},
		{"fence", Rules{JSON: true}, says("\n```json\n{}\n```"), Invalid, "JSON in a Markdown fence, expected JSON alone"},
		{"prose after", Rules{JSON: true}, says("{} done"), Invalid, "something follows the JSON, from byte 4 of 7 on"},
		{"two values", Rules{JSON: true}, says("{}{}"), Invalid, "something follows the JSON, from byte 3 of 4 on"},
		{"cut off", Rules{JSON: true}, says(`{"a":[1,2`), Invalid, "the JSON ends in the middle, after 9 bytes"},
		{"a comma too many", Rules{JSON: true}, says(`{"a":1,}`), Invalid, "not JSON from byte 8 of 8 on"},
		{"no-break space", Rules{JSON: true}, says("\u00a0{}"), Invalid, "not JSON from byte 1 of 4 on"},
		{"a call where JSON is wanted", Rules{JSON: true}, candidate(`"content":{"parts":[{"functionCall":{}}]}`), Invalid, "no text, expected JSON"},

		{"schema", Rules{Schema: shape}, says(`{"q":"x","a":[1,"x"]}`), Good, ""},
		{"schema wants JSON", Rules{Schema: shape}, says(`q`), Invalid, "not JSON from byte 1 of 1 on"},
		{"schema at the top", Rules{Schema: shape}, says(`null`), Invalid, "does not fit the schema at its top: type null, expected object"},
		{"schema: member missing", Rules{Schema: shape}, says(`{"z":1}`), Invalid, `does not fit the schema at its top: required "a"`},
		{"schema: type", Rules{Schema: shape}, says(`{"q":7,"a":[]}`), Invalid, `does not fit the schema at "/q": type number, expected string`},
		{"schema: first of several", Rules{Schema: shape}, says(`{"q":7,"a":[1,2,3]}`), Invalid, `does not fit the schema at "/a": maxItems`},
		{"schema: reference", Rules{Schema: shape}, says(`{"q":"","a":[1,"secret"]}`), Invalid, `does not fit the schema at "/a/1": anyOf`},
		{"schema: the last of two members", Rules{Schema: shape}, says(`{"q":7,"q":"x","a":[]}`), Good, ""},
		{"schema: false", Rules{Schema: schema(t, `{"properties":{"x/~y":false}}`)}, says(`{"x/~y":1}`), Invalid, `does not fit the schema at "/x~1~0y": false`},
		{"schema: not", Rules{Schema: schema(t, `{"not":{"type":"array"}}`)}, says(`[]`), Invalid, `does not fit the schema at its top: not`},
		{"schema: a large number", Rules{Schema: schema(t, `{"type":"integer","minimum":9007199254740993}`)}, says(`9007199254740992`), Invalid, `does not fit the schema at its top: minimum`},
		{"schema: a number without end", Rules{Schema: schema(t, `{"maximum":5}`)}, says(`1e999999999`), Invalid, `does not fit the schema at its top: maximum`},
		{"schema: a number without end below", Rules{Schema: schema(t, `{"minimum":0,"type":"integer"}`)}, says(`-1e9999999`), Invalid, `does not fit the schema at its top: minimum`},

		{"key", Rules{KeyField: "id"}, says(`{"id":"x","n":[],"id":"\u0061"}`), Good, ""},
		{"key missing", Rules{KeyField: "id"}, says(`{"ID":"a","x":{"id":"a"}}`), Invalid, `"id" is missing, expected the key in it`},
		{"key of another row", Rules{KeyField: "id"}, says(`{"id":"b"}`), Invalid, `"id" holds something else than the key: perhaps this is the answer to another row`},
		{"key an object", Rules{KeyField: "id"}, says(`{"id":{}}`), Invalid, `"id" holds something else than the key: perhaps this is the answer to another row`},
		{"no object", Rules{KeyField: "id"}, says(`["a"]`), Invalid, `no JSON object, expected one whose "id" holds the key`},
		{"key, not JSON", Rules{KeyField: "id"}, says(`{"id":"a"`), Invalid, "the JSON ends in the middle, after 9 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			class, reason := judged(t, tt.rules, anyRequest, tt.answer)
			if class != tt.class || reason != tt.reason {
				t.Errorf("got %v, %q; want %v, %q", class, reason, tt.class, tt.reason)
			}
			if strings.Contains(reason, "secret") {
				t.Errorf("the answer stands in the reason: %s", reason)
			}
		})
	}
}

// A key that looks like a number may come back as one.
func TestKeyFieldNumber(t *testing.T) {
	for value, want := range map[string]Class{`17`: Good, `"17"`: Good, `17.0`: Invalid, `18`: Invalid, `"018"`: Invalid} {
		j, err := NewJoiner(t.Context(), strings.NewReader(sourceOf("17")), Rules{KeyField: "id"})
		if err != nil {
			t.Fatal(err)
		}
		line := strings.Replace(says(`{"id":`+value+`}`), `"key":"a"`, `"key":"17"`, 1)
		if _, err := j.Add(t.Context(), strings.NewReader(line)); err != nil {
			t.Fatal(err)
		}
		if r, err := j.Report(); err != nil || r.Rows[want] != 1 {
			t.Errorf("%s: got %v, %v, want %v", value, r.Rows, err, want)
		}
	}
}

func TestAsRequested(t *testing.T) {
	config := func(members string) string {
		return `{"contents":[{}],"generationConfig":{"temperature":0,` + members + `}}`
	}
	list := strings.Join(strings.Fields(`"type":"ARRAY","minItems":"1","items":{"type":"OBJECT","required":["q"],"propertyOrdering":["q","n"],"properties":{
		"q":{"type":"STRING","format":"date-time","nullable":true,"maxLength":"5"},"n":{"type":"INTEGER","enum":["1","2"],"nullable":true},
		"c":{"anyOf":[{"type":"BOOLEAN"},{"type":"NUMBER","minimum":0}],"nullable":true},"k":{"type":"STRING","enum":["x"],"nullable":true}}}`), "")
	openAPI := config(`"responseMimeType":"application/json","responseSchema":{` + list + `}`)
	snake := `{"contents":[{}],"generation_config":{"response_mime_type":"application/json","response_schema":{` +
		strings.NewReplacer("minItems", "min_items", "maxLength", "max_length", "propertyOrdering", "property_ordering", "anyOf", "any_of").Replace(list) + `}}}`
	jsonSchema := config(`"response_mime_type":"application/json","responseJsonSchema":{"type":"object","required":["id"],"additionalProperties":false,"properties":{"id":{"type":"string"}}}`)
	enum := config(`"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["buy","sell","ho\u006cd"]}`)
	tests := []struct {
		name, request, text string
		reason              string // "" for good
	}{
		{"nothing asked", anyRequest, "x", ""},
		{"plain text", config(`"responseMimeType":"text/plain"`), "x", ""},
		{"JSON", config(`"responseMimeType":"application/json"`), "x", "not JSON from byte 1 of 1 on"},
		{"JSON, snake_case", config(`"response_mime_type":"application/json"`), "{}", ""},
		{"schema without a type", config(`"responseSchema":{"type":"STRING"}`), "7", "does not fit the schema of its request at its top: type number, expected string"},
		{"type unspecified", config(`"responseSchema":{"type":"TYPE_UNSPECIFIED","description":"x"}`), "7", ""},
		{"fits", openAPI, `[{"q":"x","n":2,"c":true,"k":null},{"q":null,"n":null,"c":null},{"q":"","c":7.5,"k":"x"}]`, ""},
		{"limits are numbers", openAPI, `[]`, `does not fit the schema of its request at its top: minItems`},
		{"null where it may not be", openAPI, `[null]`, `does not fit the schema of its request at "/0": type null, expected object`},
		{"too long", openAPI, `[{"q":"123456"}]`, `does not fit the schema of its request at "/0/q": maxLength`},
		{"an enum of numbers", openAPI, `[{"q":"","n":3}]`, `does not fit the schema of its request at "/0/n": enum`},
		{"none of any", openAPI, `[{"q":"","c":-1}]`, `does not fit the schema of its request at "/0/c": anyOf`},
		{"snake_case fits", snake, `[{"q":"x","c":null}]`, ""},
		{"snake_case does not", snake, `[{"q":"123456"}]`, `does not fit the schema of its request at "/0/q": maxLength`},
		{"snake_case limits", snake, `[]`, `does not fit the schema of its request at its top: minItems`},
		{"JSON Schema", jsonSchema, `{"id":"a"}`, ""},
		{"JSON Schema, not so", jsonSchema, `{"id":"a","x":1}`, `does not fit the schema of its request at its top: additionalProperties`},
		{"enum", enum, "hold\n", ""},
		{"enum, another word", enum, "wait", "none of the 3 values that the request allows"},
		{"enum, in quotes", enum, `"buy"`, "none of the 3 values that the request allows"},
		{"enum without values", config(`"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING"}`), "x", ""},
		{"a schema that does not compile", config(`"responseMimeType":"application/json","responseJsonSchema":{"type":"strong"}`), "[]", ""},
		{"but JSON is still asked", config(`"responseJsonSchema":{"pattern":"(?<=x)"}`), "x", "not JSON from byte 1 of 1 on"},
		{"a schema that refers elsewhere", config(`"responseJsonSchema":{"$ref":"https://example.com/x"}`), "[]", ""},
		{"schema without a value", config(`"responseSchema":true`), "x", ""},
		{"schema null", config(`"responseSchema":null,"responseJsonSchema":null`), "x", ""},
		{"config null", `{"contents":[{}],"generationConfig":null}`, "x", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			class, reason := judged(t, Rules{AsRequested: true}, tt.request, says(tt.text))
			if reason != tt.reason || (class == Good) != (tt.reason == "") {
				t.Errorf("got %v, %q; want %q", class, reason, tt.reason)
			}
			if class, reason := judged(t, Rules{}, tt.request, says(tt.text)); class != Good {
				t.Errorf("nobody asked, and it is %v: %s", class, reason)
			}
		})
	}
	// A call, or an image, is not what the request's words about text are about.
	call := candidate(`"content":{"parts":[{"functionCall":{"name":"f"}}]}`)
	if class, reason := judged(t, Rules{AsRequested: true}, jsonSchema, call); class != Good {
		t.Errorf("a call: %v, %s", class, reason)
	}
	both := Rules{AsRequested: true, Schema: schema(t, `{"maxProperties":1}`), KeyField: "id"}
	for text, want := range map[string]string{
		`{"id":"a"}`:       "",
		`{"id":"a","x":1}`: "does not fit the schema at its top: maxProperties",
		`{"x":1}`:          `"id" is missing, expected the key in it`,
	} {
		if _, reason := judged(t, both, jsonSchema, says(text)); reason != want {
			t.Errorf("%s: got %q, want %q", text, reason, want)
		}
	}
}

// Two answers that the service swapped fit their keys, and nothing but what they
// say tells.
func TestSwappedAnswers(t *testing.T) {
	ask := func(key, member string) string {
		return `{"key":"` + key + `","request":{"contents":[{}],"generation_config":{"response_schema":{"type":"OBJECT","required":["` + member + `"]}}}}`
	}
	say := func(key, text string) string { return strings.Replace(says(text), `"key":"a"`, `"key":"`+key+`"`, 1) }
	source := text(ask("a", "alpha"), ask("b", "beta"), ask("c", "alpha"))
	right := []string{say("a", `{"id":"a","alpha":1}`), say("b", `{"id":"b","beta":1}`), say("c", `{"id":"c","alpha":2}`)}
	swap := func(i, j int) string {
		lines := append([]string(nil), right...)
		one, two := strings.Split(lines[i], ",")[0], strings.Split(lines[j], ",")[0]
		lines[i], lines[j] = strings.Replace(right[j], two, one, 1), strings.Replace(right[i], one, two, 1)
		return text(lines...)
	}
	tests := []struct {
		name    string
		rules   Rules
		answers string
		want    Counts
	}{
		{"in their places", Rules{AsRequested: true, KeyField: "id"}, text(right...), Counts{Good: 3}},
		{"swapped, nothing looks", Rules{JSON: true}, swap(0, 1), Counts{Good: 3}},
		{"their requests ask for different things", Rules{AsRequested: true}, swap(0, 1), Counts{Good: 1, Invalid: 2}},
		{"their requests ask for the same", Rules{AsRequested: true}, swap(0, 2), Counts{Good: 3}},
		{"they carry their key", Rules{KeyField: "id"}, swap(0, 2), Counts{Good: 1, Invalid: 2}},
	}
	for _, tt := range tests {
		j, err := NewJoiner(t.Context(), strings.NewReader(source), tt.rules)
		if err != nil {
			t.Fatal(err)
		}
		file, err := j.Add(t.Context(), strings.NewReader(tt.answers))
		if err != nil || file.Verdict(3) != Complete {
			t.Fatalf("%s: %+v, %v", tt.name, file, err)
		}
		r, err := j.Report()
		if diff := cmp.Diff(tt.want, r.Rows); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

// Schemas are compiled once each, and of those beyond the table JSON alone is
// asked.
func TestFormsAreBounded(t *testing.T) {
	var source, answers strings.Builder
	const rows = 2*maxSchemas + 100
	for i := range rows {
		fmt.Fprintf(&source, `{"key":"%d","request":{"generation_config":{"response_schema":{"type":"OBJECT","minProperties":"%d"}}}}`+"\n", i, 1+i%(maxSchemas+50))
		answers.WriteString(strings.Replace(says("{}"), `"key":"a"`, fmt.Sprintf(`"key":"%d"`, i), 1) + "\n")
	}
	j, err := NewJoiner(t.Context(), strings.NewReader(source.String()), Rules{AsRequested: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(j.forms.list); got != 1+maxSchemas+1 {
		t.Errorf("%d forms are kept, want %d", got, 1+maxSchemas+1)
	}
	if _, err := j.Add(t.Context(), strings.NewReader(answers.String())); err != nil {
		t.Fatal(err)
	}
	r, err := j.Report()
	if diff := cmp.Diff(Counts{Invalid: rows - 50 - 50, Good: 100}, r.Rows); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}

	f := newForms(newIndex[int]().hash)
	f.bytes = maxSchemaBytes
	if n := f.number(&asked{schema: []byte(`{"type":"STRING"}`)}); f.list[n].schema != nil || !f.list[n].json {
		t.Errorf("a schema beyond the bytes that are kept: %+v", f.list[n])
	}
	if n := f.number(&asked{mime: []byte(`"text/x.enum"`), schema: []byte(`{"enum":["x"]}`)}); n != 0 {
		t.Errorf("an enum beyond them: %+v", f.list[n])
	}
}

func TestClassString(t *testing.T) {
	want := []string{"missing", "error", "blocked", "truncated", "empty", "invalid", "good"}
	for i, w := range want {
		if got := Class(i).String(); got != w {
			t.Errorf("class %d is %q, want %q", i, got, w)
		}
	}
}

func TestTransient(t *testing.T) {
	var got []int
	for code := range 20 {
		if Transient(code) {
			got = append(got, code)
		}
	}
	if diff := cmp.Diff([]int{2, 4, 8, 10, 13, 14}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What was checked before is unescaped as jsontext does it.
func TestAppendUnescaped(t *testing.T) {
	for _, raw := range []string{
		`""`, `"x"`, `"\"\\\/\b\f\n\r\t"`, `"a\u0041\u00e9\u65e5b"`, `"\ud83d\ude00!"`, `"\uD83D\uDE00"`, `"日\n足"`, `"\u0000\u001F"`,
	} {
		want, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendUnescaped(nil, []byte(raw)); string(got) != string(want) {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
	for raw, want := range map[string]string{
		`"\ud800"`: "\ufffd", `"\ud800x"`: "\ufffdx", `"\udc00\ud800"`: "\ufffd\ufffd", `"\ud800\u0041"`: "\ufffdA", `"\ud800\ud83d\ude00"`: "\ufffd😀", `"\ud800\n"`: "\ufffd\n",
	} {
		if got := appendUnescaped(nil, []byte(raw)); string(got) != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

// With its content a bad row comes with the line of its request and that of the
// answer that counts; a missing one without an answer.
func TestBadContent(t *testing.T) {
	line := func(key string) string { return `{"key":"` + key + `","request":` + anyRequest + `}` }
	blank := func(key string) string {
		return `{"key":"` + key + `","response":{"candidates":[{"finishReason":"STOP"}]}}`
	}
	source := line("a") + "\n" + line("b") + "\n" + line("c") + "\n"
	j, err := NewJoiner(t.Context(), strings.NewReader(source), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Add(t.Context(), strings.NewReader(blank("c")+"\n"+says("fine")+"\n")); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := j.BadContent(t.Context(), func(r BadRow, c Content) error {
		got = append(got, fmt.Sprintf("%s %v %s %s", r.Key, r.Class, c.Request, c.Answer))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"b missing " + line("b") + " ", "c empty " + line("c") + " " + blank("c")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bad rows (-want +got):\n%s", diff)
	}
}
