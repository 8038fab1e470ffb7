//go:build shells

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The script that qaplan completion prints works in the shell it is for: words
// typed there, with a TAB behind, become what is wanted. .ci/run installs the
// shells and sets the build tag.
func TestCompletionInShells(t *testing.T) {
	tests := []struct {
		typed string
		want  string // a word that is offered
	}{
		{"qaplan sta", "status"},
		{"qaplan plan --tar", "--target"},
		{"qaplan plan --target ", "batch.qa[1-3]"},
		{"qaplan plan --target batch.qa", "batch.qa[1-3]"},
		{"qaplan plan --target batch.qa[", "batch.qa[2]"},
		{"qaplan plan --format ", "markdown"},
		{"qaplan import ", "batch.qa[3]"},
	}
	dir := completionProject(t)
	shells := map[string]func(t *testing.T, dir, typed string) string{"bash": completeInBash, "fish": completeInFish, "zsh": completeInZsh}
	for shell, complete := range shells {
		for _, tt := range tests {
			t.Run(shell+"/"+tt.typed, func(t *testing.T) {
				got := complete(t, dir, tt.typed)
				// Shells may escape brackets, each in its way.
				plain := strings.NewReplacer(`\`, "", "'", "").Replace(got)
				if !strings.Contains(plain, tt.want) {
					t.Errorf("no %q is offered in:\n%s", tt.want, got)
				}
				if strings.Contains(got, "Error") || strings.Contains(got, "not found") {
					t.Errorf("the shell complains:\n%s", got)
				}
			})
		}
	}
}

// completionProject is a folder with a config and the binary.
func completionProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := writeBatches(filepath.Join(dir, "in"), 1, 3, 1); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "qaplan.hcl"), "provider \"emulator\" {}\n\nbatch \"qa\" {\n  range      = [1, 3]\n  model      = \"gemini-2.5-flash\"\n  source     = \"in/batch_*_proper.jsonl\"\n  output_dir = \"out\"\n}\n")
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "qaplan"), ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// inShell runs a script in a folder whose binary comes first on the PATH.
func inShell(t *testing.T, dir string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+dir, "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

// completeInBash sets what readline sets before it calls a completion.
func completeInBash(t *testing.T, dir, typed string) string {
	return inShell(t, dir, "bash", "--norc", "-c", `
		source /usr/share/bash-completion/bash_completion
		source <(qaplan completion bash)
		COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=63 COMP_KEY=9
		read -r -a COMP_WORDS <<<"$1"
		[[ $1 == *' ' ]] && COMP_WORDS+=('')
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		compopt() { :; }
		__start_qaplan
		printf '%s\n' "${COMPREPLY[@]}"`, "bash", typed)
}

func completeInFish(t *testing.T, dir, typed string) string {
	return inShell(t, dir, "fish", "--no-config", "-c", "qaplan completion fish | source; complete --do-complete "+"'"+typed+"'")
}

// completeInZsh sets what zsh's line editor sets, and prints what would be shown:
// _describe, which shows it, works inside the editor alone.
func completeInZsh(t *testing.T, dir, typed string) string {
	return inShell(t, dir, "zsh", "-f", "-c", `
		compdef() { :; }
		_describe() { print -rl -- $completions; }
		source <(qaplan completion zsh)
		words=(${(z)1})
		[[ $1 == *' ' ]] && words+=('')
		CURRENT=${#words} PREFIX=$words[-1]
		_qaplan`, "zsh", typed)
}
