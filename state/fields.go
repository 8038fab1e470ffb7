package state

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"
)

// fields reads the compact JSON that encode writes, member by member in the order
// of writing, some of which may be absent. A method whose member does not come
// next does nothing. What encode would not have written fails, and is left to
// package json: a wrong reading is worse than a slow one. It takes half of that
// one's time and less of its memory.
type fields struct {
	rest   []byte
	failed bool
	begun  bool // the object that is being read has had a member
	// texts is what was read with text and same, and places where it belongs.
	texts  []byte
	places []excerpt
}

// excerpt is a field that gets a part of the texts.
type excerpt struct {
	to       *string
	from, by int
}

func (f *fields) begin(data []byte) {
	clear(f.places) // holds nothing of the value before
	*f = fields{rest: data, texts: f.texts[:0], places: f.places[:0]}
}

// end gives each field its text.
func (f *fields) end() {
	all := string(f.texts)
	for _, p := range f.places {
		*p.to = all[p.from:p.by]
	}
	clear(f.places)
}

// open begins an object.
func (f *fields) open() {
	f.eat('{')
	f.begun = false
}

// close ends it. The one around it goes on: it has had a member.
func (f *fields) close() {
	f.eat('}')
	f.begun = true
}

// element goes to the next element of a list, and reports whether there is one.
// The list ends itself.
func (f *fields) element(first bool) bool {
	switch {
	case f.failed || len(f.rest) == 0:
		f.failed = true
		return false
	case first:
		f.eat('[')
		return !f.failed // encode writes no empty list
	case f.rest[0] == ',':
		f.rest = f.rest[1:]
		return true
	}
	f.eat(']')
	f.begun = true
	return false
}

func (f *fields) eat(c byte) {
	if len(f.rest) == 0 || f.rest[0] != c {
		f.failed = true
		f.rest = nil
		return
	}
	f.rest = f.rest[1:]
}

// is reports whether the member of that name comes next, and steps to its value.
func (f *fields) is(name string) bool {
	b := f.rest
	if f.begun {
		if len(b) == 0 || b[0] != ',' {
			return false
		}
		b = b[1:]
	}
	n := len(name)
	if len(b) < n+3 || b[1] != name[0] || b[n+1] != '"' || b[n+2] != ':' || b[0] != '"' || string(b[1:n+1]) != name {
		return false
	}
	f.rest = b[n+3:]
	f.begun = true
	return true
}

// raw reads a text without escapes, as almost all are.
func (f *fields) raw() []byte {
	f.eat('"')
	end := bytes.IndexByte(f.rest, '"')
	if end < 0 {
		f.failed = true
		return nil
	}
	b := f.rest[:end]
	f.rest = f.rest[end+1:]
	if plain(b) {
		return b
	}
	for _, c := range b {
		if c < ' ' || c == '\\' {
			f.failed = true
			return nil
		}
	}
	if !utf8.Valid(b) {
		f.failed = true
	}
	return b
}

// plain reports whether all of b is ASCII that stands for itself in a JSON text,
// eight bytes at a time. It may say no where that is so.
func plain(b []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	odd := uint64(0)
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		y := x ^ '\\'*each
		// A byte that is too small, or that is 0 in y, borrows from its high bit.
		odd |= x | (x-' '*each)&^x | (y-each)&^y
	}
	for _, c := range b {
		if c < ' ' || c == '\\' {
			return false
		}
		odd |= uint64(c)
	}
	return odd&high == 0
}

func (f *fields) text(name string, to *string) {
	if f.is(name) {
		f.add(f.raw(), to)
	}
}

func (f *fields) add(b []byte, to *string) {
	from := len(f.texts)
	f.texts = append(f.texts, b...)
	f.places = append(f.places, excerpt{to, from, len(f.texts)})
}

// word reads a text that many records have in common. last is the one that was
// read before.
func (f *fields) word(name string, to, last *string) {
	if f.is(name) {
		if b := f.raw(); string(b) != *last {
			*last = string(b)
		}
		*to = *last
	}
}

// same reads a text that the record names more than once.
func (f *fields) same(name string, to *string) {
	if !f.is(name) {
		return
	}
	b := f.raw()
	for _, p := range f.places {
		if p.by-p.from == len(b) && string(b) == string(f.texts[p.from:p.by]) {
			f.places = append(f.places, excerpt{to, p.from, p.by})
			return
		}
	}
	f.add(b, to)
}

func (f *fields) flag(name string, to *bool) {
	if !f.is(name) {
		return
	}
	rest, ok := bytes.CutPrefix(f.rest, []byte("true")) // encode leaves false out
	f.rest, *to, f.failed = rest, ok, f.failed || !ok
}

func (f *fields) count(name string, to *int) {
	if f.is(name) {
		n := f.number()
		if *to = int(n); int64(*to) != n {
			f.failed = true
		}
	}
}

func (f *fields) integer(name string, to *int64) {
	if f.is(name) {
		*to = f.number()
	}
}

// number reads a whole number.
func (f *fields) number() int64 {
	b := f.rest
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	const most = 19 // digits, with which n cannot overflow
	n, i := uint64(0), 0
	for i < len(b) && i <= most && b[i]-'0' <= 9 {
		n = n*10 + uint64(b[i]-'0')
		i++
	}
	// Nothing stands behind a number but the next member or the end.
	if i == 0 || i > most || n > math.MaxInt64 || n == 0 && (i > 1 || negative) || n > 0 && b[0] == '0' || i == len(b) || b[i] != ',' && b[i] != '}' {
		f.failed = true
		return 0
	}
	f.rest = b[i:]
	if negative {
		return -int64(n)
	}
	return int64(n)
}

// time reads a time in UTC.
func (f *fields) time(name string, to *time.Time) {
	if !f.is(name) {
		return
	}
	b := f.raw()
	const layout = "2006-01-02T15:04:05"
	n := len(b) - 1
	if n < len(layout) || b[n] != 'Z' || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		f.failed = true
		return
	}
	year, month, day := f.digits(b[0:4]), f.digits(b[5:7]), f.digits(b[8:10])
	hour, minute, second := f.digits(b[11:13]), f.digits(b[14:16]), f.digits(b[17:19])
	nano := 0
	if n > len(layout) {
		part := b[len(layout)+1 : n]
		if b[len(layout)] != '.' || len(part) == 0 || len(part) > 9 {
			f.failed = true
			return
		}
		nano = f.digits(part)
		for range 9 - len(part) {
			nano *= 10
		}
	}
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		f.failed = true
		return
	}
	*to = time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	if day > 28 && to.Day() != day {
		f.failed = true // such as a 30 February
	}
}

func (f *fields) digits(b []byte) int {
	n := 0
	for _, c := range b {
		if c-'0' > 9 {
			f.failed = true
		}
		n = n*10 + int(c-'0')
	}
	return n
}
