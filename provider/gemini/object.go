package gemini

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object read tolerantly: a member of another type than
// expected counts as absent, so that one odd job does not hide the others.
type object map[string]any

func parseObject(b []byte) (object, bool) {
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var o object
	if err := dec.Decode(&o); err != nil || o == nil {
		return nil, false
	}
	return o, true
}

func (o object) string(name string) string {
	s, _ := o[name].(string)
	return s
}

func (o object) number(name string) string {
	n, _ := o[name].(json.Number)
	return n.String()
}

func (o object) bool(name string) bool {
	b, _ := o[name].(bool)
	return b
}

func (o object) object(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

func (o object) has(name string) bool {
	v, ok := o[name]
	return ok && v != nil
}

// int reads an int64 in either JSON form, a number or a string.
func (o object) int(name string) int64 {
	var s string
	switch v := o[name].(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (o object) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, o.string(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// objects gives the objects of an array, without its other elements.
func (o object) objects(name string) []object {
	list, _ := o[name].([]any)
	var out []object
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
