package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/config/starter"
)

func initCommand(a *app) *cobra.Command {
	provider := choice{value: string(config.ProviderGemini), allowed: []string{string(config.ProviderGemini), string(config.ProviderEmulator)}}
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first config from the JSONL files of a folder",
		Long: `Look for JSONL files in a folder and below it, and write a commented config that
declares them, and a .gitignore. Of each file the first line is read: files that hold
no requests, such as answers, are left out and named. What is there already is never
overwritten.

It ends with 1, and writes nothing, where there are no requests; then it says what the
files are, and what a source looks like.`,
		Example: `  qaplan init
  qaplan init crypto-qa
  qaplan init --provider emulator`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.init(cmd.Context(), dir, config.ProviderKind(provider.value))
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	cmd.Flags().Var(&provider, "provider", "the service that the config names: "+orList(provider.allowed)+", a rehearsal that costs nothing")
	return cmd
}

func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return nil
	}
	return advised(fmt.Errorf("%s takes one folder, but got %q", cmd.CommandPath(), strings.Join(args, " ")), seeHelp(cmd))
}

// gitignore is what a project with a state keeps out of its repository.
const gitignore = `# Made by qaplan init.

# Caches and rehearsals: losing them costs time only.
.qaplan/
# Answers of attempts that are not the whole result yet.
.parts/
# Who holds the state, and what it was before the last run that changed it.
*.state.json.lock
*.state.json.backup*
# Values of variables: take the # away where they are secret.
#qaplan.vars

# Not ignored: qaplan.state.json and qaplan.state.json.journal. They know what was
# paid for, and hold ids, hashes and counts, never a prompt, an answer or a key. Keep
# both, together, here or wherever your runs find them again.
`

func (a *app) init(ctx context.Context, dir string, provider config.ProviderKind) error {
	if name := a.global.config; filepath.Base(name) != name {
		return advised(fmt.Errorf("--config %s: init writes into the folder it looks at", name), "Give the name of a file alone, and the folder as qaplan init DIR.")
	}
	folder := a.path(dir)
	file := filepath.Join(folder, a.global.config)
	at := a.project(dir)
	if _, err := os.Lstat(file); err == nil {
		return advised(fmt.Errorf("%s is there already, and init never overwrites", filepath.ToSlash(file)), at.Advice())
	}
	found, err := starter.Look(ctx, folder)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	guess := starter.New(found, filepath.Base(abs), func(rel string) bool { return occupied(filepath.Join(folder, filepath.FromSlash(rel))) })
	if len(guess.Families) == 0 {
		return advised(errors.New(ui.NoRequests(&guess, filepath.ToSlash(dir))), ui.NoRequestsAdvice(&guess))
	}
	if err := create(file, guess.Text(provider)); err != nil {
		return err
	}
	ignore := filepath.Join(folder, ".gitignore")
	made, lacks, err := ignored(ignore)
	if err != nil {
		return fmt.Errorf("%s was written; .gitignore was not: %w", filepath.ToSlash(file), err)
	}
	a.ui.Print(ui.Started(&guess, ui.StartedView{
		Config: filepath.ToSlash(file), Ignore: filepath.ToSlash(ignore), IgnoreMade: made, IgnoreLacks: lacks, Project: at, Provider: provider, Style: a.ui.OutStyle(), Width: a.ui.Width(),
	}))
	return nil
}

// project is how the command line of later commands names the new config.
func (a *app) project(dir string) ui.Project {
	p := ui.Project{Chdir: a.global.chdir}
	if dir = filepath.Clean(dir); dir != "." {
		p.Chdir = a.path(dir)
	}
	if a.global.config != config.DefaultFile {
		p.Config = a.global.config
	}
	return p
}

// occupied tells whether results would meet something in a folder.
func occupied(path string) bool {
	entries, err := os.ReadDir(path)
	return len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// create makes a file that is not there yet.
func create(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path)) // a half config is worse than none
		}
	}()
	_, err = f.WriteString(text)
	return err
}

// ignored makes a .gitignore; of one that is there it tells which lines it lacks.
func ignored(path string) (made bool, lacks []string, err error) {
	err = create(path, gitignore)
	if !errors.Is(err, fs.ErrExist) {
		return err == nil, nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false, nil, err
	}
	has := strings.Fields(string(text))
	for line := range strings.Lines(gitignore) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !slices.Contains(has, line) && !slices.Contains(has, "/"+line) && !slices.Contains(has, strings.TrimSuffix(line, "/")) {
			lacks = append(lacks, line)
		}
	}
	return false, lacks, nil
}
