package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// shellWords takes the first qaplan command of a line of shell apart: up to a
// pipe, a redirection or the end of a substitution.
func shellWords(line string) []string {
	line = " " + strings.ReplaceAll(line, "(", "( ") // of a substitution
	at := strings.Index(line+" ", " qaplan ")
	if at < 0 {
		return nil
	}
	line = line[at+len(" qaplan"):]
	var words []string
	var word strings.Builder
	quote, begun := rune(0), false
	end := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ':
			end()
		case strings.ContainsRune("|<>)#;", r):
			end()
			return words
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	end()
	return words
}

// parses says what is wrong with a command line, without carrying it out.
func parses(words []string) (*cobra.Command, error) {
	root := rootCommand(newTestApp())
	cmd, rest, err := root.Find(doubleDashes(root, words))
	if err != nil {
		return nil, err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return nil, err
	}
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return nil, unknownCommand(cmd, args[0])
	}
	return cmd, cmd.ValidateArgs(cmd.Flags().Args())
}

// Every command that is shown has examples, each of which is a command line of
// its own that parses: names, flags, values and arguments.
func TestExamples(t *testing.T) {
	lines := 0
	for _, cmd := range everyCommand(rootCommand(newTestApp())) {
		if cmd.Hidden {
			continue
		}
		if strings.TrimSpace(cmd.Example) == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		own := false
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			lines++
			words := shellWords(line)
			if words == nil {
				t.Errorf("%s: no qaplan in the example %q", cmd.CommandPath(), line)
				continue
			}
			got, err := parses(words)
			if err != nil {
				t.Errorf("%s: the example %q does not parse: %v", cmd.CommandPath(), line, err)
				continue
			}
			own = own || strings.HasPrefix(got.CommandPath(), cmd.CommandPath())
		}
		if !own {
			t.Errorf("no example of %s is one of itself", cmd.CommandPath())
		}
	}
	if lines < 40 {
		t.Errorf("found %d examples, want at least 40", lines)
	}
	// The test itself sees mistakes.
	for _, line := range []string{"qaplan plan --targt x", "qaplan pln", "qaplan plan x", "qaplan apply --timeout soon", "qaplan state lst", "qaplan cancel"} {
		if _, err := parses(shellWords(line)); err == nil {
			t.Errorf("%s was taken for a good command line", line)
		}
	}
}
