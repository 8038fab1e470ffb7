package emulator

import (
	"slices"
	"time"
)

// Config says which service is emulated. Its zero values are the realistic
// defaults; Dir alone is required.
type Config struct {
	// Dir is the data folder, made when absent. Several servers, in one process
	// or in many, may serve the same folder at once.
	Dir string
	// History is the path of a list of jobs and uploads that somebody else made
	// before the data folder began; "" is none. It is read when the folder is new,
	// and never again. Each entry is an object of strings: name (batches/… or
	// files/…), source (the path of the input, relative to the history), age (such
	// as 52h; 0s by default), model (of a job) and display_name (may be absent). A
	// job has an upload of its own, which is as old.
	History string
	// Clock gives the real time; nil means time.Now. It is asked once or twice
	// for each request.
	Clock func() time.Time
	// Rate is how many virtual seconds pass in a real one; 0 means 1. Where two
	// servers of one folder disagree, the one opened last decides for both.
	Rate float64
	// APIKey is the key that is let in; "" lets any key in, but not none.
	APIKey string
	// QueueTime and RunTime are how long a job stays pending and then running,
	// in virtual time. The zero Span means the default, 30 s to 3 min and 2 to
	// 12 min; Span{1, 1} is as good as at once.
	QueueTime, RunTime Span
	Quota              Quota
	// Models are the ids that exist, without "models/"; nil means those of
	// DefaultModels.
	Models []string
	// RefuseCamelCase refuses request lines with camelCase fields, as the
	// service did for tidyverse/ellmer in May 2026.
	RefuseCamelCase bool
	// PageSize is the size of a listing's page where the request names none: 50
	// by default. No page is longer than 100.
	PageSize int
	// Granularity is what the length of every chunk but the last must be a
	// multiple of, in bytes: 8 MiB by default, as the service announces.
	Granularity int64
	Rows        RowFaults
	// Faults are the switches that are on from the start; see SetFaults.
	Faults []Fault
}

// Span is a range of durations, both ends included. Each job has its own value
// in it, which depends on its content, its model and on how many jobs had the
// same two before.
type Span struct{ Min, Max time.Duration }

// Quota holds the limits of the one project that the emulator serves. Zero
// means the default, a negative number no limit.
type Quota struct {
	ActiveJobs        int              // jobs pending or running; 100
	EnqueuedTokens    map[string]int64 // over the active jobs, by model id; none by default
	FileBytes         int64            // of one file; 2 GiB
	StorageBytes      int64            // of all uploads and outputs; 20 GiB
	CreatesPerMinute  int              // accepted creates in a virtual minute; unlimited
	CreatesPerDay     int              // accepted creates of a model until midnight Pacific; unlimited
	RequestsPerMinute int              // calls in a virtual minute, chunks included; unlimited
	// ReleaseDelay is how long a job that ended, or was cancelled or deleted,
	// still counts in ActiveJobs and EnqueuedTokens (python-genai #2495).
	ReleaseDelay time.Duration
	// NamedRefusals: CreatesPerMinute names itself when it refuses, as the limits
	// per day and on calls always do. Else a refused create hears nothing of why.
	NamedRefusals bool
	// Burst is how many accepted creates are followed by a pause in which all
	// further ones are refused, whatever their size (discuss.ai.google.dev 115183);
	// no pauses by default. BurstPause is their length; 15 to 20 min.
	Burst      int
	BurstPause Span
}

// RowFaults are the shares of rows, 0 to 1, that get something else than a good
// answer. Together they are at most 1: a row goes wrong in one way only. Which
// rows these are depends on the job's content, its model, on how many jobs had
// the same two before, and on the row's key: the same calls give the same faults,
// and another attempt gives others. Only what is truncated is so again: that
// depends on the row's key and prompt and on its maxOutputTokens.
type RowFaults struct {
	ErrorShare float64 `json:"error,omitempty"` // an error with code 13 in place of a response
	// TruncatedShare is that of long answers: one takes 2,048 to 8,191 output
	// tokens, thoughts included. It is whole where maxOutputTokens allows that many,
	// else cut, with finishReason MAX_TOKENS; without maxOutputTokens there are 1,024.
	TruncatedShare  float64 `json:"truncated,omitempty"`
	BlockedShare    float64 `json:"blocked,omitempty"`    // no candidates, promptFeedback
	EmptyShare      float64 `json:"empty,omitempty"`      // a candidate without text
	MissingShare    float64 `json:"missing,omitempty"`    // no line at all
	DuplicatedShare float64 `json:"duplicated,omitempty"` // the line twice
	// InvalidShare is that of answers which are whole and not what was asked for:
	// where that is JSON, in a Markdown fence, without a property that is required or
	// with one of a wrong type; else a few words.
	InvalidShare float64 `json:"invalid,omitempty"`
	// SwappedShare is that of good answers which stand under each other's key, in
	// pairs; a last one without a partner stands under its own. Inline answers have
	// no key to be swapped.
	SwappedShare float64 `json:"swapped,omitempty"`
}

// What the service fixes.
const (
	uploadLife     = 48 * time.Hour         // from the start of the upload
	jobLife        = 48 * time.Hour         // until a job that has not ended is EXPIRED
	outputLife     = 6 * 7 * 24 * time.Hour // from the end of the job
	inlineLimit    = 20 << 20               // bytes of a create with inline requests
	maxPageSize    = 100
	maxIDLength    = 40          // of a file id
	maxDisplayName = 512         // of a file, in characters
	minute         = time.Minute // the window of the per-minute limits
)

// DefaultModels gives the ids of the models that exist when Config names none:
// those that were listed with batch support in autumn 2026.
func DefaultModels() []string {
	return []string{
		"gemini-2.0-flash", "gemini-2.0-flash-lite",
		"gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro",
		"gemini-3-flash-preview", "gemini-3.1-flash-lite", "gemini-3.1-pro-preview",
		"gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.6-flash",
		"gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-argon",
	}
}

// withDefaults fills in what was left at zero.
func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Rate <= 0 {
		c.Rate = 1
	}
	if c.QueueTime == (Span{}) {
		c.QueueTime = Span{30 * time.Second, 3 * time.Minute}
	}
	if c.RunTime == (Span{}) {
		c.RunTime = Span{2 * time.Minute, 12 * time.Minute}
	}
	if c.Models == nil {
		c.Models = DefaultModels()
	}
	if c.PageSize <= 0 {
		c.PageSize = 50
	}
	if c.Granularity <= 0 {
		c.Granularity = 8 << 20
	}
	q := &c.Quota
	if q.ActiveJobs == 0 {
		q.ActiveJobs = 100
	}
	if q.FileBytes == 0 {
		q.FileBytes = 2 << 30
	}
	if q.BurstPause == (Span{}) {
		q.BurstPause = Span{15 * time.Minute, 20 * time.Minute}
	}
	if q.StorageBytes == 0 {
		q.StorageBytes = 20 << 30
	}
	return c
}

func (c Config) knows(model string) bool { return slices.Contains(c.Models, model) }

// at gives the duration at share u, 0 to 1, of the span.
func (s Span) at(u float64) time.Duration {
	if s.Max <= s.Min {
		return s.Min
	}
	return s.Min + time.Duration(u*float64(s.Max-s.Min))
}
