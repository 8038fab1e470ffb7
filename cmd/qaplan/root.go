package main

import (
	"fmt"
	"io"
	"slices"
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
		Example: `  qaplan init
  qaplan validate
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
		initCommand(a), validateCommand(a), fmtCommand(a), planCommand(a), applyCommand(a), importCommand(a), cancelCommand(a), cleanCommand(a), statusCommand(a), showCommand(a), reportCommand(a),
		stateCommand(a), forceUnlockCommand(a), emulatorCommand(a), versionCommand(a), completionCommand(),
	)
	root.SetHelpCommand(helpCommand())
	return root
}

// unknownCommand names the nearest commands.
func unknownCommand(cmd *cobra.Command, word string) error {
	var known []string
	for _, sub := range cmd.Commands() {
		known = append(known, sub.Name())
	}
	return advised(fmt.Errorf("unknown command %q for %s", word, cmd.CommandPath()), didYouMean(word, known), seeHelp(cmd))
}

// helpCommand takes the place of cobra's, which ends with 0 where there is no
// such command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Explain a command",
		Example: "  qaplan help apply\n  qaplan help state show",
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for _, word := range args {
				i := slices.IndexFunc(at.Commands(), func(sub *cobra.Command) bool { return sub.Name() == word })
				if i < 0 {
					return unknownCommand(at, word)
				}
				at = at.Commands()[i]
			}
			at.InitDefaultHelpFlag() // cobra makes it when a command runs
			return at.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var words []string
			for _, sub := range at.Commands() {
				if sub.IsAvailableCommand() {
					words = append(words, sub.Name())
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// noArguments is for commands that take flags alone.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return advised(fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), strings.Join(args, " ")), seeHelp(cmd))
}
