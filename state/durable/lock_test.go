package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// holdLock names the lock that the re-executed test binary takes and holds.
const holdLock = "QAPLAN_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdLock); path != "" {
		os.Exit(hold(path))
	}
	os.Exit(m.Run())
}

func hold(path string) int {
	l, err := TryLock(path)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	if err := l.WriteFacts([]byte("child")); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin) // until the parent lets go
	if err := l.Unlock(); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// holder is another process that holds the lock at path.
func holder(t *testing.T, path string) (*exec.Cmd, io.Closer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdLock+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return cmd, in
}

func TestLockTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	cmd, in := holder(t, path)
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("error %v while another process holds the lock, want ErrLocked", err)
	}
	facts, err := ReadFacts(path)
	if string(facts) != "child" || err != nil {
		t.Errorf("facts %q, %v: want the other process's", facts, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if facts, err := ReadFacts(path); len(facts) != 0 || err != nil {
		t.Errorf("facts %q, %v after a clean end, want none", facts, err)
	}
	relock(t, path)
}

func TestLockDiesWithItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	cmd, _ := holder(t, path)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	facts, err := ReadFacts(path)
	if string(facts) != "child" || err != nil {
		t.Errorf("facts %q, %v: want the killed process's", facts, err)
	}
	relock(t, path)
}

func relock(t *testing.T, path string) {
	t.Helper()
	l, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, facts := range []string{"a long story", "short"} {
		if err := l.WriteFacts([]byte(facts)); err != nil {
			t.Fatal(err)
		}
		if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
			t.Errorf("error %v for a second lock, want ErrLocked", err)
		}
		if got, err := ReadFacts(path); string(got) != facts || err != nil {
			t.Errorf("facts %q, %v: want %q", got, err, facts)
		}
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	relock(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the lock file must stay: %v", err)
	}
}

// Where the check of a lock does not look at the name, nobody takes it away.
func TestLockKeepsItsName(t *testing.T) {
	if !keepsName {
		return // see TestLockFileRemoved
	}
	path := filepath.Join(t.TempDir(), "lock")
	l, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WriteFacts([]byte("mine")); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(path), "other")
	if err := os.WriteFile(other, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"removed":  os.Remove(path),
		"renamed":  os.Rename(path, path+"2"),
		"replaced": os.Rename(other, path),
	} {
		if err == nil {
			t.Errorf("a lock file was %s while it was held", what)
		}
	}
	if facts, err := ReadFacts(path); string(facts) != "mine" || err != nil {
		t.Errorf("facts %q, %v: want the holder's", facts, err)
	}
	if err := errors.Join(l.Check(), l.Unlock()); err != nil {
		t.Error(err)
	}
}

func TestLockFileRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // see TestLockKeepsItsName
	}
	path := filepath.Join(t.TempDir(), "lock")
	l, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Unlock()
	if err := l.Check(); err != nil {
		t.Errorf("check of a good lock: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, ErrLost) {
		t.Errorf("check of a removed lock: %v, want that it is lost and does not exist", err)
	}
	other, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Unlock()
	if err := l.Check(); !errors.Is(err, ErrLost) {
		t.Errorf("check of a replaced lock: %v, want ErrLost", err)
	}
}

func TestSeize(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	_, in := holder(t, path)
	defer in.Close()
	l, err := Seize(path, []byte("mine"))
	if runtime.GOOS == "windows" {
		if !errors.Is(err, ErrNotSeized) {
			t.Errorf("error %v, want ErrNotSeized", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if facts, err := ReadFacts(path); string(facts) != "mine" || err != nil {
		t.Errorf("facts %q, %v: want those of the new holder", facts, err)
	}
	if err := l.Check(); err != nil {
		t.Errorf("check of the seized lock: %v", err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("error %v for another lock, want ErrLocked", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if facts, err := ReadFacts(path); string(facts) != "mine" || err != nil {
		t.Errorf("facts %q, %v after Release: want that they stay", facts, err)
	}
	relock(t, path)
	if entries, err := os.ReadDir(dir); len(entries) != 1 || err != nil {
		t.Errorf("the folder holds %v, %v: want the lock alone", entries, err)
	}
}

func TestSeizeLost(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // nothing is ever seized
	}
	path := filepath.Join(t.TempDir(), "lock")
	l, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Seize(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Unlock()
	if err := l.Check(); !errors.Is(err, ErrLost) {
		t.Errorf("check of a lock that was seized: %v, want ErrLost", err)
	}
	if err := l.Unlock(); err != nil {
		t.Errorf("unlock of a lock that was seized: %v", err)
	}
	if err := other.Check(); err != nil {
		t.Errorf("the former holder's end spoilt the lock: %v", err)
	}
	if _, err := Seize(filepath.Join(t.TempDir(), "no", "lock"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that the folder does not exist", err)
	}
}

func TestLockFolderMissing(t *testing.T) {
	_, err := TryLock(filepath.Join(t.TempDir(), "no", "lock"))
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrLocked) {
		t.Errorf("error %v, want that the folder does not exist", err)
	}
}
