//go:build ci

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// forge is the part of GitHub that the example workflows call: comments, the pull
// requests of a commit, artifacts. GitHub's command gh is this test's binary
// under that name, and talks to it.
type forge struct {
	mu        sync.Mutex
	comments  map[int][]*forgeComment // by the number of the pull request
	pulls     map[string]int          // by the commit that merged it
	artifacts []forgeArtifact
	next      int
	writes    int // of comments
	server    *httptest.Server
}

type forgeComment struct {
	ID   int    `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
	edits int
}

type forgeArtifact struct {
	name    string
	run     string
	dir     string
	forked  bool
	expired bool
}

const (
	forgeRepository = "example/batches"
	forgeURL        = "QAPLAN_TEST_FORGE" // tells the stand-in for gh where the forge is
	botLogin        = "github-actions[bot]"
	botToken        = "a-token-of-one-job"
)

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{comments: map[int][]*forgeComment{}, pulls: map[string]int{}, next: 100}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

// comment writes a comment as somebody.
func (f *forge) comment(pull int, login, body string) *forgeComment {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	c := &forgeComment{ID: f.next, Body: body}
	c.User.Login = login
	f.comments[pull] = append(f.comments[pull], c)
	return c
}

// said gives the comment of the workflows with this marker; a second one is an
// error.
func (f *forge) said(t *testing.T, pull int, marker string) forgeComment {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []*forgeComment
	for _, c := range f.comments[pull] {
		if c.User.Login == botLogin && strings.HasPrefix(c.Body, "<!-- "+marker) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("pull request %d has %d comments %s, want one", pull, len(found), marker)
	}
	return *found[0]
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+botToken {
		http.Error(w, "bad credentials", http.StatusUnauthorized)
		return
	}
	path, found := strings.CutPrefix(r.URL.Path, "/repos/"+forgeRepository+"/")
	parts := strings.Split(path, "/")
	switch {
	case found && r.Method == "GET" && len(parts) == 3 && parts[0] == "commits" && parts[2] == "pulls":
		list := []map[string]any{}
		if n, ok := f.pulls[parts[1]]; ok {
			list = append(list, map[string]any{"number": n, "merged_at": "2026-11-23T12:00:00Z"})
		}
		reply(w, list)
	case found && len(parts) == 3 && parts[0] == "issues" && parts[2] == "comments":
		pull, _ := strconv.Atoi(parts[1])
		f.serveComments(w, r, pull)
	case found && r.Method == "PATCH" && len(parts) == 3 && parts[0] == "issues" && parts[1] == "comments":
		f.editComment(w, r, parts[2])
	case found && r.Method == "GET" && path == "actions/artifacts":
		list := []map[string]any{}
		for _, a := range slices.Backward(f.artifacts) {
			if a.name == r.URL.Query().Get("name") {
				run, _ := strconv.Atoi(a.run)
				head := 1
				if a.forked {
					head = 2
				}
				list = append(list, map[string]any{"name": a.name, "expired": a.expired, "workflow_run": map[string]any{"id": run, "repository_id": 1, "head_repository_id": head}})
			}
		}
		reply(w, map[string]any{"total_count": len(list), "artifacts": list})
	case found && r.Method == "GET" && len(parts) == 3 && parts[0] == "test-artifact": // gh's own way is no promise
		for _, a := range f.artifacts {
			if a.run == parts[1] && a.name == parts[2] {
				fmt.Fprint(w, a.dir)
				return
			}
		}
		http.NotFound(w, r)
	default:
		http.NotFound(w, r)
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client notices
}

// serveComments lists pages of two, so that paging is put to the test, or adds one.
func (f *forge) serveComments(w http.ResponseWriter, r *http.Request, pull int) {
	const size = 2
	if r.Method == "POST" {
		body, ok := bodyOf(w, r)
		if !ok {
			return
		}
		f.next++
		f.writes++
		c := &forgeComment{ID: f.next, Body: body}
		c.User.Login = botLogin
		f.comments[pull] = append(f.comments[pull], c)
		reply(w, c)
		return
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	first := max(page-1, 0) * size
	all := f.comments[pull]
	first = min(first, len(all))
	last := min(first+size, len(all))
	if last < len(all) {
		w.Header().Set("X-Next-Page", strconv.Itoa(max(page, 1)+1))
	}
	reply(w, append([]*forgeComment{}, all[first:last]...))
}

func (f *forge) editComment(w http.ResponseWriter, r *http.Request, id string) {
	body, ok := bodyOf(w, r)
	if !ok {
		return
	}
	for _, list := range f.comments {
		for _, c := range list {
			if strconv.Itoa(c.ID) == id {
				if c.User.Login != botLogin {
					http.Error(w, "somebody else's comment", http.StatusForbidden)
					return
				}
				c.Body = body
				c.edits++
				f.writes++
				reply(w, c)
				return
			}
		}
	}
	http.NotFound(w, r)
}

// bodyOf reads the text of a comment and refuses what GitHub refuses.
func bodyOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	var in struct {
		Body string `json:"body"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Body == "" || len(in.Body) > 65536 {
		http.Error(w, "body is missing or too long", http.StatusUnprocessableEntity)
		return "", false
	}
	return in.Body, true
}

// standIns has GitHub's command line tool.
func standIns() map[string]func() {
	return map[string]func(){"gh": func() {
		if err := gh(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "gh:", err)
			os.Exit(1)
		}
	}}
}

// gh understands as much of gh api and gh run download as the workflows use; what
// it does not know is an error.
func gh(args []string) error {
	switch {
	case len(args) > 1 && args[0] == "api":
		return ghAPI(args[1:])
	case len(args) > 2 && args[0] == "run" && args[1] == "download":
		return ghDownload(args[2:])
	}
	return fmt.Errorf("unknown command %q", args)
}

func ghAPI(args []string) error {
	method, path, silent, paginate := "", "", false, false
	fields := map[string]string{}
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--silent":
			silent = true
		case arg == "--paginate":
			paginate = true
		case arg == "--method" && i+1 < len(args):
			i++
			method = args[i]
		case arg == "-F" && i+1 < len(args):
			i++
			name, value, _ := strings.Cut(args[i], "=")
			if file, is := strings.CutPrefix(value, "@"); is {
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				value = string(text)
			}
			fields[name] = value
		case !strings.HasPrefix(arg, "-") && path == "":
			path = arg
		default:
			return fmt.Errorf("unknown argument %q", arg)
		}
	}
	if method == "" {
		if method = "GET"; len(fields) > 0 {
			method = "POST"
		}
	}
	for page := "1"; page != ""; {
		at := path
		if paginate && page != "1" {
			at += "&page=" + page
		}
		text, next, err := ghCall(method, at, fields)
		if err != nil {
			return err
		}
		if !silent {
			os.Stdout.Write(text) //nolint:errcheck // the reader notices
		}
		if page = next; !paginate {
			break
		}
	}
	return nil
}

// ghCall makes one call; next is the page after this one, "" for none.
func ghCall(method, path string, fields map[string]string) (text []byte, next string, err error) {
	var body io.Reader
	if len(fields) > 0 {
		in, err := json.Marshal(fields)
		if err != nil {
			return nil, "", err
		}
		body = bytes.NewReader(in)
	}
	req, err := http.NewRequest(method, os.Getenv(forgeURL)+"/"+path, body)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("GH_TOKEN"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: HTTP %d: %s", method, path, resp.StatusCode, text)
	}
	return text, resp.Header.Get("X-Next-Page"), err
}

// ghDownload is gh run download RUN --repo R --name N --dir D.
func ghDownload(args []string) error {
	if len(args) != 7 || args[1] != "--repo" || args[2] != forgeRepository || args[3] != "--name" || args[5] != "--dir" {
		return fmt.Errorf("unknown arguments %q", args)
	}
	from, _, err := ghCall("GET", "repos/"+forgeRepository+"/test-artifact/"+url.PathEscape(args[0])+"/"+url.PathEscape(args[4]), nil)
	if err != nil {
		return err
	}
	return exec.Command("cp", "-R", string(from)+string(filepath.Separator)+".", args[6]).Run()
}
