package batchfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRows(t *testing.T) {
	say := func(key, text string) string { return strings.Replace(says(text), `"key":"a"`, `"key":"`+key+`"`, 1) }
	counted := `{"key":"b\u0020","response":{"candidates":[{"content":{"parts":[{"text":"1"},{"text":"no","thought":true},{"text":"2\n"}]}}],"usageMetadata":{"promptTokenCount":3,"thoughtsTokenCount":4}}}`
	result := text(say("a", "x"), counted, error1("c"), none("d"), say("e", ""))
	want := []string{
		`a "x" STOP {0 0 0 0}`,
		`b  "12\n"  {3 0 4 0}`,
	}
	var got []string
	show := func(r *Row) error {
		got = append(got, fmt.Sprintf("%s %q %s %v", r.Key(), r.Text(), r.FinishReason(), r.Usage()))
		return nil
	}
	if err := Rows(t.Context(), strings.NewReader("\n"+result+"junk\n"), Rules{}, show); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of a result (-want +got):\n%s", diff)
	}
	got = nil
	j := joinerOf(t, Rules{}, sourceOf("b ", "a", "c", "d", "e"), result)
	if err := j.Rows(t.Context(), show); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{want[1], want[0]}, got); diff != "" {
		t.Errorf("of a joiner (-want +got):\n%s", diff)
	}
	got = nil
	if err := Rows(t.Context(), strings.NewReader(result), Rules{MinChars: 2}, show); err != nil || len(got) != 1 {
		t.Errorf("by other rules: %v, %v", got, err)
	}
	stop := errors.New("enough")
	if err := Rows(t.Context(), strings.NewReader(result), Rules{}, func(*Row) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
	if err := j.Rows(t.Context(), func(*Row) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
}

func TestRowMember(t *testing.T) {
	const answer = ` {"a":{"b":[1,{"c":"x\u0041"},[]],"":null},"d.e":2,"f/g~":3,"dup":1,"dup":2,"\u0068":true} `
	tests := []struct {
		path, want string // "" for none
	}{
		{"", strings.TrimSpace(answer)},
		{"a.b", `[1,{"c":"x\u0041"},[]]`},
		{"a.b.0", `1`},
		{"a.b.1.c", `"x\u0041"`},
		{"/a/b/1/c", `"x\u0041"`},
		{"a.b.2", `[]`},
		{"a.b.3", ""},
		{"a.b.-1", ""},
		{"a.b.x", ""},
		{"a.b.2.0", ""},
		{"a.", `null`},
		{"/a/", `null`},
		{"d.e", ""},
		{"/d.e", `2`},
		{"/f~1g~0", `3`},
		{"dup", `2`},
		{"h", `true`},
		{"h.x", ""},
		{"nope", ""},
		{"/", ""},
	}
	if err := Rows(t.Context(), strings.NewReader(says(answer)), Rules{}, func(r *Row) error {
		for _, tt := range tests {
			got, found := r.Member(tt.path)
			if string(got) != tt.want || found != (tt.want != "") {
				t.Errorf("%q: got %s, %v; want %s", tt.path, got, found, tt.want)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"12 apples", "", "{} {}", `{"a":1`} {
		line := candidate(`"content":{"parts":[{"text":` + fmt.Sprintf("%q", text) + `},{"functionCall":{}}]}`)
		if err := Rows(t.Context(), strings.NewReader(line), Rules{}, func(r *Row) error {
			if got, found := r.Member(""); found {
				t.Errorf("%q: got %s", text, got)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}
