package ui

import (
	"fmt"
	"strings"
)

// Paragraph wraps text for a help page.
func Paragraph(text string) string { return indent("  ", wrap(text, defaultWidth-4)) }

// Serving tells what a user needs to talk to a stand-alone emulator.
func Serving(url, dir, key string) string {
	return fmt.Sprintf("The emulator serves %s from %s until it is interrupted.\nFor qaplan and for every SDK:\n\n"+
		"  export GOOGLE_GEMINI_BASE_URL=%s\n  export GEMINI_API_KEY=%s\n\n", url, Printable(dir), url, Printable(key))
}

// Definitions lays out names with their explanations for a help page.
func Definitions(rows [][2]string) string {
	const widest = 28 // a longer name stands on a line of its own
	left := 0
	for _, r := range rows {
		if n := cells(r[0]); n <= widest {
			left = max(left, n)
		}
	}
	var b strings.Builder
	for _, r := range rows {
		lines := wrap(r[1], defaultWidth-left-4)
		if cells(r[0]) > left {
			b.WriteString("  " + r[0] + "\n")
		} else {
			fmt.Fprintf(&b, "  %-*s  %s\n", left, r[0], lines[0])
			lines = lines[1:]
		}
		b.WriteString(indent(strings.Repeat(" ", left+4), lines))
	}
	return b.String()
}
