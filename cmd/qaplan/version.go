package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
)

func versionCommand(a *app) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  qaplan version\n  qaplan version --format json",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return a.printVersion(f.isJSON()) },
	}
	f.register(cmd)
	return cmd
}

func (a *app) printVersion(asJSON bool) error {
	platform := runtime.GOOS + "_" + runtime.GOARCH
	if !asJSON {
		a.ui.Print("qaplan " + version + "\non " + platform + "\n")
		return nil
	}
	text, err := ui.JSON(struct {
		Version  string `json:"version"`
		Platform string `json:"platform"`
		Go       string `json:"go"`
	}{version, platform, runtime.Version()})
	if err != nil {
		return err
	}
	a.ui.Print(text)
	return nil
}
