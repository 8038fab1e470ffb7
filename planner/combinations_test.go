package planner

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is planned now into testdata")

type option struct {
	name string
	fact fact
}

func nothingMore(*scene) {}

// badRows is a job that answered some rows badly, kept for a repair.
var badRows = both(bought(JobSucceeded, output, part), judgedLast(bad(rest1)))

// judgedLast records what the rows in hand were found to be with those of the
// newest attempt.
func judgedLast(rest *Rest) fact {
	return func(s *scene) { judged(s.rec().Last().Number, rest)(s) }
}

// combinationAxes span every combination that matters of what one batch may
// meet. A former result and a later attempt come as one axis, since a file can
// be ours only when there was a result.
func combinationAxes() (jobs, results, sources, models, reruns, policies []option) {
	jobs = []option{
		{"none", nothingMore},
		{"unknown", sent(OutcomeIntent)},
		{"absent", sent(OutcomeAbsent)},
		{"pending", bought(JobPending)},
		{"running", bought(JobRunning)},
		{"succeeded", bought(JobSucceeded, output)},
		{"unnamed", bought(JobSucceeded)},
		{"kept", bought(JobSucceeded, output, part)},
		{"failed", bought(JobFailed)},
		{"expired", bought(JobExpired)},
		{"partial", bought(JobExpired, output)},
		{"cancelled", bought(JobCancelled)},
		{"gone", both(bought(JobRunning, unlisted, lastSeen("GONE")), func(s *scene) { s.rec().Last().Gone = true })},
		{"bad-rows", both(badRows, repairs(2))},
		{"cut-short", both(bought(JobExpired, output, part), judgedLast(notReached(rest1)))},
		{"repair-failed", both(badRows, repairs(2), bought(JobFailed, repairing(rest1)))},
		{"repair-ended", both(badRows, repairs(1), bought(JobSucceeded, repairing(rest1), output, part), judgedLast(bad(rest2)))},
	}
	former := func(r ResultSeen) fact { return both(finished(), seen(r)) }
	results = []option{
		{"none", nothingMore},
		{"foreign", seen(ResultForeign)},
		{"former", former(ResultOurs)},
		{"former-gone", former(ResultNone)},
		{"former-changed", former(ResultChanged)},
	}
	sources = []option{{"same", nothingMore}, {"changed", wantSource(contentB)}, {"gone", sourceGone}}
	models = []option{{"same", nothingMore}, {"changed", wantModel("m2")}}
	reruns = []option{{"no", nothingMore}, {"yes", rerun}}
	policies = []option{{"hold", onChange(OnChangeHold)}, {"rerun", onChange(OnChangeRerun)}, {"keep", onChange(OnChangeKeep)}}
	return
}

// TestCombinations pins what follows from every combination. Where the three
// policies for changes agree, they share a line.
func TestCombinations(t *testing.T) {
	jobs, results, sources, models, reruns, policies := combinationAxes()
	var text strings.Builder
	text.WriteString("# Written by go test ./planner -run TestCombinations -update. A line is a combination and, for each on_change, its outcome:\n" +
		"# phase, actions, reason of the change, reason of the hold or failure, attempt, codes of the warnings.\n")
	n := 0
	for _, job := range jobs {
		for _, result := range results {
			fmt.Fprintf(&text, "\njob=%s result=%s\n", job.name, result.name)
			for _, source := range sources {
				for _, model := range models {
					for _, again := range reruns {
						var lines [3]string
						for i, policy := range policies {
							s := newScene(result.fact, job.fact, source.fact, model.fact, again.fact, policy.fact)
							p, items := s.diff()
							lines[i] = compact(outcome(p, items, subject))
							checkSound(t, s, p, items)
							n++
						}
						fmt.Fprintf(&text, "  source=%-7s model=%-7s rerun=%-3s ", source.name, model.name, again.name)
						if lines[0] == lines[1] && lines[1] == lines[2] {
							fmt.Fprintf(&text, "all: %s\n", lines[0])
							continue
						}
						fmt.Fprintf(&text, "hold: %s | rerun: %s | keep: %s\n", lines[0], lines[1], lines[2])
					}
				}
			}
		}
	}
	if want := 17 * 5 * 3 * 2 * 2 * 3; n != want {
		t.Errorf("%d combinations were tried, there are %d", n, want)
	}
	golden := filepath.Join("testdata", "combinations.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text.String(), "\n")); diff != "" {
		t.Errorf("what is planned changed (-want +got):\n%s", diff)
	}
}

// compact shortens an outcome to its values.
func compact(line string) string {
	var out []string
	for _, word := range strings.Fields(line) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "job", "heldjob", "file":
		case "warn":
			if value != "-" {
				out = append(out, "!"+value)
			}
		case "attempt":
			if value != "0" {
				out = append(out, "#"+value)
			}
		case "held":
			if value != "-" {
				out = append(out, "("+value+")")
			}
		default:
			if value != "-" {
				out = append(out, value)
			}
		}
	}
	return strings.Join(out, " ")
}
