package planner

import (
	"slices"
	"time"
)

// Recorded is what the state says. Diff reads it and changes nothing in it.
type Recorded struct {
	Lineage string // "" before the first apply
	// Former are the lineages, six digits each, whose labels count as this
	// state's own: a person said that they were its former ones.
	Former  []string
	Serial  int64
	Batches map[Address]*Record
}

// Lineage6 is the part of the lineage that stands in names at the service.
func (r *Recorded) Lineage6() string {
	if len(r.Lineage) < 6 {
		return ""
	}
	return r.Lineage[:6]
}

// Owns reports whether labels with those six digits of a lineage are this
// state's own.
func (r *Recorded) Owns(lineage6 string) bool {
	return lineage6 != "" && (lineage6 == r.Lineage6() || slices.Contains(r.Former, lineage6))
}

// Job is a live job in the planner's words: states without prefixes, models
// without "models/".
type Job struct {
	Name        string
	DisplayName string
	Model       string
	InputFile   string // files/…, "" when inline or not told
	State       JobState
	RawState    string // as the service spells it
	Done        bool
	Created     time.Time
	Ended       time.Time
	Output      string // files/batch-…
	Inline      bool   // its answers stand in the job itself
	Stats       Stats
	Error       string
}

// JobState is the state of a job at the service.
type JobState string

const (
	JobPending   JobState = "PENDING"
	JobRunning   JobState = "RUNNING"
	JobSucceeded JobState = "SUCCEEDED"
	JobFailed    JobState = "FAILED"
	JobCancelled JobState = "CANCELLED"
	JobExpired   JobState = "EXPIRED"
	JobUnknown   JobState = "UNKNOWN" // a state that this version has no word for
)

// Active reports whether the job may still do work, and so counts against the
// limit on active jobs. A state unknown to us counts until the job is done.
func (j *Job) Active() bool {
	switch j.State {
	case JobPending, JobRunning:
		return true
	case JobUnknown:
		return !j.Done
	}
	return false
}

// promising reports whether the job has given, or may still give, all its
// answers.
func (j *Job) promising() bool { return j.Active() || j.State == JobSucceeded }

// File is a live upload.
type File struct {
	Name    string
	SHA256  string // lower-case hex
	Bytes   int64
	Expires time.Time
	Active  bool // usable as an input
}

// Live is what the service said.
type Live struct {
	// Refreshed is false when the service was not asked.
	Refreshed bool
	// Complete tells that the job listing is whole: it was walked until two
	// walks agreed, or nothing depends on it.
	Complete bool
	Jobs     []Job
	Files    []File
	// FilesListed is false when the file listing was not needed.
	FilesListed bool
	// First and Last are the service's times of the job listing's first and
	// last page.
	First, Last time.Time
	// LocalClock tells that the service sent no usable times: First and Last are
	// this process's own, and mean nothing to another one.
	LocalClock bool
	// Missing are recorded jobs that the listing lacks and that the service,
	// asked for each, does not have.
	Missing map[string]bool
	// Owners tells whose the answers of successful jobs are, by their keys, for
	// jobs that nothing else explains; see Unexplained.
	Owners map[string]Owner
}

// ResultSeen is what stands at a batch's result path.
type ResultSeen string

const (
	ResultNone    ResultSeen = ""        // nothing is there
	ResultOurs    ResultSeen = "ours"    // the recorded result, unchanged
	ResultChanged ResultSeen = "changed" // the recorded result, changed since
	ResultForeign ResultSeen = "foreign" // a folder, a link, or a file that this state did not write
)

// Observed is everything that Diff compares the desired with.
type Observed struct {
	Recorded Recorded
	Live     Live
	Results  map[Address]ResultSeen
	// Judged says what the rows in hand are of batches in which they had not been
	// judged by the rules as they are now; see Record.Unjudged.
	Judged map[Address]*Judgement
	// Marks are the settle marks of this process, by token or file; used only
	// where the service sends no usable times.
	Marks map[string]time.Time
}
