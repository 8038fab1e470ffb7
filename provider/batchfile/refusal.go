package batchfile

import (
	"strconv"
	"strings"
)

// RefusedLine is one line of an input that the service refused to take.
type RefusedLine struct {
	Line   int    // from 1
	Reason string // the service's words, on one line and cut at 300 bytes
}

// refusedAt begins each line of the service's message.
const refusedAt = "Error on line "

// ParseRefusal reads the lines that the service names when it refuses an input
// at create, each in a line of its message:
//
//	Error on line 1: invalid JSON, near column 1032: no such field: 'thinking_config'
//
// (inspect_ai #3257, #5100). It returns nil where the message names none.
func ParseRefusal(message string) []RefusedLine {
	var all []RefusedLine
	_, rest, found := strings.Cut(message, refusedAt)
	for found {
		var part string
		part, rest, found = strings.Cut(rest, refusedAt)
		number, reason, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 1 {
			continue
		}
		all = append(all, RefusedLine{Line: n, Reason: oneLine(reason)})
	}
	return all
}
