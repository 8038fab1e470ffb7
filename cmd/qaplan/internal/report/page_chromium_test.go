//go:build chromium

package report

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// tab is a browser that notes everything which must not happen.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	troubles []string
}

// openTab starts a browser. It fails where there is none.
func openTab(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(3*time.Minute),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	b.do(call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}))
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	return b
}

func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// note keeps console messages, exceptions, dialogs and requests for anything but
// the page.
func (b *tab) note(event any) {
	trouble := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		trouble = "log: " + e.Entry.Text
	case *runtime.EventConsoleAPICalled:
		trouble = "console: " + string(e.Type)
	case *runtime.EventExceptionThrown:
		trouble = "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			trouble += " " + x.Description
		}
	case *page.EventJavascriptDialogOpening:
		trouble = "dialog: " + e.Message
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, "file:") && !strings.HasPrefix(u, "data:") {
			trouble = "request: " + u
		}
	}
	if trouble != "" {
		b.mu.Lock()
		b.troubles = append(b.troubles, trouble)
		b.mu.Unlock()
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to hold.
func (b *tab) until(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(5*time.Minute))); err != nil {
		b.t.Fatalf("wait for %s: %v", expression, err)
	}
}

// write puts a report on the disk and gives its address.
func write(t *testing.T, r *Report) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := HTML(f, r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return (&url.URL{Scheme: "file", Path: name}).String()
}

// look opens a page and waits until its charts are drawn.
func (b *tab) look(address string, width int64, media, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
		chromedp.Navigate(address))
	b.until(`[...document.querySelectorAll("[data-chart]")].every((c) => c.querySelector("svg[role=img]"))`)
}

func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.troubles) > 0 {
		b.t.Errorf("the page is not quiet: %q", b.troubles)
		b.troubles = nil
	}
}

// accessible lists what is wrong for those who do not see the page.
const accessible = `(() => {
  const out = [], all = (s) => [...document.querySelectorAll(s)];
  if (document.documentElement.lang !== "en") out.push("no language");
  if (all("main").length !== 1 || all("h1").length !== 1) out.push("landmarks");
  let level = 1;
  for (const h of all("h1, h2, h3")) { const l = Number(h.tagName[1]); if (l > level + 1) out.push("heading skips: " + h.textContent); level = l; }
  for (const th of all("thead th")) if (th.scope !== "col") out.push("head without scope: " + th.textContent);
  for (const table of all("table")) if (!table.querySelector("thead th")) out.push("table without heads");
  for (const svg of all("svg")) if (svg.getAttribute("aria-hidden") !== "true" && !(svg.getAttribute("role") === "img" && svg.getAttribute("aria-label"))) out.push("picture without words");
  for (const i of all("input, select")) if (!i.labels.length) out.push("control without a label");
  for (const b of all("button")) if (!b.textContent.trim()) out.push("button without words");
  for (const e of all("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) out.push("label that is not there");
  for (const a of all("a[href^='#']")) if (!document.getElementById(a.getAttribute("href").slice(1))) out.push("link to nowhere: " + a.href);
  for (const e of all("[style]")) if (!e.closest(".chart")) out.push("style attribute");
  const ids = all("[id]").map((e) => e.id); if (new Set(ids).size !== ids.length) out.push("an id twice");
  return out;
})()`

// Whatever is in a report, in any width and scheme: the page draws its charts, is
// quiet, asks for nothing, and is no wider than the screen.
func TestPage(t *testing.T) {
	b := openTab(t)
	for name, c := range map[string]struct {
		r      *Report
		charts int
	}{
		"154 batches": {waves(t, 154, 20, 0.55), 5}, "10,000 batches": {waves(t, 10_000, 400, 0.7), 7}, "nothing bought": {untouched(t), 0},
		"all failed": {allFailed(t), 2}, "one at work": {oneRunning(t), 2}, "hostile": {hostile(t), 3}, "begun by hand": {handReport(t), 2},
	} {
		address := write(t, c.r)
		for _, width := range []int64{375, 800, 1440} {
			for _, media := range []string{"screen light", "screen dark", "print light"} {
				kind, scheme, _ := strings.Cut(media, " ")
				t.Run(fmt.Sprintf("%s/%d %s", name, width, media), func(t *testing.T) {
					b.t = t
					b.look(address, width, kind, scheme)
					if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 && kind == "screen" {
						t.Errorf("the page is %d px too wide", over)
					}
					if n := eval[int](b, `document.querySelectorAll("[data-chart] svg").length`); n != c.charts {
						t.Errorf("%d charts, want %d", n, c.charts)
					}
					if wide := eval[int](b, `[...document.querySelectorAll("[data-chart] svg")].filter((s) => s.getBoundingClientRect().right > innerWidth).length`); wide > 0 && kind == "screen" {
						t.Errorf("%d charts leave the screen", wide)
					}
					if wrong := eval[[]string](b, accessible); len(wrong) > 0 {
						t.Errorf("not accessible: %q", wrong)
					}
					if dark := eval[string](b, `getComputedStyle(document.body).backgroundColor`) == "rgb(14, 19, 25)"; dark != (media == "screen dark") {
						t.Errorf("the page is dark: %v", dark)
					}
					if shown := eval[bool](b, `getComputedStyle(document.querySelector("nav")).display !== "none"`); shown != (kind == "screen") {
						t.Errorf("the links within the page are shown: %v", shown)
					}
					b.quiet()
				})
			}
		}
	}
}

const shownBatches = `[...document.querySelectorAll("[data-table=batches] tbody tr")].map((r) => r.cells[0].textContent)`

// column is the place of a column by its words.
func (b *tab) column(table, words string) int {
	b.t.Helper()
	i := eval[int](b, fmt.Sprintf(`[...document.querySelectorAll("[data-table=%s] thead th")].findIndex((h) => h.textContent === %q)`, table, words))
	if i < 0 {
		b.t.Fatalf("no column %q", words)
	}
	return i
}

// The table filters as one types, sorts by the keyboard, and has pages.
func TestTable(t *testing.T) {
	b := openTab(t)
	r := waves(t, 154, 20, 0.55)
	b.look(write(t, r), 1440, "screen", "light")
	search, pager := `[data-table="batches"] input`, `document.querySelector("[data-table=batches] .pager p").textContent`

	if got := eval[string](b, pager); got != "1 to 25 of 154" {
		t.Errorf("at first: %q", got)
	}
	b.do(chromedp.SendKeys(search, "refinement[7"))
	b.until(pager + ` !== "1 to 25 of 154"`)
	want := []string{"refinement[7]", "refinement[70]", "refinement[71]", "refinement[72]", "refinement[73]", "refinement[74]", "refinement[75]", "refinement[76]", "refinement[77]", "refinement[78]", "refinement[79]"}
	if diff := cmp.Diff(want, eval[[]string](b, shownBatches)); diff != "" {
		t.Errorf("filtered (-want +got):\n%s", diff)
	}
	if got := eval[string](b, pager); got != "1 to 11 of 11, filtered from 154" {
		t.Errorf("filtered: %q", got)
	}
	b.do(chromedp.SendKeys(search, " no such thing"))
	b.until(pager + ` === "Nothing matches."`)
	b.do(chromedp.Clear(search), chromedp.SendKeys(search, kb.End))
	eval[bool](b, `(() => { const i = document.querySelector('[data-table="batches"] input'); i.value = ""; i.dispatchEvent(new Event("input")); return true; })()`)
	b.until(pager + ` === "1 to 25 of 154"`)

	bad := b.column("batches", "Bad")
	head := fmt.Sprintf(`[data-table="batches"] thead th:nth-child(%d)`, bad+1)
	cells := fmt.Sprintf(`[...document.querySelectorAll("[data-table=batches] tbody tr")].map((r) => Number(r.cells[%d].textContent))`, bad)
	b.do(chromedp.Focus(head+" button"), chromedp.KeyEvent(kb.Enter))
	b.until(fmt.Sprintf(`document.querySelector('%s').getAttribute("aria-sort") === "descending"`, head))
	down := eval[[]int](b, cells)
	b.do(chromedp.Focus(head+" button"), chromedp.KeyEvent(kb.Enter))
	b.until(fmt.Sprintf(`document.querySelector('%s').getAttribute("aria-sort") === "ascending"`, head))
	up := eval[[]int](b, cells)
	most := int64(0)
	for i := range r.Batches {
		most = max(most, r.Batches[i].Failed)
	}
	for i := 1; i < len(down); i++ {
		if down[i] > down[i-1] || up[i] < up[i-1] {
			t.Fatalf("sorted down %v, up %v", down, up)
		}
	}
	if int64(down[0]) != most || up[0] != 1 {
		t.Errorf("sorted down %v, up %v; the most is %d, nothing comes last", down, up, most)
	}
	if n := eval[int](b, `document.querySelectorAll("[data-table=batches] [aria-sort]").length`); n != 1 {
		t.Errorf("%d columns say that they are sorted", n)
	}

	b.do(chromedp.Click(`[data-table="batches"] .pager button:last-child`))
	b.until(pager + ` === "26 to 50 of 154"`)
	eval[bool](b, `(() => { const s = document.querySelector('[data-table="batches"] select'); s.value = "failed"; s.dispatchEvent(new Event("change")); return true; })()`)
	b.until(pager + fmt.Sprintf(` === "1 to %d of %[1]d, filtered from 154"`, r.Summary.Phases["failed"]))
	b.quiet()
}

// Words from outside stay words, prompts and answers too.
func TestPageShowsHostileWordsAsTheyAre(t *testing.T) {
	b := openTab(t)
	r := hostile(t)
	b.look(write(t, r), 1440, "screen", "light")
	if n := eval[int](b, `document.querySelectorAll("img, script:not([id]):not(:nth-last-of-type(-n+2)), iframe, object").length`); n != 0 {
		t.Errorf("%d elements came from outside", n)
	}
	answer := eval[string](b, `document.querySelector("[data-table=rows] tbody pre").textContent`)
	if !strings.Contains(answer, "</script><script>alert(1)</script>") {
		t.Errorf("the request is shown as %q", answer)
	}
	b.quiet()
}

// One long key without a place to break pushes no other column out of sight.
func TestPageBreaksLongKeys(t *testing.T) {
	b := openTab(t)
	r := waves(t, 154, 20, 0.55)
	if len(r.BadRows) < 2 {
		t.Fatal("no bad rows in this report")
	}
	r.BadRows[0].Key = strings.Repeat("x", 300)
	for _, width := range []int64{800, 1440} {
		b.look(write(t, r), width, "screen", "light")
		if over := eval[int](b, `(() => { const s = document.querySelector("[data-table=rows] table").closest(".scroll"); return s.scrollWidth - s.clientWidth; })()`); over > 0 {
			t.Errorf("at %d px the table of keys is %d px too wide", width, over)
		}
	}
	b.quiet()
}

// The numbers of ten thousand batches leave no column of a block out of sight.
func TestPageFitsManyTokens(t *testing.T) {
	b := openTab(t)
	r := waves(t, 10_000, 400, 0.7)
	if !r.HasMaxCost() || r.Summary.Tokens.Output < 10_000_000 {
		t.Fatalf("not the numbers that are meant: %+v", r.Summary)
	}
	for _, width := range []int64{800, 1440} {
		b.look(write(t, r), width, "screen", "light")
		if over := eval[int](b, `(() => { const s = document.querySelector("[aria-label='Tokens and cost by block']"); return s.scrollWidth - s.clientWidth; })()`); over > 0 {
			t.Errorf("at %d px the table of blocks is %d px too wide", width, over)
		}
	}
	b.quiet()
}
