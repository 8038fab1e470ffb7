package emulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// job is a batch job. Its course is fixed when it is made; only a cancel or a
// delete changes it. What it looks like follows from the time.
type job struct {
	ID          string `json:"id"` // 36 × [a-z0-9]
	Seq         int64  `json:"seq"`
	DisplayName string `json:"display_name,omitempty"`
	Model       string `json:"model"`           // without models/
	Input       string `json:"input,omitempty"` // files/…, "" for inline
	Priority    int64  `json:"priority,omitempty"`

	Body   body   `json:"body"`
	SHA256 string `json:"sha256"` // of the input, lower-case hex
	Rows   int64  `json:"rows"`
	// Failed and Missing are the rows that will have an error, or no line.
	Failed  int64   `json:"failed,omitempty"`
	Missing int64   `json:"missing,omitempty"`
	Tokens  int64   `json:"tokens"` // enqueued
	Plan    rowPlan `json:"plan"`

	Create time.Time `json:"create"`
	Start  time.Time `json:"start"` // pending until then
	End    time.Time `json:"end"`   // running until then
	// Outcome is the state at the end: SUCCEEDED, FAILED, EXPIRED or CANCELLED.
	Outcome string `json:"outcome"`
	// Stuck is the state that the job never leaves, "" when it does.
	Stuck string `json:"stuck,omitempty"`

	// Listed is when listings begin to show the job.
	Listed time.Time `json:"listed"`
	// OutputNamed is when a succeeded job begins to name its output.
	OutputNamed time.Time `json:"output_named,omitzero"`
	// PartialOutput: the job has an output although it ended early.
	PartialOutput bool   `json:"partial_output,omitempty"`
	StrangeState  string `json:"strange_state,omitempty"` // value of FaultUnknownState
	// Foreign: planted, not bought through the API.
	Foreign bool `json:"foreign,omitempty"`
	// Answered: planted with an output that does not follow from the input.
	Answered bool `json:"answered,omitempty"`

	cancelled  time.Time // zero unless a cancel was accepted; when it takes effect
	cancelCode int
	deleted    time.Time
	result     *resultRecord
}

// The states of a job, without BATCH_STATE_.
const (
	statePending   = "PENDING"
	stateRunning   = "RUNNING"
	stateSucceeded = "SUCCEEDED"
	stateFailed    = "FAILED"
	stateCancelled = "CANCELLED"
	stateExpired   = "EXPIRED"
)

func (j *job) name() string       { return "batches/" + j.ID }
func (j *job) outputName() string { return "files/batch-" + j.ID }

// copyKey names what copies are counted of.
func (j *job) copyKey() string { return j.SHA256 + " " + j.Model }

func (j *job) inline() bool { return j.Input == "" }

func (j *job) position() position { return position{j.Create.UnixNano(), j.Seq} }

func (j *job) visible(now time.Time) bool { return j.exists(now) && !now.Before(j.Listed) }

// exists tells whether a get finds the job.
func (j *job) exists(now time.Time) bool { return j.deleted.IsZero() && !now.Before(j.Create) }

// stopped gives the time at which a cancel or a delete ended the job before its
// end, zero when none did.
func (j *job) stopped() (at time.Time) {
	for _, t := range []time.Time{j.cancelled, j.deleted} {
		if !t.IsZero() && (j.Stuck != "" || t.Before(j.End)) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// state gives the state at now, without BATCH_STATE_.
func (j *job) state(now time.Time) string {
	switch at := j.stopped(); {
	case !at.IsZero() && !now.Before(at):
		return stateCancelled
	case j.Stuck != "":
		return j.Stuck
	case now.Before(j.Start) && now.Before(j.End):
		return statePending
	case now.Before(j.End):
		return stateRunning
	}
	return j.Outcome
}

func isFinal(state string) bool {
	switch state {
	case statePending, stateRunning:
		return false
	}
	return true
}

// end gives the time at which the job ends or ended; a stuck one never does.
func (j *job) end() time.Time {
	switch at := j.stopped(); {
	case !at.IsZero():
		return at
	case j.Stuck != "":
		return j.Create.AddDate(100, 0, 0)
	}
	return j.End
}

// hasOutput tells whether the job has an output at now, named or not.
func (j *job) hasOutput(now time.Time) bool {
	switch s := j.state(now); {
	case s == stateSucceeded:
		return true
	case isFinal(s):
		return j.PartialOutput
	}
	return false
}

// holds tells whether the job counts in the quotas at now.
func (j *job) holds(now time.Time, releaseDelay time.Duration) bool {
	return now.Before(j.end().Add(releaseDelay))
}

// rowPlan gives the plan of the rows as the job's end made it.
func (j *job) rowPlan(now time.Time) rowPlan {
	p := j.Plan
	if j.state(now) != stateSucceeded {
		p.Partial = max(1, j.Rows/2)
	}
	return p
}

// status gives the top-level error of a job that ended badly.
func (j *job) status(state string) *rpcStatus {
	switch state {
	case stateCancelled:
		if j.cancelCode == 1 {
			return &rpcStatus{Code: 1, Message: "The operation was cancelled."}
		}
		return &rpcStatus{Code: 13, Message: fmt.Sprintf("Batch %s failed without error.", j.ID)}
	case stateFailed:
		return &rpcStatus{Code: 13, Message: "System error. Please try again later."}
	case stateExpired:
		return &rpcStatus{Code: 4, Message: fmt.Sprintf("Batch %s did not complete in time.", j.ID)}
	}
	return nil
}

// The shapes on the wire. 64-bit numbers are strings, and what is not due is
// absent.
type operation struct {
	Name     string        `json:"name"`
	Metadata batchMetadata `json:"metadata"`
	Done     bool          `json:"done,omitempty"`
	Error    *rpcStatus    `json:"error,omitempty"`
	Response *batchOutput  `json:"response,omitempty"`
}

type batchMetadata struct {
	Type        string       `json:"@type"`
	Model       string       `json:"model"`
	DisplayName string       `json:"displayName,omitempty"`
	InputConfig *inputConfig `json:"inputConfig,omitempty"`
	Output      *batchOutput `json:"output,omitempty"`
	CreateTime  string       `json:"createTime"`
	EndTime     string       `json:"endTime,omitempty"`
	UpdateTime  string       `json:"updateTime"`
	Stats       batchStats   `json:"batchStats"`
	State       string       `json:"state"`
	Priority    int64        `json:"priority,omitempty,string"`
	Name        string       `json:"name"`
}

type inputConfig struct {
	FileName string `json:"fileName,omitempty"`
}

type batchOutput struct {
	Type          string          `json:"@type,omitempty"`
	ResponsesFile string          `json:"responsesFile,omitempty"`
	Inlined       *inlinedAnswers `json:"inlinedResponses,omitempty"`
}

type inlinedAnswers struct {
	Inlined json.RawMessage `json:"inlinedResponses"`
}

type batchStats struct {
	Requests  int64 `json:"requestCount,omitempty,string"`
	Succeeded int64 `json:"successfulRequestCount,omitempty,string"`
	Failed    int64 `json:"failedRequestCount,omitempty,string"`
	Pending   int64 `json:"pendingRequestCount,omitempty,string"`
}

const (
	typeBatch  = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
	typeOutput = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatchOutput"
)

// wire renders the job as it is at now. inlined are the answers of an inline
// job, nil in listings and before its end.
func (j *job) wire(now time.Time, inlined json.RawMessage) *operation {
	state := j.state(now)
	op := &operation{Name: j.name(), Metadata: batchMetadata{
		Type: typeBatch, Name: j.name(), Model: "models/" + j.Model, DisplayName: j.DisplayName,
		CreateTime: timestamp(j.Create), UpdateTime: timestamp(j.Create),
		Stats: j.stats(now), State: "BATCH_STATE_" + state, Priority: j.Priority,
	}}
	m := &op.Metadata
	if !j.inline() {
		m.InputConfig = &inputConfig{FileName: j.Input}
	}
	switch {
	case isFinal(state):
		op.Done = true
		op.Error = j.status(state)
		m.EndTime = timestamp(j.end())
		// Captures have it a little before the end.
		m.UpdateTime = timestamp(j.end().Add(-30))
	case state == stateRunning && j.Stuck == "":
		m.UpdateTime = timestamp(j.Start)
	}
	if j.hasOutput(now) && !now.Before(j.OutputNamed) {
		op.output(j, inlined)
	}
	j.strange(op, now)
	return op
}

// output names the job's output, in both places where it stands.
func (op *operation) output(j *job, inlined json.RawMessage) {
	out := batchOutput{ResponsesFile: j.outputName()}
	if j.inline() {
		if inlined == nil {
			return
		}
		out = batchOutput{Inlined: &inlinedAnswers{inlined}}
	}
	op.Metadata.Output = &out
	response := out
	response.Type = typeOutput
	op.Response = &response
}

// strange puts a state in that no client knows, where the fault asks for it.
func (j *job) strange(op *operation, now time.Time) {
	name, when, _ := strings.Cut(j.StrangeState, ":")
	switch {
	case name == "":
	case when == "" && j.state(now) == stateRunning:
		op.Metadata.State = name
	case when != "" && op.Done:
		op.Metadata.State = name
		op.Error = nil
		if when == "bare" {
			op.Metadata.Output, op.Response = nil, nil
		}
	}
}

func (j *job) stats(now time.Time) batchStats {
	s := batchStats{Requests: j.Rows}
	succeeded := j.Rows - j.Failed - j.Missing
	switch state := j.state(now); {
	case state == stateSucceeded:
		s.Succeeded, s.Failed = succeeded, j.Failed
	case isFinal(state) && j.PartialOutput:
		s.Succeeded = min(succeeded, max(1, j.Rows/2))
		s.Failed = j.Rows - s.Succeeded
	case state == stateRunning && j.End.After(j.Start) && j.Stuck == "":
		done := float64(now.Sub(j.Start)) / float64(j.End.Sub(j.Start))
		s.Succeeded = int64(done * float64(succeeded))
		s.Failed = int64(done * float64(j.Failed))
		s.Pending = j.Rows - s.Succeeded - s.Failed
	default:
		s.Pending = j.Rows
	}
	return s
}

// timestamp writes a time as the service does: UTC, nine digits of a second
// unless they are all zero.
func timestamp(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// outputFileID tells the job whose output a file name is.
func outputFileID(name string) (id string, ok bool) {
	return strings.CutPrefix(name, "files/batch-")
}

func parseInt64(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }
