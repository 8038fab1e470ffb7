package results

import (
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"
)

const (
	partsFolder = ".parts"
	tempStart   = ".qaplan-"
	tempEnd     = ".tmp"
	tempDigits  = 16
)

// NameError tells why a name cannot be that of a file in the folder.
type NameError struct {
	Name   string
	Reason string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("file name %q: %s", e.Name, e.Reason)
}

// CheckName tells whether a result can have this name on this machine; the
// error is a *NameError.
func CheckName(name string) error { return checkName(name, runtime.GOOS == "windows") }

func checkName(name string, windows bool) error {
	refuse := func(reason string) error { return &NameError{name, reason} }
	switch {
	case name == "":
		return refuse("it is empty")
	case name == "." || name == "..":
		return refuse("it is a folder")
	case strings.ContainsAny(name, `/\`):
		return refuse("it has a path separator; expected a file name alone")
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7F }):
		return refuse("it has a control character")
	case !utf8.ValidString(name):
		return refuse("it is not UTF-8")
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return refuse("it ends in a dot or a space, which Windows drops")
	case strings.EqualFold(name, partsFolder):
		return refuse("it is the folder of parts")
	case strings.EqualFold(name, ManifestName):
		return refuse("it is the manifest, which says what was run with what")
	case hasPrefixFold(name, tempStart):
		return refuse("names that begin with " + tempStart + " are those of temporary files")
	case windows && strings.ContainsAny(name, `<>:"|?*`):
		return refuse(`Windows allows none of < > : " | ? * in it`)
	case windows && isDevice(name):
		return refuse("Windows takes it for a device")
	}
	return nil
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// isDevice recognises NUL, aux.jsonl, COM1 and their like: what stands before
// the first dot counts, without the spaces at its end.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	digit, ok := strings.CutPrefix(base, "COM")
	if !ok {
		digit, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && utf8.RuneCountInString(digit) == 1 && strings.Contains("0123456789¹²³", digit)
}

// partName is the file name for the rows of a job: batches/abc → abc.jsonl.
// The name comes from the service, so it is taken for no more than it should
// be.
func partName(job string) (string, error) {
	id, ok := strings.CutPrefix(job, "batches/")
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if !ok || id == "" || len(id) > 200 || strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
		return "", &NameError{job, "expected batches/ and letters, digits, - and _, at most 200"}
	}
	return id + ".jsonl", CheckName(id + ".jsonl")
}

// isTemp recognises the names that createTemp gives.
func isTemp(name string) bool {
	digits, ok := strings.CutPrefix(name, tempStart)
	if !ok {
		return false
	}
	digits, ok = strings.CutSuffix(digits, tempEnd)
	return ok && len(digits) == tempDigits && strings.Trim(digits, "0123456789abcdef") == ""
}
