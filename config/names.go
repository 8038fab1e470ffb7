package config

import "strings"

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isAlnum(c byte) bool { return isDigit(c) || isLower(c) || isUpper(c) }

// madeOf reports whether s has least to most bytes that are all of a kind.
func madeOf(s string, least, most int, kind func(byte) bool) bool {
	for i := range len(s) {
		if !kind(s[i]) {
			return false
		}
	}
	return least <= len(s) && len(s) <= most
}

// isModel: lower-case letters and digits, a letter first, with single dots, low
// lines and hyphens in between; at most 100 bytes.
func isModel(s string) bool {
	if s == "" || !isLower(s[0]) || len(s) > 100 {
		return false
	}
	between := false
	for i := range len(s) {
		switch c := s[i]; {
		case isLower(c) || isDigit(c):
			between = false
		case between || c != '.' && c != '_' && c != '-':
			return false
		default:
			between = true
		}
	}
	return !between
}

// isServiceName: batches/ or files/ and an identifier.
func isServiceName(s string) bool {
	id, isJob := strings.CutPrefix(s, jobPrefix)
	if !isJob {
		var isFile bool
		if id, isFile = strings.CutPrefix(s, filePrefix); !isFile {
			return false
		}
	}
	return id != "" && isAlnum(id[0]) && madeOf(id, 1, 128, func(c byte) bool { return isAlnum(c) || c == '_' || c == '-' })
}

// isBareID: an identifier that the service makes, without what it is of.
func isBareID(s string) bool {
	return madeOf(s, 12, 64, func(c byte) bool { return isLower(c) || isDigit(c) })
}

// isReason: a word in upper case as the service writes how an answer ended.
func isReason(s string) bool {
	return s != "" && isUpper(s[0]) && madeOf(s, 1, 64, func(c byte) bool { return isUpper(c) || isDigit(c) || c == '_' })
}
