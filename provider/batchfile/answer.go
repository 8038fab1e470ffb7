package batchfile

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// answer is what a line of answers was found to hold. Its slices are parts of
// the line.
type answer struct {
	key      []byte // unquoted
	response bool   // is there and an object
	failed   bool   // there is an error, or no response
	silent   bool   // there is neither
	code     int    // google.rpc code of the error, 2 (unknown) when it has none
	message  []byte // raw, of the error
	prompt   []byte // raw value of promptFeedback.blockReason
	found    int    // candidates
	// Of the first candidate:
	finish []byte   // raw value of its finishReason
	texts  [][]byte // raw texts that are not empty, thoughts left out
	other  bool     // it has a part that is no text
	model  []byte   // raw value of modelVersion
	usage  Usage
}

// absent tells that the line is the one that stands in a result for a key that
// the service left out.
func (a *answer) absent() bool {
	return a.code == codeNotFound && !a.response && len(a.message) == len(noAnswer)+len(`""`) && string(a.message[1:len(a.message)-1]) == noAnswer
}

// answerReader reads lines of answers. It is lenient about what the service
// wrote inside a response, since the row was paid for: it asks only for one
// JSON object in UTF-8 with one key and none of its own members doubled. Inside
// a response the last of two members with one name counts.
type answerReader struct {
	parser parser
	answer answer
	key    []byte
	texts  [][]byte
}

func newAnswerReader() *answerReader { return &answerReader{parser: lenientParser()} }

// lenientParser reads what somebody else wrote: doubled names and lone
// surrogates in escapes are let pass. Bytes that are no UTF-8 are, too; that is
// checked apart.
func lenientParser() parser {
	return parser{options: []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}}
}

// read tells whether the line is an answer with a key; the answer is valid
// until the next read.
func (r *answerReader) read(l line) (*answer, bool) {
	a, p := &r.answer, &r.parser
	if l.tooLong {
		*a = answer{texts: r.texts[:0]}
		return a, false
	}
	p.resetChecked(l.bytes)
	ok := r.readObject()
	if !ok && utf8.Valid(l.bytes) {
		p.reset(l.bytes)
		ok = r.readObject()
	}
	return a, ok && len(a.key) > 0
}

// readObject reads the line that the parser stands on.
func (r *answerReader) readObject() bool {
	a, p := &r.answer, &r.parser
	*a = answer{texts: r.texts[:0]}
	if p.peek() != '{' {
		return false
	}
	err := r.readLine()
	if err == nil {
		err = p.end()
	}
	r.texts = a.texts[:0]
	if !a.response && !a.failed {
		a.fail(status{})
		a.silent = true
	}
	return err == nil
}

func (r *answerReader) readLine() error {
	a, p := &r.answer, &r.parser
	var bare status // {"key":…,"code":…,"message":…}
	seen := 0
	err := p.members(func(name []byte) (err error) {
		bit := 0
		switch string(name) {
		case "key":
			bit = 1
		case "response":
			bit = 2
		case "error":
			bit = 4
		case "status":
			bit = 8
		case "code", "message":
			return bare.read(p, name)
		default:
			return p.skip()
		}
		if seen&bit != 0 {
			return jsontext.ErrDuplicateName
		}
		seen |= bit
		switch bit {
		case 1:
			a.key, _, err = p.key(r.key[:0])
			r.key = a.key
			return err
		case 2:
			return a.readResponse(p)
		}
		return a.readStatus(p)
	})
	if bare.code != 0 {
		a.fail(bare)
	}
	return err
}

// The service writes camelCase; the members are read in both spellings, as
// JSON for protocol buffers is.

func (a *answer) readResponse(p *parser) error {
	if p.peek() != '{' {
		return p.skip()
	}
	a.response = true
	return p.members(func(name []byte) error {
		switch string(name) {
		case "candidates":
			return a.readCandidates(p)
		case "promptFeedback", "prompt_feedback":
			a.prompt = nil
			return p.object(a.readFeedback)
		case "usageMetadata", "usage_metadata":
			a.usage = Usage{}
			return p.object(a.usage.read)
		case "modelVersion", "model_version":
			var err error
			a.model, err = p.value()
			return err
		}
		return p.skip()
	})
}

func (a *answer) readFeedback(p *parser, name []byte) (err error) {
	if s := string(name); s != "blockReason" && s != "block_reason" {
		return p.skip()
	}
	a.prompt, err = p.value()
	return err
}

func (a *answer) readCandidates(p *parser) error {
	a.found, a.finish, a.texts, a.other = 0, nil, a.texts[:0], false
	if p.peek() != '[' {
		return p.skip()
	}
	return p.elements(func() error {
		if a.found++; a.found > 1 {
			return p.skip()
		}
		return p.object(a.readCandidate)
	})
}

func (a *answer) readCandidate(p *parser, name []byte) (err error) {
	switch string(name) {
	case "content":
		a.texts, a.other = a.texts[:0], false
		return p.object(a.readContent)
	case "finishReason", "finish_reason":
		a.finish, err = p.value()
		return err
	}
	return p.skip()
}

func (a *answer) readContent(p *parser, name []byte) error {
	if string(name) != "parts" {
		return p.skip()
	}
	a.texts, a.other = a.texts[:0], false
	if p.peek() != '[' {
		return p.skip()
	}
	return p.elements(func() error { return a.readPart(p) })
}

// readPart takes the text of a part that is no thought, and notes any other
// content: what is not known to be about the part is taken for content, so that
// an answer of a kind to come is not called empty.
func (a *answer) readPart(p *parser) error {
	var text []byte
	var thought, other bool
	err := p.object(func(p *parser, name []byte) error {
		kind := p.peek()
		raw, err := p.value()
		switch string(name) {
		case "text":
			if text = raw; kind != '"' {
				text = nil
			}
		case "thought":
			thought = kind == 't'
		case "thoughtSignature", "thought_signature", "videoMetadata", "video_metadata", "partMetadata", "part_metadata",
			"mediaResolution", "media_resolution", "mediaProcessing", "media_processing", "speechMetadata", "speech_metadata":
		default:
			other = other || kind != 'n'
		}
		return err
	})
	if thought {
		return err
	}
	if len(text) > len(`""`) {
		a.texts = append(a.texts, text)
	}
	a.other = a.other || other
	return err
}

// blank tells that the answer has no text but white space.
func (a *answer) blank() bool {
	for _, raw := range a.texts {
		text := raw[1 : len(raw)-1]
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == ' ':
			case c == '\\' && (text[i+1] == 'n' || text[i+1] == 'r' || text[i+1] == 't'):
				i++
			default:
				return false
			}
		}
	}
	return true
}

// appendText appends the text of the answer to dst.
func (a *answer) appendText(dst []byte) []byte {
	for _, raw := range a.texts {
		dst = appendUnescaped(dst, raw)
	}
	return dst
}

// word returns the word that a raw value holds, as it stands; nothing for null.
func word(raw []byte) []byte {
	if len(raw) >= 2 && raw[0] == '"' {
		return raw[1 : len(raw)-1]
	}
	if string(raw) == "null" {
		return nil
	}
	return raw
}
