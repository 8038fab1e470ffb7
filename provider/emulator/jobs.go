package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// create makes a job. It is not idempotent: the same request twice makes two
// jobs, as with the service.
func (c *call) create() *reply {
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, inlineLimit+1))
	switch {
	case err != nil:
		return refuse(400, "reading the request: %v", err)
	case len(raw) > inlineLimit:
		return refuse(400, "Request payload size exceeds the limit: %d bytes.", inlineLimit)
	case !c.cfg.knows(c.id):
		return c.noSuchModel("batchGenerateContent")
	}
	req, err := readCreate(raw)
	switch {
	case err != nil:
		return badPayload(err)
	case req.model != "" && strings.TrimPrefix(req.model, "models/") != c.id:
		return refuse(400, "batch.model %s differs from the model of the call, models/%s", req.model, c.id)
	}
	j := &job{DisplayName: req.displayName, Model: c.id, Priority: req.priority, Input: fullFileName(req.fileName)}
	if j.inline() {
		if refusal := c.storeInline(j, req.requests); refusal != nil {
			return refusal
		}
	}
	for {
		answer, again := c.tryCreate(j)
		if again {
			continue
		}
		if j.inline() && j.ID == "" {
			c.folder.discard(j.Body)
		}
		return answer
	}
}

func fullFileName(name string) string {
	if name == "" || strings.HasPrefix(name, "files/") {
		return name
	}
	return "files/" + name
}

// storeInline keeps the requests as a body of lines.
func (c *call) storeInline(j *job, requests []json.RawMessage) *reply {
	lines, err := inlineLines(requests)
	if err != nil {
		return badPayload(err)
	}
	stored, hash, err := c.folder.storePart(bytes.NewReader(lines), nil, maxChunk, 1)
	if err != nil {
		return internal(err)
	}
	j.Body = body{stored}
	if j.SHA256, err = hexDigest(hash); err != nil {
		return internal(err)
	}
	return nil
}

// tryCreate reads the input without the lock, then makes the job under it. It
// says again when another job for the same content came in between, on which the
// fate of the rows depends.
func (c *call) tryCreate(j *job) (answer *reply, again bool) {
	var copies int
	err := c.folder.update(func(tx *transaction) error {
		answer, _ = tx.takeInput(j)
		copies = tx.rep.copies[j.copyKey()]
		return nil
	})
	if err != nil {
		return internal(err), false
	}
	if answer != nil {
		return answer, false
	}
	j.Plan = c.hits.rows()
	j.Plan.Seed = fmt.Sprintf("%s %s %d", j.SHA256, j.Model, copies)
	j.Plan.Faults = c.cfg.Rows
	if answer = c.readInput(j); answer != nil {
		return answer, false
	}
	err = c.folder.update(func(tx *transaction) error {
		var changed bool
		answer, changed = tx.takeInput(j)
		if again = changed || tx.rep.copies[j.copyKey()] != copies; answer != nil || again {
			return nil
		}
		if answer = c.cfg.Quota.refusal(tx, j); answer != nil {
			return nil
		}
		c.schedule(tx, j)
		answer = ok(j.wire(tx.now, nil))
		return tx.add(&record{Job: j})
	})
	if err != nil {
		return internal(err), false
	}
	return answer, again && answer == nil
}

// takeInput gives the job the content of the file that it names, which inline
// jobs have. It tells whether that is another one than the job had.
func (tx *transaction) takeInput(j *job) (refusal *reply, changed bool) {
	if j.inline() {
		return nil, false
	}
	f := tx.rep.files[j.Input]
	if f == nil || !f.alive(tx.now) {
		return noSuchFile(j.Input), false
	}
	changed = f.SHA256 != j.SHA256
	j.Body, j.SHA256 = f.Body, f.SHA256
	return nil, changed
}

// readInput checks the input as the service does, and counts what it holds.
func (c *call) readInput(j *job) (refusal *reply) {
	found, err := c.scan(j)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noSuchFile(j.Input) // deleted meanwhile
	case err != nil:
		return internal(err)
	case len(found.problems) > 0:
		return refuse(400, "%s", strings.Join(found.problems, "\n"))
	case found.rows == 0:
		return refuse(400, "The input file %s contains no requests.", j.Input)
	}
	j.Rows, j.Failed, j.Missing, j.Tokens = found.rows, found.failed, found.missing, found.tokens
	return nil
}

// schedule gives the job its id and its course.
func (c *call) schedule(tx *transaction, j *job) {
	j.Seq = tx.rep.seq + 1
	j.ID = idFrom(base36, 36, tx.rep.id, "job", fmt.Sprint(j.Seq))
	j.Create = tx.now
	if f, ok := c.hits.take(FaultDelayedCreate); ok {
		j.Create = tx.now.Add(f.duration(minute))
		c.cut = true
	}
	c.cfg.course(j)
	if f, ok := c.hits.take(FaultListLag); ok {
		j.Listed = j.Create.Add(f.duration(minute))
	}
	if f, ok := c.hits.take(FaultSucceededWithoutOutput); ok {
		j.OutputNamed = j.End.Add(f.duration(minute))
	}
	if c.hits.takes(FaultJobFailed) {
		j.Outcome = stateFailed
	}
	if f, ok := c.hits.take(FaultJobExpired); ok {
		j.Outcome, j.End = stateExpired, j.Create.Add(f.duration(jobLife))
	}
	if f, ok := c.hits.take(FaultJobStuck); ok {
		j.Stuck = statePending
		if f.Value != "" {
			j.Stuck = f.Value
		}
	}
	j.PartialOutput = c.hits.takes(FaultPartialOutput)
	if f, ok := c.hits.take(FaultUnknownState); ok {
		j.StrangeState = f.Value
	}
	c.hits.takeRows() // they are in the job's plan
}

// course says when the job starts and how it ends, as long as nothing happens to
// it.
func (c Config) course(j *job) {
	j.Start = j.Create.Add(c.QueueTime.at(share(j.Plan.Seed, "queue")))
	j.End = j.Start.Add(c.RunTime.at(share(j.Plan.Seed, "run")))
	j.Listed, j.Outcome = j.Create, stateSucceeded
	if last := j.Create.Add(jobLife); j.End.After(last) {
		j.End, j.Outcome = last, stateExpired
	}
}

func (c *call) noSuchModel(method string) *reply {
	return refuse(404, "models/%s is not found for API version %s, or is not supported for %s. Call ListModels to see the list of available models and their supported methods.",
		c.id, strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")[0], method)
}

func (c *call) noSuchJob() *reply { return refuse(404, "Requested entity was not found.") }

// getJob gives one job, with its answers when they are inline.
func (c *call) getJob() *reply {
	var j *job
	var now time.Time
	err := c.folder.update(func(tx *transaction) error {
		if found := tx.rep.jobs[c.id]; found != nil && found.exists(tx.now) {
			copied := *found
			j, now = &copied, tx.now
		}
		return nil
	})
	switch {
	case err != nil:
		return internal(err)
	case j == nil:
		return c.noSuchJob()
	}
	var inlined json.RawMessage
	if j.inline() && j.hasOutput(now) {
		ready := *j
		ready.Plan = j.rowPlan(now)
		if inlined, err = c.inlined(&ready); err != nil {
			return internal(err)
		}
	}
	op := j.wire(now, inlined)
	if f, ok := c.hits.take(FaultUnknownState); ok {
		op.Metadata.State = f.Value
	}
	return ok(op)
}

// inlined gives the answers of an inline job as a JSON array.
func (c *call) inlined(j *job) (json.RawMessage, error) {
	out, err := c.output(j, rowPlan{})
	if err != nil {
		return nil, err
	}
	lines, err := os.ReadFile(out.path)
	if err != nil {
		return nil, err
	}
	lines = bytes.ReplaceAll(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"), []byte(","))
	return fmt.Appendf(nil, "[%s]", lines), nil
}

// listJobs lists the jobs, newest first, without inline answers.
func (c *call) listJobs() *reply {
	if c.page.err != nil {
		return refuse(400, "%v", c.page.err)
	}
	answer := struct {
		Operations []*operation `json:"operations,omitempty"`
		Next       string       `json:"nextPageToken,omitempty"`
	}{}
	var refusal *reply
	err := c.folder.update(func(tx *transaction) error {
		var jobs []*job
		jobs, answer.Next, refusal = listPage(c, tx.rep.jobList, tx.now)
		for _, j := range jobs {
			op := j.wire(tx.now, nil)
			if f, ok := c.hits.take(FaultUnknownState); ok {
				op.Metadata.State = f.Value
			}
			answer.Operations = append(answer.Operations, op)
		}
		return nil
	})
	switch {
	case err != nil:
		return internal(err)
	case refusal != nil:
		return refusal
	}
	return ok(answer)
}

// cancelJob ends a job at once. One that has ended stays as it is.
func (c *call) cancelJob() *reply {
	answer := ok(struct{}{})
	err := c.folder.update(func(tx *transaction) error {
		j := tx.rep.jobs[c.id]
		if j == nil || !j.exists(tx.now) {
			answer = c.noSuchJob()
			return nil
		}
		if isFinal(j.state(tx.now)) || !j.cancelled.IsZero() {
			return nil
		}
		cancel := &cancelRecord{Job: j.ID, Effective: tx.now, Code: 13}
		if f, ok := c.hits.take(FaultCancelDelayed); ok {
			cancel.Effective = tx.now.Add(f.duration(minute))
		}
		if f, ok := c.hits.take(FaultCancelCode); ok {
			cancel.Code = f.number(1)
		}
		return tx.add(&record{Cancel: cancel})
	})
	if err != nil {
		return internal(err)
	}
	return answer
}

// deleteJob takes a job off the list and stops it. Its output stays.
func (c *call) deleteJob() *reply {
	answer := ok(struct{}{})
	err := c.folder.update(func(tx *transaction) error {
		if j := tx.rep.jobs[c.id]; j == nil || !j.exists(tx.now) {
			answer = c.noSuchJob()
			return nil
		}
		return tx.add(&record{DeleteJob: c.id})
	})
	if err != nil {
		return internal(err)
	}
	return answer
}

// scanCache keeps what scans found, so that a create that is refused for two
// days reads its input once.
type scanCache struct {
	mu    sync.Mutex
	found map[string]scan
}

const maxScans = 4096

func (c *call) scan(j *job) (scan, error) {
	key := encode(j.Plan)
	c.scans.mu.Lock()
	found, ok := c.scans.found[key]
	c.scans.mu.Unlock()
	if ok {
		return found, nil
	}
	in := c.folder.reader(j.Body)
	defer in.Close()
	found, err := scanInput(in, &j.Plan, c.cfg.RefuseCamelCase && !j.inline())
	if err != nil {
		return scan{}, fmt.Errorf("read the input: %w", err)
	}
	c.scans.mu.Lock()
	defer c.scans.mu.Unlock()
	if c.scans.found == nil || len(c.scans.found) >= maxScans {
		c.scans.found = map[string]scan{}
	}
	c.scans.found[key] = found
	return found, nil
}
