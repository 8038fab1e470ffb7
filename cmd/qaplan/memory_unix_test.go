//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/qaplan/qaplan/provider/emulator"
)

// TestMemoryStaysFlat sends a small and a large batch up and down with the real
// binary and compares the peaks of the two processes: several hundred megabytes
// more on the wire must not be several megabytes more in memory.
func TestMemoryStaysFlat(t *testing.T) {
	const rowBytes = 16 << 10
	small := peakOf(t, 512, rowBytes)    // 8 MB each way
	large := peakOf(t, 20<<10, rowBytes) // 320 MB each way
	t.Logf("peak memory: %d MB for 8 MB, %d MB for 320 MB", small>>20, large>>20)
	// 43 bytes a row are kept to join answers to keys, and the garbage
	// collector is free to let some more lie for longer.
	const margin = 32 << 20
	if large > small+margin {
		t.Errorf("the large batch took %d MB more than the small one, want at most %d MB", (large-small)>>20, margin>>20)
	}
}

// peakOf applies one batch of so many rows and gives the process's peak in
// bytes.
func peakOf(t *testing.T, rows, rowBytes int) int64 {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "in", "batch_1.jsonl")
	padding := strings.Repeat("candles and volume ", rowBytes/19)
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeRows(t, source, rows, `{"key":"k%d","request":{"contents":[{"parts":[{"text":"%s"}]}]}}`+"\n", padding)
	config := "provider \"gemini\" { poll_interval = \"1s\" }\nbatch \"big\" {\n range = [1, 1]\n model = \"gemini-2.5-flash\"\n source = \"in/batch_*.jsonl\"\n output_dir = \"out\"\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "qaplan.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := emulator.New(emulator.Config{Dir: filepath.Join(dir, "service"), QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	// The emulator's own answers are short; these are as long as the requests.
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ":download") {
			server.ServeHTTP(w, r)
			return
		}
		out := bufio.NewWriterSize(w, 1<<20)
		for i := range rows {
			fmt.Fprintf(out, `{"response":{"candidates":[{"content":{"parts":[{"text":"%s"}]},"finishReason":"STOP"}]},"key":"k%d"}`+"\n", padding, (i*7919)%rows)
		}
		out.Flush()
	}))
	defer service.Close()
	cmd := exec.Command(asQaplan(t), "-C", dir, "apply", "--auto-approve", "--wait")
	cmd.Env = append(os.Environ(), "GOOGLE_GEMINI_BASE_URL="+service.URL, "GEMINI_API_KEY=test-key-of-no-value", "GOOGLE_API_KEY=")
	text, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(text), "1 downloaded") {
		t.Fatalf("apply: %v\n%s", err, text)
	}
	result, err := os.Stat(filepath.Join(dir, "out", "batch_1.jsonl"))
	if err != nil || result.Size() < int64(rows)*int64(rowBytes)*9/10 {
		t.Fatalf("the result: %v, %v", result, err)
	}
	peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS != "darwin" {
		peak *= 1024 // kilobytes everywhere else
	}
	return peak
}

// asQaplan gives the test binary the name under which it is qaplan.
func asQaplan(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "qaplan")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	return link
}

func writeRows(t *testing.T, path string, rows int, format, padding string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	for i := range rows {
		fmt.Fprintf(out, format, i, padding)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
}
