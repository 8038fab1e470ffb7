package batchfile

import (
	"fmt"
	"unicode/utf8"
)

// FileReport says how one file of answers fits the source.
type FileReport struct {
	// Lines counts the lines, blank ones left out. Each is one of Answered,
	// Doubled, Unknown and Malformed.
	Lines     int
	Answered  int // keys of the source that have a line in this file
	Doubled   int // further lines for a key in this file
	Unknown   int // lines whose key the source lacks
	Malformed int // lines that are no JSON object with a key
	// FirstMalformedLine is 0 when there is none.
	FirstMalformedLine int
	// UnknownKeys are the first few, in the order of the file, each cut at 256
	// bytes.
	UnknownKeys []string
	// Cancelled counts the answered keys whose row a cancel cut off: its error
	// has the google.rpc code 1.
	Cancelled int
	// Usage sums over the answered keys that have a response, bad rows included:
	// it is what the file cost. Further lines of a key count as well. Long is the
	// part of it that rows with long prompts took.
	Usage, Long Usage
}

// Verdict is the short form of a file's report.
type Verdict int

const (
	// Complete: each key that was sent has its line, and there is no line too
	// many, save for further lines of known keys.
	Complete Verdict = iota
	// Damaged: keys are missing, or there are lines that belong to none.
	Damaged
	// Foreign: there are keys, and none of them is known. These are the
	// answers to another source.
	Foreign
)

func (v Verdict) String() string {
	switch v {
	case Complete:
		return "complete"
	case Damaged:
		return "damaged"
	case Foreign:
		return "foreign"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Verdict sums up for a file that answers that many rows of the source.
func (r FileReport) Verdict(sent int) Verdict {
	switch {
	case r.Unknown > 0 && r.Answered == 0:
		return Foreign
	case r.Answered != sent || r.Unknown > 0 || r.Malformed > 0:
		return Damaged
	}
	return Complete
}

// Counts are numbers of rows by class.
type Counts [Good + 1]int

// Total counts all rows.
func (c Counts) Total() int {
	n := 0
	for _, k := range c {
		n += k
	}
	return n
}

// Bad counts the rows that are not good, missing ones included.
func (c Counts) Bad() int { return c.Total() - c[Good] }

// JoinReport says what the rows of a source were found to be, over all files
// that were added.
type JoinReport struct {
	// Rows counts the keys of the source: each is in exactly one class.
	Rows Counts
	// Codes counts the rows that failed by google.rpc code; 2 (unknown) stands
	// for rows without one. nil when there are none.
	Codes map[int]int
	// MissingKeys are the first few, in the order of the source, each cut at 256
	// bytes.
	MissingKeys []string
	// Usage sums over the rows that count, bad ones included; Long is the part of it
	// that rows with long prompts took.
	Usage, Long Usage
}

const (
	fewKeys     = 10
	longestName = 256
)

// shorten keeps the beginning of a key for a report.
func shorten(key []byte) string {
	if len(key) <= longestName {
		return string(key)
	}
	cut := longestName
	for cut > 0 && !utf8.RuneStart(key[cut]) {
		cut--
	}
	return string(key[:cut])
}
