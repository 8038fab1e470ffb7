package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

const (
	stateFile   = "qaplan.state.json"
	journalFile = stateFile + ".journal"
	backupFile  = stateFile + ".backup"
	cacheFile   = ".qaplan/sources"
)

// midway makes a site whose apply was killed in the middle: of eight batches two
// are done and in the snapshot, one of them in the backup, some are bought and
// running, of one the answer to its create was lost, and the journal has what
// the killed run did.
func midway(t *testing.T) *halfway {
	t.Helper()
	s := newSite(t, 8)
	s.oneByOne()
	h := &halfway{site: s, service: filepath.Join(t.TempDir(), "service")}
	s.serve(h.service, emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait", "--target", "batch.qa[1]")
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait", "--target", "batch.qa[2]")
	h.serveSlow()
	s.killAtCreate(4)
	journal, snapshot := s.read(journalFile), s.read(stateFile)
	if !bytes.Contains(journal, []byte(`"bought"`)) || len(snapshot) == 0 || s.delivered() != 2 || s.bought() != 6 {
		t.Fatalf("the project is not midway: %d bought, %d delivered; journal:\n%s", s.bought(), s.delivered(), journal)
	}
	return h
}

// halfway is a site that is copied for each test with what its service holds.
type halfway struct {
	*site
	service string // the emulator's folder
}

// oneByOne makes runs do one call after the other.
func (s *site) oneByOne() {
	s.write("qaplan.hcl", string(replace("\n}", "\n  rate { parallelism = 1 }\n}")(s.read("qaplan.hcl"))))
}

// serveSlow makes jobs run for hours from now on.
func (h *halfway) serveSlow() {
	h.serve(h.service, emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 10 * time.Hour, Max: 10 * time.Hour}})
}

// serveLate makes it half a day later, and new jobs quick.
func (h *halfway) serveLate() {
	h.serve(h.service, emulator.Config{
		QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1},
		Clock: func() time.Time { return time.Now().Add(12 * time.Hour) },
	})
}

// killAtCreate applies and kills the run when the service has made so many jobs
// in it and not answered the last.
func (s *site) killAtCreate(n int) {
	s.t.Helper()
	c := s.child("apply", "--auto-approve")
	c.start(s.t)
	s.lieInWait(moment{call: callCreate, nth: n, place: unanswered, clock: time.Minute}, c)
	c.code(s.t)
	s.front.setWatch(nil)
	if !c.died() {
		s.t.Fatalf("the run was not killed; stderr:\n%s", &c.stderr)
	}
}

// fork copies the project and the service; the address stays.
func (h *halfway) fork(t *testing.T) *halfway {
	t.Helper()
	s := *h.site
	s.t, s.dir = t, filepath.Join(t.TempDir(), "project")
	f := &halfway{site: &s, service: filepath.Join(t.TempDir(), "service")}
	for from, to := range map[string]string{h.dir: s.dir, h.service: f.service} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	s.age()
	f.serveSlow()
	return f
}

func (s *site) read(name string) []byte {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// edit replaces a file by what is made of it.
func edit(name string, change func([]byte) []byte) func(*halfway) {
	return func(h *halfway) { h.write(name, string(change(h.read(name)))) }
}

func remove(name string) func(*halfway) {
	return func(h *halfway) {
		if err := os.RemoveAll(h.path(name)); err != nil {
			h.t.Fatal(err)
		}
	}
}

func copyOver(from, to string) func(*halfway) {
	return func(h *halfway) { h.write(to, string(h.read(from))) }
}

// both carries out one after the other.
func both(first, second func(*halfway)) func(*halfway) {
	return func(h *halfway) { first(h); second(h) }
}

func cut(share func(size int) int) func([]byte) []byte {
	return func(text []byte) []byte { return text[:share(len(text))] }
}

func replace(old, by string) func([]byte) []byte {
	return func(text []byte) []byte { return bytes.Replace(text, []byte(old), []byte(by), 1) }
}

// flip damages a byte in a line, counted from 1.
func flip(line int) func([]byte) []byte {
	return func(text []byte) []byte {
		lines := bytes.SplitAfter(text, []byte{'\n'})
		lines[line-1][len(lines[line-1])/2] ^= 4
		return bytes.Join(lines, nil)
	}
}

// firstLines keeps a share of a file's lines.
func firstLines(share float64) func([]byte) []byte {
	return func(text []byte) []byte {
		lines := bytes.SplitAfter(text, []byte{'\n'})
		return bytes.Join(lines[:int(share*float64(len(lines)))], nil)
	}
}

// asks are the commands that read the state.
func asks() [][]string {
	return [][]string{{"plan"}, {"status"}, {"state", "list"}, {"state", "pull"}, {"show"}, {"apply", "--auto-approve"}}
}

// A state that is damaged, or is not the one that the config means, is refused
// by every command, with the file's name and what to do. Nothing is written and
// nothing bought; when the damage is undone, the next run goes on as if nothing
// had happened.
func TestDamagedState(t *testing.T) {
	template := midway(t)
	stranger := newSite(t, 3)
	stranger.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{})
	stranger.killAtCreate(2)
	const orBackup = "qaplan.state.json.backup in its place and move the journal away: what it lacks is found again"
	const other = "provider \"gemini\" {\n  base_url = \"http://127.0.0.1:1\"\n"
	tests := []struct {
		name   string
		damage func(*halfway)
		says   []string
		// fine are the commands that this does not concern.
		fine []string
		// unix marks what Windows does not let one do, or says in other words.
		unix bool
	}{
		{name: "snapshot empty", damage: edit(stateFile, cut(func(int) int { return 0 })), says: []string{"qaplan.state.json: it is empty", "restore it from a copy", orBackup}},
		{name: "snapshot of one byte", damage: edit(stateFile, cut(func(int) int { return 1 })), says: []string{"qaplan.state.json:1: ", "restore it from a copy", orBackup}},
		{name: "snapshot cut in half", damage: edit(stateFile, cut(func(n int) int { return n / 2 })), says: []string{"qaplan.state.json:", "restore it from a copy", orBackup}},
		{name: "snapshot without its end", damage: edit(stateFile, cut(func(n int) int { return n - 2 })), says: []string{"qaplan.state.json:", "restore it from a copy", orBackup}},
		{name: "snapshot with a flipped bit", damage: edit(stateFile, flip(8)), says: []string{"qaplan.state.json:8: the line is damaged, or was edited", "restore it from a copy", orBackup}},
		{name: "snapshot edited", damage: edit(stateFile, replace(`"bought"`, `"absent"`)), says: []string{"qaplan.state.json:", "its checksum does not fit: the file is damaged, or was edited"}},
		{name: "snapshot of a newer version", damage: edit(stateFile, func([]byte) []byte { return []byte("{\n  \"version\": 7,\n  \"form\": \"new\"\n}\n") }), says: []string{"qaplan.state.json: format version 7", "use the newer qaplan that wrote it"}},
		{name: "snapshot gone", damage: remove(stateFile), says: []string{"qaplan.state.json: it is not there", "restore it from a copy", orBackup}},
		{name: "older snapshot beside the journal", damage: copyOver(backupFile, stateFile), says: []string{"qaplan.state.json.journal:1: it goes on from number", "an older copy of it was put back", "move it away to go on from the snapshot"}},
		{name: "snapshot is a folder", unix: true, damage: func(h *halfway) { remove(stateFile)(h); h.mkdir(stateFile) }, says: []string{"qaplan.state.json", "is a directory", "A folder stands in the file's place: move it away"}},
		{name: "snapshot is a link to nowhere", unix: true, damage: func(h *halfway) { remove(stateFile)(h); h.link("gone.json", stateFile) }, says: []string{"qaplan.state.json is a symbolic link that leads nowhere"}},
		{name: "journal with a damaged line", damage: edit(journalFile, flip(3)), says: []string{"qaplan.state.json.journal:3: its checksum does not fit", "move it away to go on from the snapshot"}},
		{name: "journal with a damaged header", damage: edit(journalFile, flip(1)), says: []string{"qaplan.state.json.journal:1: its checksum does not fit"}},
		{name: "journal without a line", damage: edit(journalFile, func(text []byte) []byte {
			lines := bytes.SplitAfter(text, []byte{'\n'})
			return bytes.Join(slices.Delete(lines, 2, 3), nil)
		}), says: []string{"qaplan.state.json.journal:3: it is number"}},
		{name: "journal of a newer version", damage: edit(journalFile, func([]byte) []byte { return []byte("{\"version\":7,\"form\":\"new\"}\n") }), says: []string{"qaplan.state.json.journal:1: format version 7", "use the newer qaplan that wrote it"}},
		{name: "journal of another lineage", damage: edit(journalFile, func([]byte) []byte { return stranger.read(journalFile) }), says: []string{"qaplan.state.json.journal:1: it is of the state ", "put back the snapshot that belongs to it, or move the journal away"}},
		{name: "journal is a folder", unix: true, damage: func(h *halfway) { remove(journalFile)(h); h.mkdir(journalFile) }, says: []string{"qaplan.state.json.journal", "is a directory", "A folder stands in the file's place: move it away"}},
		{
			name: "other base URL", damage: edit("qaplan.hcl", replace("provider \"gemini\" {\n", other)), fine: []string{"state list", "state pull", "show"},
			says: []string{"qaplan.state.json belongs to provider gemini at " + template.url, "the config names provider gemini at http://127.0.0.1:1", "another path for its state"},
		},
		{
			name: "a rehearsal with the real state", fine: []string{"state list", "state pull", "show"}, damage: func(h *halfway) {
				edit("qaplan.hcl", replace(`provider "gemini"`, `provider "emulator"`))(h)
				h.mkdir(".qaplan/emulator")
				h.write(".qaplan/emulator/"+stateFile, string(h.read(stateFile)))
			},
			says: []string{"qaplan.state.json belongs to provider gemini at " + template.url, "the config names provider emulator with the data "},
		},
		{
			name: "the real thing with a rehearsed state", fine: []string{"state list", "state pull", "show"}, damage: func(h *halfway) {
				remove(journalFile)(h)
				h.write(stateFile, string(rehearsed(h.t)))
			},
			says: []string{"qaplan.state.json belongs to provider emulator with the data ", "the config names provider gemini at " + template.url},
		},
	}
	for _, tt := range tests {
		if tt.unix && runtime.GOOS == "windows" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			h := template.fork(t)
			tt.damage(h)
			before, books := h.kept(), h.ledger().Purchases
			for _, args := range asks() {
				command := strings.TrimSuffix(strings.Join(args, " "), " --auto-approve")
				if slices.Contains(tt.fine, command) {
					h.mustRun(exitDone, args...)
					continue
				}
				c := h.mustRun(exitError, args...)
				for _, want := range tt.says {
					if !strings.Contains(c.said(), want) {
						t.Errorf("%s says %q, want %q in it", command, c.said(), want)
					}
				}
				if c.stdout.Len() > 0 {
					t.Errorf("%s says on stdout: %s", command, &c.stdout)
				}
			}
			if diff := cmp.Diff(before, h.kept()); diff != "" {
				t.Errorf("files were changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(books, h.ledger().Purchases); diff != "" {
				t.Errorf("something was bought (-before +after):\n%s", diff)
			}
		})
	}
}

// rehearsed is the state of a rehearsal.
func rehearsed(t *testing.T) []byte {
	t.Helper()
	s := newSite(t, 1)
	edit("qaplan.hcl", replace(`provider "gemini"`, `provider "emulator"`))(&halfway{site: s})
	s.mustRun(exitDone, "apply", "--auto-approve")
	return s.read(".qaplan/emulator/" + stateFile)
}

func (s *site) mkdir(name string) {
	s.t.Helper()
	if err := os.MkdirAll(s.path(name), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) link(to, name string) {
	s.t.Helper()
	if err := os.Symlink(to, s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// kept are all files of the project but those that a refused run may write: the
// cache, the facts in the lock, and the data of a rehearsal.
func (h *halfway) kept() map[string]string {
	files := h.files()
	for name := range files {
		if name == cacheFile || strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, ".qaplan/emulator/.data/") {
			delete(files, name)
		}
	}
	return files
}

// What a crash or a lost file can leave is gone on from: what the files lack is
// found again at the service, and nothing is bought twice.
func TestRecoveredState(t *testing.T) {
	template := midway(t)
	tests := []struct {
		name   string
		damage func(*halfway)
	}{
		{"as it was left", func(*halfway) {}},
		{"journal empty", edit(journalFile, cut(func(int) int { return 0 }))},
		{"journal gone", remove(journalFile)},
		{"journal cut in its header", edit(journalFile, cut(func(int) int { return 30 }))},
		{"journal cut in its last record", edit(journalFile, cut(func(n int) int { return n - 10 }))},
		{"journal without its last line break", edit(journalFile, cut(func(n int) int { return n - 1 }))},
		{"journal cut between two records", edit(journalFile, firstLines(0.5))},
		{"journal cut after its first record", edit(journalFile, firstLines(0.1))},
		{"backup in the place of a damaged snapshot, without journal", both(copyOver(backupFile, stateFile), remove(journalFile))},
		{"backup gone", remove(backupFile)},
		{"backup damaged", edit(backupFile, flip(3))},
		{"lock gone", remove(stateFile + ".lock")},
		{"lock with damaged facts", edit(stateFile+".lock", func([]byte) []byte { return []byte("{\"id\":\x00") })},
		{"temporary files of killed runs", func(h *halfway) {
			h.write("."+stateFile+".tmp-0123456789abcdef", "half a snapshot")
			h.write("."+stateFile+".backup.tmp-0123456789abcdef", "half a backup")
			h.write("out/.qaplan-0123456789abcdef.tmp", "half an answer")
		}},
		{"result cut short", edit("out/batch_001_proper.jsonl", cut(func(n int) int { return n / 2 }))},
		{"result gone", remove("out/batch_002_proper.jsonl")},
		{"cache gone", remove(".qaplan")},
		{"cache empty", edit(cacheFile, cut(func(int) int { return 0 }))},
		{"cache cut in half", edit(cacheFile, cut(func(n int) int { return n / 2 }))},
		{"cache with wrong hashes", edit(cacheFile, func(text []byte) []byte {
			lines := bytes.SplitAfter(text, []byte{'\n'})
			for _, l := range lines[1:9] {
				l[0] ^= 1
			}
			return bytes.Join(lines, nil)
		})},
		{"cache of zeros", edit(cacheFile, func(text []byte) []byte { return make([]byte, len(text)) })},
		{"cache is a folder", func(h *halfway) { remove(".qaplan")(h); h.mkdir(cacheFile) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := template.fork(t)
			h.mustRun(exitDone, "plan") // fills the cache
			tt.damage(h)
			before, bought := h.kept(), h.bought()
			for _, args := range asks()[:4] {
				h.mustRun(exitDone, args...)
			}
			if list := h.mustRun(exitDone, "state", "list").stdout.String(); !strings.Contains(list, "batch.qa[1]") {
				t.Errorf("the state is shown without what it holds: %s", list)
			}
			if diff := cmp.Diff(before, h.kept()); diff != "" {
				t.Errorf("reading changed files (-before +after):\n%s", diff)
			}
			// Now, and when the jobs have ended.
			h.mustRun(exitDone, "apply", "--auto-approve")
			if more := h.bought() - bought; more > h.batches-bought {
				t.Errorf("%d jobs were bought for %d batches", more, h.batches-bought)
			}
			h.serveLate()
			h.mustRun(exitDone, "apply", "--auto-approve", "--wait")
			if tt.name == "cache is a folder" {
				remove(".qaplan")(h)
			}
			h.mustBeDone()
		})
	}
}

// A first run that was killed leaves a journal and no snapshot. Where that is
// lost too, the state is a new one; but what was bought is not bought again.
func TestFirstJournalLost(t *testing.T) {
	s := newSite(t, 6)
	s.oneByOne()
	template := &halfway{site: s, service: filepath.Join(t.TempDir(), "service")}
	template.serveSlow()
	s.killAtCreate(3)
	if _, err := os.Stat(s.path(stateFile)); err == nil {
		t.Fatal("the first run has made a snapshot")
	}
	t.Run("journal there", func(t *testing.T) {
		h := template.fork(t)
		h.serveLate()
		h.mustRun(exitDone, "apply", "--auto-approve", "--wait")
		h.mustBeDone()
	})
	t.Run("journal damaged", func(t *testing.T) {
		h := template.fork(t)
		edit(journalFile, flip(2))(h)
		before := h.kept()
		for _, args := range asks() {
			c := h.mustRun(exitError, args...)
			for _, want := range []string{"qaplan.state.json.journal:2: its checksum does not fit", "or move it away to start anew"} {
				if !strings.Contains(c.said(), want) {
					t.Errorf("%v says %q, want %q", args, c.said(), want)
				}
			}
		}
		if diff := cmp.Diff(before, h.kept()); diff != "" {
			t.Errorf("files were changed (-before +after):\n%s", diff)
		}
	})
	for name, lose := range map[string]func(*halfway){"journal empty": edit(journalFile, cut(func(int) int { return 0 })), "journal gone": remove(journalFile)} {
		t.Run(name, func(t *testing.T) {
			h := template.fork(t)
			lose(h)
			bought := h.bought()
			c := h.mustRun(exitDone, "apply", "--auto-approve")
			out := c.stdout.String()
			if !strings.Contains(out, fmt.Sprintf(", %d held", bought)) {
				t.Errorf("%d jobs were bought by the lost state; the apply says:\n%s", bought, out)
			}
			h.mustHaveBoughtOnce()
		})
	}
}
