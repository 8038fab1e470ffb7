package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/qaplan/qaplan/"

// layers says which packages of the module each package may import, directly
// or not. A package that is missing here fails the test: adding one is a
// decision about the architecture.
func layers() map[string][]string {
	batchfile := []string{"provider/batchfile"}
	durable := []string{"state/durable"}
	blob := join([]string{"state/blob", "provider/finish"}, durable)
	state := join([]string{"planner", "planner/budget", "state"}, blob)
	results := join([]string{"state/results"}, blob)
	sources := join([]string{"config/source", "planner"}, batchfile, durable)
	apply := join([]string{"planner/apply", "planner/budget", "provider"}, batchfile, state, results)
	config := join([]string{"config"}, sources, results, blob)
	starter := join([]string{"config/starter"}, config)
	return map[string][]string{
		"planner":                    {},
		"planner/budget":             {"planner"},
		"planner/apply":              apply,
		"provider":                   {},
		"provider/batchfile":         {},
		"provider/finish":            {},
		"provider/gemini":            {"provider", "provider/finish"},
		"provider/emulator":          {},
		"provider/providertest":      {"provider", "provider/batchfile"},
		"state":                      state,
		"state/blob":                 blob,
		"state/blob/blobtest":        {},
		"state/blob/cloud":           join([]string{"state/blob/cloud"}, blob),
		"state/durable":              {},
		"state/results":              results,
		"config/source":              sources,
		"config":                     config,
		"config/starter":             starter,
		"cmd/qaplan/internal/heap":   {},
		"cmd/qaplan/internal/notes":  {},
		"examples/json":              {},
		"cmd/qaplan/internal/ui":     join(starter, apply),
		"cmd/qaplan/internal/report": join(starter, apply, []string{"cmd/qaplan/internal/ui"}),
		"cmd/qaplan":                 join(starter, apply, []string{"provider/gemini", "provider/emulator", "state/blob/cloud", "cmd/qaplan/internal/report", "cmd/qaplan/internal/ui", "cmd/qaplan/internal/notes", "cmd/qaplan/internal/heap"}),
	}
}

func join(lists ...[]string) []string { return slices.Concat(lists...) }

type listed struct {
	ImportPath string
	Deps       []string
	Imports    []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Deps,Imports", module+"...").Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v: %s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// Imports point downwards only, and planner is a leaf that touches nothing
// outside itself.
func TestLayering(t *testing.T) {
	rules := layers()
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := rules[name]
		if !ok {
			t.Errorf("package %s has no rule: say here what it may import", name)
			continue
		}
		delete(rules, name)
		for _, dep := range p.Deps {
			inner, ours := strings.CutPrefix(dep, module)
			if ours && !slices.Contains(allowed, inner) {
				t.Errorf("%s must not depend on %s", name, inner)
			}
		}
	}
	for name := range rules {
		t.Errorf("there is a rule for %s, but no such package", name)
	}
}

func TestWhatPlannerMayNotImport(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		var banned []string
		switch name {
		case "planner":
			banned = []string{"os", "net", "net/http", "log", "log/slog", "context", "io/fs", "path/filepath"}
		case "planner/budget":
			banned = []string{"os", "net", "net/http", "log", "log/slog"}
		case "provider/emulator":
			banned = []string{"google.golang.org/genai"}
		}
		for _, b := range banned {
			if slices.Contains(p.Imports, b) {
				t.Errorf("%s must not import %s", name, b)
			}
		}
	}
}

// What each start would pay for without a use: libraries that were linked once, and
// are no longer. doc.go of state/blob and the README say what they cost.
func TestWhatTheProgramDoesNotLink(t *testing.T) {
	dear := []string{
		"cloud.google.com/go/storage", "gocloud.dev", "google.golang.org/grpc/xds", "github.com/envoyproxy/go-control-plane",
		"github.com/cncf/xds", "go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/contrib/detectors",
	}
	for _, p := range listPackages(t) {
		if p.ImportPath != module+"cmd/qaplan" {
			continue
		}
		for _, needed := range []string{"google.golang.org/genai", "github.com/aws/aws-sdk-go-v2/service/s3", "cloud.google.com/go/auth"} {
			if !slices.Contains(p.Deps, needed) {
				t.Errorf("%s is not linked: this list is out of date", needed)
			}
		}
		for _, dep := range p.Deps {
			for _, d := range dear {
				if dep == d || strings.HasPrefix(dep, d+"/") {
					t.Errorf("the program links %s", dep)
				}
			}
		}
		return
	}
	t.Fatal("the program was not found")
}

// No other folder stands at the top of the module.
func TestTopLevel(t *testing.T) {
	top := []string{"cmd", "config", "planner", "provider", "state", "examples"}
	for _, p := range listPackages(t) {
		first, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, module), "/")
		if !slices.Contains(top, first) {
			t.Errorf("package %s stands in an unplanned folder", p.ImportPath)
		}
	}
}
