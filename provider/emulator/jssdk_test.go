//go:build jssdk

package emulator_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// TestJavaScriptSDK runs .ci/js/check.mjs, which drives the emulator with the
// official JavaScript SDK. It needs node and `npm install` in .ci/js.
func TestJavaScriptSDK(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("..", "..", ".ci", "js"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "@google", "genai")); err != nil {
		t.Fatalf("run npm install in %s first: %v", folder, err)
	}
	minute := emulator.Span{Min: time.Minute, Max: time.Minute}
	serve := func(cfg emulator.Config) string {
		srv := httptest.NewServer(open(t, cfg))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	fast := serve(emulator.Config{Rate: 1200, QueueTime: minute, RunTime: minute})
	slow := serve(emulator.Config{APIKey: "test-key", QueueTime: emulator.Span{Min: 10 * time.Hour, Max: 20 * time.Hour}, Quota: emulator.Quota{ActiveJobs: 1}})
	cmd := exec.CommandContext(t.Context(), "node", "check.mjs")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "EMULATOR_URL="+fast, "EMULATOR_SLOW_URL="+slow, "GOOGLE_GENAI_USE_VERTEXAI=", "GOOGLE_GENAI_USE_ENTERPRISE=")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("node check.mjs: %v", err)
	}
}
