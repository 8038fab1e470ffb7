package emulator_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// purchases gives the books, and fails when a job stands in them twice.
func purchases(t *testing.T, s *emulator.Server) []emulator.Purchase {
	t.Helper()
	ledger, err := s.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range ledger.Purchases {
		if seen[p.Job] {
			t.Errorf("%s stands twice in the ledger", p.Job)
		}
		seen[p.Job] = true
	}
	return ledger.Purchases
}

func TestTwoServersOfOneFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a, b := openAPI(t, emulator.Config{Dir: dir}), openAPI(t, emulator.Config{Dir: dir})
		if a.server.ID() != b.server.ID() || len(a.server.ID()) != 32 {
			t.Errorf("ids %q and %q", a.server.ID(), b.server.ID())
		}
		// An upload begun at one and ended at the other.
		input := requests(4, 9<<20)
		at := a.start("in").header.Get("X-Goog-Upload-Url")
		a.want(200, a.chunk(at, "upload", 0, input[:8<<20]))
		b.want(200, b.chunk(at, "upload, finalize", 8<<20, input[8<<20:]))
		job := a.create("in", "")
		if op := b.job(job); op.Metadata.State != "BATCH_STATE_PENDING" {
			t.Errorf("state %s", op.Metadata.State)
		}
		time.Sleep(time.Minute)
		first, second := b.want(200, b.output(job)), a.want(200, a.output(job))
		if !bytes.Equal(first.body, second.body) {
			t.Error("the two give different outputs")
		}
		// Both at once.
		a.upload("small", requests(2, 0))
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() { []*api{a, b}[i%2].create("small", fmt.Sprint(i)) })
		}
		wg.Wait()
		if diff := cmp.Diff(purchases(t, a.server), purchases(t, b.server)); diff != "" || len(purchases(t, a.server)) != 41 {
			t.Errorf("ledgers of %d and %d (-a +b):\n%s", len(purchases(t, a.server)), len(purchases(t, b.server)), diff)
		}
	})
}

func TestFolderIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		a := openAPI(t, emulator.Config{Dir: dir})
		id := a.server.ID()
		job := a.run("in", requests(3, 0))
		cancelled, deleted := a.create("in", "c"), a.create("in", "d")
		a.want(200, a.call("POST", "/v1/"+cancelled+":cancel", ""))
		a.want(200, a.call("DELETE", "/v1/"+deleted, ""))
		a.upload("gone", []byte("x"))
		a.want(200, a.call("DELETE", "/v1/files/gone", ""))
		output := a.want(200, a.output(job)).body
		before := purchases(t, a.server)
		jobs, files := a.list("batches", 10), a.list("files", 10)
		if err := a.server.Close(); err != nil {
			t.Fatal(err)
		}
		if got := a.call("GET", "/v1/batches", ""); got.status != 500 || !strings.Contains(string(got.body), "closed") {
			t.Errorf("a closed emulator answers %d %s", got.status, got.body)
		}
		b := openAPI(t, emulator.Config{Dir: dir})
		if b.server.ID() != id {
			t.Errorf("id %s, want %s", b.server.ID(), id)
		}
		if diff := cmp.Diff(before, purchases(t, b.server)); diff != "" {
			t.Errorf("ledger (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff([][][]string{jobs, files}, [][][]string{b.list("batches", 10), b.list("files", 10)}); diff != "" {
			t.Errorf("listings (-before +after):\n%s", diff)
		}
		if got := b.want(200, b.output(job)).body; !bytes.Equal(got, output) {
			t.Error("the output has changed")
		}
		if op := b.job(cancelled); op.Metadata.State != "BATCH_STATE_CANCELLED" {
			t.Errorf("state %s", op.Metadata.State)
		}
	})
}

// TestTornLog cuts the log at every byte of its last records, as a killed
// process or a full disk would, and goes on from there.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	a := openAPI(t, emulator.Config{Dir: dir})
	a.upload("in", requests(1, 0))
	log := filepath.Join(dir, "emulator.log")
	before, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	a.create("in", "one")
	if err := a.server.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if len(after)-len(before) < 200 {
		t.Fatalf("a create made the log grow by %d bytes", len(after)-len(before))
	}
	for cut := len(before); cut <= len(after); cut++ {
		if err := os.WriteFile(log, after[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		b := openAPI(t, emulator.Config{Dir: dir})
		want := 0
		if cut == len(after) {
			want = 1
		}
		if got := len(purchases(t, b.server)); got != want {
			t.Fatalf("cut at %d of %d: %d jobs, want %d", cut, len(after), got, want)
		}
		b.create("in", "two")
		if got := len(purchases(t, b.server)); got != want+1 {
			t.Fatalf("cut at %d: %d jobs after another, want %d", cut, got, want+1)
		}
	}
}

func TestTornLogBeginning(t *testing.T) {
	dir := t.TempDir()
	open(t, emulator.Config{Dir: dir})
	log := filepath.Join(dir, "emulator.log")
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(log, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, emulator.Config{Dir: dir})
		if age := time.Since(s.Now()).Abs(); age > time.Hour || s.ID() == "" {
			t.Fatalf("cut at %d: id %q, time %v", cut, s.ID(), s.Now())
		}
	}
}

func TestDamagedFolder(t *testing.T) {
	dir := t.TempDir()
	a := openAPI(t, emulator.Config{Dir: dir})
	log := filepath.Join(dir, "emulator.log")
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, []byte("{}\nnot JSON\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := a.call("GET", "/v1/batches", ""); got.status != 500 || !strings.Contains(string(got.body), "shorter") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if _, err := emulator.New(emulator.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "emulator.log at byte 3") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(log, bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":2`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := emulator.New(emulator.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("error %v", err)
	}
	if _, err := emulator.New(emulator.Config{}); err == nil {
		t.Error("no data folder, and no error")
	}
}

// childFolder is the variable that makes TestChild serve the folder it names.
const childFolder = "EMULATOR_TEST_CHILD"

// TestChild is no test but the second process of TestTwoProcesses.
func TestChild(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		return
	}
	a := openAPI(t, emulator.Config{Dir: dir, Quota: emulator.Quota{ActiveJobs: -1}})
	for i := 0; ; i++ {
		a.create("in", fmt.Sprintf("child %d", i))
	}
}

// TestTwoProcesses lets another process buy from the same folder until it is
// killed in the middle of it.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	a := openAPI(t, emulator.Config{Dir: dir, Quota: emulator.Quota{ActiveJobs: -1}})
	a.upload("in", requests(2, 0))
	for round := range 3 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), childFolder+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		mine, its := 0, 0
		start := len(purchases(t, a.server))
		for deadline := time.Now().Add(20 * time.Second); its < 20; {
			if time.Now().After(deadline) {
				t.Fatalf("the other process bought %d jobs", its)
			}
			a.create("in", fmt.Sprintf("parent %d", mine))
			mine++
			its = len(purchases(t, a.server)) - start - mine
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the other process ended by itself")
		}
		a.create("in", "after the kill")
		byParent := 0
		for _, p := range purchases(t, a.server) {
			if !strings.HasPrefix(p.DisplayName, "child") {
				byParent++
			}
		}
		if mine++; byParent < mine {
			t.Errorf("round %d: %d of at least %d jobs of this process are in the books", round, byParent, mine)
		}
	}
	reopened := openAPI(t, emulator.Config{Dir: dir})
	if diff := cmp.Diff(purchases(t, a.server), purchases(t, reopened.server)); diff != "" {
		t.Errorf("ledger (-before +after):\n%s", diff)
	}
}
