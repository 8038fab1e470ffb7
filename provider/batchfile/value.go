package batchfile

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// decode reads the value that comes next as [encoding/json] would, numbers as
// json.Number: schemas compare them exactly. Of two members with one name the
// last one counts.
func (p *parser) decode() (any, error) {
	switch p.dec.PeekKind() {
	case '{':
		object := map[string]any{}
		err := p.members(func(name []byte) error {
			key := string(name)
			value, err := p.decode()
			object[key] = value
			return err
		})
		return object, err
	case '[':
		list := []any{}
		err := p.elements(func() error {
			value, err := p.decode()
			list = append(list, value)
			return err
		})
		return list, err
	}
	token, err := p.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '"':
		return token.String(), nil
	case '0':
		return exact(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

// exact is a number as it is written. One whose digits or exponent no sane
// answer has is brought near enough: it would cost the schema's exact arithmetic
// much time.
func exact(text string) json.Number {
	if len(text) < 100 && !strings.ContainsAny(text, "eE") {
		return json.Number(text)
	}
	f, _ := strconv.ParseFloat(text, 64)
	f = max(-math.MaxFloat64, min(math.MaxFloat64, f))
	return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
}
