package batchfile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Override changes the requests of a subset; its zero value changes nothing.
type Override struct {
	// GenerationConfig is the text of a JSON object. Its members replace those of
	// each request's generation_config that have the same name in either
	// spelling, nested objects as a whole; others are added at its end. Where a
	// request has none it gets one.
	GenerationConfig []byte
}

// merge is an override that was read. It is for one goroutine.
type merge struct {
	members []member
	parser  parser
	edits   []edit
	text    []byte // of the line that was changed last
}

// member is one of an override.
type member struct {
	flat  string // its name in any spelling
	name  []byte // as it is written, in quotes
	value []byte
}

// edit puts a text in the place of a part of a line.
type edit struct {
	from, to int
	text     []byte
}

func (o Override) read() (*merge, error) {
	m := &merge{parser: lenientParser()}
	if len(o.GenerationConfig) == 0 {
		return m, nil
	}
	var p parser
	p.reset(o.GenerationConfig)
	if kind := p.dec.PeekKind(); kind != '{' {
		return nil, errors.New("override of generation_config: expected a JSON object")
	}
	err := p.members(func(name []byte) error {
		add := member{flat: flat(string(name))}
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return err
		}
		add.name = quoted
		raw, err := p.value()
		if err != nil {
			return err
		}
		value := jsontext.Value(slices.Clone(raw))
		if err := value.Compact(); err != nil { // a line must stay one line
			return err
		}
		add.value = value
		if slices.ContainsFunc(m.members, func(old member) bool { return old.flat == add.flat }) {
			return fmt.Errorf("%s is there in two spellings", quote(name))
		}
		m.members = append(m.members, add)
		return nil
	})
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, fmt.Errorf("override of generation_config: %w", err)
	}
	return m, nil
}

// apply returns the line with the override in its request; it is valid until
// the next call.
func (m *merge) apply(line []byte) ([]byte, error) {
	if len(m.members) == 0 {
		return line, nil
	}
	m.edits = m.edits[:0]
	p := &m.parser
	p.reset(line)
	err := p.object(func(p *parser, name []byte) error {
		if string(name) != "request" || p.dec.PeekKind() != '{' {
			return p.skip()
		}
		return m.inRequest(p)
	})
	if err != nil {
		return nil, err
	}
	m.text = m.text[:0]
	from := 0
	for _, e := range m.edits {
		m.text = append(append(m.text, line[from:e.from]...), e.text...)
		from = e.to
	}
	m.text = append(m.text, line[from:]...)
	return m.text, nil
}

func (m *merge) inRequest(p *parser) error {
	members, found := 0, false
	err := p.members(func(name []byte) error {
		members++
		if s := string(name); s != "generation_config" && s != "generationConfig" {
			return p.skip()
		}
		found = true
		if p.dec.PeekKind() == '{' {
			return m.inConfig(p)
		}
		raw, err := p.value()
		m.replace(p, len(raw), append(m.all([]byte{'{'}, nil), '}'))
		return err
	})
	if err == nil && !found {
		m.insert(p, members, append(m.all([]byte(`"generation_config":{`), nil), '}'))
	}
	return err
}

func (m *merge) inConfig(p *parser) error {
	members := 0
	var replaced []string
	err := p.members(func(name []byte) error {
		members++
		i := slices.IndexFunc(m.members, func(o member) bool { return o.flat == flat(string(name)) })
		raw, err := p.value()
		if err == nil && i >= 0 {
			replaced = append(replaced, m.members[i].flat)
			m.replace(p, len(raw), m.members[i].value)
		}
		return err
	})
	if rest := m.all(nil, replaced); err == nil && len(rest) > 0 {
		m.insert(p, members, rest)
	}
	return err
}

// all appends the members of the override, but for those that are left out.
func (m *merge) all(dst []byte, but []string) []byte {
	first := true
	for _, o := range m.members {
		if slices.Contains(but, o.flat) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, o.name...), ':'), o.value...)
	}
	return dst
}

// replace puts a text in the place of the value of that size that was read last.
func (m *merge) replace(p *parser, size int, text []byte) {
	end := int(p.dec.InputOffset())
	m.edits = append(m.edits, edit{end - size, end, text})
}

// insert adds members to the end of the object that was read last.
func (m *merge) insert(p *parser, members int, text []byte) {
	end := int(p.dec.InputOffset()) - len("}")
	if members > 0 {
		text = append([]byte{','}, text...)
	}
	m.edits = append(m.edits, edit{end, end, text})
}
