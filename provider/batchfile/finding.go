package batchfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// finding is what keeps a row from being good. It is made for each row that is
// judged, and put into words only where somebody asks.
type finding struct {
	fault fault
	of    origin
	at, n int   // place in the text, in bytes from 1, and a number of what was found
	err   error // of a schema
}

type fault uint8

const (
	noLine fault = 1 + iota
	anError
	promptBlocked
	noCandidates
	stopped
	cutOff
	noText
	otherFinish
	tooShort
	noJSON
	notJSON
	fenced
	unfinished
	trailing
	unfit
	noObject
	keyAbsent
	keyOther
	noChoice
)

// origin tells whose schema it is.
type origin uint8

const (
	ofRules origin = iota
	ofRequest
)

// maxReason bounds the service's own messages.
const maxReason = 300

// reason puts a finding about an answer into one short sentence. Nothing that
// the model wrote is in it, but for the names of members.
func (g *judge) reason(a *answer, v finding) string {
	switch v.fault {
	case noLine:
		return "no answer from the service"
	case anError:
		return a.errorText()
	case promptBlocked:
		return "the prompt was blocked: " + plain(word(a.prompt))
	case noCandidates:
		return "a response without candidates"
	case stopped:
		return "stopped by the service's policies: " + plain(word(a.finish))
	case cutOff:
		return "cut off at the limit of output tokens" + a.spent()
	case noText:
		return "no text" + a.ending() + a.spent()
	case otherFinish:
		return "finish reason " + plain(word(a.finish)) + ", expected " + g.expectedFinish()
	case tooShort:
		return fmt.Sprintf("%s, expected at least %d", plural(v.n, "character"), g.rules.MinChars)
	case noJSON:
		return "no text, expected JSON"
	case notJSON:
		return fmt.Sprintf("not JSON from byte %d of %d on", v.at, v.n)
	case fenced:
		return "JSON in a Markdown fence, expected JSON alone"
	case unfinished:
		return fmt.Sprintf("the JSON ends in the middle, after %s", plural(v.n, "byte"))
	case trailing:
		return fmt.Sprintf("something follows the JSON, from byte %d of %d on", v.at, v.n)
	case unfit:
		return v.misfitText()
	case noObject:
		return fmt.Sprintf("no JSON object, expected one whose %s holds the key", quote(g.rules.KeyField))
	case keyAbsent:
		return fmt.Sprintf("%s is missing, expected the key in it", quote(g.rules.KeyField))
	case keyOther:
		return fmt.Sprintf("%s holds something else than the key: perhaps this is the answer to another row", quote(g.rules.KeyField))
	case noChoice:
		return fmt.Sprintf("none of the %s that the request allows", plural(v.n, "value"))
	}
	return ""
}

func (g *judge) expectedFinish() string {
	switch want := g.rules.FinishReasons; {
	case want == nil:
		return defaultFinish
	case len(want) == 0:
		return "none"
	default:
		return strings.Join(want, " or ")
	}
}

// errorText is the service's own message of a row that failed.
func (a *answer) errorText() string {
	text, _ := jsontext.AppendUnquote(nil, a.message)
	if s := oneLine(string(text)); s != "" {
		return s
	}
	switch {
	case a.silent:
		return "neither a response nor an error"
	case a.code == codeUnknown:
		return "an error without code and message"
	}
	return fmt.Sprintf("an error with code %d and no message", a.code)
}

// ending says how an answer ended, where that is told.
func (a *answer) ending() string {
	finish := word(a.finish)
	if unspecified(finish) {
		return ""
	}
	return ", finish reason " + plain(finish)
}

// spent says what an answer used up.
func (a *answer) spent() string {
	switch u := a.usage; {
	case u.Output+u.Thoughts == 0:
		return ""
	case u.Thoughts == 0:
		return fmt.Sprintf(", after %s", plural(int(u.Output), "token"))
	default:
		return fmt.Sprintf(", after %s, %d of them for thoughts", plural(int(u.Output+u.Thoughts), "token"), u.Thoughts)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// plain shows a word of the service's enums.
func plain(word []byte) string {
	for _, c := range word {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return quote(word)
		}
	}
	return string(word)
}

// oneLine makes a message fit for a table: white space is one blank, control
// characters are left out, and it ends after maxReason bytes.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = strings.TrimRight(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return -1
		}
		return r
	}, s), ". ")
	if len(s) <= maxReason {
		return s
	}
	cut := maxReason - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// misfit is where a value does not fit a schema, and for which keyword.
type misfit struct{ at, keyword string }

func (v finding) misfitText() string {
	whose := "the schema"
	if v.of == ofRequest {
		whose = "the schema of its request"
	}
	var all *jsonschema.ValidationError
	if !errors.As(v.err, &all) {
		return "does not fit " + whose
	}
	m := firstMisfit(all)
	return fmt.Sprintf("does not fit %s at %s: %s", whose, m.at, m.keyword)
}

// firstMisfit finds the misfit that comes first by its place and keyword: the
// validator goes through members in no order.
func firstMisfit(e *jsonschema.ValidationError) misfit {
	switch e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		if len(e.Causes) > 0 {
			first := firstMisfit(e.Causes[0])
			for _, c := range e.Causes[1:] {
				if m := firstMisfit(c); m.at < first.at || m.at == first.at && m.keyword < first.keyword {
					first = m
				}
			}
			return first
		}
	}
	return misfit{pointer(e.InstanceLocation), keyword(e.ErrorKind)}
}

// keyword names the keyword of a schema that a value broke. Types and the names
// that the schema asks for say more; values stay out of it.
func keyword(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("type %s, expected %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Required:
		return "required " + quote(slices.Min(k.Missing))
	case *kind.Not:
		return "not"
	case *kind.RefCycle:
		return "$ref"
	case nil:
		return "schema"
	}
	if path := k.KeywordPath(); len(path) > 0 {
		return path[0]
	}
	return "false"
}

// pointer shows a JSON pointer.
func pointer(tokens []string) string {
	if len(tokens) == 0 {
		return "its top"
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escape.Replace(t))
	}
	return quote(b.String())
}
