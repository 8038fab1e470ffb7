package planner

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestReadPlan(t *testing.T) {
	p, _ := everything().diff()
	good, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPlan(good); err != nil {
		t.Fatal(err)
	}
	edit := func(old, new string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("the plan has no %s", old)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	tests := []struct{ name, text, want string }{
		{"unknown keys are ignored", edit(`"serial"`, `"later": {"a": [1]}, "serial"`), ""},
		{"a newer minor format", edit(`"format_version": "1.0"`, `"format_version": "1.7"`), ""},
		{"empty", " \n", "it is not a plan: the file is empty"},
		{"a list", "[]", "it is not a plan"},
		{"a state", `{"version":1,"lineage":"x","batches":{}}`, "it is not a plan: format_version, digest or changes are missing"},
		{"a validation", `{"format_version":"1.0","valid":true}`, "it is not a plan: format_version, digest or changes are missing"},
		{"text", "Plan: 3 to upload", "line 1 is not JSON"},
		{"cut short", string(good[:len(good)/2]), "or a damaged one: line "},
		{"something behind it", string(good) + "x", "is not JSON"},
		{"another major format", edit(`"format_version": "1.0"`, `"format_version": "2.0"`), "the plan has format 2.0, and this version reads format 1.0"},
		{"another attempt", edit(`"attempt": 1`, `"attempt": 2`), "its digest is sha256:"},
		{"another content", edit(strings.Repeat("b", 64), strings.Repeat("a", 64)), "its digest is sha256:"},
		{"another config", edit("c0ffee", "c0ffff"), "its digest is sha256:"},
		{"an action left out", edit(`"adopt",`, ``), "its summary is not that of its changes"},
		{"an action of nobody", edit(`"adopt",`, `"pay",`), `the action "pay", which is none`},
		{"no action", edit("\"actions\": [\n        \"adopt\",\n        \"create\"\n      ]", `"actions": []`), "has no action"},
		{"an address that is none", edit(`"batch.q[1]"`, `"batch.q"`), "names more than one batch"},
		{"an address of another", edit(`"number": 1`, `"number": 9`), `names block "q" and number 9`},
		{"the same twice", edit("\"batch.q[4]\",\n      \"block\": \"q\",\n      \"number\": 4", "\"batch.q[1]\",\n      \"block\": \"q\",\n      \"number\": 1"), "out of order, or there twice"},
		{"a purchase of nothing", edit(`"sha256": "`+strings.Repeat("b", 64)+`"`, `"sha256": ""`), "lacks its attempt, content or model"},
		{"said to be empty", edit(`"applyable": true`, `"applyable": false`), "its summary is not that of its changes"},
	}
	for _, tt := range tests {
		_, err := ReadPlan([]byte(tt.text))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestFits(t *testing.T) {
	p, _ := everything().diff()
	good := Basis{Version: "0.1.0", Service: p.Service, Lineage: lineage, ConfigDigest: "c0ffee"}
	first, _ := newScene(noLineage).diff()
	with := func(change func(*Basis)) Basis {
		b := good
		change(&b)
		return b
	}
	tests := []struct {
		name string
		plan *Plan
		at   Basis
		want Misfit
	}{
		{"all is the same", p, good, ""},
		{"another version", p, with(func(b *Basis) { b.Version = "0.2.0" }), MisfitVersion},
		{"another provider", p, with(func(b *Basis) { b.Service.Kind = "emulator" }), MisfitService},
		{"another base URL", p, with(func(b *Basis) { b.Service.BaseURL = "https://elsewhere" }), MisfitService},
		{"another state", p, with(func(b *Basis) { b.Lineage = strings.Repeat("e", 32) }), MisfitLineage},
		{"the state is lost", p, with(func(b *Basis) { b.Lineage = "" }), MisfitLineage},
		{"another config", p, with(func(b *Basis) { b.ConfigDigest = "beef" }), MisfitConfig},
		{"before the first apply", first, with(func(b *Basis) { b.Lineage = "" }), ""},
		{"before the first apply, and a state since", first, good, ""},
	}
	for _, tt := range tests {
		err := tt.plan.Fits(tt.at)
		e, ok := errors.AsType[*MisfitError](err)
		if ok != (tt.want != "") || ok && e.What != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := p.Expect(p.Digest); err != nil {
		t.Error(err)
	}
	if e, ok := errors.AsType[*MisfitError](p.Expect("sha256:" + strings.Repeat("0", 64))); !ok || e.What != MisfitDigest {
		t.Errorf("another digest is as good: %v", e)
	}
	for word, want := range map[string]bool{p.Digest: true, "": false, "sha256:": false, p.Digest[7:]: false, p.Digest + "0": false, strings.ToUpper(p.Digest): false} {
		if IsDigest(word) != want {
			t.Errorf("IsDigest(%q) is %t", word, !want)
		}
	}
}

// FuzzReadPlan: whatever a file holds, reading it ends with a plan or an error,
// and a plan that was read is written and read again as the same.
func FuzzReadPlan(f *testing.F) {
	for _, s := range []*scene{everything(), newScene(noLineage), newScene(finished(), rerun)} {
		p, _ := s.diff()
		text, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ReadPlan(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPlan(again); err != nil {
			t.Errorf("a plan that was read cannot be read again: %v", err)
		}
		s := newScene()
		s.opts.Saved = NewSaved(p, true)
		q, items := s.diff()
		checkSound(t, s, q, items)
		s.opts.Saved.Items(items)
	})
}
