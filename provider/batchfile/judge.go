package batchfile

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// judge finds what rows are under the rules. It is for one goroutine.
type judge struct {
	rules Rules
	json  bool // the rules ask for JSON
	// text is that of the answer judged last, where it was looked at.
	text   []byte
	parser parser
}

func newJudge(rules Rules) *judge {
	return &judge{rules: rules, json: rules.JSON || rules.Schema != nil || rules.KeyField != "", parser: lenientParser()}
}

// defaultFinish is how an answer ends by itself.
const defaultFinish = "STOP"

// policy tells whether a finish reason is one of those for which the service
// withholds an answer, or stops in the middle of one (Candidate.FinishReason,
// Gemini API reference).
func policy(finish []byte) bool {
	switch string(finish) {
	case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE",
		"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
		return true
	}
	return false
}

// unspecified tells that a word of the service says nothing: the zero values of
// its enums are called FINISH_REASON_UNSPECIFIED and the like.
func unspecified(word []byte) bool {
	return len(word) == 0 || bytes.HasSuffix(word, []byte("_UNSPECIFIED"))
}

// listed tells whether the rules take a finish reason for good.
func (g *judge) listed(finish []byte) bool {
	if g.rules.FinishReasons == nil {
		return string(finish) == defaultFinish
	}
	return slices.ContainsFunc(g.rules.FinishReasons, func(s string) bool { return s == string(finish) })
}

// judge finds the class of an answer, and why.
func (g *judge) judge(a *answer, f *form) (Class, finding) {
	finish := word(a.finish)
	listed := unspecified(finish) || g.listed(finish)
	switch {
	case a.absent():
		return Missing, finding{fault: noLine}
	case a.failed:
		return Failed, finding{fault: anError}
	case !unspecified(word(a.prompt)):
		return Blocked, finding{fault: promptBlocked}
	case a.found == 0:
		return Blocked, finding{fault: noCandidates}
	case !listed && policy(finish):
		return Blocked, finding{fault: stopped}
	case !listed && string(finish) == "MAX_TOKENS":
		return Truncated, finding{fault: cutOff}
	case !a.other && a.blank():
		return Empty, finding{fault: noText}
	case !listed:
		return Invalid, finding{fault: otherFinish}
	}
	if v := g.check(a, f); v.fault != 0 {
		return Invalid, v
	}
	return Good, finding{}
}

// check looks at the content of an answer.
func (g *judge) check(a *answer, f *form) finding {
	if g.rules.MinChars > 0 {
		n := 0
		for _, raw := range a.texts {
			k, _ := characters(raw)
			n += k
		}
		if n < g.rules.MinChars {
			return finding{fault: tooShort, n: n}
		}
	}
	if a.other && a.blank() {
		f = nil // a call, or a picture: the request asks nothing of those
	}
	if !g.json && f == nil {
		return finding{}
	}
	g.text = a.appendText(g.text[:0])
	switch {
	case f != nil && f.enum != nil:
		if v := f.checkEnum(g.text); v.fault != 0 || !g.json {
			return v
		}
	case !g.json && !f.json:
		return finding{}
	}
	if v := g.checkJSON(a.key); v.fault != 0 {
		return v
	}
	var schemas [2]*Schema // by origin
	schemas[ofRules] = g.rules.Schema
	if f != nil {
		schemas[ofRequest] = f.schema
	}
	return g.fits(schemas)
}

// checkJSON makes sure that the text is one JSON value, and that it has the key
// where the rules want it.
func (g *judge) checkJSON(key []byte) finding {
	p := &g.parser
	p.reset(g.text)
	held := keyAbsent
	var err error
	switch {
	case g.rules.KeyField == "":
		err = p.skip()
	case p.dec.PeekKind() != '{':
		held = noObject
		err = p.skip()
	default:
		err = p.members(func(name []byte) error {
			if string(name) != g.rules.KeyField {
				return p.skip()
			}
			raw, err := p.value()
			if err == nil {
				held = holds(raw, key)
			}
			return err
		})
	}
	switch {
	case err != nil:
		return g.notJSON(err)
	case len(p.rest()) > 0:
		return finding{fault: trailing, at: len(g.text) - len(p.rest()) + 1, n: len(g.text)}
	case g.rules.KeyField != "":
		return finding{fault: held}
	}
	return finding{}
}

// holds tells whether a JSON value is a key: a string, or a number that is
// written like it.
func holds(raw, key []byte) fault {
	switch raw[0] {
	case '"':
		if text, _ := unquote(nil, raw); !bytes.Equal(text, key) {
			return keyOther
		}
	case '{', '[', 't', 'f', 'n':
		return keyOther
	default:
		if !bytes.Equal(raw, key) {
			return keyOther
		}
	}
	return 0
}

// notJSON says where a text stops being JSON.
func (g *judge) notJSON(err error) finding {
	v := finding{fault: notJSON, n: len(g.text)}
	var syntax *jsontext.SyntacticError
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(g.text, " \t\r\n"), []byte("```")):
		v.fault = fenced
	case len(bytes.TrimLeft(g.text, " \t\r\n")) == 0:
		v.fault = noJSON
	case errors.Is(err, io.ErrUnexpectedEOF):
		v.fault = unfinished
	case errors.As(err, &syntax):
		v.at = int(syntax.ByteOffset) + 1
	}
	return v
}

// fits holds the text, which is JSON, against schemas.
func (g *judge) fits(schemas [2]*Schema) finding {
	var value any
	for of, s := range schemas {
		if s == nil {
			continue
		}
		if value == nil {
			g.parser.reset(g.text)
			value, _ = g.parser.decode() // it was read before
		}
		if err := s.compiled.Validate(value); err != nil {
			return finding{fault: unfit, of: origin(of), err: err}
		}
	}
	return finding{}
}
