package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
)

// rootCommand makes the whole tree anew for one run.
func rootCommand(a *app) *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   "qaplan",
		Short: "Plan and apply paid, asynchronous LLM batch jobs",
		Long: `qaplan does for paid, asynchronous LLM batch jobs what Terraform does for
infrastructure: a file declares the batches, plan shows what is missing, apply
uploads, buys, waits and downloads. Nothing is ever paid for twice, whatever
crashes in between.

The API key is taken from GOOGLE_API_KEY, else from GEMINI_API_KEY.

Exit codes, where several hold the first of 130, 1, 4, 5, 3, 2, 6 wins:
` + exitHelp() + `
Symbols of a plan:
` + ui.Symbols(),
		Example: `  qaplan validate
  qaplan plan
  qaplan apply --wait
  qaplan apply --auto-approve --target 'batch.refinement[51-60]'`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case showVersion:
				return a.printVersion(false)
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(a.ui.Out())
	root.SetErr(a.ui.Err())
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.OutOrStdout(), usage(cmd))
		return err
	})
	a.global.register(root.PersistentFlags())
	root.Flags().BoolVar(&showVersion, "version", false, "the same as the command version")
	root.AddCommand(
		validateCommand(a), fmtCommand(a), planCommand(a), applyCommand(a), statusCommand(a), showCommand(a),
		stateCommand(a), emulatorCommand(a), versionCommand(a), completionCommand(),
	)
	root.AddCommand(laterCommands()...)
	return root
}

// unknownCommand names the nearest commands.
func unknownCommand(cmd *cobra.Command, word string) error {
	var known []string
	for _, sub := range cmd.Commands() {
		known = append(known, sub.Name())
	}
	return fmt.Errorf("unknown command %q for %s%s; see %s --help", word, cmd.CommandPath(), didYouMean(word, known), cmd.CommandPath())
}

// noArguments is for commands that take flags alone.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments, but got %q; see %s --help", cmd.CommandPath(), strings.Join(args, " "), cmd.CommandPath())
}

// noPlanFile is for commands that will take a saved plan.
func noPlanFile(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s %s: saved plans are not carried out by this version yet; leave the file out", cmd.CommandPath(), args[0])
	}
	return noArguments(cmd, args)
}
