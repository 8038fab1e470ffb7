package state

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
)

// fill gives each field, whatever its depth, a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 2, 28, 23, 59, 59, *n*1000, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	default:
		panic(fmt.Sprintf("a record has a field of kind %s", v.Kind()))
	}
}

// Every field that a record may have is read in the one pass: a new one that
// recordReader does not know would send every record the slow way.
func TestRecordReadsEveryField(t *testing.T) {
	var want planner.Record
	n := 0
	fill(reflect.ValueOf(&want).Elem(), &n)
	text, err := encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := new(recordReader).fast(text)
	if !ok {
		t.Fatalf("not read in one pass:\n%s", text)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// What stands in states is read in one pass, and as package json reads it.
func TestRecordReadsStates(t *testing.T) {
	for name, r := range map[string]*planner.Record{"done": done(7), "empty": {}, "uploaded": {Source: rec(1).Source, Upload: rec(1).Upload}} {
		r.Source.Path = "in/höchst.jsonl"
		text, err := encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := new(recordReader).fast(text); !ok || !cmp.Equal(got, r) {
			t.Errorf("%s: read in one pass: %t; %s", name, ok, cmp.Diff(r, got))
		}
	}
}

// A record keeps one copy of a text that it names often, and shares common words
// with those before it.
func TestRecordSharesTexts(t *testing.T) {
	text, err := encode(done(7))
	if err != nil {
		t.Fatal(err)
	}
	var d recordReader
	if _, err := d.decode(text); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() { d.decode(text) })
	const most = 2 // the record with its parts, and its texts
	if allocs > most {
		t.Errorf("%v allocations, want at most %v", allocs, most)
	}
}

// What encode does not write is left to package json, which refuses damage and
// takes other spellings.
func TestRecordLeavesTheRest(t *testing.T) {
	text, err := encode(done(7))
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) []byte {
		t.Helper()
		if !bytes.Contains(text, []byte(from)) {
			t.Fatalf("%s is not in %s", from, text)
		}
		return bytes.Replace(text, []byte(from), []byte(to), 1)
	}
	for _, data := range [][]byte{
		change(`"number":2`, `"number":2.0`),
		change(`"number":2`, `"number":01`),
		change(`"number":2`, `"number":2e0`),
		change(`"number":2`, `"number":-0`),
		change(`"number":2`, `"number":99999999999999999999`),
		change(`"number":2`, `"number":9223372036854775808`),
		change(`"number":2`, `"number": 1`),
		change(`"number":2`, `"number":null`),
		change(`"number":2`, `"number":2,"number":2`),
		change(`"number":2`, `"later":{},"number":2`),
		change(`"done":true`, `"done":false`),
		change(`"done":true`, `"done":truer`),
		change("submissions/", `submissions\/`),
		change("submissions/", "submissions/\x01"),
		change("submissions/", "submissions/\xff"),
		change("-11-23T", "-02-30T"),
		change("T10:", "T24:"),
		change(".123456789Z", ".1234567891Z"),
		change(".123456789Z", ".Z"),
		change(".123456789Z", "+01:00"),
		change(`"upload_n":1`, `"upload_n":1,"upload_n":1`),
		append(bytes.Clone(text), ' '), append(bytes.Clone(text), '}'), text[:len(text)-1],
		[]byte(`{"attempts":[]}`), []byte(`{,}`), []byte(`{"source":{}`), []byte(`{"source":{},}`),
	} {
		if r, ok := new(recordReader).fast(data); ok {
			t.Errorf("read in one pass: %s\nas %+v", data, r)
		}
	}
}

// Whatever is read in one pass, package json reads the same.
func FuzzRecord(f *testing.F) {
	for _, r := range []*planner.Record{done(7), rec(9), {}} {
		text, err := encode(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		f.Add(strings.ReplaceAll(string(text), "2026-11-23T10", "2024-02-29T23"))
	}
	f.Add(`{"source":{"path":"a","sha256":"b","bytes":-9223372036854775807,"rows":0}}`)
	f.Add(`{"attempts":[{"number":1,"sent":"0000-01-01T00:00:00Z"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := new(recordReader).fast([]byte(text))
		if !ok {
			return
		}
		want := new(planner.Record)
		if err := decode([]byte(text), want); err != nil {
			t.Fatalf("read in one pass, but: %v\n%s", err, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read otherwise (-json +one pass):\n%s\n%s", diff, text)
		}
	})
}

// A text is read in one pass only where no byte of it has to be looked at again,
// wherever in it that byte is.
func TestPlainTexts(t *testing.T) {
	for n := range 20 {
		text := bytes.Repeat([]byte("a"), n)
		if !plain(text) {
			t.Errorf("%q is plain", text)
		}
		for i := range text {
			for c := range 256 {
				text[i] = byte(c)
				if want := c >= ' ' && c != '\\' && c < 0x80; plain(text) && !want {
					t.Errorf("%q is not plain", text)
				} else if want && !plain(text) {
					t.Errorf("%q is plain", text)
				}
			}
			text[i] = 'a'
		}
	}
}
