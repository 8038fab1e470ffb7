//go:build tmux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// terminal is a real one, in tmux.
type terminal struct {
	t      *testing.T
	socket string
}

// newTerminal starts a command in a terminal of a size. The command's end is
// followed by a line that says so.
func newTerminal(t *testing.T, width, height int, env []string, args ...string) *terminal {
	t.Helper()
	dir, err := os.MkdirTemp("", "qt") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t, filepath.Join(dir, "s")}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", term.socket, "kill-server").Run()
		os.RemoveAll(dir)
	})
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	line := "trap : INT; env -u CI -u NO_COLOR -u TMUX " + strings.Join(env, " ") + " " + strings.Join(quoted, " ") + `; echo "ended with $?"; exec sleep 3600`
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "sh", "-c", line)
	return term
}

func (c *terminal) tmux(args ...string) string {
	c.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", c.socket}, args...)...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("tmux %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// screen is what is seen now.
func (c *terminal) screen() string { return c.tmux("capture-pane", "-p") }

// all is everything that was ever shown and still is, lines that the terminal
// broke whole again.
func (c *terminal) all() string { return c.tmux("capture-pane", "-p", "-J", "-S", "-") }

func (c *terminal) resize(width, height int) {
	c.tmux("resize-window", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height))
}

// waitFor waits until the terminal shows what ok looks for.
func (c *terminal) waitFor(what string, ok func(text string) bool) string {
	c.t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		text := c.all()
		if ok(text) {
			return text
		}
		if time.Now().After(end) {
			c.t.Fatalf("the terminal never showed %s:\n%s", what, text)
		}
	}
}

func shows(want string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, want) }
}

// inOrder checks that a terminal has its cursor and breaks lines.
func (c *terminal) inOrder() {
	c.t.Helper()
	if got := strings.TrimSpace(c.tmux("display", "-p", "#{cursor_flag} #{wrap_flag} #{insert_flag} #{scroll_region_upper}")); got != "1 1 0 0" {
		c.t.Errorf("the terminal is left with cursor, wrap, insert, region = %s", got)
	}
}

// rehearsal is a folder whose batches take a few seconds and meet a refusal.
func rehearsal(t *testing.T, runTime string) string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`provider "emulator" {
  queue_time    = "200ms"
  run_time      = %q
  poll_interval = "1s"
  cooldown      = "1s"
  quota { max_active_jobs = 5 }
}

batch "qa" {
  range      = [1, 12]
  model      = "gemini-2.5-flash"
  source     = "in/batch_*.jsonl"
  output_dir = "out"
}
`, runTime)
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("qaplan.hcl", config)
	for n := 1; n <= 12; n++ {
		write(fmt.Sprintf("in/batch_%02d.jsonl", n), fmt.Sprintf(`{"key":"k%d","request":{"contents":[{"role":"user","parts":[{"text":"What is %d?"}]}]}}`+"\n", n, n))
	}
	return dir
}

func binary(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "qaplan")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return name
}

// TestTerminal watches a run in a real terminal that is resized all the time: the
// panel is seen once, is gone at the end, and what was told stands there whole.
func TestTerminal(t *testing.T) {
	qaplan := binary(t)
	t.Run("resized", func(t *testing.T) {
		c := newTerminal(t, 100, 30, []string{"TERM=screen-256color"}, qaplan, "-C", rehearsal(t, "1s"), "apply", "--auto-approve", "--wait")
		text := c.waitFor("the panel", func(s string) bool { return strings.Contains(s, "\nBatches  ") && strings.Contains(s, "\nNext     ") })
		if n := strings.Count(text, "\nBatches  "); n != 1 {
			t.Errorf("the panel stands there %d times:\n%s", n, text)
		}
		for i := 0; !strings.Contains(c.all(), "ended with"); i++ {
			size := [][2]int{{44, 30}, {120, 30}, {61, 20}, {90, 24}}[i%4]
			c.resize(size[0], size[1])
			time.Sleep(time.Second)
			if text := c.screen(); strings.Count(text, "Batches  ") > 1 || strings.Count(text, "Next     ") > 1 {
				t.Errorf("%d by %d: the panel is seen twice:\n%s", size[0], size[1], text)
			}
			if i > 300 {
				t.Fatalf("the run does not end:\n%s", c.all())
			}
		}
		text = c.waitFor("the end", shows("ended with 0"))
		if seen := c.screen(); strings.Contains(seen, "Batches  ") || strings.Contains(seen, "Next     ") {
			t.Errorf("the panel is left:\n%s", seen)
		}
		for _, want := range []string{"The service refused the last create, with ", "Apply complete: 12 uploaded, 12 created, 0 adopted, 12 downloaded"} {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
				t.Errorf("it lacks %q:\n%s", want, text)
			}
		}
		c.inOrder()
	})
	t.Run("interrupted", func(t *testing.T) {
		c := newTerminal(t, 80, 24, []string{"TERM=screen-256color"}, qaplan, "-C", rehearsal(t, "1h"), "apply", "--auto-approve", "--wait")
		c.waitFor("the panel", shows("\nBatches  "))
		c.tmux("send-keys", "C-c")
		text := c.waitFor("the end", shows("ended with 130"))
		if strings.Contains(text, "\nBatches  ") || !strings.Contains(text, "Interrupted") {
			t.Errorf("after an interrupt:\n%s", text)
		}
		c.inOrder()
	})
	t.Run("killed", func(t *testing.T) {
		dir := rehearsal(t, "1h")
		c := newTerminal(t, 80, 24, []string{"TERM=screen-256color"}, "sh", "-c", fmt.Sprintf("echo $$ > %s/pid; exec %s -C %s apply --auto-approve --wait", dir, qaplan, dir))
		c.waitFor("the panel", shows("\nBatches  "))
		pid, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		if err := exec.Command("kill", "-9", strings.TrimSpace(string(pid))).Run(); err != nil {
			t.Fatal(err)
		}
		c.waitFor("the end", shows("ended with 137"))
		c.inOrder()
	})
	t.Run("without redrawing", func(t *testing.T) {
		for _, env := range []string{"TERM=dumb", "TERM=screen CI=true"} {
			c := newTerminal(t, 80, 24, []string{env}, qaplan, "-C", rehearsal(t, "100ms"), "apply", "--auto-approve", "--wait")
			text := c.waitFor("the end", shows("ended with 0"))
			if strings.Contains(text, "\nBatches  ") {
				t.Errorf("%s: there was a panel:\n%s", env, text)
			}
		}
	})
	t.Run("without colour", func(t *testing.T) {
		c := newTerminal(t, 80, 24, []string{"TERM=screen", "NO_COLOR=1"}, qaplan, "-C", rehearsal(t, "1h"), "apply", "--auto-approve", "--wait")
		c.waitFor("the panel", shows("\nBatches  "))
		if text := c.tmux("capture-pane", "-p", "-e"); strings.Contains(text, "\x1b[3") {
			t.Errorf("there is colour:\n%q", text)
		}
	})
}
