package starter

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/config/source"
)

// Text is the guess as a commented config, in canonical form.
func (g *Guess) Text(provider config.ProviderKind) string {
	var b strings.Builder
	b.WriteString(`# Made by qaplan init from the files of this folder. It is yours now: no command
# of qaplan changes it but fmt, which mends its layout.
#
#   qaplan validate               check this file and every line of the sources, offline
#   qaplan plan --refresh=false   show what would be bought, without a key
#   qaplan plan                   the same, compared with the service
#   qaplan apply --wait           show it, ask, buy, wait, download

`)
	b.WriteString(providerText(provider))
	b.WriteString(g.variableText())
	for i := range g.Families {
		b.WriteString("\n")
		b.WriteString(g.blockText(&g.Families[i]))
	}
	return string(hclwrite.Format([]byte(b.String())))
}

func providerText(kind config.ProviderKind) string {
	if kind == config.ProviderEmulator {
		return `# A rehearsal: a service that is built in, costs nothing and needs no key. Its
# state and its results stay in .qaplan/emulator. For the real one write
#   provider "gemini" {}
# in place of this block, and set GEMINI_API_KEY.
provider "emulator" {
  queue_time = "1s" # how long a job is pending
  run_time   = "3s" # how long it runs
}

`
	}
	return `# The API key comes from GEMINI_API_KEY, or GOOGLE_API_KEY, which goes first; it
# never stands here. To rehearse at no cost and without a key, write
#   provider "emulator" {}
# in place of this block.
provider "gemini" {
  # What is not declared is unlimited until the service refuses; then it is learned.
  # rate {
  #   creates_per_minute = 10  # job creations
  #   max_active_jobs    = 100 # pending or running in the whole project
  # }
}

`
}

func (g *Guess) variableText() string {
	model, why := g.Model, "What the requests name."
	if model == "" {
		model, why = DefaultModel, "The requests name none, so this is a default."
	}
	return fmt.Sprintf(`# The model that answers. %s Models and prices:
# https://ai.google.dev/gemini-api/docs/models
variable "model" {
  default = %s
}
`, why, quoted(model))
}

func (g *Guess) blockText(f *Family) string {
	var b strings.Builder
	where := "this folder"
	if f.Folder != "" {
		where = printable(f.Folder)
	}
	fmt.Fprintf(&b, "# %d %s in %s.\n", f.Files, plural(f.Files, "file"), where)
	fmt.Fprintf(&b, "batch %s {\n", quoted(f.Name))
	fmt.Fprintf(&b, "range = [%d, %d] # first and last, inclusive\n", f.First, f.Last)
	model := "var.model"
	if f.Model != "" && f.Model != g.Model {
		model = quoted(f.Model)
	}
	fmt.Fprintf(&b, "model = %s\n", model)
	fmt.Fprintf(&b, "source = %s # the * holds the batch number; leading zeros are allowed\n", quoted(f.Glob))
	fmt.Fprintf(&b, "output_dir = %s # one result file for each source\n", quoted(f.Output))
	b.WriteString(leftNumbers(f))
	b.WriteString(`
# max_cost = 25.0 # USD for the whole block, over all runs

# What counts as a good answer beyond being one, and buying bad rows again:
# expect {
#   finish_reasons = ["STOP"]
#   json           = true
# }
# repair { max_attempts = 2 }
}
`)
	return b.String()
}

// leftNumbers says which numbers of the range are left out, and why.
func leftNumbers(f *Family) string {
	var b strings.Builder
	for _, barred := range f.Barred {
		fmt.Fprintf(&b, "\n# %s", barred.Words())
	}
	if n := len(f.Missing); n > 0 {
		if f.AllowMissing() {
			fmt.Fprintf(&b, "\n# %d numbers have no file; with this each is a warning, and is bought once its file is there.\nallow_missing = true\n", n)
		} else {
			fmt.Fprintf(&b, "\n# No file: %s. Take a number out of exclude when its file is there.", source.Ranges(f.Missing))
		}
	}
	if numbers := f.Excluded(); len(numbers) > 0 {
		words := make([]string, len(numbers))
		for i, n := range numbers {
			words[i] = strconv.Itoa(n)
		}
		fmt.Fprintf(&b, "\nexclude = [%s]\n", strings.Join(words, ", "))
	}
	return b.String()
}

// Words say why a number is excluded, in one sentence.
func (b *Barred) Words() string {
	if b.Twice {
		return fmt.Sprintf("Number %d has two files, %s and another: remove one.", b.Number, printable(b.File))
	}
	return fmt.Sprintf("%s is no file of requests: %s.", printable(b.File), b.Kind.Words())
}

// Words say what a kind of file is.
func (k Kind) Words() string {
	switch k {
	case Requests:
		return "requests"
	case Unkeyed:
		return `its first line has no "key"`
	case Bare:
		return `its first line is a request without a "key" and a "request" around it`
	case OpenAI:
		return "it is in the format of OpenAI's batch API"
	case Anthropic:
		return "it is in the format of Anthropic's batch API"
	case Answers:
		return "it holds answers"
	case Array:
		return "it is one JSON list, not one request a line"
	case OtherJSON:
		return "its first line is no request"
	case NoJSON:
		return "its first line is no JSON"
	case Empty:
		return "it is empty"
	case Unread:
		return "it cannot be read"
	}
	return string(k)
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// quoted is a string of HCL.
func quoted(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

// printable is a name as a comment can hold it, on one line.
func printable(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` && !strings.ContainsAny(s, `"\`) {
		return q
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
