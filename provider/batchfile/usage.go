package batchfile

import (
	"bytes"
	"strconv"
)

// Usage sums what the service counted for rows, in tokens. Rows without counts
// add nothing: they have been missing from batch answers.
type Usage struct {
	Input    int64 // prompts, with what tools added to them; cached tokens included
	Output   int64 // answers, thoughts not included
	Thoughts int64 // billed as output
	Cached   int64 // the part of Input that came from a cache
}

func (u *Usage) add(v Usage) {
	u.Input += v.Input
	u.Output += v.Output
	u.Thoughts += v.Thoughts
	u.Cached += v.Cached
}

// LongPrompt is the largest prompt, in tokens, that is not long. Some models
// charge more for each request with a longer one, so what those took is summed
// apart.
const LongPrompt = 200_000

func (u *Usage) long() bool { return u.Input > LongPrompt }

func (u *Usage) subtract(v Usage) { u.add(Usage{-v.Input, -v.Output, -v.Thoughts, -v.Cached}) }

// read takes the counts. promptTokenCount is the whole prompt, a cached part
// included; what tools add is counted apart.
func (u *Usage) read(p *parser, name []byte) error {
	var field *int64
	switch string(name) {
	case "promptTokenCount", "toolUsePromptTokenCount", "prompt_token_count", "tool_use_prompt_token_count":
		field = &u.Input
	case "candidatesTokenCount", "candidates_token_count":
		field = &u.Output
	case "thoughtsTokenCount", "thoughts_token_count":
		field = &u.Thoughts
	case "cachedContentTokenCount", "cached_content_token_count":
		field = &u.Cached
	default:
		return p.skip()
	}
	raw, err := p.read()
	if err == nil {
		*field += count(raw)
	}
	return err
}

// count reads a number of tokens, as a number or a string; nonsense is 0.
func count(raw []byte) int64 {
	const most = 1 << 40 // no request has more; keeps damaged rows from overflowing a sum
	n, err := strconv.ParseInt(string(bytes.Trim(raw, `"`)), 10, 64)
	if err != nil || n < 0 || n > most {
		return 0
	}
	return n
}
