package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTokenRoundTrip(t *testing.T) {
	for _, a := range []Address{{"r", 0}, {"r", 1}, {"refinement", 204}, {"a-b_C9", 999_999_999}} {
		for _, attempt := range []int{1, 2, 41} {
			want := NewToken(ours6, a, attempt, contentA, "gemini-2.5-flash")
			for _, user := range []string{"", "plain", "with [brackets] in it", "ends in ]", "[0.1.2.3]", "日本語", strings.Repeat("x", 2000)} {
				name := JobDisplayName(user, want)
				got, ok := ParseToken(name)
				if !ok || got != want {
					t.Errorf("ParseToken(%q) = %+v, %t; want %+v", name, got, ok, want)
				}
			}
		}
	}
}

// TestContentSum pins the sum, which stands in names at the service: jobs made
// by one version must be found by the next.
func TestContentSum(t *testing.T) {
	a := Address{Block: "refinement", Number: 72}
	sum := sha256.Sum256([]byte("batch.refinement[72]\n" + contentA + "\ngemini-2.5-flash"))
	if got, want := ContentSum(a, contentA, "gemini-2.5-flash"), hex.EncodeToString(sum[:])[:8]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := NewToken(ours6, a, 3, contentA, "gemini-2.5-flash").String(), "012345.72.3.f960029e"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	base := ContentSum(a, contentA, "m")
	for name, other := range map[string]string{
		"block":   ContentSum(Address{"other", 72}, contentA, "m"),
		"number":  ContentSum(Address{"refinement", 73}, contentA, "m"),
		"content": ContentSum(a, contentB, "m"),
		"model":   ContentSum(a, contentA, "n"),
	} {
		if other == base {
			t.Errorf("another %s gives the same sum", name)
		}
	}
}

func TestParseTokenRefuses(t *testing.T) {
	for _, name := range []string{
		"", "]", "[]", "plain", "x [012345.1.1.89abcdef", "012345.1.1.89abcdef]", "x [012345.1.1.89abcdef] ",
		"x [01234.1.1.89abcdef]", "x [0123456.1.1.89abcdef]", "x [01234g.1.1.89abcdef]", "x [01234A.1.1.89abcdef]",
		"x [012345.1.0.89abcdef]", "x [012345.-1.1.89abcdef]", "x [012345.1.+1.89abcdef]", "x [012345..1.89abcdef]",
		"x [012345.1.1.89abcde]", "x [012345.1.1.89ABCDEF]", "x [012345.1.1.1.89abcdef]", "x [012345.1.89abcdef]",
		"x [012345.01.1.89abcdef]", "x [012345.1.01.89abcdef]", "x [012345.99999999999999999999.1.89abcdef]",
	} {
		if got, ok := ParseToken(name); ok || got != (Token{}) {
			t.Errorf("ParseToken(%q) = %+v, %t", name, got, ok)
		}
	}
}

func TestJobDisplayName(t *testing.T) {
	tok := NewToken(ours6, subject, 1, contentA, "m1")
	tail := " [" + tok.String() + "]"
	tests := []struct{ name, user, want string }{
		{"plain", "refinement_batch_072", "refinement_batch_072"},
		{"empty", "", ""},
		{"control characters become spaces", "a\tb\nc\x00d\x7fe\u0085f", "a b c d e f"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"as long as may be", strings.Repeat("x", 400), strings.Repeat("x", 400)},
		{"one too long", strings.Repeat("x", 401), strings.Repeat("x", 400)},
		{"cut before a rune of two bytes", strings.Repeat("x", 399) + "éé", strings.Repeat("x", 399)},
		{"cut before a rune of three bytes", strings.Repeat("x", 398) + "日本", strings.Repeat("x", 398)},
		{"cut before a rune of four bytes", strings.Repeat("x", 397) + "😀", strings.Repeat("x", 397)},
		{"cut after a rune", strings.Repeat("é", 201), strings.Repeat("é", 200)},
		{"damaged bytes are as long as their replacement", strings.Repeat("x", 399) + "\xff", strings.Repeat("x", 399)},
	}
	for _, tt := range tests {
		if got := JobDisplayName(tt.user, tok); got != tt.want+tail {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want+tail)
		}
	}
	// The service takes 512 characters.
	longest := JobDisplayName(strings.Repeat("x", 1000), NewToken(ours6, Address{"r", 999_999_999}, 999_999_999, contentA, "m1"))
	if n := utf8.RuneCountInString(longest); n > 512 {
		t.Errorf("the longest display name has %d characters", n)
	}
}

func TestUploadNameRoundTrip(t *testing.T) {
	fits := regexp.MustCompile(`^files/[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`) // at most 40 characters, no dash at the ends
	for _, n := range []int{1, 9, 10, 4711, MaxUploads} {
		name := UploadName(contentA, ours6, n)
		if !fits.MatchString(name) {
			t.Errorf("the service does not take %q", name)
		}
		got, ok := ParseUploadName(name)
		if want := (ParsedUpload{Content: contentA[:24], Lineage: ours6, N: n}); !ok || got != want {
			t.Errorf("ParseUploadName(%q) = %+v, %t; want %+v", name, got, ok, want)
		}
	}
	if got, want := len(UploadName(contentA, ours6, MaxUploads)), len("files/")+40; got != want {
		t.Errorf("the longest name has %d characters, want %d", got, want)
	}
}

func TestParseUploadNameRefuses(t *testing.T) {
	good := UploadName(contentA, ours6, 7)
	if _, ok := ParseUploadName(good); !ok {
		t.Fatalf("ParseUploadName(%q) fails", good)
	}
	for _, name := range []string{
		"", "files/", "files/qp-", "files/abc-123", strings.TrimPrefix(good, "files/"), good + "-1", good + "00000", good + " ",
		strings.Replace(good, "-7", "-0", 1), strings.Replace(good, "-7", "-07", 1), strings.Replace(good, "-7", "-", 1),
		strings.Replace(good, "-7", "-x", 1), strings.Replace(good, ours6, "01234", 1), strings.Replace(good, ours6, "01234G", 1),
		strings.Replace(good, "aaaa", "AAAA", 1), strings.Replace(good, "aaaa", "aaa", 1), UploadName(contentA, ours6, MaxUploads+1),
	} {
		if got, ok := ParseUploadName(name); ok || got != (ParsedUpload{}) {
			t.Errorf("ParseUploadName(%q) = %+v, %t", name, got, ok)
		}
	}
}

func TestSelectors(t *testing.T) {
	tests := []struct {
		text    string
		want    Selector
		in, out []Address
	}{
		{"batch.r", Selector{Block: "r", Whole: true}, []Address{{"r", 0}, {"r", 7}}, []Address{{"q", 7}}},
		{"batch.r[7]", Selector{Block: "r", First: 7, Last: 7}, []Address{{"r", 7}}, []Address{{"r", 6}, {"r", 8}, {"q", 7}}},
		{"batch.r[007]", Selector{Block: "r", First: 7, Last: 7}, []Address{{"r", 7}}, nil},
		{"batch.r[0-3]", Selector{Block: "r", Last: 3}, []Address{{"r", 0}, {"r", 3}}, []Address{{"r", 4}}},
		{"batch.a-b_C9[72-80]", Selector{Block: "a-b_C9", First: 72, Last: 80}, []Address{{"a-b_C9", 80}}, []Address{{"a-b_C9", 81}}},
	}
	for _, tt := range tests {
		got, err := ParseSelector(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseSelector(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
		for _, a := range tt.in {
			if !got.Contains(a) {
				t.Errorf("%s leaves out %s", tt.text, a)
			}
		}
		for _, a := range tt.out {
			if got.Contains(a) {
				t.Errorf("%s takes %s in", tt.text, a)
			}
		}
	}
}

func TestSelectorErrors(t *testing.T) {
	tests := []struct{ text, why string }{
		{"", `does not start with "batch."`},
		{"r[1]", `does not start with "batch."`},
		{"batch.", "the block's name"},
		{"batch.9r", "the block's name"},
		{"batch.é", "the block's name"},
		{"batch.r s", "the block's name"},
		{"batch.[1]", "the block's name"},
		{"batch.r[1", "closing bracket"},
		{"batch.r[1]x", "closing bracket"},
		{"batch.r[]", "a number is missing"},
		{"batch.r[1-]", "a number is missing"},
		{"batch.r[-1]", "a number is missing"},
		{"batch.r[x]", `"x" is not a number`},
		{"batch.r[1.5]", `"1.5" is not a number`},
		{"batch.r[3-2]", "ends before it starts"},
		{"batch.r[99999999999999999999]", "too large"},
	}
	for _, tt := range tests {
		_, err := ParseSelector(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.why) || !strings.Contains(err.Error(), "batch.NAME[72-80]") {
			t.Errorf("ParseSelector(%q): %v; want one that says %q and how it is written", tt.text, err, tt.why)
		}
	}
}

func TestAddressText(t *testing.T) {
	want := map[Address]int{{"r", 0}: 1, {"r", 12}: 2, {"a-b", 3}: 3}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); got != `{"batch.a-b[3]":3,"batch.r[0]":1,"batch.r[12]":2}` {
		t.Errorf("got %s", got)
	}
	var got map[Address]int
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"batch.r", "batch.r[1-2]", "batch.r[1-1]", "batch.r[01]", "r[1]", ""} {
		a := Address{"before", 1}
		if err := a.UnmarshalText([]byte(bad)); err == nil || a != (Address{"before", 1}) {
			t.Errorf("UnmarshalText(%q): %v, %s", bad, err, a)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("refinement_072 [012345.72.1.89abcdef]")
	f.Add("[fedcba.0.3.00000000]")
	f.Add("[[012345.1.1.89abcdef]]")
	f.Add("x [012345.01.1.89abcdef]")
	f.Fuzz(func(t *testing.T, name string) {
		tok, ok := ParseToken(name)
		if !ok {
			if tok != (Token{}) {
				t.Fatalf("%q: refused with %+v", name, tok)
			}
			return
		}
		if !strings.HasSuffix(name, "["+tok.String()+"]") {
			t.Fatalf("%q is read as %s", name, tok)
		}
		if again, ok := ParseToken(JobDisplayName(name, tok)); !ok || again != tok {
			t.Fatalf("%+v comes back as %+v, %t", tok, again, ok)
		}
	})
}

func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{"batch.r", "batch.r[1]", "batch.r[007]", "batch.r[1-2]", "batch.r[5-5]", "batch.a-b_C9[72-80]", "batch.r[", "batch.r[3-2]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelector(text)
		if err != nil {
			return
		}
		if again, err := ParseSelector(s.String()); err != nil || again != s {
			t.Fatalf("%q: %+v comes back as %+v, %v", text, s, again, err)
		}
		var a Address
		if err := a.UnmarshalText([]byte(text)); err == nil && a.String() != text {
			t.Fatalf("the address %q comes back as %s", text, a)
		}
	})
}

func FuzzParseUploadName(f *testing.F) {
	f.Add(UploadName(contentA, ours6, 1))
	f.Add(UploadName(contentB, theirs6, MaxUploads))
	f.Add("files/qp-0123456789abcdef01234567-012345-007")
	f.Add("files/abc-123")
	f.Fuzz(func(t *testing.T, name string) {
		p, ok := ParseUploadName(name)
		if !ok {
			return
		}
		if got := UploadName(p.Content, p.Lineage, p.N); got != name {
			t.Fatalf("%q comes back as %q", name, got)
		}
	})
}
