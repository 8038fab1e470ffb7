package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// The same input gives the same bytes, in every form, whatever the processors do
// and whether or not the sources are in the cache; only created_at is a time.
func TestPlansAreTheSameBytes(t *testing.T) {
	const batches = 24
	s := newSite(t, batches)
	service := emulator.Config{QueueTime: emulator.Span{Max: 1}, RunTime: emulator.Span{Max: 1}}
	s.serve(filepath.Join(t.TempDir(), "service"), service)
	config := strings.Replace(fmt.Sprintf(siteConfig, batches), "output_dir", "on_change  = \"rerun\"\n  output_dir", 1)
	s.write("qaplan.hcl", config)
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait", "--target", "batch.qa[3-9]")
	// Some are done, some are to be bought again, some run, one is cancelled.
	for _, n := range []int{4, 8} {
		s.write(fmt.Sprintf("in/batch_%03d_proper.jsonl", n), fmt.Sprintf(`{"key":"other-%d","request":{"contents":[{"parts":[{"text":"Something else?"}]}]}}`+"\n", n))
	}
	service.RunTime = emulator.Span{Min: 24 * time.Hour, Max: 24 * time.Hour}
	s.serve(filepath.Join(t.TempDir(), "service"), service)
	s.mustRun(exitDone, "apply", "--auto-approve", "--target", "batch.qa[12-18]")
	s.mustRun(exitDone, "cancel", "--auto-approve", "batch.qa[14]")

	created := regexp.MustCompile(`"created_at": "[^"]*"`)
	for _, form := range [][]string{nil, {"--verbose"}, {"--format", "markdown"}, {"--format", "json"}} {
		var first string
		for i, processors := range []string{"1", "2", "7", "1", "7"} {
			if i%2 == 0 {
				if err := os.RemoveAll(s.path(".qaplan")); err != nil {
					t.Fatal(err)
				}
			}
			s.prepare = func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "GOMAXPROCS="+processors) }
			got := created.ReplaceAllString(s.mustRun(exitDone, append([]string{"plan"}, form...)...).stdout.String(), "")
			switch {
			case i == 0:
				first = got
			case got != first:
				t.Errorf("plan %v was\n%s\nand then\n%s", form, first, got)
			}
		}
		if !strings.Contains(first, "batch.qa[4]") || !strings.Contains(first, "batch.qa[14]") {
			t.Errorf("plan %v lacks what it should be about:\n%s", form, first)
		}
	}
}
