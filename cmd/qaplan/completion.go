package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
)

func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a completion script for bash, zsh, fish or powershell",
		Long: `Print a completion script to stdout. Nothing is installed; the script is to be
sourced by the shell.`,
		Example: `  source <(qaplan completion bash)
  qaplan completion zsh > "${fpath[1]}/_qaplan"
  qaplan completion fish | source
  qaplan completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes one argument: %s", cmd.CommandPath(), orList(shells))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return advised(fmt.Errorf("no completion for the shell %q; it must be %s", args[0], orList(shells)), didYouMean(args[0], shells))
		},
	}
}

// completeBlocks offers the blocks of the config, and each with its range.
func (a *app) completeBlocks(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, _ := config.Load(cmd.Context(), a.configOptions())
	if cfg == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		words = append(words, planner.Selector{Block: b.Name, Whole: true}.String(), planner.Selector{Block: b.Name, First: b.First, Last: b.Last}.String())
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeRecorded offers the batches that the state knows.
func (a *app) completeRecorded(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, _ := config.Load(cmd.Context(), a.configOptions())
	if cfg == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	st, err := state.Read(cfg.Backend.Path, state.Identity{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words := make([]string, 0, len(st.Batches))
	for _, addr := range slices.SortedFunc(maps.Keys(st.Batches), planner.Address.Compare) {
		words = append(words, addr.String())
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeDesired offers the batches of the config as the first argument, and
// none after it.
func (a *app) completeDesired(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, _ := config.Load(cmd.Context(), a.configOptions())
	if cfg == nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		for n := b.First; n <= b.Last; n++ {
			if has(*b, n) {
				words = append(words, planner.Address{Block: b.Name, Number: n}.String())
			}
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeBlockNames offers the names of the config's blocks.
func (a *app) completeBlockNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, _ := config.Load(cmd.Context(), a.configOptions())
	if cfg == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, len(cfg.Blocks))
	for i := range cfg.Blocks {
		names[i] = cfg.Blocks[i].Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
