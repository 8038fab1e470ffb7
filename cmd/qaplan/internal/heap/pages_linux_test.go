package heap

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestHugePages looks up how the kernel is to map a thing that was in the heap before
// the package was initialized: "hg" is the advice for huge pages (proc_pid_smaps(5)).
func TestHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no transparent huge pages to ask for:", err)
	}
	if os.Getenv("GOGC") != "" {
		t.Skip("GOGC is set: the heap is as Go makes it")
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	at := uintptr(unsafe.Pointer(&os.Args[0]))
	inside := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			if !slices.Contains(strings.Fields(flags), "hg") {
				t.Errorf("the heap is mapped with the flags %q, want hg among them", strings.TrimSpace(flags))
			}
			return
		}
	}
	t.Errorf("no mapping holds %#x:\n%s", at, smaps)
}
