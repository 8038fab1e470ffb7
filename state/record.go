package state

import (
	"bytes"
	"errors"

	"github.com/qaplan/qaplan/planner"
)

// decodeRecord reads the record of a batch.
func decodeRecord(data []byte) (*planner.Record, error) {
	return new(recordReader).decode(data)
}

// recordReader reads records one after the other. It keeps words that many of
// them have in common, and each hash once, however often a record names it: all
// else that a record says is one text, of which its fields are parts.
type recordReader struct {
	fields  fields
	parts   *parts
	outcome string
	model   string
	state   string
	rules   string
	// reuse tells that a record is done with when the next one is read: the same
	// memory serves all.
	reuse bool
}

// parts is what most records consist of, in one piece of memory.
type parts struct {
	record   planner.Record
	attempts [1]planner.Attempt
	upload   planner.Upload
	result   planner.Result
	judged   planner.Judgement
}

// decode reads what encode wrote in one pass. Whatever else it meets (another
// order, keys of a later program, escapes in a text), package json reads.
func (d *recordReader) decode(data []byte) (*planner.Record, error) {
	if len(data) == 0 || data[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	if r, ok := d.fast(data); ok {
		return r, nil
	}
	r := new(planner.Record)
	if err := decode(data, r); err != nil {
		return nil, err
	}
	return r, nil
}

func (d *recordReader) fast(data []byte) (*planner.Record, bool) {
	f := &d.fields
	f.begin(data)
	if d.reuse && d.parts != nil {
		*d.parts = parts{}
	} else {
		d.parts = new(parts)
	}
	r := &d.parts.record
	d.record(r)
	if f.failed || len(f.rest) > 0 {
		return nil, false
	}
	f.end()
	return r, true
}

// The methods below name the members of each object in the order in which encode
// writes them, which is that of the fields.

func (d *recordReader) record(r *planner.Record) {
	f := &d.fields
	f.open()
	if f.is("source") {
		s := &r.Source
		f.open()
		f.text("path", &s.Path)
		f.same("sha256", &s.SHA256)
		f.integer("bytes", &s.Bytes)
		f.count("rows", &s.Rows)
		f.integer("tokens", &s.Tokens)
		f.close()
	}
	if f.is("upload") {
		r.Upload = &d.parts.upload
		d.upload(r.Upload)
	}
	if f.is("attempts") {
		r.Attempts = d.attempts()
	}
	if f.is("result") {
		r.Result = &d.parts.result
		d.result(r.Result)
	}
	if f.is("refused") {
		x := new(planner.Refusal)
		r.Refused = x
		f.open()
		f.same("sha256", &x.SHA256)
		f.word("model", &x.Model, &d.model)
		f.text("message", &x.Message)
		f.count("times", &x.Times)
		f.flag("final", &x.Final)
		f.close()
	}
	f.count("upload_n", &r.UploadN)
	if f.is("judged") {
		r.Judged = &d.parts.judged
		d.judged(r.Judged)
	}
	if f.is("strange") {
		x := new(planner.StrangeUpload)
		r.Strange = x
		f.open()
		f.text("file", &x.File)
		f.text("sha256", &x.SHA256)
		f.time("settle_from", &x.SettleFrom)
		f.flag("settled", &x.Settled)
		f.flag("cancel_asked", &x.CancelAsked)
		f.close()
	}
	f.flag("second_job", &r.SecondJob)
	f.close()
}

func (d *recordReader) upload(u *planner.Upload) {
	f := &d.fields
	f.open()
	f.same("file", &u.File)
	f.same("sha256", &u.SHA256)
	f.integer("bytes", &u.Bytes)
	f.flag("done", &u.Done)
	f.flag("foreign", &u.Foreign)
	f.time("expires", &u.Expires)
	f.text("session", &u.Session)
	f.close()
}

// attempts reads the whole list. Texts are put into it at the end, so that it must
// not move.
func (d *recordReader) attempts() []planner.Attempt {
	f := &d.fields
	list := d.parts.attempts[:]
	if n := bytes.Count(f.rest, []byte(`{"number":`)); n > 1 {
		list = make([]planner.Attempt, n)
	}
	n := 0
	for f.element(n == 0) {
		if n == len(list) {
			f.failed = true
			return nil
		}
		d.attempt(&list[n])
		n++
	}
	return list[:n:n]
}

func (d *recordReader) attempt(a *planner.Attempt) {
	f := &d.fields
	f.open()
	f.count("number", &a.Number)
	f.word("outcome", (*string)(&a.Outcome), &d.outcome)
	f.word("model", &a.Model, &d.model)
	f.same("sha256", &a.SHA256)
	f.text("input_sha256", &a.Input)
	f.flag("repair", &a.Repair)
	f.count("rows", &a.Rows)
	f.integer("estimate", &a.Estimate)
	f.integer("output_limit", &a.OutputLimit)
	f.text("token", &a.Token)
	f.same("file", &a.File)
	f.flag("adopted", &a.Adopted)
	f.time("sent", &a.Sent)
	f.time("service_time", &a.ServiceTime)
	f.time("settle_from", &a.SettleFrom)
	f.text("job", &a.Job)
	f.word("state", &a.State, &d.state)
	f.time("created", &a.Created)
	f.time("ended", &a.Ended)
	f.text("output", &a.Output)
	f.flag("inline", &a.Inline)
	if f.is("stats") {
		s := &a.Stats
		f.open()
		f.integer("requests", &s.Requests)
		f.integer("succeeded", &s.Succeeded)
		f.integer("failed", &s.Failed)
		f.close()
	}
	f.text("error", &a.Error)
	f.flag("gone", &a.Gone)
	f.flag("output_gone", &a.OutputGone)
	f.time("output_gone_since", &a.OutputGoneSince)
	f.time("short_since", &a.ShortSince)
	f.flag("rows_cancelled", &a.RowsCancelled)
	f.flag("output_read", &a.OutputRead)
	f.flag("wrong", &a.Wrong)
	if f.is("part") {
		p := new(planner.Part)
		a.Part = p
		f.open()
		f.text("path", &p.Path)
		f.text("sha256", &p.SHA256)
		f.integer("bytes", &p.Bytes)
		f.count("rows", &p.Rows)
		f.close()
	}
	f.count("answered", &a.Answered)
	d.tokens(&a.Tokens)
	f.flag("cancel_asked", &a.CancelAsked)
	f.flag("rerun", &a.Rerun)
	f.close()
}

func (d *recordReader) tokens(t *planner.Tokens) {
	f := &d.fields
	if !f.is("tokens") {
		return
	}
	f.open()
	f.integer("input", &t.Input)
	f.integer("output", &t.Output)
	f.integer("thoughts", &t.Thoughts)
	f.integer("cached", &t.Cached)
	if f.is("long") {
		f.open()
		f.integer("input", &t.Long.Input)
		f.integer("output", &t.Long.Output)
		f.integer("thoughts", &t.Long.Thoughts)
		f.integer("cached", &t.Long.Cached)
		f.close()
	}
	f.close()
}

func (d *recordReader) result(r *planner.Result) {
	f := &d.fields
	f.open()
	f.text("path", &r.Path)
	f.text("sha256", &r.SHA256)
	f.integer("bytes", &r.Bytes)
	f.integer("mtime_ns", &r.ModTime)
	f.count("attempt", &r.Attempt)
	f.same("source_sha256", &r.Source)
	f.count("rows", &r.Rows)
	f.count("succeeded", &r.Succeeded)
	f.count("failed", &r.Failed)
	f.count("missing", &r.Missing)
	f.count("dropped", &r.Dropped)
	f.count("doubled", &r.Doubled)
	d.tokens(&r.Tokens)
	f.time("written", &r.Written)
	f.close()
}

func (d *recordReader) judged(j *planner.Judgement) {
	f := &d.fields
	f.open()
	f.same("source_sha256", &j.Source)
	f.word("rules", &j.Rules, &d.rules)
	f.count("attempt", &j.Attempt)
	if f.is("classes") {
		c := &j.Classes
		f.open()
		f.count("good", &c.Good)
		f.count("error", &c.Error)
		f.count("blocked", &c.Blocked)
		f.count("truncated", &c.Truncated)
		f.count("empty", &c.Empty)
		f.count("invalid", &c.Invalid)
		f.count("missing", &c.Missing)
		f.close()
	}
	if f.is("rest") {
		x := new(planner.Rest)
		j.Rest = x
		f.open()
		f.flag("repair", &x.Repair)
		f.text("sha256", &x.SHA256)
		f.integer("bytes", &x.Bytes)
		f.count("rows", &x.Rows)
		f.integer("tokens", &x.Tokens)
		f.integer("output_limit", &x.OutputLimit)
		f.count("unlimited", &x.Unlimited)
		f.close()
	}
	f.close()
}
