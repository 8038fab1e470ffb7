package batchfile

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// form is what a request asks of its answer; nil asks for nothing.
type form struct {
	json   bool
	schema *Schema
	enum   [][]byte // the text is one of these
}

// checkEnum makes sure that a text is one of the values, with white space around
// it at most.
func (f *form) checkEnum(text []byte) finding {
	text = bytes.Trim(text, " \t\r\n")
	for _, v := range f.enum {
		if bytes.Equal(v, text) {
			return finding{}
		}
	}
	return finding{fault: noChoice, n: len(f.enum)}
}

const (
	// maxSchemas and maxSchemaBytes bound what is kept of the schemas in the
	// requests of one source. Of requests with further ones JSON alone is asked.
	maxSchemas     = 1000
	maxSchemaBytes = 8 << 20
)

// forms are those that the requests of a source ask for. Requests that ask in
// the same words share one.
type forms struct {
	ids   map[[2]uint64]uint16
	list  []*form // list[0] is nil: nothing is asked
	bytes int
	hash  func([]byte) [2]uint64
	plain uint16 // the number of the form that asks for JSON alone, once it is there
	text  []byte
}

func newForms(hash func([]byte) [2]uint64) *forms {
	return &forms{ids: map[[2]uint64]uint16{}, list: []*form{nil}, hash: hash}
}

// asked is what generation_config says of the answer, as raw values.
type asked struct{ mime, schema, jsonSchema []byte }

func (q *asked) read(p *parser, name []byte) (err error) {
	switch string(name) {
	case "responseMimeType", "response_mime_type":
		q.mime, err = p.value()
	case "responseSchema", "response_schema":
		q.schema, err = p.value()
	case "responseJsonSchema", "response_json_schema":
		q.jsonSchema, err = p.value()
	default:
		err = p.skip()
	}
	return err
}

// number returns the form that a request asks for.
func (s *forms) number(q *asked) uint16 {
	schema := len(q.schema) > 0 && q.schema[0] == '{'
	jsonSchema := len(q.jsonSchema) > 0 && (q.jsonSchema[0] == '{' || q.jsonSchema[0] == 't' || q.jsonSchema[0] == 'f')
	mime := strings.ToLower(string(word(q.mime)))
	enum := mime == "text/x.enum"
	switch {
	case mime == "text/plain", enum && !schema && !jsonSchema, mime != "application/json" && !schema && !jsonSchema:
		return 0
	case !schema && !jsonSchema:
		return s.alone()
	}
	// The words of the request are what tells two forms apart. A line feed can
	// only be white space in them.
	s.text = append(append(append(s.text[:0], mime...), '\n'), q.jsonSchema...)
	if !jsonSchema {
		s.text = append(append(s.text, '\n'), q.schema...)
	}
	hash := s.hash(s.text)
	if n, ok := s.ids[hash]; ok {
		return n
	}
	if len(s.ids) == maxSchemas || s.bytes+len(s.text) > maxSchemaBytes {
		if enum {
			return 0
		}
		return s.alone()
	}
	s.bytes += len(s.text)
	text := q.jsonSchema
	if !jsonSchema {
		text = fromOpenAPI(q.schema)
	}
	n := s.add(text, enum)
	s.ids[hash] = n
	return n
}

func (s *forms) alone() uint16 {
	if s.plain == 0 {
		s.list = append(s.list, &form{json: true})
		s.plain = uint16(len(s.list) - 1)
	}
	return s.plain
}

// add keeps a new form. A schema that does not compile is not held against the
// answers: the service took it.
func (s *forms) add(schema []byte, enum bool) uint16 {
	f := &form{json: !enum}
	if enum {
		if f.enum = choices(schema); f.enum == nil {
			return 0
		}
	} else if compiled, err := CompileSchema("of the request", schema); err == nil {
		f.schema = compiled
	} else {
		return s.alone()
	}
	s.list = append(s.list, f)
	return uint16(len(s.list) - 1)
}

// choices are the strings under "enum" in a schema, nil when there are none.
func choices(schema []byte) (list [][]byte) {
	p := lenientParser()
	p.reset(schema)
	_ = p.object(func(p *parser, name []byte) error {
		if string(name) != "enum" || p.dec.PeekKind() != '[' {
			return p.skip()
		}
		return p.elements(func() error {
			raw, err := p.value()
			if err == nil && raw[0] == '"' {
				text, _ := jsontext.AppendUnquote(nil, raw)
				list = append(list, text)
			}
			return err
		})
	})
	return list
}
