package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/state/durable"
)

// varsFile holds values of variables beside the config.
const varsFile = "qaplan.vars"

func fmtCommand(a *app) *cobra.Command {
	var check, showDiff bool
	cmd := &cobra.Command{
		Use:   "fmt",
		Short: "Bring the config into its canonical form",
		Long: `Bring the config, and qaplan.vars beside it, into the canonical form. The names
of the files that change are printed. With --check nothing is written, and the exit
code is 3 when something would change.`,
		Example: "  qaplan fmt\n  qaplan fmt --check --diff",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return a.format(check, showDiff) },
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 3 when something would change")
	cmd.Flags().BoolVar(&showDiff, "diff", false, "print the differences")
	return cmd
}

func (a *app) format(check, showDiff bool) error {
	file := a.path(a.global.config)
	files := []string{file}
	if vars := filepath.Join(filepath.Dir(file), varsFile); vars != file {
		if _, err := os.Stat(vars); !errors.Is(err, fs.ErrNotExist) {
			files = append(files, vars)
		}
	}
	changed := false
	var diags config.Diagnostics
	for _, name := range files {
		before, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read the config: %w", err)
		}
		after, ds := config.Format(before, filepath.ToSlash(name))
		diags = append(diags, ds...)
		if ds.HasErrors() || bytes.Equal(before, after) {
			continue
		}
		changed = true
		a.ui.Print(filepath.ToSlash(name) + "\n")
		if showDiff {
			a.ui.Print(string(diff.Diff(filepath.ToSlash(name), before, filepath.ToSlash(name), after)))
		}
		if !check {
			if err := rewrite(name, after); err != nil {
				return err
			}
		}
	}
	if err := a.diagnose(diags); err != nil {
		return err
	}
	if check && changed {
		return ended{exitRefused}
	}
	return nil
}

// rewrite replaces a file and keeps its permissions.
func rewrite(name string, text []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	err = durable.WriteFile(name, info.Mode().Perm(), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	return nil
}
