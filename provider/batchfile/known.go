package batchfile

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
)

// The members of a request and of its generation_config that are known here, in
// snake_case (GenerateContentRequest and GenerationConfig, Gemini API reference;
// google.golang.org/genai v1.77.0). Each may be written in camelCase, too. The
// service knows more as time goes by: a name that is missing here says nothing.
var (
	requestNames = []string{
		"contents", "system_instruction", "tools", "tool_config", "safety_settings", "generation_config", "cached_content",
		"model", "service_tier", "labels", "store",
	}
	configNames = []string{
		"temperature", "top_p", "top_k", "seed", "candidate_count", "max_output_tokens", "stop_sequences",
		"presence_penalty", "frequency_penalty", "logprobs", "response_logprobs",
		"response_mime_type", "response_schema", "response_json_schema", "response_modalities",
		"thinking_config", "speech_config", "image_config", "media_resolution", "routing_config", "model_selection_config",
		"audio_timestamp", "enable_affective_dialog", "enable_enhanced_civic_answers",
	}
	// ownNames are among them those that people also give to data of their own
	// beside the request, where the service does not look.
	ownNames = []string{"model", "labels", "store", "seed", "logprobs", "service_tier"}
)

// vocabulary tells known names from misspelled ones. It is for one goroutine.
type vocabulary struct {
	names []string
	near  map[string]string // what further names are nearly; "" for nothing
}

func newVocabulary(names []string) *vocabulary {
	return &vocabulary{names: names, near: map[string]string{}}
}

// maxStrangers bounds how many names are remembered that are not known.
const maxStrangers = 1000

// has tells whether a name is known, in either spelling.
func (v *vocabulary) has(name []byte) bool { return contains(v.names, name) }

// meant is the known name that a name is nearly, in the spelling that it seems
// to be written in; "" when there is none.
func (v *vocabulary) meant(name []byte) string {
	near, seen := v.near[string(name)]
	if !seen {
		near = nearest(string(name), v.names)
		if len(v.near) < maxStrangers {
			v.near[string(name)] = near
		}
	}
	if near == "" || bytes.IndexByte(name, '_') >= 0 {
		return near
	}
	return camel(near)
}

// nearest finds the name that differs by a slip of the finger at most, or only
// in how its words are put together.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		slips := 0
		switch plain := flat(k); {
		case len(plain) >= 10:
			slips = 2
		case len(plain) >= 5:
			slips = 1
		}
		if d := levenshtein.Distance(flat(name), flat(k), nil); d <= slips && d < least {
			best, least = k, d
		}
	}
	return best
}

// contains tells whether a name is among those in snake_case, in either spelling.
func contains(names []string, name []byte) bool {
	for _, n := range names {
		if spells(name, n) {
			return true
		}
	}
	return false
}

// spells tells whether a name is the one in snake_case, or the same in camelCase.
func spells(name []byte, snake string) bool {
	if string(name) == snake {
		return true
	}
	i := 0
	for k := 0; k < len(snake); k++ {
		c := snake[k]
		if c == '_' {
			k++
			c = snake[k] - 'a' + 'A'
		}
		if i == len(name) || name[i] != c {
			return false
		}
		i++
	}
	return i == len(name)
}

// flat is a name without what its spellings differ in.
func flat(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// camel writes a name that is in snake_case in camelCase.
func camel(snake string) string {
	first, words, _ := strings.Cut(snake, "_")
	if words == "" {
		return snake
	}
	for _, w := range strings.Split(words, "_") {
		first += strings.ToUpper(w[:1]) + w[1:]
	}
	return first
}
