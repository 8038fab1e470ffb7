//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// nobody is the user that children become where this test runs as root, whom
// no mode of a file keeps out.
const nobody = 65534

// unprivileged makes the modes of files count for the children of a site.
func (s *site) unprivileged() {
	s.t.Helper()
	s.t.Cleanup(func() { s.eachFolder(func(dir string) error { return os.Chmod(dir, 0o700) }) })
	if os.Getuid() != 0 {
		return
	}
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	bin := filepath.Join(s.t.TempDir(), "qaplan")
	if err := copyFile(self, bin); err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(bin), filepath.Dir(filepath.Dir(bin)), filepath.Dir(s.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	s.own()
	s.prepare = func(cmd *exec.Cmd) {
		cmd.Path = bin
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
}

// own gives the project to the children.
func (s *site) own() {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) eachFolder(do func(dir string) error) {
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return do(path) // before it is read
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func (s *site) chmod(name string, mode fs.FileMode) {
	s.t.Helper()
	if err := os.Chmod(s.path(name), mode); err != nil {
		s.t.Fatal(err)
	}
}

// What may not be read or written ends a run with an error that names it. What
// was bought until then is known, and when access is back the next run goes on.
func TestNoAccess(t *testing.T) {
	template := midway(t)
	reading := []string{"plan", "status", "state list", "state pull", "show"}
	tests := []struct {
		name string
		file string
		mode fs.FileMode
		fine []string // commands that do without
		says []string // of the others
		// buys tells that an apply gets as far as that; else it buys nothing.
		buys bool
	}{
		{"snapshot unreadable", stateFile, 0, nil, []string{"qaplan.state.json: permission denied", "Check who may read and write there."}, false},
		{"journal unreadable", journalFile, 0, nil, []string{"qaplan.state.json.journal: permission denied", "Check who may read and write there."}, false},
		{"journal read-only", journalFile, 0o400, reading, []string{"qaplan.state.json.journal: permission denied", "Check who may read and write there."}, false},
		{"lock unreadable", stateFile + ".lock", 0, reading, []string{"qaplan.state.json.lock: permission denied", "Check who may read and write there."}, false},
		{"state folder read-only", ".", 0o500, reading, []string{"permission denied", "Check who may read and write there."}, true},
		{"output folder read-only", "out", 0o500, reading, []string{"Error: batch.qa: output_dir may not be written to", "at qaplan.hcl:11", "/out: permission denied"}, false},
		{"output folder unreadable", "out", 0, []string{"state list", "state pull", "show"}, []string{"out", "permission denied", "Check who may read and write there."}, false},
		{"source unreadable", "in/batch_008_proper.jsonl", 0, reading, []string{"batch.qa[8]", "in/batch_008_proper.jsonl: permission denied", "nothing was sent"}, true},
		{"config unreadable", "qaplan.hcl", 0, nil, []string{"Cannot read the config file qaplan.hcl", "This user may not read it"}, false},
		{"cache unreadable", cacheFile, 0, append(slices.Clone(reading), "apply"), nil, true},
		{"cache folder read-only", ".qaplan", 0o500, append(slices.Clone(reading), "apply"), nil, true},
		{"cache folder unreadable", ".qaplan", 0, append(slices.Clone(reading), "apply"), nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := template.fork(t)
			h.unprivileged()
			h.mustRun(exitDone, "plan") // fills the cache
			h.serveLate()
			bought := h.bought()
			h.chmod(tt.file, tt.mode)
			for _, args := range asks() {
				command := strings.TrimSuffix(strings.Join(args, " "), " --auto-approve")
				if command == "apply" {
					args = append(args, "--wait")
				}
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
			}
			h.chmod(tt.file, 0o700)
			if now := h.bought(); !tt.buys && now != bought {
				t.Errorf("%d jobs were bought", now-bought)
			}
			h.mustRun(exitDone, "apply", "--auto-approve", "--wait")
			h.mustBeDone()
		})
	}
}

// A project in a folder that may only be read buys nothing.
func TestReadOnlyFromTheStart(t *testing.T) {
	s := newSite(t, 3)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	s.unprivileged()
	s.chmod(".", 0o500)
	s.mustRun(exitDone, "plan")
	c := s.mustRun(exitError, "apply", "--auto-approve")
	if !strings.Contains(c.said(), "qaplan.state.json.lock: permission denied") {
		t.Errorf("the apply says %q", c.said())
	}
	if l := s.ledger(); len(l.Purchases) > 0 || l.Calls[emulator.OpUploadStart] > 0 {
		t.Errorf("%d jobs were bought, %d uploads begun", len(l.Purchases), l.Calls[emulator.OpUploadStart])
	}
	s.chmod(".", 0o700)
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait")
	s.mustBeDone()
}

// Where no result can be written, nothing is bought, and a plan says so before.
// What was bought already waits for the folder, and costs nothing again.
func TestUnwritableOutput(t *testing.T) {
	s := newSite(t, 2)
	service := filepath.Join(t.TempDir(), "service")
	s.serve(service, emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: time.Hour, Max: time.Hour}})
	s.write("qaplan.hcl", string(replace(`output_dir = "out"`, `output_dir = "shelf/out"`)(s.read("qaplan.hcl"))))
	if err := os.Mkdir(s.path("shelf"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.unprivileged()
	s.chmod("shelf", 0o500)
	says := func(c *child, severity string) {
		t.Helper()
		for _, want := range []string{severity + ": batch.qa: output_dir may not be written to", "at qaplan.hcl:", "/shelf: permission denied"} {
			if !strings.Contains(c.said(), want) {
				t.Errorf("it says %q, want %q in it", c.said(), want)
			}
		}
	}
	says(s.mustRun(exitDone, "validate"), "Warning")
	says(s.mustRun(exitDone, "plan", "--out", "saved.json"), "Warning")
	says(s.mustRun(exitError, "apply", "--auto-approve"), "Error")
	says(s.mustRun(exitError, "apply", "saved.json"), "Error")
	if l := s.ledger(); len(l.Purchases) > 0 || l.Calls[emulator.OpUploadStart] > 0 {
		t.Errorf("%d jobs were bought, %d uploads begun", len(l.Purchases), l.Calls[emulator.OpUploadStart])
	}

	s.chmod("shelf", 0o700)
	s.mustRun(exitDone, "apply", "--auto-approve")
	s.chmod("shelf/out", 0o500)
	s.serve(service, emulator.Config{Clock: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	if c := s.mustRun(exitDone, "plan"); c.stderr.Len() > 0 {
		t.Errorf("a plan that buys nothing says %q", c.stderr.String())
	}
	if c := s.mustRun(exitError, "apply", "--auto-approve"); !strings.Contains(c.said(), "nothing is lost, it is fetched again") {
		t.Errorf("it says %q", c.said())
	}
	s.chmod("shelf/out", 0o700)
	s.mustRun(exitDone, "apply", "--auto-approve")
	if n := s.bought(); n != 2 {
		t.Errorf("%d jobs were bought, want 2", n)
	}
	s.mustRun(exitDone, "plan", "--detailed-exitcode")
}

// Where no dataset can be written, nothing is bought from which it would be made,
// and a plan says so before.
func TestUnwritableDataset(t *testing.T) {
	s := newSite(t, 2)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	s.write("qaplan.hcl", string(s.read("qaplan.hcl"))+"\ndataset \"all\" {\n  from = [\"qa\"]\n  path = \"shelf/new/all.jsonl\"\n}\n")
	if err := os.Mkdir(s.path("shelf"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.unprivileged()
	s.chmod("shelf", 0o500)
	says := func(c *child, severity string) {
		t.Helper()
		for _, want := range []string{severity + ": dataset.all: The path of a dataset may not be written to", "at qaplan.hcl:", "/shelf: permission denied", "shelf/new/all.jsonl would not be made"} {
			if !strings.Contains(c.said(), want) {
				t.Errorf("it says %q, want %q in it", c.said(), want)
			}
		}
	}
	says(s.mustRun(exitDone, "validate"), "Warning")
	says(s.mustRun(exitDone, "plan"), "Warning")
	says(s.mustRun(exitError, "apply", "--auto-approve"), "Error")
	if l := s.ledger(); len(l.Purchases) > 0 || l.Calls[emulator.OpUploadStart] > 0 {
		t.Errorf("%d jobs were bought, %d uploads begun", len(l.Purchases), l.Calls[emulator.OpUploadStart])
	}
	s.chmod("shelf", 0o700)
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait")
	if rows := strings.Count(string(s.read("shelf/new/all.jsonl")), "\n"); rows == 0 {
		t.Error("the dataset is empty")
	}
	s.chmod("shelf/new", 0o500)
	if c := s.mustRun(exitDone, "plan"); c.stderr.Len() > 0 {
		t.Errorf("a plan that buys nothing says %q", c.stderr.String())
	}
	s.chmod("shelf/new", 0o700)
}

// A disk that is full, at ever later moments, ends each run with an error. What
// was bought is never lost, and with space all is done, bought once.
func TestFullDisk(t *testing.T) {
	for _, d := range smallDisks() {
		t.Run(d.name, func(t *testing.T) {
			s := newSite(t, 8)
			s.oneByOne()
			s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
			if !d.move(t, s) {
				t.Logf("this machine allows no %s; the other ways stand in for it", d.name)
				return
			}
			known, full, done := 0, 0, 0
			for room := int64(0); room < d.most; room += d.step {
				d.leave(t, s, room)
				c := s.run("apply", "--auto-approve", "--wait")
				switch c.code(t) {
				case exitDone:
					done++
				case exitError:
					full++
					if !strings.Contains(c.said(), d.says) || !strings.Contains(c.said(), "free some space, or lift the limit, and run the command again") {
						t.Errorf("with %d bytes: %q and what to do are not in stderr:\n%s", room, d.says, &c.stderr)
					}
				default:
					t.Errorf("with %d bytes: exit code %d; stderr:\n%s", room, c.code(t), &c.stderr)
				}
				list := s.mustRun(exitDone, "state", "list").stdout.String()
				n := strings.Count(list, "batch.qa[")
				if bought := s.bought(); n < known || n < bought {
					t.Errorf("with %d bytes: the state knows %d batches; it knew %d, and %d jobs were bought", room, n, known, bought)
				}
				known = n
			}
			t.Logf("%d runs met the end of the disk, %d did not", full, done)
			if full < 5 || done < 1 {
				t.Error("too few to tell anything")
			}
			d.leave(t, s, -1)
			s.mustRun(exitDone, "apply", "--auto-approve", "--wait")
			s.mustBeDone()
		})
	}
}

// smallDisk is a way to run out of space.
type smallDisk struct {
	name string
	// move puts the project there, if the machine allows it.
	move func(t *testing.T, s *site) bool
	// leave makes so many bytes free, or all with -1.
	leave      func(t *testing.T, s *site, room int64)
	step, most int64
	says       string
}

// fileSizeLimit is what every system has: no file may grow beyond it.
func fileSizeLimit() smallDisk {
	const block = 512 // of ulimit -f
	return smallDisk{
		name: "limit of file sizes", step: 2 * block, most: 100 * block, says: "file too large",
		move: func(*testing.T, *site) bool { return true },
		leave: func(t *testing.T, s *site, room int64) {
			link := asQaplan(t)
			s.prepare = func(cmd *exec.Cmd) {
				if room < 0 {
					return
				}
				cmd.Args = append([]string{"sh", "-c", `ulimit -f "$0"; exec "$@"`, fmt.Sprint(room / block), link}, cmd.Args[1:]...)
				cmd.Path = "/bin/sh"
			}
		},
	}
}

// Output that cannot be written is an error; the work is done all the same.
func TestFullStdout(t *testing.T) {
	outs := map[string]func() (*os.File, error){
		"not for writing": func() (*os.File, error) { return os.Open(os.Args[0]) },
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		outs["full"] = func() (*os.File, error) { return os.OpenFile("/dev/full", os.O_WRONLY, 0) }
	}
	for name, open := range outs {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, 3)
			s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
			for _, args := range [][]string{
				{"apply", "--auto-approve"}, {"apply", "--auto-approve", "--wait", "--json"}, {"plan"}, {"plan", "--format", "json"}, {"status"}, {"show"},
				{"state", "list"}, {"state", "pull"}, {"state", "show", "batch.qa[1]"}, {"validate"}, {"version"},
			} {
				out, err := open()
				if err != nil {
					t.Fatal(err)
				}
				c := s.child(args...)
				c.cmd.Stdout = out
				c.start(t)
				if code := c.code(t); code != exitError || !strings.Contains(c.said(), "write to stdout: ") {
					t.Errorf("%v: exit code %d, want %d; stderr:\n%s", args, code, exitError, &c.stderr)
				}
				out.Close()
			}
			s.mustBeDone()
		})
	}
}
