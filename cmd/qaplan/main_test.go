package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

func TestMain(m *testing.M) {
	programs := map[string]func(){"qaplan": func() { os.Exit(watched()) }, "hook-probe": func() { os.Exit(hookProbe()) }}
	maps.Copy(programs, benchTools())
	maps.Copy(programs, standIns())
	testscript.Main(m, programs)
}

// The scripts are the description of what qaplan does, and run its real main.
func TestScripts(t *testing.T) {
	const dir = "testdata/script"
	scripts, err := filepath.Glob(dir + "/*.txtar")
	if err != nil || len(scripts) < 15 {
		t.Fatalf("found %d scripts (%v), want at least 15", len(scripts), err)
	}
	p := scriptParams()
	p.Dir = dir
	testscript.Run(t, p)
}

// scriptParams are what scripts have in common.
func scriptParams() testscript.Params {
	return testscript.Params{
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			examples, err := filepath.Abs("../../examples")
			if err != nil {
				return err
			}
			env.Setenv("EXAMPLES", examples)
			env.Setenv("TERM", "xterm")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "gen-batches": genBatches, "purchases": purchases, "charged": charged, "bought": bought, "uploads": uploads, "answered": answered,
			"ndjson": ndjson, "json": jsonValue, "set-json": setJSON, "edit-file": editFile, "wait-for": waitFor, "emulator": startEmulator, "web-page": webPage,
			"same-files": sameFiles, "files-of": filesOf, "copy-tree": copyTree,
			"aged": aged, "same-keys": sameKeys, "import-jobs": importJobs, "swap": swap,
			"backups": backups, "lock-of": lockOf, "form": schemaFile, "held-by": heldBy, "fetch": fetchObject, "put": putObject, "drop": dropObject,
		},
	}
}

// exits CODE PROGRAM ARG... runs a program and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// genBatches DIR FIRST LAST ROWS writes batches whose every question names its
// own key.
func genBatches(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: gen-batches DIR FIRST LAST ROWS")
	}
	var n [3]int
	for i := range n {
		var err error
		n[i], err = strconv.Atoi(args[i+1])
		ts.Check(err)
	}
	ts.Check(writeBatches(ts.MkAbs(args[0]), n[0], n[1], n[2]))
}

// readLedger gives the books of an emulator's folder; one that is not there has
// empty books.
func readLedger(ts *testscript.TestScript, dir string) emulator.Ledger {
	dir = ts.MkAbs(dir)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return emulator.Ledger{}
	}
	s, err := emulator.New(emulator.Config{Dir: dir})
	ts.Check(err)
	l, err := s.Ledger()
	ts.Check(err)
	ts.Check(s.Close())
	return l
}

// purchases DIR N compares the number of jobs bought and checks that no content
// was bought twice; with ! only the number is compared.
func purchases(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: purchases DIR N")
	}
	l := readLedger(ts, args[0])
	if got := strconv.Itoa(len(l.Purchases)); got != args[1] {
		ts.Fatalf("%s jobs bought, want %s", got, args[1])
	}
	seen := map[string]bool{}
	for _, p := range l.Purchases {
		if content := p.SHA256 + " " + p.Model; !neg && seen[content] {
			ts.Fatalf("content %s was bought twice", content)
		} else {
			seen[content] = true
		}
	}
}

// charged DIR STATUS compares what a status tells to have been spent with the
// books, to the cent; ! charged DIR USD that the
// books have no more than that.
func charged(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: charged DIR STATUS|USD")
	}
	sum := 0.0
	for _, p := range readLedger(ts, args[0]).Purchases {
		sum += p.CostUSD
	}
	if neg {
		most, err := strconv.ParseFloat(args[1], 64)
		ts.Check(err)
		if sum > most || sum == 0 {
			ts.Fatalf("$%.6f were charged, want some, at most $%.6f", sum, most)
		}
		return
	}
	var status struct {
		Cost struct {
			USD float64 `json:"cost_usd"`
		}
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &status))
	if got := status.Cost.USD; math.Abs(got-sum) > 0.005 || got == 0 {
		ts.Fatalf("status tells $%.6f, the books say $%.6f", got, sum)
	}
}

// uploads DIR N compares the number of uploads that were begun.
func uploads(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: uploads DIR N")
	}
	if got := strconv.FormatInt(readLedger(ts, args[0]).Calls[emulator.OpUploadStart], 10); got != args[1] {
		ts.Fatalf("%s uploads, want %s", got, args[1])
	}
}

// answered SOURCES RESULTS N checks that there are N results, each with the keys
// of its source in the same order and every answer under the key of its question.
func answered(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: answered SOURCES RESULTS N")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(checkAnswers(ts.MkAbs(args[0]), ts.MkAbs(args[1]), n))
}

// ndjson FILE TYPE... checks a stream of events: JSON from the first byte, the
// first is a version, the last an apply_summary, and each TYPE occurs.
func ndjson(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: ndjson FILE TYPE...")
	}
	type event struct {
		Timestamp string `json:"@timestamp"`
		Level     string `json:"@level"`
		Message   string `json:"@message"`
		Type      string `json:"type"`
	}
	var types []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			ts.Fatalf("not JSON: %v: %s", err, line)
		}
		if _, err := time.Parse(time.RFC3339, e.Timestamp); err != nil || e.Level == "" || e.Message == "" || e.Type == "" {
			ts.Fatalf("a key is missing in %s", line)
		}
		types = append(types, e.Type)
	}
	if len(types) < 2 || types[0] != "version" || types[len(types)-1] != "apply_summary" {
		ts.Fatalf("types are %v, want version first and apply_summary last", types)
	}
	for _, want := range args[1:] {
		if !slices.Contains(types, want) {
			ts.Fatalf("no event of type %s in %v", want, types)
		}
	}
}

// jsonValue FILE PATH VALUE compares a value in a JSON file; the path has keys
// and positions with dots between.
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH VALUE")
	}
	want := args[2]
	if got := valueIn(ts, args[0], args[1]); (got == want) == neg {
		ts.Fatalf("%s is %s, compared with %s", args[1], got, want)
	}
}

// setJSON NAME FILE PATH sets a variable to a value in a JSON file.
func setJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: set-json NAME FILE PATH")
	}
	ts.Setenv(args[0], valueIn(ts, args[1], args[2]))
}

func valueIn(ts *testscript.TestScript, file, path string) string {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile(file)), &v); err != nil {
		ts.Fatalf("%v", err)
	}
	for key := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[key]
			if !ok {
				ts.Fatalf("no key %q on the way to %s", key, path)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(at) {
				ts.Fatalf("no element %q on the way to %s", key, path)
			}
			v = at[i]
		default:
			ts.Fatalf("%q is no key of %v", key, v)
		}
	}
	text, err := json.Marshal(v)
	ts.Check(err)
	return strings.Trim(string(text), `"`)
}

// editFile OLD NEW FILE replaces words in a file, which has them.
func editFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit-file OLD NEW FILE")
	}
	text := ts.ReadFile(args[2])
	if !strings.Contains(text, args[0]) {
		ts.Fatalf("%s has no %s", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.ReplaceAll(text, args[0], args[1])), 0o666))
}

const (
	// patience is how long another process may take, on a machine that is busy
	// with other tests.
	patience = 2 * time.Minute
	glance   = 25 * time.Millisecond
)

// waitFor FILE PATTERN waits until a file that another process writes matches.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: wait-for FILE PATTERN")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	var text []byte
	for range patience / glance {
		if text, _ = os.ReadFile(ts.MkAbs(args[0])); re.Match(text) {
			return
		}
		time.Sleep(glance)
	}
	ts.Fatalf("%s does not match %s; it is:\n%s", args[0], args[1], text)
}

// startEmulator ARG... runs qaplan emulator in a process of its own and sets
// the variables that it tells its users to set.
func startEmulator(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath("qaplan")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"emulator", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines, set := bufio.NewScanner(out), 0
	for set < 2 && lines.Scan() {
		if assignment, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			ts.Setenv(name, value)
			set++
		}
	}
	if set < 2 {
		ts.Fatalf("the emulator told %d of 2 variables; stderr: %s", set, stderr.String())
	}
	go func() {
		for lines.Scan() { // so that it never blocks
		}
	}()
}

// webPage serves an HTML page in place of the service.
func webPage(ts *testscript.TestScript, _ bool, _ []string) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html><body>Please sign in to the hotel's network</body></html>")
	}))
	ts.Defer(srv.Close)
	ts.Setenv("GOOGLE_GEMINI_BASE_URL", srv.URL)
	ts.Setenv("GEMINI_API_KEY", "a-key-for-nobody")
}

// filesOf DIR NAME remembers what a folder holds.
func filesOf(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: files-of DIR FILE")
	}
	text, err := json.Marshal(snapshotOf(ts, args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o666))
}

// sameFiles DIR NAME compares a folder, byte for byte and time for time, with
// what files-of saw.
func sameFiles(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same-files DIR FILE")
	}
	var want map[string]string
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &want))
	if got := snapshotOf(ts, args[0]); !reflect.DeepEqual(got, want) {
		ts.Fatalf("%s changed (-before +now):\n%s", args[0], cmp.Diff(want, got))
	}
}

func snapshotOf(ts *testscript.TestScript, dir string) map[string]string {
	out := map[string]string{}
	entries, err := os.ReadDir(ts.MkAbs(dir))
	ts.Check(err)
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".lock") {
			continue // a lock says who held it last
		}
		text, err := os.ReadFile(filepath.Join(ts.MkAbs(dir), e.Name()))
		ts.Check(err)
		info, err := e.Info()
		ts.Check(err)
		out[e.Name()] = info.ModTime().String() + "\n" + string(text)
	}
	return out
}

// copyTree FROM TO copies a folder as it stands in the repository: without what
// runs left behind.
func copyTree(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: copy-tree FROM TO")
	}
	from, to := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	ts.Check(filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && d.Name() == ".qaplan":
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o777)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o666)
	}))
}

// backups STATE COUNT... checks that beside a state there are the backups that
// surgery makes, in the order of their serials, each whole and with so many
// batches.
func backups(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: backups STATE COUNT...")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]) + ".backup-*")
	ts.Check(err)
	var all []*state.Snapshot
	for _, file := range files {
		text, err := os.ReadFile(file)
		ts.Check(err)
		s, err := state.Decode(file, bytes.NewReader(text))
		ts.Check(err)
		if want := fmt.Sprintf("%s.backup-%d", ts.MkAbs(args[0]), s.Serial); file != want {
			ts.Fatalf("the backup %s should be %s", file, want)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *state.Snapshot) int { return int(a.Serial - b.Serial) })
	var got []string
	for _, s := range all {
		got = append(got, strconv.Itoa(len(s.Batches)))
	}
	if want := args[1:]; !slices.Equal(got, want) {
		ts.Fatalf("backups with %v batches, want %v", got, want)
	}
}

// lockOf FILE NAME waits until a lock file has a holder, and sets a variable to
// the name of the lock.
func lockOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lock-of FILE NAME")
	}
	var holder state.Holder
	for range patience / glance {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if json.Unmarshal(text, &holder) == nil && holder.ID != "" {
			ts.Setenv(args[1], holder.ID)
			return
		}
		time.Sleep(glance)
	}
	ts.Fatalf("nobody holds %s", args[0])
}
