package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// hookProbe is a command of on_complete: hook-probe LOG WORD... appends what it
// was told to a file. A file named fail beside the config makes it fail, one
// named hang makes it hang.
func hookProbe() int {
	facts, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 2
	}
	if err := conforms("completion", facts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	var env []string
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "QAPLAN_") || strings.Contains(name, "API_KEY") || strings.Contains(value, "very-secret") {
			env = append(env, pair)
		}
	}
	slices.Sort(env)
	fmt.Fprintf(os.Stderr, "told of \x1b[31m%s\n", os.Getenv("QAPLAN_BLOCK"))
	if _, err := os.Stat("hang"); !errors.Is(err, fs.ErrNotExist) {
		time.Sleep(time.Hour)
	}
	if _, err := os.Stat("fail"); !errors.Is(err, fs.ErrNotExist) {
		return 7
	}
	f, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return 2
	}
	defer f.Close()
	fmt.Fprintf(f, "%q %s\n%s", os.Args[2:], strings.Join(env, " "), facts)
	return 0
}

// The key reaches no command, whatever the variable is called that holds it.
func TestWithoutKeys(t *testing.T) {
	env := map[string]string{"GEMINI_API_KEY": "very-secret-key-of-mine"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	got := withoutKeys([]string{
		"PATH=/bin", "GEMINI_API_KEY=very-secret-key-of-mine", "google_api_key=x", "COPY=very-secret-key-of-mine",
		"HEADER=x-goog-api-key: very-secret-key-of-mine", "EMPTY=", "=C:=C:\\x",
	}, lookup)
	if want := []string{"PATH=/bin", "EMPTY=", "=C:=C:\\x"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
