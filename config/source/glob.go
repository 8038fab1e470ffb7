package source

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// CheckGlob says what is wrong with a glob with forward slashes, nil when
// nothing is.
func CheckGlob(glob string) error {
	dir, name := path.Split(glob)
	switch {
	case strings.Contains(dir, "*"):
		return errors.New("the * must stand in the file name: the result takes its name from it")
	case strings.Contains(glob, "**"):
		return errors.New("** is not supported: one * holds the number, and one folder holds the files")
	case name == "":
		return errors.New("it names a folder; the file name with a * for the number is missing, as in submissions/batch_*.jsonl")
	case !strings.Contains(name, "*"):
		return errors.New("the * that holds the batch number is missing, as in submissions/batch_*.jsonl")
	case strings.Count(name, "*") > 1:
		return errors.New("there must be one * alone: it holds the batch number")
	case strings.ContainsAny(name, "?[]{}"):
		return errors.New("of the glob characters only * has a meaning; write the other parts of the file name as they are, without ? [ ] { }")
	}
	return nil
}

// pattern matches file names against a checked glob.
type pattern struct {
	prefix, suffix string // composed
}

func newPattern(name string) pattern {
	prefix, suffix, _ := strings.Cut(norm.NFC.String(name), "*")
	return pattern{prefix, suffix}
}

// match gives what the * stands for.
func (p pattern) match(name string) (string, bool) {
	name = composed(name)
	rest, ok := strings.CutPrefix(name, p.prefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, p.suffix)
}

// composed gives a name in composed form without work for plain names.
func composed(name string) string {
	for i := range len(name) {
		if name[i] >= 0x80 {
			return norm.NFC.String(name)
		}
	}
	return name
}

// numberOf reads decimal digits. ok is false for anything else; big tells that
// the number has more than nine digits, which no batch has.
func numberOf(digits string) (n int, big, ok bool) {
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		if n > 99_999_999 {
			big = true
		} else {
			n = n*10 + int(c-'0')
		}
	}
	return n, big, digits != ""
}
