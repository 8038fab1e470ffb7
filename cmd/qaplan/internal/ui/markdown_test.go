package ui

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
)

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestRenderPlanMarkdown(t *testing.T) {
	p := partialStory()
	p.Digest = someDigest
	p.Estimate.CostUSD = 4.1
	p.Forecast = &planner.Forecast{AtOnce: 5, Waves: 3, OverMin: 3600, OverMax: 7200, Limit: "the limit on active jobs"}
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Has(planner.ActionCreate) {
			c.Detail.CostUSD = 0.29
		}
	}
	golden(t, "plan.md", RenderPlanMarkdown(p, MarkdownView{Limit: MaxMarkdown}))
	golden(t, "plan_2000.md", RenderPlanMarkdown(p, MarkdownView{Name: "teams/a/qaplan.hcl", Limit: MinMarkdown}))
	golden(t, "plan_empty.md", RenderPlanMarkdown(&planner.Plan{Complete: true, Digest: someDigest, Summary: planner.Summary{Done: 3}}, MarkdownView{Limit: MaxMarkdown}))
	text := RenderPlanMarkdown(many(10_000), MarkdownView{Limit: MaxMarkdown})
	golden(t, "plan_10000.md", text)
	if len(text) > MaxMarkdown {
		t.Errorf("a plan of 10,000 batches takes %d bytes", len(text))
	}
}

// TestMarkdownOfManyHeld: where the rows of one part do not fit, neighbours are
// named together, and what comes after still has its place.
func TestMarkdownOfManyHeld(t *testing.T) {
	p := many(5000)
	for n := 10_001; n <= 15_000; n++ {
		a := addr("refinement", n)
		p.Held = append(p.Held, planner.Held{Address: a, Reason: planner.HoldMaybeBought, Job: "batches/m", Exit: planner.Exit(planner.HoldMaybeBought, a, "batches/m", "")})
	}
	for n := 20_002; n <= 24_000; n += 2 {
		a := addr("refinement", n)
		p.Failed = append(p.Failed, planner.Failed{Address: a, Reason: planner.FailRefused, Message: "no", Exit: planner.Exit(planner.FailRefused, a, "", "")})
	}
	text := RenderPlanMarkdown(p, MarkdownView{Limit: MaxMarkdown})
	for _, want := range []string{
		"Failed: 2,000 batches", "`batch.refinement[20002]`", "Held, for a person to decide: 5,000 batches", "`batch.refinement[10001-15000], 5,000 batches`",
		"To be bought: 2,000 batches", "`batch.refinement[1-5000]` 2,000 batches with gaps", "In progress: 1,000 batches",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there", want)
		}
	}
	if len(text) > MaxMarkdown || len(text) < MaxMarkdown/2 {
		t.Errorf("%d bytes", len(text))
	}
}

// outside makes words as somebody with bad intent, or bad luck, would.
type outside struct {
	*rand.Rand
	tame bool // harmless words in their place
	seen map[string]string
}

func (r *outside) word() string {
	pieces := []string{
		"@everyone", "@org/team", "#123", "GH-1", "|", "||", "\\|", "`", "```", "~~~", "<script>alert(1)</script>", "<!--", "-->", "</details>", "<img src=x>",
		"[a](http://evil.test)", "![a](b)", "http://evil.test", "www.evil.test", "me@evil.test", "\n", "\r\n", "\n\n# x\n", "\t", "\x00", "\x1b[31m", "\u202e", "\u2028",
		"$x$", "&amp;", "&#64;", "\\", "*", "__", "~~", "- ", "1. ", "> ", ":tada:", "\xff", "é", "日本語", "🎉", "a", "file name", "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
	}
	var b strings.Builder
	b.WriteString("w")
	for range 1 + r.IntN(5) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	if r.IntN(20) == 0 {
		b.WriteString(strings.Repeat("長い", r.IntN(400)))
	}
	s := b.String()
	if !r.tame {
		return s
	}
	if r.seen[s] == "" {
		r.seen[s] = fmt.Sprintf("word%d", len(r.seen))
	}
	return r.seen[s]
}

func (r *outside) maybe() string {
	if r.IntN(3) == 0 {
		return ""
	}
	return r.word()
}

func (r *outside) size() int {
	return []int{0, 1, 7, 1000, 123_456_789, math.MaxInt, -5}[r.IntN(7)]
}

func choose[T any](r *outside, from ...T) T { return from[r.IntN(len(from))] }

func (r *outside) address() planner.Address {
	return planner.Address{Block: choose(r, "qa", "refinement", "a__b-c", r.word()), Number: r.IntN(40)}
}

// anyPlan is some plan; it need not make sense.
func (r *outside) anyPlan() *planner.Plan {
	p := &planner.Plan{Applyable: r.IntN(4) > 0, Complete: r.IntN(2) == 0, Digest: choose(r, "", someDigest, r.word())}
	most := choose(r, 3, 20, 90)
	for range r.IntN(most) {
		c := planner.Change{Address: r.address(), Phase: planner.PhaseAbsent, Attempt: r.IntN(5),
			Reason: choose(r, planner.ReasonNotSubmitted, planner.ReasonRepair, planner.ReasonUploadExpired, planner.ReasonJobFound, planner.Reason(r.word())),
			Detail: planner.Detail{Model: r.maybe(), File: r.maybe(), Job: r.maybe(), Output: r.maybe(), From: r.maybe(), Again: r.IntN(3) == 0, Subset: r.IntN(3) == 0,
				Bytes: int64(r.size()), Rows: r.size(), Tokens: int64(r.size()), CostUSD: choose(r, 0, 0.001, 12.3, math.Inf(1), math.NaN())}}
		c.Block, c.Number = c.Address.Block, c.Address.Number
		for range 1 + r.IntN(3) {
			c.Actions = append(c.Actions, choose(r, planner.ActionAdopt, planner.ActionUpload, planner.ActionCreate, planner.ActionDownload, planner.ActionForget, planner.Action(r.word())))
		}
		if r.IntN(5) == 0 {
			c.Detail.Jobs = []string{r.word(), r.word()}
		}
		p.Changes = append(p.Changes, c)
	}
	for range r.IntN(most) {
		p.Waiting = append(p.Waiting, planner.Waiting{Address: r.address(), Job: r.maybe(), JobState: choose(r, "RUNNING", "UNKNOWN", r.word()), Since: choose(r, nil, &time.Time{})})
	}
	for range r.IntN(most) {
		p.Held = append(p.Held, planner.Held{Address: r.address(), Reason: choose(r, planner.HoldCancelled, planner.HoldMaybeBought, planner.Reason(r.word())), Exit: r.maybe(), Job: r.maybe(), Message: r.maybe()})
	}
	for range r.IntN(most) {
		p.Failed = append(p.Failed, planner.Failed{Address: r.address(), Reason: choose(r, planner.FailRefused, planner.Reason(r.word())), Exit: r.maybe(), Message: r.maybe()})
	}
	for range r.IntN(most) {
		pr := planner.Problem{Severity: choose(r, planner.SeverityWarning, planner.SeverityError, planner.Severity(r.word())), Code: r.word(), Summary: r.word()}
		if a := r.address(); r.IntN(2) == 0 {
			pr.Address = &a
		}
		p.Problems = append(p.Problems, pr)
	}
	if r.IntN(2) == 0 {
		p.Selection = &planner.Selection{}
		for range r.IntN(9) {
			a := r.address()
			p.Selection.Targets = append(p.Selection.Targets, planner.Selector{Block: a.Block, First: a.Number, Last: a.Number})
		}
	}
	p.Summary = planner.Summary{Upload: r.size(), Create: r.size(), Adopt: r.size(), Download: r.size(), Forget: r.size(), InProgress: r.size(), Done: r.size(), Failed: r.size(), Held: r.size()}
	p.Estimate = planner.Estimate{Requests: int64(r.size()), InputTokens: int64(r.size()), CostUSD: choose(r, 0, 0.001, 4.1, math.MaxFloat64, math.Inf(1), math.NaN()), Basis: r.maybe()}
	if r.IntN(2) == 0 {
		p.Forecast = &planner.Forecast{AtOnce: r.size(), Waves: r.size(), OverMin: int64(r.size()), OverMax: int64(r.size()), Limit: r.maybe(), Learned: true, Confidence: math.NaN()}
	}
	return p
}

// TestMarkdownFits: for any plan and any limit the page fits, is whole UTF-8,
// has its totals, and what is opened is closed.
func TestMarkdownFits(t *testing.T) {
	for seed := range uint64(150) {
		r := &outside{Rand: rand.New(rand.NewPCG(1, seed))}
		p := r.anyPlan()
		v := MarkdownView{Name: r.maybe(), Limit: choose(r, MinMarkdown, MinMarkdown+r.IntN(500), 3000+r.IntN(20_000), MaxMarkdown, 10_000_000)}
		text := RenderPlanMarkdown(p, v)
		checkPage(t, text, v.Limit)
		if !strings.Contains(text, "**"+PlanLine(p.Summary, p.Applyable)+"**\n") {
			t.Error("the totals are not there")
		}
		if t.Failed() {
			t.Fatalf("seed %d, limit %d:\n%.3000s", seed, v.Limit, text)
		}
	}
}

func checkPage(t *testing.T, text string, limit int) {
	t.Helper()
	if len(text) > limit {
		t.Errorf("%d bytes, and the limit is %d", len(text), limit)
	}
	if !utf8.ValidString(text) {
		t.Error("it is not UTF-8")
	}
	if !strings.HasPrefix(text, "<!-- qaplan:") || !strings.HasSuffix(text, "\n") {
		t.Error("the marker is not there, or the last line is cut")
	}
	if open, closed := strings.Count(outsideCode(text), "<details>"), strings.Count(outsideCode(text), "</details>"); open != closed {
		t.Errorf("%d details are opened and %d are closed", open, closed)
	}
	columns := 0
	for line := range strings.Lines(text) {
		switch bars := strings.Count(line, "|"); {
		case bars == 0:
			columns = 0
		case columns == 0:
			columns = bars
		case bars != columns:
			t.Errorf("a row of a table has %d bars, not %d: %s", bars, columns, line)
		}
	}
}

var codeSpan = regexp.MustCompile("`[^`\n]*`")

// outsideCode is a page without what stands in its code spans.
func outsideCode(text string) string { return codeSpan.ReplaceAllString(text, "`x`") }

// TestMarkdownIsOurs: whatever comes from outside stands in code spans. With
// other words the page is the same but for them.
func TestMarkdownIsOurs(t *testing.T) {
	page := func(seed uint64, tame bool) string {
		r := &outside{Rand: rand.New(rand.NewPCG(2, seed)), tame: tame, seen: map[string]string{}}
		p := r.anyPlan()
		p.Digest = someDigest
		p.Estimate.Basis, p.Forecast = "", nil
		return RenderPlanMarkdown(p, MarkdownView{Limit: 1 << 30})
	}
	for seed := range uint64(150) {
		wild, tame := outsideCode(page(seed, false)), outsideCode(page(seed, true))
		if wild != tame {
			t.Fatalf("seed %d (-tame +wild):\n%s", seed, cmp.Diff(strings.Split(tame, "\n"), strings.Split(wild, "\n")))
		}
	}
}

func TestInCode(t *testing.T) {
	tests := []struct {
		in   string
		room int
		want string
	}{
		{"", 9, ""},
		{"  ", 9, ""},
		{"plain", 9, "`plain`"},
		{"a`b``c", 99, "`a\\x60b\\x60\\x60c`"},
		{"a|b\\|c", 99, "`a\\x7cb\\\\x7cc`"},
		{"two\nlines", 99, "`two\\nlines`"},
		{"@org <b> [x](y)", 99, "`@org <b> [x](y)`"},
		{"bad\xff", 99, "`bad\\xff`"},
		{"日本語", 3, "`日本語`"},
		{"日本語", 2, "`日本…`"},
	}
	for _, tt := range tests {
		if got := inCode(tt.in, tt.room); got != tt.want {
			t.Errorf("inCode(%q, %d) = %s, want %s", tt.in, tt.room, got, tt.want)
		}
	}
	for in, want := range map[string]string{
		"": "", "qaplan.hcl": "qaplan.hcl", "a/b_c.hcl": "a/b_c.hcl", "--> <script>": "script", "a--b": "a-b", "日本": "", strings.Repeat("x", 500): strings.Repeat("x", 120),
	} {
		if got := inComment(in); got != want {
			t.Errorf("inComment(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzInCode: nothing gets out of a code span, or out of a comment.
func FuzzInCode(f *testing.F) {
	for _, s := range []string{"", "a`b", "a|b", "\\`", "\\", "`", "@x", "\n", "\xff", " a ", "-->", "日本語"} {
		f.Add(s, 4)
	}
	f.Fuzz(func(t *testing.T, s string, room int) {
		room = min(max(room, 1), 1000)
		got := inCode(s, room)
		if got != "" {
			inner := strings.TrimSuffix(strings.TrimPrefix(got, "`"), "`")
			if got != "`"+inner+"`" || inner == "" || strings.ContainsAny(inner, "`|\n\r") {
				t.Errorf("inCode(%q) = %q", s, got)
			}
			if strings.ContainsFunc(inner, unicode.IsControl) || !utf8.ValidString(inner) {
				t.Errorf("inCode(%q) = %q lets a control character or a broken one through", s, got)
			}
			if n := utf8.RuneCountInString(inner); n > 4*room+1 {
				t.Errorf("inCode(%q) has %d runes with room for %d", s, n, room)
			}
		}
		if c := inComment(s); strings.Contains(c, "--") || strings.ContainsAny(c, "<>!`\n ") || len(c) > 120 || strings.HasSuffix(c, "-") {
			t.Errorf("inComment(%q) = %q", s, c)
		}
	})
}

func TestRenderStateMarkdown(t *testing.T) {
	held := []planner.Held{{Address: addr("qa", 8), Reason: planner.HoldCancelled, Job: "batches/j", Exit: planner.Exit(planner.HoldCancelled, addr("qa", 8), "batches/j", "")}}
	st := &state.State{Lineage: strings.Repeat("0a", 16), Serial: 42}
	text := RenderStateMarkdown(st, items(), &planner.Plan{Held: held}, MarkdownView{Limit: MaxMarkdown})
	golden(t, "state.md", text)
	checkPage(t, text, MaxMarkdown)
	empty := RenderStateMarkdown(&state.State{}, nil, &planner.Plan{}, MarkdownView{Limit: MinMarkdown})
	checkPage(t, empty, MinMarkdown)
	if !strings.Contains(empty, "**No batches.**") {
		t.Errorf("an empty state is\n%s", empty)
	}
}
