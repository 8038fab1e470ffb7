package heap

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestHugePages looks up how the kernel is to map a thing that was in the heap before
// the package was initialized: "hg" is the advice for huge pages (proc_pid_smaps(5)),
// which a kernel without them does not take.
func TestHugePages(t *testing.T) {
	if os.Getenv("GOGC") != "" { // the package was initialized with it: once more without
		again := exec.Command(os.Args[0], "-test.run=^TestHugePages$")
		again.Env = append(os.Environ(), "GOGC=")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("without GOGC: %v\n%s", err, out)
		}
		return
	}
	_, err := os.Stat("/sys/kernel/mm/transparent_hugepage")
	takes := err == nil
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	at := uintptr(unsafe.Pointer(&os.Args[0]))
	inside, flags := false, ""
	for line := range strings.Lines(string(smaps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if f, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			flags = strings.TrimSpace(f)
		}
	}
	if advised := slices.Contains(strings.Fields(flags), "hg"); advised != takes {
		t.Errorf("the heap is mapped with the flags %q, advised: %v; the kernel takes such advice: %v", flags, advised, takes)
	}
}
