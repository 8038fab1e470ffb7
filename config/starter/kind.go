package starter

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// Kind is what the first line of a file looks like.
type Kind string

const (
	Requests  Kind = "requests"   // {"key":…,"request":{…}}
	Unkeyed   Kind = "unkeyed"    // a request without a key
	Bare      Kind = "bare"       // {"contents":[…]}: a request without what goes around it
	OpenAI    Kind = "openai"     // a request of OpenAI's batch API
	Anthropic Kind = "anthropic"  // a request of Anthropic's batch API
	Answers   Kind = "answers"    // what a service answered
	Array     Kind = "array"      // one JSON list in place of lines
	OtherJSON Kind = "other_json" // data
	NoJSON    Kind = "no_json"
	Empty     Kind = "empty"
	Unread    Kind = "unread" // it cannot be read
)

// first is what the first line of a file tells.
type first struct {
	kind  Kind
	model string // that it names, "" for none
	bytes int64  // of the whole file
}

// lookAt reads the first line of a file.
func lookAt(path string) first {
	f, err := os.Open(path)
	if err != nil {
		return first{kind: Unread}
	}
	defer f.Close()
	is := classify(f)
	if info, err := f.Stat(); err == nil {
		is.bytes = info.Size()
	}
	return is
}

// brokenReader remembers what reading failed with: a decoder wraps it.
type brokenReader struct {
	r   io.Reader
	err error
}

func (b *brokenReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// members are the names in the outermost object of a line that tell kinds apart.
type members struct {
	key, request, answer, contents, custom, call, params bool
	outer, inner                                         string // models
}

// classify tells the kind of the line that a stream begins with. What is broken
// further on is not its business: validate names the place.
func classify(r io.Reader) first {
	source := &brokenReader{r: io.LimitReader(r, batchfile.MaxLine)}
	buffered := bufio.NewReader(source)
	if mark, _ := buffered.Peek(3); bytes.Equal(mark, []byte("\xEF\xBB\xBF")) {
		_, _ = buffered.Discard(len(mark))
	}
	dec := jsontext.NewDecoder(buffered, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch kind := dec.PeekKind(); {
	case kind == '[':
		return first{kind: Array}
	case kind != '{':
		_, err := dec.ReadToken()
		switch {
		case source.err != nil:
			return first{kind: Unread}
		case errors.Is(err, io.EOF):
			return first{kind: Empty}
		case err != nil:
			return first{kind: NoJSON}
		}
		return first{kind: OtherJSON}
	}
	var m members
	err := each(dec, m.read)
	if source.err != nil {
		return first{kind: Unread}
	}
	return m.judge(err == nil)
}

// each calls fn for each member of the object that comes next; fn must read its
// value.
func each(dec *jsontext.Decoder, fn func(dec *jsontext.Decoder, name string) error) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := fn(dec, name.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func (m *members) read(dec *jsontext.Decoder, name string) error {
	switch name {
	case "key":
		m.key = true
	case "request":
		m.request = dec.PeekKind() == '{'
		return each(dec, func(dec *jsontext.Decoder, name string) error {
			if name == "model" {
				return text(dec, &m.inner)
			}
			return dec.SkipValue()
		})
	case "response", "error", "result":
		m.answer = m.answer || dec.PeekKind() == '{'
	case "contents":
		m.contents = true
	case "custom_id":
		m.custom = true
	case "body", "url", "method":
		m.call = true
	case "params":
		m.params = true
	case "model":
		return text(dec, &m.outer)
	}
	return dec.SkipValue()
}

func text(dec *jsontext.Decoder, into *string) error {
	if dec.PeekKind() != '"' {
		return dec.SkipValue()
	}
	token, err := dec.ReadToken()
	if err == nil {
		*into = token.String()
	}
	return err
}

// judge tells the kind; whole is whether the object was read to its end.
func (m *members) judge(whole bool) first {
	switch {
	case m.answer:
		return first{kind: Answers}
	case m.key && m.request:
		model := m.inner
		if model == "" {
			model = m.outer
		}
		if name, complaint := config.ModelName(model); complaint == "" {
			return first{kind: Requests, model: name}
		}
		return first{kind: Requests}
	case m.request:
		return first{kind: Unkeyed}
	case m.contents:
		return first{kind: Bare}
	case m.custom && m.params:
		return first{kind: Anthropic}
	case m.custom && m.call:
		return first{kind: OpenAI}
	case !whole:
		return first{kind: NoJSON}
	}
	return first{kind: OtherJSON}
}
