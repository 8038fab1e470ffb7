package ui

import "fmt"

// Paragraph wraps text for a help page.
func Paragraph(text string) string { return indent("  ", wrap(text, defaultWidth-4)) }

// Serving tells what a user needs to talk to a stand-alone emulator.
func Serving(url, dir, key string) string {
	return fmt.Sprintf("The emulator serves %s from %s until it is interrupted.\nFor qaplan and for every SDK:\n\n"+
		"  export GOOGLE_GEMINI_BASE_URL=%s\n  export GEMINI_API_KEY=%s\n\n", url, Printable(dir), url, Printable(key))
}
