package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"
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
				return zshCompletion(root, out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return advised(fmt.Errorf("no completion for the shell %q; it must be %s", args[0], orList(shells)), didYouMean(args[0], shells))
		},
	}
}

// zshCompletion prints cobra's script, mended: it evaluates what was typed, where
// the bracket of an address would be a pattern of file names (read in cobra
// 1.10.2).
func zshCompletion(root *cobra.Command, out io.Writer) error {
	var script bytes.Buffer
	if err := root.GenZshCompletion(&script); err != nil {
		return err
	}
	start := []byte("_" + root.Name() + "()\n{\n")
	_, err := out.Write(bytes.Replace(script.Bytes(), start, append(start, "    setopt localoptions noglob\n"...), 1))
	return err
}
