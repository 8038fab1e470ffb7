package planner

import (
	"slices"
	"time"
)

// Record is all that the state knows of one batch. It holds ids, hashes,
// counts, times and paths only; never a prompt, an answer or a key.
//
// A Record is a value: a transition makes a new one, and the journal carries
// it whole, so that replaying a record twice does no harm.
type Record struct {
	// Source is the input as it was when something was last sent for it.
	Source SourceRecord `json:"source,omitzero"`
	// Upload is the input file at the service that a create would use.
	Upload *Upload `json:"upload,omitempty"`
	// Attempts are the sends, in order of their numbers.
	Attempts []Attempt `json:"attempts,omitempty"`
	// Result is the verified result file, when there is one.
	Result *Result `json:"result,omitempty"`
	// Refused is set when the service refused this content or model for good.
	Refused *Refusal `json:"refused,omitempty"`
	// UploadN is the highest n of this state's uploads of Source's content; see
	// UploadName. It is never used twice.
	UploadN int `json:"upload_n,omitempty"`
	// Judged is what the rows in hand were found to be, when they were joined.
	Judged *Judgement `json:"judged,omitempty"`
	// Strange is a live upload of which the state does not know all that
	// followed: a create may have.
	Strange *StrangeUpload `json:"strange,omitempty"`
	// SecondJob is set while the listing shows another job with the label of an
	// attempt: as long as it does, there is something to say of the batch.
	SecondJob bool `json:"second_job,omitempty"`
}

// SourceRecord identifies the bytes that were sent.
type SourceRecord struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // lower-case hex
	Bytes  int64  `json:"bytes"`
	Rows   int    `json:"rows"`
	Tokens int64  `json:"tokens,omitempty"` // estimated input tokens
}

// Upload is an input file at the service. It is journaled before its bytes
// are sent; Done tells that the service confirmed size and hash.
type Upload struct {
	File    string    `json:"file"` // files/…
	SHA256  string    `json:"sha256"`
	Bytes   int64     `json:"bytes"`
	Done    bool      `json:"done,omitempty"`
	Foreign bool      `json:"foreign,omitempty"` // made by somebody else, recognised by its hash
	Expires time.Time `json:"expires,omitzero"`  // service time
	// Session is where an interrupted upload may go on.
	Session string `json:"session,omitempty"`
}

// Outcome is how a send ended, as far as it is known.
type Outcome string

const (
	// OutcomeIntent is a send whose end is not known: it may have bought a job.
	OutcomeIntent Outcome = "intent"
	// OutcomeBought is a send, or an adoption, with a job.
	OutcomeBought Outcome = "bought"
	// OutcomeRefused is a send that the service answered with a refusal.
	OutcomeRefused Outcome = "refused"
	// OutcomeAbsent is a send that provably bought nothing.
	OutcomeAbsent Outcome = "absent"
	// OutcomeNotSent is an intent that was withdrawn before its call.
	OutcomeNotSent Outcome = "not_sent"
)

// Attempt is one create sent for a batch, or one job adopted for it.
type Attempt struct {
	Number  int     `json:"number"`
	Outcome Outcome `json:"outcome"`
	Model   string  `json:"model"`
	SHA256  string  `json:"sha256"` // of the source it was sent for
	// Input is the sha256 of the bytes that were sent where they are some rows
	// of the source only: those that earlier attempts did not answer.
	Input string `json:"input_sha256,omitempty"`
	// Repair is set when those rows were answered, but not well: such attempts
	// are counted apart.
	Repair bool `json:"repair,omitempty"`
	Rows   int  `json:"rows"` // that were sent
	// Estimate is what their input tokens were estimated at: characters/4.
	Estimate int64 `json:"estimate,omitempty"`
	// OutputLimit is the most that they allow as output tokens, 0 where one of
	// them has no limit.
	OutputLimit int64  `json:"output_limit,omitempty"`
	Token       string `json:"token,omitempty"` // what stands in brackets at the end of the display name
	File        string `json:"file,omitempty"`  // the input it names
	Adopted     bool   `json:"adopted,omitempty"`
	// Sent is the local time of the intent.
	Sent time.Time `json:"sent,omitzero"`
	// ServiceTime is the newest time that the service had told by then. One from
	// before that, told later, is not to be relied on.
	ServiceTime time.Time `json:"service_time,omitzero"`
	// SettleFrom is the service's time at the end of the first complete listing
	// that began when the send was over and did not show it.
	SettleFrom time.Time `json:"settle_from,omitzero"`

	Job     string    `json:"job,omitempty"`
	State   string    `json:"state,omitempty"` // as last seen, such as SUCCEEDED
	Created time.Time `json:"created,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Output  string    `json:"output,omitempty"` // files/batch-…
	Inline  bool      `json:"inline,omitempty"` // its answers stand in the job itself
	Stats   Stats     `json:"stats,omitzero"`
	// Error is the service's reason, for a refusal or a failed job.
	Error string `json:"error,omitempty"`

	// Gone is set when the service said that the job is not there.
	Gone bool `json:"gone,omitempty"`
	// OutputGone is set when the service said that the output is not there.
	OutputGone bool `json:"output_gone,omitempty"`
	// OutputGoneSince is when the service first said so; it is believed when it
	// says so again a settle time later.
	OutputGoneSince time.Time `json:"output_gone_since,omitzero"`
	// ShortSince is when two downloads alike first held fewer answers than the
	// service counted for the job; they are believed a settle time later.
	ShortSince time.Time `json:"short_since,omitzero"`
	// RowsCancelled is set when the answers hold rows that a cancel cut off.
	RowsCancelled bool `json:"rows_cancelled,omitempty"`
	// OutputRead is set when the output was fetched as far as it goes; what
	// came is in Part, or in the batch's result.
	OutputRead bool `json:"output_read,omitempty"`
	// Wrong is set when two downloads alike fit none of the batch's keys.
	Wrong bool `json:"wrong,omitempty"`
	// Part holds rows that are not the whole answer.
	Part *Part `json:"part,omitempty"`
	// Answered counts the rows that its answers hold, and Tokens what they took,
	// bad rows included; both are known when the output was read.
	Answered int    `json:"answered,omitempty"`
	Tokens   Tokens `json:"tokens,omitzero"`
	// CancelAsked is set before a cancel is sent.
	CancelAsked bool `json:"cancel_asked,omitempty"`
	// Rerun is set when a person asked for this attempt.
	Rerun bool `json:"rerun,omitempty"`
}

// Stats are the service's own counts of a job's rows.
type Stats struct {
	Requests  int64 `json:"requests,omitempty"`
	Succeeded int64 `json:"succeeded,omitempty"`
	Failed    int64 `json:"failed,omitempty"`
}

// Part is a file of rows kept for later.
type Part struct {
	Path   string `json:"path"` // relative to the output folder
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int    `json:"rows"`
}

// Result is a verified result file.
type Result struct {
	Path    string `json:"path"` // as messages show it
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
	ModTime int64  `json:"mtime_ns"` // unix nanoseconds
	Attempt int    `json:"attempt"`
	// Source is the sha256 of the input whose keys it answers.
	Source    string `json:"source_sha256"`
	Rows      int    `json:"rows"`
	Succeeded int    `json:"succeeded"`         // good rows
	Failed    int    `json:"failed,omitempty"`  // bad rows that have a line
	Missing   int    `json:"missing,omitempty"` // rows without one
	Dropped   int    `json:"dropped,omitempty"` // lines that belong to no key, or are no JSON
	Doubled   int    `json:"doubled,omitempty"`
	Tokens    Tokens `json:"tokens,omitzero"` // of its rows
	// Written is the local time at which it was.
	Written time.Time `json:"written,omitzero"`
}

// Judgement is what the rows in hand were found to be.
type Judgement struct {
	Source  string  `json:"source_sha256"` // whose keys were joined
	Rules   string  `json:"rules"`         // Batch.Rules as they were
	Attempt int     `json:"attempt"`       // the newest one whose answers are in it
	Classes Classes `json:"classes"`
	// Rest are the rows that another attempt would buy, nil when there are none
	// that can get better.
	Rest *Rest `json:"rest,omitempty"`
}

// equal reports whether both say the same.
func (j *Judgement) equal(other *Judgement) bool {
	if j == nil || other == nil {
		return j == other
	}
	x, y := *j, *other
	x.Rest, y.Rest = nil, nil
	return x == y && (j.Rest == other.Rest || j.Rest != nil && other.Rest != nil && *j.Rest == *other.Rest)
}

// Classes counts rows by what they were found to be.
type Classes struct {
	Good      int `json:"good,omitempty"`
	Error     int `json:"error,omitempty"`     // an error in place of an answer
	Blocked   int `json:"blocked,omitempty"`   // by the service's policies
	Truncated int `json:"truncated,omitempty"` // at the limit of output tokens
	Empty     int `json:"empty,omitempty"`
	Invalid   int `json:"invalid,omitempty"` // not what the config expects
	Missing   int `json:"missing,omitempty"` // no line
}

// Bad counts the rows that are not good.
func (c *Classes) Bad() int {
	return c.Error + c.Blocked + c.Truncated + c.Empty + c.Invalid + c.Missing
}

// Rest is an input made of some rows of the source. It is not kept: the same
// source and answers make the same bytes.
type Rest struct {
	// Repair tells that a complete answer is repaired; else the rows are those
	// that a job which ended early did not reach.
	Repair bool   `json:"repair,omitempty"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int    `json:"rows"`
	Tokens int64  `json:"tokens,omitempty"` // an estimate
	// OutputLimit and Unlimited are as in Source.
	OutputLimit int64 `json:"output_limit,omitempty"`
	Unlimited   int   `json:"unlimited,omitempty"`
}

// Tokens are counts as the service reports them in its answers.
type Tokens struct {
	Input    int64 `json:"input,omitempty"`
	Output   int64 `json:"output,omitempty"`
	Thoughts int64 `json:"thoughts,omitempty"`
	Cached   int64 `json:"cached,omitempty"` // part of Input
	// Long is the part of them that belongs to requests with long prompts.
	Long LongTokens `json:"long,omitzero"`
}

// LongPrompt is the largest prompt, in tokens, that is not long: models that
// charge more for long prompts do so for each request that is larger.
const LongPrompt = 200_000

// LongTokens are those of requests whose prompts are longer than LongPrompt.
type LongTokens struct {
	Input    int64 `json:"input,omitempty"`
	Output   int64 `json:"output,omitempty"`
	Thoughts int64 `json:"thoughts,omitempty"`
	Cached   int64 `json:"cached,omitempty"`
}

// Add adds other counts.
func (t *Tokens) Add(u Tokens) {
	t.Input += u.Input
	t.Output += u.Output
	t.Thoughts += u.Thoughts
	t.Cached += u.Cached
	t.Long.Input += u.Long.Input
	t.Long.Output += u.Long.Output
	t.Long.Thoughts += u.Long.Thoughts
	t.Long.Cached += u.Long.Cached
}

// Refusal is a final or repeated refusal of one content and model.
type Refusal struct {
	SHA256  string `json:"sha256"`
	Model   string `json:"model"`
	Message string `json:"message"`
	Times   int    `json:"times"`
	Final   bool   `json:"final,omitempty"`
}

// StrangeUpload is a live upload of which the state does not know all that
// followed: an older snapshot was restored, or a lost state rebuilt. It has no
// record of the upload, or found the job made from it by its label; a create
// that followed may be too young to be listed.
type StrangeUpload struct {
	File string `json:"file"`
	// SHA256 is that of its bytes, where its name does not begin with it.
	SHA256     string    `json:"sha256,omitempty"`
	SettleFrom time.Time `json:"settle_from,omitzero"`
	Settled    bool      `json:"settled,omitempty"`
	// CancelAsked is set when a person wants nothing more to be bought, should no
	// create have followed.
	CancelAsked bool `json:"cancel_asked,omitempty"`
}

// Last gives the attempt with the highest number, or nil.
func (r *Record) Last() *Attempt {
	if r == nil || len(r.Attempts) == 0 {
		return nil
	}
	return &r.Attempts[len(r.Attempts)-1]
}

// NextNumber is the number of the next attempt.
func (r *Record) NextNumber() int {
	if last := r.Last(); last != nil {
		return last.Number + 1
	}
	return 1
}

// rerunAbsent reports whether a person asked for another job and its send
// bought nothing: the wish still stands.
func (r *Record) rerunAbsent() bool {
	last := r.Last()
	return last != nil && last.Rerun && last.Outcome == OutcomeAbsent && !last.CancelAsked
}

// unbound reports whether the job was adopted for this batch and turned out to
// be another's.
func (a *Attempt) unbound() bool { return a.Adopted && a.Wrong }

// wrong reports whether the newest job was adopted and is another batch's.
func (r *Record) wrong() bool {
	last := r.Last()
	return last != nil && last.unbound()
}

// hasJob reports whether an attempt names the job.
func (r *Record) hasJob(name string) bool {
	return r != nil && slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.Job == name })
}

// lacksJob reports whether another job would be bought: there was none, or each
// failed or expired by itself.
func (r *Record) lacksJob() bool {
	return r == nil || r.Result == nil && !slices.ContainsFunc(r.Attempts, func(a Attempt) bool {
		failed := JobState(a.State) == JobFailed || JobState(a.State) == JobExpired
		return a.Outcome == OutcomeBought && (!failed || !a.fruitless() || a.CancelAsked)
	})
}

// refusedForGood reports whether the attempt is the one whose refusal is final.
func (r *Record) refusedForGood(at *Attempt) bool {
	return at.Outcome == OutcomeRefused && r.Refused != nil && r.Refused.Final && r.Refused.Message == at.Error
}

// Accepted counts the sends that the service accepted, adoptions included.
func (r *Record) Accepted() int {
	n := 0
	if r != nil {
		for i := range r.Attempts {
			if r.Attempts[i].Outcome == OutcomeBought {
				n++
			}
		}
	}
	return n
}

// Clone gives a copy that shares nothing with r.
func (r *Record) Clone() *Record {
	if r == nil {
		return nil
	}
	c := *r
	c.Upload = clone(r.Upload)
	c.Result = clone(r.Result)
	c.Refused = clone(r.Refused)
	if c.Judged = clone(r.Judged); c.Judged != nil {
		c.Judged.Rest = clone(c.Judged.Rest)
	}
	c.Strange = clone(r.Strange)
	c.Attempts = append([]Attempt(nil), r.Attempts...)
	for i := range c.Attempts {
		c.Attempts[i].Part = clone(c.Attempts[i].Part)
	}
	return &c
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
