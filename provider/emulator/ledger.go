package emulator

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"time"
)

// Ledger is what was bought, and how many calls arrived.
type Ledger struct {
	// Purchases are all accepted creates, in their order, deleted jobs and
	// planted ones included.
	Purchases []Purchase
	// Calls counts the calls that arrived at the folder, by Op, whatever became
	// of them.
	Calls map[string]int64
}

// Purchase is one accepted create.
type Purchase struct {
	Job         string // batches/…
	DisplayName string
	Model       string // without models/
	InputFile   string // files/…, "" for inline requests
	SHA256      string // of the input, lower-case hex
	Rows        int64
	Tokens      int64 // of the input, by the emulator's own estimate, as enqueued
	Priority    int64
	Created     time.Time // virtual
	State       string    // now, such as BATCH_STATE_RUNNING
	Deleted     bool
	Foreign     bool // planted by AddJob or a history, not bought through the API

	// What the answers in the output really used, both of a row that was answered
	// twice: filled once the job has ended, and zero where it has no output or one
	// that was planted. Errors and missing rows use nothing. InputTokens holds
	// CachedTokens too.
	InputTokens, OutputTokens, ThoughtsTokens, CachedTokens int64
	// CostUSD is what they cost by the emulator's own price list on the day of the
	// create, thoughts billed as output; 0 for models without a price.
	CostUSD float64
}

// Ledger reads the books. Other servers of the folder are included. The first
// time, it goes through the inputs of the jobs that have ended meanwhile.
func (s *Server) Ledger() (Ledger, error) {
	var l Ledger
	var ended []job
	err := s.folder.update(func(tx *transaction) error {
		l.Calls = maps.Clone(tx.rep.calls)
		for _, j := range tx.rep.bought {
			l.Purchases = append(l.Purchases, Purchase{
				Job: j.name(), DisplayName: j.DisplayName, Model: j.Model, InputFile: j.Input, SHA256: j.SHA256,
				Rows: j.Rows, Tokens: j.Tokens, Priority: j.Priority, Created: j.Create,
				State: "BATCH_STATE_" + j.state(tx.now), Deleted: !j.deleted.IsZero(), Foreign: j.Foreign,
			})
		}
		ended = tx.endedJobs()
		return nil
	})
	if err != nil {
		return Ledger{}, fmt.Errorf("read the ledger: %w", err)
	}
	bills := map[string]bill{}
	for i := range ended {
		j := &ended[i]
		if bills[j.name()], err = s.bill(j); err != nil {
			return Ledger{}, fmt.Errorf("add up the answers of %s: %w", j.name(), err)
		}
	}
	for i := range l.Purchases {
		p := &l.Purchases[i]
		b := bills[p.Job]
		sum := b.total()
		p.InputTokens, p.CachedTokens, p.OutputTokens, p.ThoughtsTokens = sum.input, sum.cached, sum.output, sum.thoughts
		p.CostUSD = b.cost(tariffOf(p.Model, p.Created))
	}
	return l, nil
}

// AddFile plants an upload that is age old, for tests: nobody called the API for
// it. name may be ""; the name that the file got is returned. An age of 48 h or
// more makes one that has expired.
func (s *Server) AddFile(name, displayName string, content []byte, age time.Duration) (string, error) {
	stored, hash, err := s.folder.storePart(bytes.NewReader(content), nil, maxChunk, 1)
	if err != nil {
		return "", fmt.Errorf("add a file: %w", err)
	}
	digest, err := hexDigest(hash)
	if err != nil {
		return "", fmt.Errorf("add a file: %w", err)
	}
	f := &file{Name: fullFileName(name), DisplayName: displayName, MIMEType: "application/jsonl", SHA256: digest}
	if stored.Size > 0 {
		f.Body = body{stored}
	}
	err = s.folder.update(func(tx *transaction) error {
		if tx.nameTaken(f.Name) {
			return fmt.Errorf("%s already exists", f.Name)
		}
		f.Seq = tx.rep.seq + 1
		if f.Name == "" {
			f.Name = "files/" + idFrom(base36, 12, tx.rep.id, "file", fmt.Sprint(f.Seq))
		}
		f.Create = tx.now.Add(-age)
		f.Listed = f.Create
		f.Expire = f.Create.Add(uploadLife)
		f.Gone = f.Expire
		return tx.add(&record{File: f})
	})
	if err != nil {
		return "", fmt.Errorf("add a file: %w", err)
	}
	return f.Name, nil
}

// PlantedJob is a job that somebody else made.
type PlantedJob struct {
	DisplayName string // "" for none, as tools that drop it make them
	Model       string // without models/; "" means gemini-2.5-flash
	// Requests are the input lines, from which the answers follow.
	Requests []byte
	// Answers are the lines of the output, when they are not to follow from
	// Requests.
	Answers []byte
	// InputFile is the file that the job names. "" plants one with Requests, as
	// old as the job; one that is named is not planted, so a name that does not
	// exist is an input that is gone.
	InputFile string
	Age       time.Duration
	// State is that of now: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED or
	// EXPIRED; "" means SUCCEEDED. Pending and running jobs go on from there.
	State string
}

// AddJob plants a job, for tests: nobody called the API for it. It returns the
// job's name, batches/….
func (s *Server) AddJob(p PlantedJob) (string, error) {
	j := &job{DisplayName: p.DisplayName, Model: p.Model, Input: fullFileName(p.InputFile), Foreign: true}
	if j.Model == "" {
		j.Model = "gemini-2.5-flash"
	}
	if j.inline() {
		var err error
		if j.Input, err = s.AddFile("", p.DisplayName, p.Requests, p.Age); err != nil {
			return "", fmt.Errorf("add a job: %w", err)
		}
	}
	stored, hash, err := s.folder.storePart(bytes.NewReader(p.Requests), nil, maxChunk, 1)
	if err != nil {
		return "", fmt.Errorf("add a job: %w", err)
	}
	if stored.Size > 0 {
		j.Body = body{stored}
	}
	if j.SHA256, err = hexDigest(hash); err != nil {
		return "", fmt.Errorf("add a job: %w", err)
	}
	if j.Answered = p.Answers != nil; p.Answers != nil {
		j.Rows = int64(bytes.Count(p.Answers, []byte("\n")))
		j.Plan = rowPlan{Seed: plantedSeed(j)}
	} else if err := s.folder.plantRows(j, s.cfg.Rows); err != nil {
		return "", fmt.Errorf("add a job: %w", err)
	}
	err = s.folder.update(func(tx *transaction) error {
		j.Seq = tx.rep.seq + 1
		j.ID = idFrom(base36, 36, tx.rep.id, "job", fmt.Sprint(j.Seq))
		if err := s.plantCourse(tx.now, j, p); err != nil {
			return err
		}
		if p.Answers != nil {
			if err := os.WriteFile(s.folder.resultPath(j.ID), p.Answers, 0o600); err != nil {
				return err
			}
		}
		return tx.add(&record{Job: j})
	})
	if err != nil {
		return "", fmt.Errorf("add a job: %w", err)
	}
	return j.name(), nil
}

func plantedSeed(j *job) string { return j.SHA256 + " planted " + j.Model }

// plantRows counts the rows of a planted job and decides on their fate.
func (f *folder) plantRows(j *job, faults RowFaults) error {
	j.Plan = rowPlan{Seed: plantedSeed(j), Faults: faults}
	in := f.reader(j.Body)
	defer in.Close()
	found, err := scanInput(in, &j.Plan, false)
	if err == nil && len(found.problems) > 0 {
		err = fmt.Errorf("the requests: %s", found.problems[0])
	}
	j.Rows, j.Failed, j.Missing, j.Tokens = found.rows, found.failed, found.missing, found.tokens
	return err
}

// plantCourse makes the job be where it is to be now.
func (s *Server) plantCourse(now time.Time, j *job, p PlantedJob) error {
	j.Create = now.Add(-p.Age)
	j.Listed = j.Create
	j.Outcome = stateSucceeded
	queue := s.cfg.QueueTime.at(share(j.Plan.Seed, "queue"))
	run := s.cfg.RunTime.at(share(j.Plan.Seed, "run"))
	switch p.State {
	case statePending:
		j.Start = now.Add(max(1, queue))
		j.End = j.Start.Add(run)
	case stateRunning:
		j.Start = j.Create.Add(min(p.Age, queue))
		j.End = now.Add(max(1, run))
	case "", stateSucceeded, stateFailed, stateCancelled, stateExpired:
		j.Start = j.Create.Add(min(p.Age, queue))
		j.End = j.Start.Add(min(now.Sub(j.Start), run))
		if p.State != "" {
			j.Outcome = p.State
		}
		if p.State == stateExpired {
			j.Start, j.End = j.Create, j.Create.Add(min(p.Age, jobLife))
		}
	default:
		return fmt.Errorf("state %q: no such state", p.State)
	}
	return nil
}
