package emulator

import (
	"unicode"
	"unicode/utf8"
)

// estimateTokens guesses how many tokens a model would see in s, by the look of
// its pieces: long words fall apart, digits go in threes, and scripts without
// spaces count by the character.
func estimateTokens(s string) (n int64) {
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r < utf8.RuneSelf && isWord(r):
			length := run(s, isWord)
			n += int64(1 + (length-1)/7)
			size = length
		case r >= '0' && r <= '9':
			length := run(s, func(r rune) bool { return r >= '0' && r <= '9' })
			n += int64((length + 2) / 3)
			size = length
		case r == ' ':
			// A single space belongs to the word that follows.
			size = run(s, func(r rune) bool { return r == ' ' })
			if size > 1 {
				n++
			}
		case unicode.IsLetter(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai):
			length := run(s, func(r rune) bool { return r >= utf8.RuneSelf && unicode.IsLetter(r) })
			n += int64(1 + (length-1)/5)
			size = length
		default:
			n++
		}
		s = s[size:]
	}
	return n
}

func isWord(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' }

// run gives the length in bytes of the leading runes that fit.
func run(s string, fits func(rune) bool) int {
	for i, r := range s {
		if !fits(r) {
			return i
		}
	}
	return len(s)
}
