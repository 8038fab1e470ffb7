package batchfile

import "strconv"

// google.rpc codes (google/rpc/code.proto).
const (
	codeCancelled         = 1
	codeUnknown           = 2
	codeDeadlineExceeded  = 4
	codeNotFound          = 5
	codeResourceExhausted = 8
	codeAborted           = 10
	codeInternal          = 13
	codeUnavailable       = 14
	codeLast              = 16
)

// Transient tells whether a row that failed with a google.rpc code may go
// through when it is sent again as it is.
//
// INTERNAL (13), UNAVAILABLE (14) and UNKNOWN (2) are faults of the service:
// half of a batch has come back with 13 (python-genai #1341, 2025-09), and 2
// stands for errors without a code. With RESOURCE_EXHAUSTED (8) and
// DEADLINE_EXCEEDED (4) it was busy. ABORTED (10) is by its definition to be
// tried again at a higher level. All others say something about the request, or
// about who sent it.
func Transient(code int) bool {
	switch code {
	case codeUnknown, codeDeadlineExceeded, codeResourceExhausted, codeAborted, codeInternal, codeUnavailable:
		return true
	}
	return false
}

// status is a google.rpc.Status as far as it matters here.
type status struct {
	code    int64
	hasCode bool
	message []byte // raw, nil when it says nothing
}

// failed tells whether it says that something went wrong: code 0 is OK, and a
// message without a code has been an error.
func (s status) failed() bool { return s.code != 0 || s.message != nil && !s.hasCode }

func (s *status) read(p *parser, name []byte) error {
	isCode, isMessage := string(name) == "code", string(name) == "message"
	raw, err := p.value()
	switch {
	case err != nil:
		return err
	case isCode:
		s.hasCode = true
		if s.code, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
			s.code = codeUnknown // a word, or a number beyond all codes
		}
	case isMessage && len(raw) > len(`""`) && string(raw) != "null":
		s.message = raw
	}
	return nil
}

// readStatus reads the value of "error" or "status": an object, a text or a
// number. It says nothing when it is null, empty, OK or code 0.
func (a *answer) readStatus(p *parser) error {
	var s status
	switch p.peek() {
	case '{':
		members := 0
		err := p.members(func(name []byte) error {
			members++
			return s.read(p, name)
		})
		if err == nil && (s.failed() || members > 0 && !s.hasCode) {
			a.fail(s)
		}
		return err
	default:
		raw, err := p.value()
		if err != nil {
			return err
		}
		switch string(raw) {
		case "null", `""`, `"OK"`, "0":
		default:
			if raw[0] == '"' {
				s.message = raw
			}
			a.fail(s)
		}
		return nil
	}
}

// fail notes an error. Of several, the one with a code counts.
func (a *answer) fail(s status) {
	code := int(min(max(s.code, 0), codeLast+1))
	if code == 0 || code > codeLast {
		code = codeUnknown
	}
	if !a.failed || a.code == codeUnknown {
		a.code = code
		if s.message != nil {
			a.message = s.message
		}
	}
	a.failed = true
}
