package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// cost is what a command took, in figures that do not depend on how busy the
// machine is.
type cost struct {
	allocations, bytes uint64
	calls              int64
}

// planCost plans a project of so many finished batches in this process.
func planCost(t *testing.T, batches int) cost {
	t.Helper()
	var calls atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Error(w, "unexpected", http.StatusTeapot)
	}))
	defer service.Close()
	dir := t.TempDir()
	if err := writeFinished(dir, batches, service.URL); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GEMINI_API_KEY": "key", "GOOGLE_GEMINI_BASE_URL": service.URL}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	plan := func() {
		t.Helper()
		var stdout, stderr bytes.Buffer
		args := []string{"-C", dir, "plan", "--detailed-exitcode"}
		if code := run(t.Context(), args, system{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, env: lookup}); code != exitDone {
			t.Fatalf("plan of %d batches: exit code %d\n%s%s", batches, code, &stdout, &stderr)
		}
		if !strings.HasPrefix(stdout.String(), "No changes. 0 in progress, ") {
			t.Fatalf("plan of %d batches: %s", batches, &stdout)
		}
	}
	plan() // reads the sources
	if _, err := os.Stat(filepath.Join(dir, ".qaplan", "sources")); err != nil {
		t.Fatalf("the sources are not remembered: %v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	plan()
	runtime.ReadMemStats(&after)
	return cost{after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc, calls.Load()}
}

// A plan that finds nothing to do asks the service nothing, and what it costs for
// each batch does not grow with their number.
func TestWarmPlanIsLinear(t *testing.T) {
	const few, many = 400, 6400
	first, small, large := planCost(t, 1), planCost(t, few), planCost(t, many)
	each := func(c cost, n int) (allocations, bytes float64) {
		return float64(c.allocations-first.allocations) / float64(n-1), float64(c.bytes-first.bytes) / float64(n-1)
	}
	allocsFew, bytesFew := each(small, few)
	allocsMany, bytesMany := each(large, many)
	t.Logf("for each batch: %.1f allocations and %.0f bytes of %d, %.1f and %.0f of %d", allocsFew, bytesFew, few, allocsMany, bytesMany, many)
	if allocsMany > 1.2*allocsFew || bytesMany > 1.5*bytesFew {
		t.Errorf("a batch costs %.1f allocations and %.0f bytes in a plan of %d, and %.1f and %.0f in one of %d", allocsMany, bytesMany, many, allocsFew, bytesFew, few)
	}
	// Memory for 100,000 batches is planned for; see README.md.
	const most = 8 << 10
	if bytesMany > most {
		t.Errorf("a plan takes %.0f bytes for each batch, all garbage included, want at most %d", bytesMany, most)
	}
	if calls := first.calls + small.calls + large.calls; calls > 0 {
		t.Errorf("%d calls to the service, want none", calls)
	}
}
