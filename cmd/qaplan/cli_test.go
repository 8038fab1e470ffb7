package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

func TestStrongest(t *testing.T) {
	// Where several hold, the first of these wins.
	order := []int{exitInterrupted, exitError, exitLocked, exitStale, exitRefused, exitChanges, exitStuck, exitDone}
	for i, a := range order {
		for _, b := range order[i:] {
			if got := strongest(a, b); got != a {
				t.Errorf("strongest(%d, %d) = %d, want %d", a, b, got, a)
			}
			if got := strongest(b, a); got != a {
				t.Errorf("strongest(%d, %d) = %d, want %d", b, a, got, a)
			}
		}
	}
	if got := strongest(); got != exitDone {
		t.Errorf("strongest() = %d, want 0", got)
	}
	if got, want := len(exitCodes()), len(order); got != want {
		t.Errorf("the table of exit codes has %d rows, want %d", got, want)
	}
}

func TestCodeOf(t *testing.T) {
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	locked := fmt.Errorf("open: %w", &state.LockedError{File: "x.lock"})
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"nothing", t.Context(), nil, exitDone},
		{"any error", t.Context(), io.ErrUnexpectedEOF, exitError},
		{"locked", t.Context(), locked, exitLocked},
		{"ended", t.Context(), ended{exitStuck}, exitStuck},
		{"ended, then closing fails", t.Context(), errors.Join(ended{exitStuck}, io.ErrClosedPipe), exitError},
		{"locked and ended", t.Context(), errors.Join(ended{exitChanges}, locked), exitLocked},
		{"interrupted", interrupted, context.Canceled, exitInterrupted},
		{"interrupted, with an error", interrupted, io.ErrClosedPipe, exitInterrupted},
		{"interrupted after the end", interrupted, nil, exitDone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := codeOf(tt.ctx, tt.err); got != tt.want {
				t.Errorf("codeOf(%v) = %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

func TestParts(t *testing.T) {
	two := fmt.Errorf("first %w and then %w", io.EOF, io.ErrClosedPipe)
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{"nil", nil, nil},
		{"one", io.EOF, []string{"EOF"}},
		{"joined", errors.Join(io.EOF, errors.Join(io.ErrClosedPipe, nil)), []string{"EOF", "io: read/write on closed pipe"}},
		{"words of its own", two, []string{two.Error()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, e := range parts(tt.err) {
				got = append(got, e.Error())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func newTestApp() *app {
	none := func(string) (string, bool) { return "", false }
	return &app{env: none, ui: ui.New(ui.Options{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Env: none})}
}

func TestDoubleDashes(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plan -json", "plan --json"},
		{"plan --json", "plan --json"},
		{"plan -out=plan.qp", "plan --out=plan.qp"},
		{"plan -target batch.qa", "plan --target batch.qa"},
		{"plan -target -json", "plan --target -json"}, // the value of --target
		{"-chdir=x plan", "--chdir=x plan"},
		{"-chdir -json plan", "--chdir -json plan"},
		{"-C -json plan -json", "-C -json plan --json"},
		{"-Cdir plan", "-Cdir plan"},
		{"plan -h", "plan -h"},
		{"plan -help", "plan --help"},
		{"plan -refresh=false -verbose -json", "plan --refresh=false --verbose --json"},
		{"apply -lock-timeout 5s -wait", "apply --lock-timeout 5s --wait"},
		{"plan -x", "plan -x"},
		{"plan -nonsense", "plan --nonsense"},
		{"state show -- -json", "state show -- -json"},
		{"plan -", "plan -"},
		{"__complete plan -ta", "__complete plan -ta"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got := strings.Join(doubleDashes(rootCommand(newTestApp()), strings.Fields(tt.in)), " ")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	tests := []struct {
		in   string
		want bool
	}{
		{"apply --json", true}, {"apply -json", true}, {"-json apply", true}, {"apply --json=true", true}, {"apply -json=1", true},
		{"apply", false}, {"apply --json=false", false}, {"apply --json --json=false", false}, {"apply -- --json", false}, {"apply --jsonx", false},
	}
	for _, tt := range tests {
		if got := named(strings.Fields(tt.in), "json"); got != tt.want {
			t.Errorf("named(%s) = %t, want %t", tt.in, got, tt.want)
		}
	}
}

func everyCommand(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, sub := range root.Commands() {
		all = append(all, everyCommand(sub)...)
	}
	return all
}

// doubleDashes knows a flag by its name alone, so a name must take a value in
// every command or in none. One-letter flags would bring its danger back.
func TestFlags(t *testing.T) {
	takesValue := map[string]bool{}
	for _, cmd := range everyCommand(rootCommand(newTestApp())) {
		check := func(f *pflag.Flag) {
			valued := f.NoOptDefVal == ""
			if before, seen := takesValue[f.Name]; seen && before != valued {
				t.Errorf("%s: --%s takes a value in some commands only", cmd.CommandPath(), f.Name)
			}
			takesValue[f.Name] = valued
			if f.Shorthand != "" && f.Shorthand != "C" && f.Shorthand != "h" {
				t.Errorf("%s: --%s has the shorthand -%s", cmd.CommandPath(), f.Name, f.Shorthand)
			}
			if f.Usage == "" {
				t.Errorf("%s: --%s has no help", cmd.CommandPath(), f.Name)
			}
		}
		cmd.InitDefaultHelpFlag()
		cmd.Flags().VisitAll(check)
		cmd.PersistentFlags().VisitAll(check)
	}
}

// Every command has a help page with examples, and addresses in it are quoted,
// since zsh takes brackets for patterns.
func TestHelp(t *testing.T) {
	for _, cmd := range everyCommand(rootCommand(newTestApp())) {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
			code, stdout, stderr := call(t, nil, args...)
			if code != exitDone || stderr != "" {
				t.Errorf("exit code %d, stderr %q", code, stderr)
			}
			for _, want := range []string{"Usage:", "Examples:", "qaplan"} {
				if !strings.Contains(stdout, want) {
					t.Errorf("help lacks %q", want)
				}
			}
			for line := range strings.Lines(stdout) {
				if len(strings.TrimRight(line, "\n")) > 90 {
					t.Errorf("line of %d bytes in help: %s", len(line), line)
				}
			}
			for rest := cmd.Example; ; {
				_, after, found := strings.Cut(rest, "batch.")
				if !found {
					break
				}
				before := rest[:len(rest)-len(after)-len("batch.")]
				if !strings.HasSuffix(before, "'") {
					t.Errorf("an address is not quoted in %q", cmd.Example)
				}
				rest = after
			}
		})
	}
}

func TestSelection(t *testing.T) {
	known := []planner.Address{{Block: "qa", Number: 1}, {Block: "qa", Number: 2}, {Block: "other", Number: 1}}
	s := selection{targets: []string{"batch.qa[1-9]"}, excludes: []string{"batch.qa[2]"}, rerun: []string{"batch.other"}}
	got, err := s.options(known)
	if err != nil {
		t.Fatal(err)
	}
	want := planner.Options{
		Targets:  []planner.Selector{{Block: "qa", First: 1, Last: 9}},
		Excludes: []planner.Selector{{Block: "qa", First: 2, Last: 2}},
		Rerun:    []planner.Selector{{Block: "other", Whole: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	bad := selection{targets: []string{"batch.qa[7]", "qa"}, rerun: []string{"batch.othr"}}
	_, err = bad.options(known)
	if all := parts(err); len(all) != 3 || ui.Explain(all[2]).Detail != `Did you mean "other"?` {
		t.Errorf("got %v, want three errors, the last with a suggestion", err)
	}
}

func TestParseFault(t *testing.T) {
	got, err := parseFault("status_before:create:1:3:503")
	if err != nil || got.Name != "status_before" || got.Op != "create" || got.First != 1 || got.Count != 3 || got.Value != "503" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := parseFault("no_date"); err != nil || got.Name != "no_date" || got.First != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := parseFault("slow:create:x"); err == nil {
		t.Error("a number that is none was taken")
	}
}

// A wrong flag of the emulator is told, with its name, before anything is made.
func TestEmulatorFlags(t *testing.T) {
	for _, line := range []string{
		"--queue-time soon", "--run-time 5s,1s", "--clock-rate 0", "--clock-rate NaN", "--error-rows 2", "--missing-rows -1",
		"--listen nowhere", "--data-dir=", "--fault nonsense", "--fault slow:create:x",
		"--history none.json",
	} {
		t.Run(line, func(t *testing.T) {
			args := append([]string{"-C", t.TempDir(), "emulator"}, strings.Fields(line)...)
			code, stdout, stderr := call(t, nil, args...)
			flag := strings.Trim(strings.Fields(strings.ReplaceAll(line, "=", " "))[0], "-")
			if code != exitError || stdout != "" || !strings.Contains(stderr, flag) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// A result that could not be written is no success.
func TestBrokenStdout(t *testing.T) {
	var stderr strings.Builder
	code := run(t.Context(), []string{"version"}, system{
		stdin: strings.NewReader(""), stdout: brokenWriter{}, stderr: &stderr, env: func(string) (string, bool) { return "", false },
	})
	if code != exitError || !strings.Contains(stderr.String(), "disk full") {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

// A folder named like the command does not turn a plan into a stream.
func TestJSONOfPlanIsNoStream(t *testing.T) {
	code, stdout, _ := call(t, nil, "-C", "apply", "plan", "--json")
	if code != exitError || stdout != "" {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}

// A server that listens on every address is named by one that reaches it.
func TestServerURL(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "127.0.0.1:0"} {
		s, err := serve(emulator.Config{Dir: t.TempDir()}, address)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.url(); !strings.HasPrefix(got, "http://127.0.0.1:") || strings.HasSuffix(got, ":0") {
			t.Errorf("listening on %s: url %s", address, got)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}
