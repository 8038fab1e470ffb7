package emulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// generateResponse is a GenerateContentResponse on the wire.
type generateResponse struct {
	Candidates     []candidate     `json:"candidates,omitempty"`
	PromptFeedback *promptFeedback `json:"promptFeedback,omitempty"`
	Usage          usage           `json:"usageMetadata"`
	ModelVersion   string          `json:"modelVersion"`
	ResponseID     string          `json:"responseId"`
}

type candidate struct {
	Content      content `json:"content"`
	FinishReason string  `json:"finishReason"`
	Index        int     `json:"index"`
}

type content struct {
	Parts []textPart `json:"parts,omitempty"`
	Role  string     `json:"role"`
}

type textPart struct {
	Text string `json:"text"`
}

type promptFeedback struct {
	BlockReason string `json:"blockReason"`
}

type usage struct {
	PromptTokens     int64           `json:"promptTokenCount"`
	CandidatesTokens int64           `json:"candidatesTokenCount,omitempty"`
	TotalTokens      int64           `json:"totalTokenCount"`
	CachedTokens     int64           `json:"cachedContentTokenCount,omitempty"`
	PromptDetails    []modalityCount `json:"promptTokensDetails,omitempty"`
	ThoughtsTokens   int64           `json:"thoughtsTokenCount,omitempty"`
	ServiceTier      string          `json:"serviceTier"`
}

type modalityCount struct {
	Modality   string `json:"modality"`
	TokenCount int64  `json:"tokenCount"`
}

// answer makes the answer to a row: the same row under the same seed always
// gets the same one. need is how many output tokens it takes, thoughts included,
// 0 when the answer is no long one.
func answer(r *row, o RowOutcome, need int64, seed, model string) *generateResponse {
	resp := &generateResponse{
		ModelVersion: model,
		ResponseID:   idFrom(base62, 22, seed, "response", r.Key, r.Prompt),
		Usage: usage{
			PromptTokens:  r.Tokens + r.Cached,
			CachedTokens:  r.Cached,
			PromptDetails: []modalityCount{{"TEXT", r.Tokens + r.Cached}},
			ServiceTier:   "SERVICE_TIER_STANDARD",
		},
	}
	u := &resp.Usage
	switch o {
	case RowBlocked:
		resp.PromptFeedback = &promptFeedback{BlockReason: "PROHIBITED_CONTENT"}
	case RowEmpty:
		resp.Candidates = []candidate{{Content: content{Role: "model"}, FinishReason: "STOP"}}
	default:
		text := answerText(r, seed)
		if o == RowInvalid {
			text = invalidText(r, seed)
		}
		finish, thoughts := "STOP", max(int64(40+400*share(seed, "thoughts", r.Key)), need-estimateTokens(text))
		if short, cut := cutShort(text, r, o); cut {
			text, finish = short, "MAX_TOKENS"
		}
		u.CandidatesTokens, u.ThoughtsTokens = estimateTokens(text), thoughts
		if limit := r.MaxOutput; limit > 0 || o == RowTruncated {
			limit = r.limit()
			u.CandidatesTokens = min(u.CandidatesTokens, limit)
			u.ThoughtsTokens = min(thoughts, limit-u.CandidatesTokens) // who has little left thinks less
		}
		resp.Candidates = []candidate{{Content: content{Parts: []textPart{{text}}, Role: "model"}, FinishReason: finish}}
	}
	u.TotalTokens = u.PromptTokens + u.CandidatesTokens + u.ThoughtsTokens
	return resp
}

// cutShort gives the beginning of an answer that its limit does not leave whole.
// A long answer loses much of its limit to thoughts.
func cutShort(text string, r *row, o RowOutcome) (short string, cut bool) {
	n, limit := float64(estimateTokens(text)), float64(r.limit())
	switch {
	case o == RowTruncated:
		return cutText(text, min(0.6, limit/2/max(n, 1))), true
	case r.MaxOutput > 0 && n > limit:
		return cutText(text, limit/n), true
	}
	return text, false
}

// cut tells whether the answer ends before its end.
func (g *generateResponse) cut() bool {
	return len(g.Candidates) > 0 && g.Candidates[0].FinishReason == "MAX_TOKENS"
}

// text gives what was answered, "" for none.
func (g *generateResponse) text() string {
	if len(g.Candidates) == 0 || len(g.Candidates[0].Content.Parts) == 0 {
		return ""
	}
	return g.Candidates[0].Content.Parts[0].Text
}

// cutText keeps about the given share of s.
func cutText(s string, keep float64) string {
	n := int(float64(len(s)) * keep)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func answerText(r *row, seed string) string {
	question := excerpt(r.Prompt, 180)
	if !r.JSON {
		return sentence(question, seed, r.Key)
	}
	return encode((&sampler{question: question, seed: seed + r.Key}).value(answerSchema(r), "", 0))
}

// answerSchema gives the schema of a JSON answer: that of the row, else one of
// our own.
func answerSchema(r *row) (schema map[string]any) {
	if r.Schema == nil || json.Unmarshal(r.Schema, &schema) != nil || schema == nil {
		text := map[string]any{"type": "string"}
		return map[string]any{
			"type": "object", "required": []any{"question", "answer", "confidence"},
			"properties": map[string]any{
				"question": text, "answer": text, "confidence": map[string]any{"type": "number", "minimum": 0.6, "maximum": 0.99},
			},
		}
	}
	return schema
}

// sentence is an answer in prose that shows what was asked.
func sentence(question, seed, key string) string {
	openings := []string{"In short:", "Put simply:", "The main point:", "A brief answer:"}
	closings := []string{
		"What matters most is the context in which it is read.",
		"It is best read together with a second source.",
		"Its value lies in how it changes, less in where it stands.",
		"On its own it says little; as one signal among several it helps.",
	}
	pick := func(of []string, what string) string { return of[int(share(seed, what, key)*float64(len(of)))] }
	return fmt.Sprintf("%s you asked %q. %s (Emulated answer.)", pick(openings, "opening"), question, pick(closings, "closing"))
}

// excerpt gives the beginning of s, on one line, at most n runes long.
func excerpt(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	return strings.TrimSpace(string(runes[:n-1])) + "…"
}

func encode(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// sampler makes a value that fits a response schema, in either of the API's two
// dialects.
type sampler struct {
	question string
	seed     string
}

const maxSchemaDepth = 12

func (s *sampler) value(schema map[string]any, name string, depth int) any {
	if depth > maxSchemaDepth {
		return nil
	}
	if choices, ok := schema["enum"].([]any); ok && len(choices) > 0 {
		return choices[int(share(s.seed, name)*float64(len(choices)))]
	}
	if c, ok := schema["const"]; ok {
		return c
	}
	if any, ok := schema["anyOf"].([]any); ok && len(any) > 0 {
		first, _ := any[0].(map[string]interface{})
		return s.value(first, name, depth+1)
	}
	switch schemaType(schema) {
	case "object":
		return s.object(schema, depth)
	case "array":
		items, _ := schema["items"].(map[string]any)
		list := make([]any, max(1, min(8, int(bound(schema, "minItems", 1)))))
		for i := range list {
			list[i] = s.value(items, fmt.Sprint(name, i), depth+1)
		}
		return list
	case "integer", "number":
		low := bound(schema, "minimum", 0)
		high := bound(schema, "maximum", low+100)
		v := low + (high-low)*share(s.seed, name, "number")
		if schemaType(schema) == "integer" {
			return int64(math.Min(math.Ceil(v), math.Floor(high)))
		}
		return math.Round(v*100) / 100
	case "boolean":
		return share(s.seed, name, "boolean") < 0.5
	case "null":
		return nil
	}
	return s.text(schema, name)
}

func (s *sampler) text(schema map[string]any, name string) string {
	text := sentence(s.question, s.seed, name)
	if strings.Contains(strings.ToLower(name), "question") {
		text = s.question
	}
	if format, _ := schema["format"].(string); format == "date-time" {
		text = "2026-01-01T00:00:00Z"
	} else if format == "date" {
		text = "2026-01-01"
	}
	for float64(utf8.RuneCountInString(text)) < min(bound(schema, "minLength", 0), 10_000) {
		text += " " + sentence(s.question, s.seed, name+"more")
	}
	if limit := int(bound(schema, "maxLength", math.MaxInt32)); utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:max(limit, 0)])
	}
	return text
}

// fields keeps the order in which a schema wants its properties.
type fields []struct {
	name  string
	value any
}

func (f fields) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, x := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(encode(x.name) + ":" + encode(x.value))
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func (s *sampler) object(schema map[string]any, depth int) any {
	properties, _ := schema["properties"].(map[string]any)
	names := slices.Sorted(maps.Keys(properties))
	for _, key := range []string{"propertyOrdering", "property_ordering", "required"} {
		if order, ok := schema[key].([]any); ok {
			rank := func(name string) int {
				if i := slices.Index(order, any(name)); i >= 0 {
					return i
				}
				return len(order)
			}
			slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
			break
		}
	}
	var out fields
	for _, name := range names {
		sub, _ := properties[name].(map[string]any)
		out = append(out, struct {
			name  string
			value any
		}{name, s.value(sub, name, depth+1)})
	}
	return out
}

// schemaType gives the type in lower case; of several, the first that is not
// null.
func schemaType(schema map[string]any) string {
	switch t := schema["type"].(type) {
	case string:
		return strings.ToLower(t)
	case []any:
		for _, x := range t {
			if name, ok := x.(string); ok && name != "null" {
				return strings.ToLower(name)
			}
		}
	}
	if schema["properties"] != nil {
		return "object"
	}
	return "string"
}

// bound gives a numeric keyword; the API writes some of them as strings.
func bound(schema map[string]any, key string, otherwise float64) float64 {
	switch v := schema[key].(type) {
	case float64:
		return v
	case string:
		var f float64
		if _, err := fmt.Sscan(v, &f); err == nil {
			return f
		}
	}
	return otherwise
}
