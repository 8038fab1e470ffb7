package ui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// liveOn draws as a stream on a terminal does.
type liveOn struct {
	*screen
	region
	told int // the width that the terminal tells, which may be late
}

func (l *liveOn) frame(lines []string) { fmt.Fprint(l.screen, l.draw(lines, l.told)) }

func (l *liveOn) note(text string) {
	if l.lines == nil && l.rest == "" {
		fmt.Fprint(l.screen, text)
		return
	}
	fmt.Fprint(l.screen, l.above(text, l.told))
}

// Whatever is written and however the terminal is resized, in whatever order:
// what was noted stands there whole and in order, and the panel once, below it.
func TestLiveRegion(t *testing.T) {
	for seed := range uint64(16) {
		reflow := seed%2 == 0
		t.Run(fmt.Sprintf("seed %d reflows %t", seed, reflow), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 8))
			l := &liveOn{screen: newScreen(t, 80, reflow), told: 80}
			var notes []string
			run := panelOf(154)
			for i := range 60 {
				switch r.IntN(6) {
				case 0, 1:
					text := fmt.Sprintf("note %d %s", i, strings.Repeat("größer 汉字 ", r.IntN(4)))
					if !reflow { // such terminals lose what they cut
						text = fmt.Sprintf("note %d", i)
					}
					text = strings.TrimRight(text, " ")
					notes = append(notes, text)
					half := r.IntN(2) * 3
					l.note(text[:half])
					l.note(text[half:] + "\n")
				case 2:
					l.resize(20 + r.IntN(120))
					for range r.IntN(3) { // frames and notes of a run that does not know yet
						run.wait.in -= 200e6
						l.frame(run.lines(l.told-1, 23, Style{}))
						notes = append(notes, fmt.Sprint("between ", i))
						l.note(notes[len(notes)-1] + "\n")
					}
					l.told = l.screen.width
				default:
					run.elapsed += 200e6
					run.wait.in -= 200e6
				}
				lines := run.lines(l.screen.width-1, 23, Painted(r.IntN(2) == 0))
				l.frame(lines)
				want := strings.Join(slices.Concat(notes, []string{""}, trimmed(lines)), "\n")
				if got := l.text(); got != want {
					t.Fatalf("step %d, %d columns (-want +got):\n%s", i, l.screen.width, cmp.Diff(want, got))
				}
			}
			fmt.Fprint(l.screen, l.clear())
			if diff := cmp.Diff(strings.Join(notes, "\n"), l.text()); diff != "" {
				t.Errorf("at the end (-want +got):\n%s", diff)
			}
		})
	}
}

func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(plainText(l), " ")
	}
	return out
}

// A note right after the terminal got narrower leaves nothing behind either.
func TestLiveRegionNoteAfterResize(t *testing.T) {
	l := &liveOn{screen: newScreen(t, 100, true), told: 100}
	l.frame(panelOf(154).lines(99, 23, Style{}))
	l.resize(45)
	l.told = 45
	l.note("news\n")
	l.frame([]string{"end"})
	if got, want := l.text(), "news\n\nend"; got != want {
		t.Errorf("on the screen:\n%s\nwant:\n%s", got, want)
	}
}

// A frame that is the same as the last one is not written, and of another only
// what changed.
func TestLiveRegionWritesLittle(t *testing.T) {
	g := &region{}
	run := panelOf(154)
	first := g.draw(run.lines(79, 23, Style{}), 80)
	if got := g.draw(run.lines(79, 23, Style{}), 80); got != "" {
		t.Errorf("the same again writes %q", got)
	}
	run.wait.in -= 1e9
	if got := g.draw(run.lines(79, 23, Style{}), 80); got == "" || len(got) > len(first)/3 {
		t.Errorf("a second less writes %d bytes of %d", len(got), len(first))
	}
}
