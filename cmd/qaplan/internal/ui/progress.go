package ui

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

const (
	redrawEvery = 200 * time.Millisecond
	reportEvery = 30 * time.Second // of lines, where nothing can be redrawn
)

// Progress shows how an apply goes: on a terminal a panel that is redrawn,
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
	downloads map[planner.Address]transfer // planned or begun
	upRate    meter
	downRate  meter
	outlook   apply.Outlook
	waits     waits
	// stops are refusals that end buying. The end of the run tells them as
	// errors, so they are told here only when the run goes on for long.
	stops []apply.Event
}

// transfer is one file on its way, or one that has come.
type transfer struct {
	bytes, total int64 // total is 0 where it is not known
	done         bool
}

// NewProgress begins with where the batches stand and what is planned; waits
// tells that the run goes on until all is done. Close must be called.
func NewProgress(c *Console, items []planner.Item, waiting bool) *Progress {
	p := &Progress{
		c: c, goesOn: waiting, stop: make(chan struct{}), began: time.Now(),
		phases: make(map[planner.Address]planner.Phase, len(items)), uploads: map[planner.Address]transfer{}, downloads: map[planner.Address]transfer{},
		waits: newWaits(),
	}
	for i := range items {
		p.phases[items[i].Address] = items[i].Phase
	}
	p.done.Go(p.run)
	return p
}

func (p *Progress) run() {
	every := reportEvery
	if p.c.redraws {
		every = redrawEvery
	}
	if p.c.err.tty {
		defer onSuspend(func() { p.c.err.draw(nil) })()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			if p.c.redraws {
				now := p.panel(time.Now())
				width, height := p.c.err.room()
				p.c.err.draw(now.lines(width, height, p.c.err.style))
			} else {
				p.c.Note("%s", p.line(time.Now()))
			}
		}
	}
}

// Close takes the panel away.
func (p *Progress) Close() {
	close(p.stop)
	p.done.Wait()
	if p.c.redraws {
		p.c.err.draw(nil)
	}
}

// Outlook takes in where the run stands.
func (p *Progress) Outlook(o apply.Outlook) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range o.Items {
		p.phases[o.Items[i].Address] = o.Items[i].Phase
	}
	o.Items = nil
	p.outlook = o
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
	case apply.EventCreateUnknown, apply.EventDatasetWritten, apply.EventHookFailed, apply.EventDiagnostic:
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
	if e.Address == nil {
		return
	}
	a := *e.Address
	switch e.Type {
	case apply.EventPlannedChange:
		if e.Change == nil {
			return
		}
		if e.Change.Has(planner.ActionUpload) {
			p.uploads[a] = transfer{total: e.Change.Detail.Bytes}
		}
		if e.Change.Has(planner.ActionDownload) {
			p.downloads[a] = transfer{}
		}
	case apply.EventUploadStart, apply.EventUploadProgress:
		p.upRate.add(e.Time, e.Bytes-p.uploads[a].bytes)
		p.uploads[a] = transfer{bytes: e.Bytes, total: max(e.Total, p.uploads[a].total)}
	case apply.EventUploadComplete:
		total := max(e.Bytes, e.Total, p.uploads[a].total)
		p.upRate.add(e.Time, total-p.uploads[a].bytes)
		p.uploads[a] = transfer{bytes: total, total: total, done: true}
		p.phases[a] = planner.PhaseUploaded
	case apply.EventCreateIntent, apply.EventCreateUnknown:
		p.phases[a] = planner.PhaseUnknown
	case apply.EventCreateRefused:
		p.phases[a] = planner.PhaseUploaded
	case apply.EventCreateComplete, apply.EventAdopted, apply.EventJobState:
		if e.Job != "" {
			p.phases[a] = phaseOf(e.JobState)
		}
	case apply.EventDownloadProgress:
		p.downRate.add(e.Time, e.Bytes-p.downloads[a].bytes)
		p.downloads[a] = transfer{bytes: e.Bytes}
	case apply.EventDownloadComplete:
		p.downRate.add(e.Time, e.Bytes-p.downloads[a].bytes)
		p.downloads[a] = transfer{bytes: max(e.Bytes, p.downloads[a].bytes), done: true}
		p.phases[a] = planner.PhaseDone
	}
}

func phaseOf(jobState string) planner.Phase {
	if planner.JobState(jobState) == planner.JobSucceeded {
		return planner.PhaseSucceeded
	}
	return planner.PhaseSubmitted
}

// counts are how many batches each phase has.
func (p *Progress) counts() map[planner.Phase]int {
	n := make(map[planner.Phase]int, len(planner.Phases()))
	for _, phase := range p.phases {
		n[phase]++
	}
	return n
}

// ahead is how many batches are yet to be sent, and on their way.
func ahead(n map[planner.Phase]int) (todo, active int) {
	return n[planner.PhaseAbsent] + n[planner.PhaseUploaded], n[planner.PhaseUnknown] + n[planner.PhaseSubmitted]
}

// line is the progress where nothing can be redrawn.
func (p *Progress) line(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.counts()
	todo, active := ahead(n)
	s := fmt.Sprintf("%s: %d to do, %d in progress, %d done, %d failed, %d held of %d", length(now.Sub(p.began)), todo,
		active+n[planner.PhaseSucceeded], n[planner.PhaseDone], n[planner.PhaseFailed], n[planner.PhaseHeld], len(p.phases))
	if f := p.outlook.Forecast; f != nil && forecastSpan(f) != "" {
		s += "; over in " + forecastSpan(f)
	}
	if w := p.waits.next(0, now); w != "" {
		s += "; " + w
	}
	return s
}

// panel is what stands at the bottom of a terminal now.
func (p *Progress) panel(now time.Time) panel {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.counts()
	todo, active := ahead(n)
	v := panel{elapsed: now.Sub(p.began), phases: n, outlook: p.outlook, wait: p.waits.upcoming(active, now)}
	v.up, v.down = sum(p.uploads), sum(p.downloads)
	if underWay(p.uploads) {
		v.up.rate = p.upRate.rate(now)
	}
	if underWay(p.downloads) {
		v.down.rate = p.downRate.rate(now)
	}
	v.down.bytesAll = 0 // nobody tells how much will come
	if p.goesOn {
		v.down.filesAll = max(v.down.filesAll, v.down.files+todo+active+n[planner.PhaseSucceeded]) // what is under way comes too
	}
	return v
}

func sum(files map[planner.Address]transfer) traffic {
	t := traffic{filesAll: len(files)}
	for _, f := range files {
		t.bytes += f.bytes
		t.bytesAll += f.total
		if f.done {
			t.files++
		}
	}
	return t
}

// underWay reports whether bytes of a file are on their way.
func underWay(files map[planner.Address]transfer) bool {
	for _, f := range files {
		if f.bytes > 0 && !f.done {
			return true
		}
	}
	return false
}

// meter tells how fast bytes go, over the last seconds.
type meter struct{ seen []metered }

type metered struct {
	at    time.Time
	bytes int64
}

const meterSpan = 10 * time.Second

func (m *meter) add(at time.Time, bytes int64) {
	m.forget(at)
	if bytes > 0 {
		m.seen = append(m.seen, metered{at, bytes})
	}
}

func (m *meter) forget(now time.Time) {
	m.seen = slices.DeleteFunc(m.seen, func(s metered) bool { return now.Sub(s.at) > meterSpan })
}

// rate is in bytes a second.
func (m *meter) rate(now time.Time) int64 {
	m.forget(now)
	var bytes int64
	for _, s := range m.seen {
		bytes += s.bytes
	}
	return int64(float64(bytes) / meterSpan.Seconds())
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
