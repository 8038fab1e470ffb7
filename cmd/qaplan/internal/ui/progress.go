package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

const (
	redrawEvery = 200 * time.Millisecond
	reportEvery = 30 * time.Second // of lines, where nothing can be redrawn
)

// Progress shows how an apply goes: bars that are redrawn on a terminal,
// elsewhere a line of counts every half minute. It writes to stderr alone.
type Progress struct {
	c      *Console
	goesOn bool // the run waits until all is done
	stop   chan struct{}
	done   sync.WaitGroup

	mu        sync.Mutex
	began     time.Time
	phases    map[planner.Address]planner.Phase
	uploads   map[planner.Address]transfer
	downloads int // planned or begun
	fetched   int
	waits     waits
	// stops are refusals that end buying. The end of the run tells them as
	// errors, so they are told here only when the run goes on for long.
	stops []apply.Event
}

type transfer struct{ sent, total int64 }

// NewProgress begins with where the batches stand and what is planned; waits
// tells that the run goes on until all is done. Close must be called.
func NewProgress(c *Console, items []planner.Item, waiting bool) *Progress {
	p := &Progress{
		c: c, goesOn: waiting, stop: make(chan struct{}), began: time.Now(),
		phases: make(map[planner.Address]planner.Phase, len(items)), uploads: map[planner.Address]transfer{},
		waits: waits{open: map[string]openWait{}, noted: map[string]time.Time{}},
	}
	for i := range items {
		p.phases[items[i].Address] = items[i].Phase
	}
	p.done.Go(p.run)
	return p
}

func (p *Progress) run() {
	every := reportEvery
	if p.c.err.tty {
		every = redrawEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			if p.c.err.tty {
				p.c.err.draw(p.bars(max(p.c.err.width(), minWidth), time.Now()))
			} else {
				p.c.Note("%s", p.line(time.Now()))
			}
		}
	}
}

// Close takes the bars away.
func (p *Progress) Close() {
	close(p.stop)
	p.done.Wait()
	if p.c.err.tty {
		p.c.err.draw(nil)
	}
}

// Event follows the run.
func (p *Progress) Event(e apply.Event) {
	now := time.Now()
	p.mu.Lock()
	p.follow(&e)
	note := p.waits.follow(&e, now)
	remarks := p.remarks(&e)
	p.mu.Unlock()
	for i := range remarks {
		p.c.Remark(&remarks[i], p.goesOn)
	}
	if note {
		p.c.Tell(waitNote(&e, p.goesOn, now))
	}
}

// remarks are the events to tell of now, each once: of what is told in other
// words too, the other words are enough.
func (p *Progress) remarks(e *apply.Event) []apply.Event {
	switch e.Type {
	case apply.EventCreateUnknown, apply.EventDatasetWritten, apply.EventDiagnostic:
		return []apply.Event{*e}
	case apply.EventCreateRefused:
		switch e.Reason {
		case refusedQuota, refusedOther:
		case refusedRun, refusedModel:
			same := func(s apply.Event) bool { return s.Reason == e.Reason && s.Message == e.Message }
			if !slices.ContainsFunc(p.stops, same) {
				p.stops = append(p.stops, *e)
			}
		default:
			return []apply.Event{*e}
		}
	case apply.EventRateWait:
		switch e.Budget {
		case apply.BudgetPoll, apply.BudgetActiveJobs, apply.BudgetTokens, apply.BudgetMaxCost, apply.BudgetRunCost:
			stops := p.stops
			p.stops = nil
			return stops
		}
	}
	return nil
}

func (p *Progress) follow(e *apply.Event) {
	switch e.Type {
	case apply.EventPlannedChange:
		if e.Change == nil {
			return
		}
		if e.Change.Has(planner.ActionUpload) {
			p.uploads[e.Change.Address] = transfer{total: e.Change.Detail.Bytes}
		}
		if e.Change.Has(planner.ActionDownload) {
			p.downloads++
		}
		return
	}
	if e.Address == nil {
		return
	}
	a := *e.Address
	switch e.Type {
	case apply.EventUploadStart, apply.EventUploadProgress:
		p.uploads[a] = transfer{e.Bytes, max(e.Total, p.uploads[a].total)}
	case apply.EventUploadComplete:
		total := max(e.Total, p.uploads[a].total)
		p.uploads[a] = transfer{total, total}
		p.phases[a] = planner.PhaseUploaded
	case apply.EventCreateIntent, apply.EventCreateUnknown:
		p.phases[a] = planner.PhaseUnknown
	case apply.EventCreateRefused:
		p.phases[a] = planner.PhaseUploaded
	case apply.EventCreateComplete, apply.EventAdopted, apply.EventJobState:
		if e.Job != "" {
			p.phases[a] = phaseOf(e.JobState)
		}
	case apply.EventDownloadComplete:
		p.fetched++
		p.phases[a] = planner.PhaseDone
	}
}

func phaseOf(jobState string) planner.Phase {
	if planner.JobState(jobState) == planner.JobSucceeded {
		return planner.PhaseSucceeded
	}
	return planner.PhaseSubmitted
}

type tally struct{ todo, active, succeeded, done, failed, held, all int }

func (p *Progress) tally() tally {
	t := tally{all: len(p.phases)}
	for _, phase := range p.phases {
		switch phase {
		case planner.PhaseUnknown, planner.PhaseSubmitted:
			t.active++
		case planner.PhaseSucceeded:
			t.succeeded++
		case planner.PhaseDone:
			t.done++
		case planner.PhaseFailed:
			t.failed++
		case planner.PhaseHeld:
			t.held++
		default:
			t.todo++
		}
	}
	return t
}

// line is the progress where nothing can be redrawn.
func (p *Progress) line(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tally()
	s := fmt.Sprintf("%s: %d to do, %d in progress, %d done, %d failed, %d held of %d",
		length(now.Sub(p.began)), t.todo, t.active+t.succeeded, t.done, t.failed, t.held, t.all)
	if w := p.waits.next(0, now); w != "" {
		s += "; " + w
	}
	return s
}

// bars is the block at the bottom of a terminal.
func (p *Progress) bars(width int, now time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	var up transfer
	for _, u := range p.uploads {
		up.sent += u.sent
		up.total += u.total
	}
	if up.total > 0 {
		lines = append(lines, bar("Uploads", up.sent, up.total, volume(up.sent)+" of "+volume(up.total), width))
	}
	t := p.tally()
	if t.all > 0 {
		ended := t.all - t.todo - t.active
		lines = append(lines, bar("Jobs", int64(ended), int64(t.all), fmt.Sprintf("%d of %d ended, %d to send", ended, t.all, t.todo), width))
	}
	downloads := p.downloads
	if p.goesOn {
		downloads = max(downloads, p.fetched+t.todo+t.active+t.succeeded) // what is under way comes too
	}
	if downloads > 0 {
		lines = append(lines, bar("Downloads", int64(min(p.fetched, downloads)), int64(downloads), fmt.Sprintf("%d of %d", p.fetched, downloads), width))
	}
	last := length(now.Sub(p.began)) + " so far"
	if w := p.waits.next(t.active, now); w != "" {
		last += ", " + w
	}
	return append(lines, cut(last, width-1))
}

// bar draws one line. A bar is made anew for each frame: what it shows depends
// on nothing but its arguments.
func bar(name string, n, total int64, words string, width int) string {
	const label = 10
	room := width - label - cells(words) - 12
	if room < 5 {
		return cut(fmt.Sprintf("%-*s %s", label, name, words), width-1)
	}
	b := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(min(room, 40)), progressbar.OptionThrottle(0),
		progressbar.OptionSetDescription(fmt.Sprintf("%-*s", label, name)), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "#", SaucerHead: "#", SaucerPadding: ".", BarStart: "[", BarEnd: "]"}))
	// Both fail only where writing does; a bar at 0 is drawn by the second alone.
	_ = b.Set64(min(n, total))
	_ = b.RenderBlank()
	return cut(strings.TrimSpace(b.String())+"  "+words, width-1)
}

// cut shortens a line so that it cannot wrap: a wrapped line would be redrawn
// one line too low.
func cut(s string, width int) string {
	for cells(s) > max(width, 1) {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	return s
}
