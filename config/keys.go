package config

import "strings"

// findKey gives the bounds of the first text that looks like an API key of
// Google's services, -1 where there is none: the long-standing form, AIza and 35
// characters or more, and the "auth keys" that AI Studio hands out as well, AQ.
// and 20 or more. Both are open ended: what follows a key may be more of it. It is
// no regular expression, since it looks at each byte of each run.
func findKey(s string) (start, end int) {
	for at := 0; ; at++ {
		next := strings.IndexByte(s[at:], 'A')
		if next < 0 {
			return -1, -1
		}
		at += next
		rest, least := s[at:], 0
		switch {
		case strings.HasPrefix(rest, "AIza"):
			rest, least = rest[len("AIza"):], 35
		case strings.HasPrefix(rest, "AQ.") && (at == 0 || !isWordByte(s[at-1])):
			rest, least = rest[len("AQ."):], 20
		default:
			continue
		}
		length := 0
		for length < len(rest) && (isWordByte(rest[length]) || rest[length] == '-') {
			length++
		}
		if length >= least {
			return at, len(s) - len(rest) + length
		}
	}
}

func isWordByte(c byte) bool { return isAlnum(c) || c == '_' }

func holdsKey(s string) bool {
	start, _ := findKey(s)
	return start >= 0
}

// keysIn gives the bounds of all that look like keys, in order.
func keysIn(s string) (all [][2]int) {
	for at := 0; ; {
		start, end := findKey(s[at:])
		if start < 0 {
			return all
		}
		all = append(all, [2]int{at + start, at + end})
		at += end
	}
}

// hideKeys stars out what looks like a key.
func hideKeys(s string) string {
	var b strings.Builder
	last := 0
	for _, k := range keysIn(s) {
		b.WriteString(s[last:k[0]])
		b.WriteString("********")
		last = k[1]
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}
