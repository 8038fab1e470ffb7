package batchfile

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// request is what a line of a source was found to hold.
type request struct {
	key                                []byte // unquoted
	keyKind, requestKind, contentsKind jsontext.Kind
	keyColumn, requestColumn           int
	contentsColumn                     int
	meant                              bool          // under a name that is nearly "contents"
	contents                           int           // elements
	element                            jsontext.Kind // of the first content that is no object
	characters                         int
	maxOutput, candidates              int64 // of generation_config, 0 where it has none
	answer                             bool  // has a response or an error
	foreign                            string
	cached                             int    // column of the cached content
	fixed                              []byte // a member that a cache fixes
	notes                              []note
	scratch                            []byte
	words                              *words
}

// words are the names that are known; nil where nobody wants to know of others.
type words struct{ request, config *vocabulary }

func newWords() *words { return &words{newVocabulary(requestNames), newVocabulary(configNames)} }

// note is something that the service refuses, or passes over to the user's cost.
type note struct {
	column          int
	summary, detail string
}

func (q *request) note(column int, summary, detail string) {
	q.notes = append(q.notes, note{column, summary, detail})
}

// read walks a line. It stops at the first mistake in the JSON itself.
func (q *request) read(p *parser) error {
	*q = request{scratch: q.scratch[:0], notes: q.notes[:0], words: q.words}
	return p.members(func(name []byte) error {
		switch string(name) {
		case "key":
			return q.readKey(p)
		case "request":
			q.requestKind, q.requestColumn = p.peek(), p.column()
			if q.requestKind == '{' {
				return q.readRequest(p)
			}
		case "response", "error":
			q.answer = true
		case "custom_id", "id", "recordId":
			q.foreign = string(name)
		default:
			q.beside(p, name)
		}
		return p.skip()
	})
}

// beside notes what belongs into the request and stands next to it: the service
// passes it over without a word (python-genai #1608).
func (q *request) beside(p *parser, name []byte) {
	if q.words == nil || contains(ownNames, name) {
		return
	}
	where := `"request"`
	switch {
	case q.words.request.has(name):
	case q.words.config.has(name):
		where = `"generation_config" in "request"`
	default:
		return
	}
	q.note(p.nameColumn(name), quote(name)+` stands beside "request"`,
		"The service ignores it there, and answers as if it were not set. Move it into "+where+".")
}

func (q *request) readKey(p *parser) (err error) {
	q.keyKind, q.keyColumn = p.peek(), p.column()
	q.key, _, err = p.key(q.scratch[:0])
	q.scratch = q.key
	return err
}

func (q *request) readRequest(p *parser) error {
	err := p.members(func(name []byte) error {
		switch string(name) {
		case "contents":
			return q.readContents(p)
		case "systemInstruction", "system_instruction":
			return q.readInstruction(p, name)
		case "generationConfig", "generation_config":
			return q.readConfig(p, name)
		case "cachedContent", "cached_content":
			if p.peek() == '"' {
				q.cached = p.nameColumn(name)
			}
		case "tools", "toolConfig", "tool_config":
			q.fixes(p, name)
		default:
			q.inRequest(p, name)
		}
		return p.skip()
	})
	if q.cached > 0 && q.fixed != nil {
		q.note(q.cached, "cached content together with "+quote(q.fixed),
			"The service refuses that: a cache has a system instruction, tools and their config of its own. Make the cache with them, and leave them out of the request.")
	}
	return err
}

// fixes remembers a member that must not stand beside cached content
// (langchain-google #978, python-genai #348).
func (q *request) fixes(p *parser, name []byte) {
	if p.peek() != 'n' {
		q.fixed = name // a part of the line
	}
}

// inRequest notes members that a request does not have.
func (q *request) inRequest(p *parser, name []byte) {
	if q.words == nil || q.words.request.has(name) {
		return
	}
	column := p.nameColumn(name)
	if q.words.config.has(name) {
		// "no such field: 'thinking_config'" (inspect_ai #3257). Some others were let
		// pass; whether they were heeded is not told.
		q.note(column, quote(name)+` stands directly in "request"`,
			fmt.Sprintf(`The service refuses the file for it, or ignores it. Move it into "generation_config": "request":{…,"generation_config":{"%s":…}}.`, name))
		return
	}
	if near := q.words.request.meant(name); near != "" {
		q.meant = q.meant || near == "contents"
		q.note(column, `"request" has an unknown member `+quote(name), didYouMean(near))
	}
}

func didYouMean(near string) string {
	return fmt.Sprintf("Did you mean %q? The service refuses a file with unknown members.", near)
}

// readConfig looks at the names in generation_config.
func (q *request) readConfig(p *parser, name []byte) error {
	switch kind := p.peek(); kind {
	case '{':
		config := "generation_config"
		if len(name) < len(config) {
			config = "generationConfig"
		}
		return p.members(func(member []byte) error {
			q.inConfig(p, config, member)
			return q.readLimit(p, member)
		})
	case 'n':
	default:
		q.note(p.column(), quote(name)+" is "+kindName(kind)+", not an object",
			`Expected an object, such as {"temperature":0.2,"max_output_tokens":2048}.`)
	}
	return p.skip()
}

// inConfig notes members that generation_config does not have.
func (q *request) inConfig(p *parser, config string, name []byte) {
	if q.words == nil || q.words.config.has(name) {
		return
	}
	column := p.nameColumn(name)
	if q.words.request.has(name) && !contains(ownNames, name) {
		// "Unknown name "safetySettings" at 'generation_config': Cannot find field"
		// (gemini-cli-openai #62; langextract #532).
		q.note(column, quote(name)+" stands in "+quote(config),
			fmt.Sprintf(`The service refuses the file for it. Move it one level up: "request":{…,"%s":…}.`, name))
		return
	}
	if near := q.words.config.meant(name); near != "" {
		q.note(column, quote(config)+" has an unknown member "+quote(name), didYouMean(near))
	}
}

func (q *request) readContents(p *parser) error {
	q.contentsKind, q.contentsColumn = p.peek(), p.column()
	if q.contentsKind != '[' {
		return p.skip()
	}
	return p.elements(func() error {
		q.contents++
		if kind := p.peek(); kind != '{' {
			if q.element == 0 {
				q.element = kind
			}
			return p.skip()
		}
		return p.members(func(name []byte) error {
			switch string(name) {
			case "parts":
				return q.readParts(p, "")
			case "role":
				return q.readRole(p)
			}
			return p.skip()
		})
	})
}

// readRole notes roles that the service has not. It has refused each but "user"
// and "model" ("Please use a valid role: user, model.", one-api #1385, 2024,
// to CLIProxyAPI #2791, 2026-04). "function" and "tool" were taken by older
// models and are refused by newer ones (genkit #5780, 2026-07), so they pass.
func (q *request) readRole(p *parser) error {
	kind, column := p.peek(), p.column()
	raw, err := p.value()
	if err != nil || kind != '"' {
		return err
	}
	role, err := unquote(nil, raw)
	if err != nil {
		return err
	}
	switch string(role) {
	case "user", "model", "function", "tool", "":
		return nil
	}
	remedy := ""
	switch string(bytes.ToLower(role)) {
	case "user", "model", "function", "tool":
		return nil
	case "assistant":
		remedy = `What the model said has the role "model".`
	case "system", "developer":
		remedy = `Instructions belong into "system_instruction" in "request".`
	default:
		remedy = `Expected "user" for what is asked and "model" for what the model said.`
	}
	q.note(column, "role "+quote(role)+" is not one of the service's", "It answers such requests with an error. "+remedy)
	return nil
}

// readInstruction looks at a system instruction. Anything but an object is
// refused (inspect_ai #5100), and so is an empty text (ellmer,
// R/provider-google.R, 2026-05).
func (q *request) readInstruction(p *parser, name []byte) error {
	q.fixes(p, name)
	switch kind := p.peek(); kind {
	case '{':
		instruction := "system_instruction"
		if len(name) < len(instruction) {
			instruction = "systemInstruction"
		}
		return p.members(func(member []byte) error {
			if string(member) == "parts" {
				return q.readParts(p, instruction)
			}
			return p.skip()
		})
	case 'n':
	default:
		q.note(p.column(), quote(name)+" is "+kindName(kind)+", not an object", `The service refuses the file for it. Expected {"parts":[{"text":"…"}]}.`)
	}
	return p.skip()
}

// readParts counts the characters of the texts in [{"text":"…"}].
func (q *request) readParts(p *parser, instruction string) error {
	if p.peek() != '[' {
		return p.skip()
	}
	return p.elements(func() error {
		if p.peek() != '{' {
			return p.skip()
		}
		return p.members(func(name []byte) error {
			if string(name) != "text" || p.peek() != '"' {
				return p.skip()
			}
			column := p.column()
			raw, err := p.read()
			if err != nil {
				return err
			}
			n, nul := p.characters(raw)
			q.characters += n
			if nul >= 0 {
				// "unexpected \x00" (discuss.ai.google.dev 145070).
				q.note(column+nul, `\u0000 in a text`, "The service refuses NUL characters. Remove them: they often come from text that was read from a binary file.")
			}
			if n == 0 && instruction != "" {
				q.note(column, "the text of "+quote(instruction)+" is empty", "The service refuses the file for it. Write an instruction, or leave "+quote(instruction)+" out of the request.")
			}
			return nil
		})
	})
}
