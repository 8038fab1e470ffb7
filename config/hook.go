package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// defaultHookTimeout is how long a command may take.
const defaultHookTimeout = time.Minute

// Hook is a command that runs when a batch is done, and when a block is complete.
// No shell is between.
type Hook struct {
	// Command is a program and its arguments, as they stand in the config.
	Command []string
	// Timeout is how long it may take before it is ended.
	Timeout time.Duration
}

// Program is the file to run: what holds a slash is relative to dir, the folder
// of the config, and anything else is looked up on the PATH.
func (h *Hook) Program(dir string) string {
	name := filepath.FromSlash(h.Command[0])
	if filepath.IsAbs(name) || !strings.ContainsRune(name, filepath.Separator) {
		return name
	}
	return filepath.Join(dir, name)
}

func hookGrammar() grammar {
	return grammar{attrs: []string{"command", "timeout"}, hints: map[string]string{
		"exec": `write command = ["program", "argument"]`, "run": `write command = ["program", "argument"]`,
		"args": `write command = ["program", "argument"]`, "env": "the facts are in the environment, in QAPLAN_… variables, and as JSON on stdin",
	}}
}

// decodeHook reads on_complete.
func (l *loader) decodeHook(block *Block, b *hclsyntax.Block) {
	r := &reader{l: l, body: b.Body, where: fmt.Sprintf("on_complete of batch %q", block.Name), scope: l.scope}
	l.check(r.where, b.Body, hookGrammar())
	r.missing("command", `command = ["./notify.sh"]`, b.DefRange())
	hook := &Hook{Timeout: defaultHookTimeout}
	if d, ok := r.duration("timeout", time.Second); ok {
		hook.Timeout = d
	}
	words, exprs, ok := r.words("command", false, errors.New(`a list of a program and its arguments, such as ["./notify.sh", "--quiet"]; no shell is between`))
	if !ok {
		return
	}
	for i, w := range words {
		switch {
		case strings.ContainsRune(w, 0):
			l.errorIn(exprs[i], r.scope, `Invalid value in "command"`, "It holds a NUL character, which no program can be given.")
			return
		case holdsKey(w):
			l.keepSecret(exprs[i].Range())
			l.errorIn(exprs[i], r.scope, `An API key in "command"`, "A value in it looks like an API key. Commands are run without the key; what needs one has to find it by itself.")
			return
		}
	}
	switch program := words[0]; {
	case strings.TrimSpace(program) == "":
		l.errorIn(exprs[0], r.scope, `Invalid value for "command"`, "The first element is the program to run, and it is empty.")
		return
	case strings.ContainsAny(program, " \t") && len(words) == 1:
		l.errorIn(exprs[0], r.scope, `Invalid value for "command"`, "%q is one word, and no shell takes it apart: write each argument as an element of its own, such as [%s]. For a shell write [\"sh\", \"-c\", \"…\"].",
			program, `"`+strings.Join(strings.Fields(program), `", "`)+`"`)
		return
	case strings.ContainsRune(program, '\\'):
		l.errorIn(exprs[0], r.scope, `Invalid value for "command"`, "%q: write paths with forward slashes: they work on every system.", program)
		return
	}
	hook.Command = words
	block.OnComplete = hook
}
