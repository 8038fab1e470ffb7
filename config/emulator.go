package config

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A rehearsal's jobs are quick, so that trying qaplan out takes seconds.
const (
	rehearsalQueue = time.Second
	rehearsalRun   = 2 * time.Second
)

func emulatorGrammar(common []string) grammar {
	hints := insideBlock("quota", quotaNames())
	for name, hint := range insideBlock("rows", shareNames()) {
		hints[name] = hint
	}
	for flag, name := range map[string]string{
		"error_rows": "error_share", "truncated_rows": "truncated_share", "blocked_rows": "blocked_share",
		"empty_rows": "empty_share", "missing_rows": "missing_share", "duplicated_rows": "duplicated_share",
		"invalid_rows": "invalid_share", "swapped_rows": "swapped_share",
	} {
		hints[flag] = "write " + name + " = … inside rows { … }"
	}
	for _, name := range []string{"max_active_jobs", "creates_per_minute", "requests_per_minute"} {
		hints[name] = "write it inside quota { … } for what the emulator refuses, inside rate { … } for what qaplan keeps to"
	}
	hints["parallelism"] = "write it inside rate { … }"
	hints["max_enqueued_tokens"] = "write it inside rate { … } for what qaplan keeps to; what the emulator refuses is enqueued_tokens inside quota { … }"
	hints["base_url"] = "it is embedded; to use an emulator that serves elsewhere, write provider \"gemini\" { base_url = … }"
	hints["data_dir"] = "its data is kept in " + emulatorData
	return grammar{
		attrs:  append(common, "history", "queue_time", "run_time", "clock_rate", "models", "page_size", "refuse_camel_case"),
		blocks: map[string]int{"rate": 0, "quota": 0, "rows": 0, "fault": 1},
		once:   []string{"rate", "quota", "rows"},
		hints:  hints,
	}
}

// insideBlock gives the hints for arguments that stand one block too far out.
func insideBlock(block string, names []string) map[string]string {
	hints := make(map[string]string, len(names))
	for _, name := range names {
		hints[name] = "write it inside " + block + " { … }"
	}
	return hints
}

func quotaNames() []string {
	return []string{
		"max_active_jobs", "creates_per_minute", "requests_per_minute", "file_bytes", "storage_bytes",
		"enqueued_tokens", "release_delay", "creates_per_day", "named_refusals", "burst", "burst_pause",
	}
}

func shareNames() []string {
	return []string{
		"error_share", "truncated_share", "blocked_share", "empty_share", "missing_share", "duplicated_share",
		"invalid_share", "swapped_share",
	}
}

func (l *loader) decodeEmulator(r *reader) *Emulator {
	e := &Emulator{
		DataDir:   filepath.Join(l.dir, filepath.FromSlash(emulatorData)),
		QueueTime: Span{rehearsalQueue, rehearsalQueue},
		RunTime:   Span{rehearsalRun, rehearsalRun},
		ClockRate: 1,
	}
	r.span("queue_time", &e.QueueTime)
	r.span("run_time", &e.RunTime)
	if rate, ok := r.decimal("clock_rate", 0.001, 1e6); ok {
		e.ClockRate = rate
	}
	if n, ok := r.whole("page_size", 1, 100); ok {
		e.PageSize = n
	}
	e.Models = r.models("models")
	e.RefuseCamelCase, _ = r.flag("refuse_camel_case")
	for _, b := range r.body.Blocks {
		inner := &reader{l: l, body: b.Body, where: header(b), scope: r.scope}
		switch b.Type {
		case "quota":
			inner.quota(&e.Quota)
		case "rows":
			inner.rows(&e.Rows)
		case "fault":
			if len(b.Labels) == 1 {
				e.Faults = append(e.Faults, inner.fault(b))
			}
		}
	}
	r.history(e)
	return e
}

// history takes the path of a list of jobs and files. What is wrong with the
// list is reported at its own lines.
func (r *reader) history(e *Emulator) {
	p, ok := r.path("history")
	if !ok {
		return
	}
	at := r.l.locate(p)
	e.History = at.abs
	if r.l.opts.CheckHistory == nil {
		return
	}
	line, err := r.l.opts.CheckHistory(e)
	switch {
	case err == nil:
	case line == 0:
		r.l.errorIn(r.body.Attributes["history"].Expr, r.scope, "Cannot use the history", "%s: %s.", at.shown, err)
	default:
		r.l.errorf(r.l.lineOf(at, line), "Invalid history", "%s", sentence(err.Error()))
	}
}

// lineOf gives one line of a file besides the config, which is shown with what
// is wrong with it.
func (l *loader) lineOf(file location, line int) *hcl.Range {
	f := l.files[file.shown]
	if f == nil {
		text, err := readLimited(file.abs)
		if err != nil { // it was there a moment ago
			return &hcl.Range{Filename: file.shown, Start: hcl.Pos{Line: line, Column: 1}, End: hcl.Pos{Line: line, Column: 1}}
		}
		f = newSourceFile(file.shown, text)
		l.files[file.shown] = f
	}
	return f.line(line)
}

// span takes one length of time, or a list of the shortest and the longest.
func (r *reader) span(name string, into *Span) {
	v, expr, ok := r.value(name)
	if !ok {
		return
	}
	list := []cty.Value{v, v}
	if plain, _ := v.Unmark(); plain.Type().IsTupleType() || plain.Type().IsListType() {
		list = plain.AsValueSlice()
	}
	if len(list) == 2 {
		low, errLow := duration(list[0], time.Millisecond)
		high, errHigh := duration(list[1], time.Millisecond)
		if errLow == nil && errHigh == nil && low <= high {
			*into = Span{low, high}
			return
		}
	}
	r.wrong(name, v, expr, errors.New(`one length of time with its unit, such as "2s", or a list of the shortest and the longest, such as ["1s", "5s"]`))
}

func (r *reader) quota(q *Quota) {
	r.l.check(r.where, r.body, grammar{attrs: quotaNames()})
	if n, ok := r.whole("max_active_jobs", 1, maxLimit); ok {
		q.MaxActiveJobs = n
	}
	if n, ok := r.whole("creates_per_minute", 1, maxLimit); ok {
		q.CreatesPerMinute = n
	}
	if n, ok := r.whole("requests_per_minute", 1, maxLimit); ok {
		q.RequestsPerMinute = n
	}
	const maxBytes = 1000 * maxLimit
	if n, ok := r.whole64("file_bytes", 1, maxBytes); ok {
		q.FileBytes = n
	}
	if n, ok := r.whole64("storage_bytes", 1, maxBytes); ok {
		q.StorageBytes = n
	}
	if d, ok := r.duration("release_delay", time.Millisecond); ok {
		q.ReleaseDelay = d
	}
	q.EnqueuedTokens = r.tokens("enqueued_tokens", 1000*maxLimit)
	if n, ok := r.whole("creates_per_day", 1, maxLimit); ok {
		q.CreatesPerDay = n
	}
	q.NamedRefusals, _ = r.flag("named_refusals")
	if n, ok := r.whole("burst", 1, maxLimit); ok {
		q.Burst = n
	}
	r.span("burst_pause", &q.BurstPause)
	if pause := r.body.Attributes["burst_pause"]; pause != nil && r.body.Attributes["burst"] == nil {
		r.l.errorIn(pause.Expr, r.scope, `Missing argument "burst"`, "A pause follows a burst of creates: write for example burst = 2 beside burst_pause.")
	}
}

// models takes a list of model names.
func (r *reader) models(name string) []string {
	v, expr, ok := r.plain(name)
	if !ok {
		return nil
	}
	list, ok := listOf(v)
	if !ok || len(list) == 0 {
		r.wrong(name, v, expr, errors.New(`a list of models such as ["gemini-2.5-flash"]`))
		return nil
	}
	var found []string
	for _, e := range list {
		if e.IsNull() || e.Type() != cty.String {
			r.wrong(name, v, expr, errors.New(`a list of models such as ["gemini-2.5-flash"]`))
			return nil
		}
		model, complaint := ModelName(e.AsString())
		if complaint != "" {
			r.l.errorIn(expr, r.scope, "Invalid model", "%s", complaint)
			return nil
		}
		found = append(found, model)
	}
	return found
}

// listOf gives the elements of a list, set or tuple without marks.
func listOf(v cty.Value) ([]cty.Value, bool) {
	plain, _ := v.UnmarkDeep()
	if t := plain.Type(); !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		return nil, false
	}
	return plain.AsValueSlice(), true
}

func (r *reader) rows(rows *Rows) {
	into := []*float64{
		&rows.Error, &rows.Truncated, &rows.Blocked, &rows.Empty, &rows.Missing, &rows.Duplicated, &rows.Invalid, &rows.Swapped,
	}
	total := 0.0
	for i, name := range shareNames() {
		if share, ok := r.decimal(name, 0, 1); ok {
			*into[i] = share
			total += share
		}
	}
	r.l.check(r.where, r.body, grammar{attrs: shareNames()})
	if total > 1 {
		at := r.body.SrcRange
		r.l.errorf(&at, "The shares of rows exceed the whole", "Together they are %s; they must be at most 1, since a row can go wrong in one way only.", short(total))
	}
}

func (r *reader) fault(b *hclsyntax.Block) Fault {
	r.l.check(r.where, r.body, grammar{attrs: []string{"op", "first", "count", "value"}})
	f := Fault{Name: b.Labels[0], First: 1, Count: 1}
	f.Op, _, _ = r.text("op")
	f.Value, _, _ = r.text("value")
	if n, ok := r.whole("first", 1, maxLimit); ok {
		f.First = n
	}
	if v, expr, ok := r.value("count"); ok {
		n, err := wholeNumber(v, -1, maxLimit)
		if err != nil || n == 0 {
			r.wrong("count", v, expr, errors.New("a whole number from 1, or -1 for all calls"))
		} else {
			f.Count = int(n)
		}
	}
	if r.l.opts.CheckFault != nil {
		if err := r.l.opts.CheckFault(f); err != nil {
			r.l.errorf(&b.LabelRanges[0], "Invalid fault", "%s", sentence(err.Error()))
		}
	}
	return f
}

// sentence makes one of the words of an error.
func sentence(s string) string {
	if !strings.HasSuffix(s, "?") {
		s += "."
	}
	return upperFirst(s)
}
