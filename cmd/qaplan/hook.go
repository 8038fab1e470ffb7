package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/state/blob"
)

// hooks run the commands of on_complete.
type hooks struct {
	app     *app
	dir     string // of the config
	service string
	byBlock map[string]*config.Hook
	paths   map[planner.Address]apply.Path
	outputs map[string]string // output folders, by block; that in a bucket as its address, without parameters
	environ []string          // what the commands get

	mu  sync.Mutex
	now string // what runs now, and for whom; "" for nothing
}

// newHooks gives nil where no block has a command.
func newHooks(a *app, cfg *config.Config, paths map[planner.Address]apply.Path) *hooks {
	h := &hooks{
		app: a, dir: cfg.Dir, service: string(cfg.Provider.Kind), byBlock: map[string]*config.Hook{}, paths: paths, outputs: map[string]string{},
		environ: withoutKeys(os.Environ(), a.env),
	}
	for i := range cfg.Blocks {
		if b := &cfg.Blocks[i]; b.OnComplete != nil {
			h.byBlock[b.Name], h.outputs[b.Name] = b.OnComplete, b.OutputDirAbs
			if blob.IsURL(b.OutputDirAbs) {
				h.outputs[b.Name] = b.OutputDir
			}
		}
	}
	if len(h.byBlock) == 0 {
		return nil
	}
	return h
}

// withoutKeys leaves out every variable that has the API key, whatever its name.
func withoutKeys(environ []string, env func(string) (string, bool)) []string {
	var keys []string
	for _, name := range keyVariables() {
		if key, _ := env(name); key != "" {
			keys = append(keys, key)
		}
	}
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		named := slices.ContainsFunc(keyVariables(), func(v string) bool { return strings.EqualFold(v, name) })
		return named || slices.ContainsFunc(keys, func(key string) bool { return strings.Contains(value, key) })
	})
}

func (h *hooks) blocks() map[string]bool {
	blocks := map[string]bool{}
	for name := range h.byBlock {
		blocks[name] = true
	}
	return blocks
}

// hookWait is how long a command that was ended may keep its output open: what it
// started may live on.
const hookWait = 5 * time.Second

// Complete runs the command for one completion. ctx ends with the process alone;
// the time that the command may take is the config's.
func (h *hooks) Complete(ctx context.Context, c *planner.Completion) error {
	hook := h.byBlock[c.Block]
	facts, err := h.facts(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, hook.Timeout)
	defer cancel()
	program, err := exec.LookPath(hook.Program(h.dir))
	if err != nil {
		return fmt.Errorf("%s: %w; check command in on_complete of batch %q: a path with a slash is relative to the config", hook.Command[0], plainCause(err), c.Block)
	}
	cmd := exec.CommandContext(ctx, program, hook.Command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.WaitDelay = h.dir, append(slices.Clone(h.environ), h.variables(c)...), bytes.NewReader(facts), hookWait
	out := ui.NewPrefixed(h.app.ui.Err(), "["+c.Subject()+" on_complete] ")
	cmd.Stdout, cmd.Stderr = out, out
	err = h.carryOut(cmd, fmt.Sprintf("%s, on_complete of %s, is running and is waited for, %s at most", hook.Command[0], c.Subject(), hook.Timeout))
	out.Close()
	switch {
	case cmd.ProcessState != nil && cmd.ProcessState.Success():
		return nil // at the most it left something behind that holds its output
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s took longer than %s and was ended; raise timeout in on_complete of batch %q, or make it faster", hook.Command[0], hook.Timeout, c.Block)
	case err != nil:
		return fmt.Errorf("%s: %w", hook.Command[0], plainCause(err))
	}
	return nil
}

// carryOut runs a command to its end. Whatever ends this process ends it too, as
// far as the system allows: it is told again, and two at once are worse than one
// that was cut short.
func (h *hooks) carryOut(cmd *exec.Cmd, words string) error {
	standApart(cmd)
	runtime.LockOSThread() // see endWithParent
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer h.app.last.add(func() { _ = endTree(cmd) })() // at the worst it has ended
	h.running(words)
	defer h.running("")
	return cmd.Wait()
}

func (h *hooks) running(words string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = words
}

// waitedFor says which command an end of the run waits for; "" for none.
func (h *hooks) waitedFor() string {
	if h == nil {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// plainCause is an error without the path that is named beside it.
func plainCause(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err
	}
	return err
}

// result is where the result of a batch is: its path on this machine, or its
// address in a bucket.
func (h *hooks) result(c *planner.Completion) string {
	if c.Address == nil {
		return ""
	}
	p := h.paths[*c.Address]
	if blob.IsURL(p.OutputDir) {
		return c.Result
	}
	return filepath.Join(p.OutputDir, p.OutputName)
}

// told is what a command reads on stdin; its JSON is an interface.
type told struct {
	FormatVersion string `json:"format_version"`
	QaplanVersion string `json:"qaplan_version"`
	Provider      string `json:"provider"`
	planner.Completion
	ResultPath string `json:"result_path,omitempty"` // absolute, or an address in a bucket
	OutputDir  string `json:"output_dir"`            // the same
}

// facts are what a command reads on stdin.
func (h *hooks) facts(c *planner.Completion) ([]byte, error) {
	text, err := json.Marshal(told{planner.FormatVersion, version, h.service, *c, h.result(c), h.outputs[c.Block]})
	if err != nil {
		return nil, fmt.Errorf("encode what on_complete is told: %w", err)
	}
	return append(text, '\n'), nil
}

// variables are the same facts as far as a shell has use for them.
func (h *hooks) variables(c *planner.Completion) []string {
	vars := []string{
		"QAPLAN_EVENT=" + c.Event, "QAPLAN_ID=" + c.ID, "QAPLAN_BLOCK=" + c.Block, "QAPLAN_PROVIDER=" + h.service, "QAPLAN_OUTPUT_DIR=" + h.outputs[c.Block],
		"QAPLAN_BATCHES=" + strconv.Itoa(c.Batches), "QAPLAN_DONE=" + strconv.Itoa(c.Done), "QAPLAN_FAILED=" + strconv.Itoa(c.Failed),
		"QAPLAN_ROWS=" + strconv.Itoa(c.Rows), "QAPLAN_GOOD=" + strconv.Itoa(c.Good), "QAPLAN_BAD=" + strconv.Itoa(c.Bad),
	}
	if c.Address != nil {
		vars = append(vars, "QAPLAN_ADDRESS="+c.Address.String(), "QAPLAN_NUMBER="+strconv.Itoa(c.Address.Number),
			"QAPLAN_JOB="+c.Job, "QAPLAN_MODEL="+c.Model, "QAPLAN_RESULT="+h.result(c))
	}
	return vars
}
