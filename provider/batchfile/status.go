package batchfile

// Transient tells whether a row that failed with a google.rpc code may go
// through when it is sent again as it is.
//
// INTERNAL (13), UNAVAILABLE (14) and UNKNOWN (2) are faults of the service:
// half of a batch has come back with 13 (python-genai #1341). For
// RESOURCE_EXHAUSTED (8) and DEADLINE_EXCEEDED (4) it was busy, and ABORTED (10)
// is by definition to be tried again (google/rpc/code.proto). All others say
// something about the request, or about who sent it.
func Transient(code int) bool {
	switch code {
	case codeUnknown, 4, 8, 10, 13, 14:
		return true
	}
	return false
}
