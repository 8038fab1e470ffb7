package batchfile

import (
	"strings"

	"github.com/agext/levenshtein"
)

// The members of a request and of its generation_config that are known here, in
// camelCase (GenerateContentRequest and GenerationConfig, Gemini API reference;
// google.golang.org/genai v1.77.0). Each may be written in snake_case, too. The
// service knows more as time goes by: a name that is missing here says nothing.
var (
	requestNames = []string{
		"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent",
		"model", "serviceTier", "labels", "store",
	}
	configNames = []string{
		"temperature", "topP", "topK", "seed", "candidateCount", "maxOutputTokens", "stopSequences",
		"presencePenalty", "frequencyPenalty", "logprobs", "responseLogprobs",
		"responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities",
		"thinkingConfig", "speechConfig", "imageConfig", "mediaResolution", "routingConfig", "modelSelectionConfig",
		"audioTimestamp", "enableAffectiveDialog", "enableEnhancedCivicAnswers",
	}
	// ownNames are among them those that people also give to data of their own
	// beside the request, where the service does not look.
	ownNames = []string{"model", "labels", "store", "seed", "logprobs", "serviceTier"}
)

// naming is what a name is found to be.
type naming uint8

const (
	strange    naming = iota
	ofItself          // a known name, spelled as it has to be
	misspelled        // nearly a known name
)

// spelling finds the known name, in the spelling of name, that name is or
// nearly is.
func spelling(name string, known []string) (string, naming) {
	plain := flat(name)
	for _, k := range known {
		if name == k || name == snake(k) {
			return name, ofItself
		}
	}
	best, least := "", 3
	for _, k := range known {
		may := 0
		switch {
		case len(k) >= 10:
			may = 2
		case len(k) >= 5:
			may = 1
		}
		if d := levenshtein.Distance(plain, flat(k), nil); d <= may && d < least {
			best, least = k, d
		}
	}
	switch {
	case best == "":
		return "", strange
	case strings.Contains(name, "_"):
		return snake(best), misspelled
	}
	return best, misspelled
}

// flat is a name without what its spellings differ in.
func flat(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// snake writes a name in snake_case.
func snake(camel string) string {
	var b strings.Builder
	for _, c := range camel {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
