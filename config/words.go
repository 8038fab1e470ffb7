package config

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

func contains(words []string, w string) bool { return slices.Contains(words, w) }

func sortedCopy(words []string) []string {
	out := slices.Clone(words)
	slices.Sort(out)
	return out
}

func upperFirst(s string) string {
	c, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(c)) + s[n:]
}
