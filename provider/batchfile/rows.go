package batchfile

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Row is a good row. It is valid during the call that hands it out.
type Row struct {
	answer  *answer
	text    []byte
	parser  parser
	checked bool // text was looked at
	json    bool // and is JSON
}

// Key is the row's key.
func (r *Row) Key() string { return string(r.answer.key) }

// Text is the text of the answer: that of the first candidate, its parts
// joined, thoughts left out.
func (r *Row) Text() string { return string(r.text) }

// FinishReason is why the answer ended, "" when it does not say.
func (r *Row) FinishReason() string { return string(word(r.answer.finish)) }

// Model is the model that the service names, "" when it names none.
func (r *Row) Model() string { return strings.TrimPrefix(string(word(r.answer.model)), "models/") }

// Usage is what the service counted for the row.
func (r *Row) Usage() Usage { return r.answer.usage }

// Member finds one value in an answer that is JSON, and returns it as JSON
// text. path is a JSON pointer ("/answers/0/text"), or names joined by dots
// ("answers.0.text"); "" is the whole. It is false where there is no such value,
// or no JSON.
func (r *Row) Member(path string) ([]byte, bool) {
	p := &r.parser
	if !r.checked {
		p.reset(r.text)
		r.checked, r.json = true, p.skip() == nil && p.end() == nil
	}
	if !r.json {
		return nil, false
	}
	value := bytes.Trim(r.text, " \t\r\n")
	for _, name := range steps(path) {
		p.reset(value)
		if value = p.find(name); value == nil {
			return nil, false
		}
	}
	return value, true
}

// steps splits a path into names.
func steps(path string) []string {
	switch {
	case path == "":
		return nil
	case path[0] != '/':
		return strings.Split(path, ".")
	}
	names := strings.Split(path[1:], "/")
	for i := range names {
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(names[i])
	}
	return names
}

// find returns the raw value of a member or an element of what comes next, nil
// when there is none. Of two members with one name the last one counts.
func (p *parser) find(name string) (found []byte) {
	take := func(it bool) error {
		raw, err := p.value()
		if it {
			found = raw
		}
		return err
	}
	switch p.dec.PeekKind() {
	case '{':
		_ = p.members(func(member []byte) error { return take(string(member) == name) })
	case '[':
		n := 0
		_ = p.elements(func() error {
			n++
			return take(strconv.Itoa(n-1) == name)
		})
	}
	return found
}

// Rows calls yield for each good row of a result, in its order. Rows are judged
// by the rules but for AsRequested, for which the requests are needed: see
// [Joiner.Rows]. Lines that are no answers are passed over. An error of yield
// ends it and is returned.
func Rows(ctx context.Context, result File, rules Rules, yield func(*Row) error) error {
	reader, judge := newAnswerReader(), newJudge(rules)
	row := Row{parser: lenientParser()}
	return eachLine(ctx, result, "the result", func(l line) error {
		a, ok := reader.read(l)
		if !ok {
			return nil
		}
		if class, _ := judge.judge(a, nil); class != Good {
			return nil
		}
		row.set(a)
		return yield(&row)
	})
}

// Rows calls yield for each good row, in the order of the source. An error of
// yield ends it and is returned.
func (j *Joiner) Rows(ctx context.Context, yield func(*Row) error) error {
	row := Row{parser: lenientParser()}
	for i := range j.keys.rows {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("read rows: %w", err)
			}
		}
		at := j.keys.at(i).value
		if at.class != Good {
			continue
		}
		a, err := j.answerAt(at)
		if err != nil {
			return err
		}
		row.set(a)
		if err := yield(&row); err != nil {
			return err
		}
	}
	return nil
}

func (r *Row) set(a *answer) {
	r.answer, r.text, r.checked = a, a.appendText(r.text[:0]), false
}
