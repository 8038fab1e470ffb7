package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
)

// Explained is an error or a warning as a person reads it.
type Explained struct {
	Summary string // what happened, in one sentence without a full stop
	Detail  string // what to do, or more words; "" when the summary says it all
	Range   *config.Range
	Snippet *config.Snippet
	Warning bool
}

// Advised is an error together with what to do about it, in whole sentences.
type Advised struct {
	Err    error
	Advice string
}

func (e *Advised) Error() string { return e.Err.Error() }
func (e *Advised) Unwrap() error { return e.Err }

// Explain puts an error into words. This is the only place where types of
// errors become hints.
func Explain(err error) Explained {
	x := Explained{Summary: err.Error()}
	if errors.Is(err, context.DeadlineExceeded) {
		x.Detail = "The time that --timeout allows is over. Nothing is lost: run the command again."
	}
	if e, ok := errors.AsType[*Advised](err); ok {
		x.Detail = e.Advice
		return x
	}
	if e, ok := errors.AsType[*provider.Error](err); ok {
		x.Detail = providerHint(e)
		return x
	}
	if e, ok := errors.AsType[*state.LockedError](err); ok {
		return Explained{Summary: lockedWords(e), Detail: lockedHint(e)}
	}
	if e, ok := errors.AsType[*blob.Error](err); ok {
		x.Detail = capital(e.Hint()) + "."
		x.Summary = strings.Replace(x.Summary, "; "+e.Hint(), "", 1)
		return x
	}
	if e, ok := errors.AsType[*planner.MisfitError](err); ok {
		return misfit(e)
	}
	if _, ok := errors.AsType[*state.IdentityError](err); ok {
		return x // it says itself what to do
	}
	if hint := surgeryHint(err); hint != "" {
		x.Detail = hint
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok && x.Detail == "" {
		x.Detail = pathHint(e)
	}
	return x
}

func providerHint(e *provider.Error) string {
	switch e.About {
	case provider.AboutKey:
		return "The service does not accept the API key. Check GOOGLE_API_KEY, which goes first, and GEMINI_API_KEY; keys are made at https://aistudio.google.com/apikey."
	case provider.AboutProject:
		return "The key's project may not use the service: check its billing, its region and that the Gemini API is enabled."
	case provider.AboutModel:
		return "Check the model's name in the config, and that it offers batch jobs: see https://ai.google.dev/gemini-api/docs/models."
	}
	switch {
	case e.About == provider.AboutCertificate:
		return "The host does not prove who it is, and nothing was sent to it. Check the base URL (base_url in the config, GOOGLE_GEMINI_BASE_URL), this machine's clock and what stands between (a proxy, a login page); certificates of your own must be trusted by the system."
	case e.Class == provider.ClassQuota:
		return "A quota of the service is used up for now. Run again later, or use apply --wait, which waits it out."
	case e.HTTPStatus == 401 || e.HTTPStatus == 403:
		return "Check that the API key belongs to the right project: GOOGLE_API_KEY goes before GEMINI_API_KEY."
	case e.NotSent:
		return "The service could not be reached. Check the network, the proxy and the base URL (base_url in the config, GOOGLE_GEMINI_BASE_URL)."
	case e.Status == "" && e.HTTPStatus != 0:
		return "The answer is not the service's own: something between here and there answered, or the base URL is wrong (base_url in the config, GOOGLE_GEMINI_BASE_URL). Check the network and the URL, then run the command again."
	case e.HTTPStatus == 404 && e.Target == "":
		return "The service does not know this call. Check the base URL (base_url in the config, GOOGLE_GEMINI_BASE_URL), which goes without /v1beta."
	case e.Class == provider.ClassTemporary, e.Class == provider.ClassUnknown:
		return "This may pass. Nothing is lost: run the command again."
	case e.Class == provider.ClassGone:
		return "The service does not have it, or not for this key: run qaplan plan to see what follows, and check that the key is that of the project which made it."
	case e.About == provider.AboutInput:
		return "The service refuses what is in the source: mend what it names, and check with qaplan validate. Nothing was bought."
	}
	return "The service refuses it in its own words, and nothing was bought: mend what they name, then run qaplan plan."
}

func pathHint(e *fs.PathError) string {
	switch {
	case errors.Is(e, fs.ErrPermission):
		return "Check who may read and write there."
	case errors.Is(e, fs.ErrNotExist):
		return "Check the path."
	case errors.Is(e, syscall.ENOSPC), errors.Is(e, syscall.EDQUOT), errors.Is(e, syscall.EFBIG):
		return "There is no room for it: free some space, or lift the limit, and run the command again. Nothing is lost."
	case errors.Is(e, syscall.EISDIR):
		return "A folder stands in the file's place: move it away, or name another path."
	}
	return ""
}

// FromDiagnostic is a diagnostic of the config or a source in the same form.
func FromDiagnostic(d *config.Diagnostic) Explained {
	x := Explained{Summary: d.Summary, Detail: d.Detail, Range: d.Range, Snippet: d.Snippet, Warning: d.Severity == config.SeverityWarning}
	if d.Address != "" && !strings.Contains(d.Summary, d.Address) {
		x.Summary = d.Address + ": " + d.Summary
	}
	return x
}

// FromProblem is a problem of a plan in the same form.
func FromProblem(p *planner.Problem) Explained {
	x := Explained{Summary: p.Summary, Warning: p.Severity == planner.SeverityWarning}
	if p.Address != nil {
		x.Summary = p.Address.String() + ": " + p.Summary
	}
	x.Detail = choice(p.Exits)
	return x
}

// FromProblems are problems in the same form, those that say the same of neighbours
// together.
func FromProblems(problems []planner.Problem) []Explained {
	list := remarks(problems, false)
	out := make([]Explained, len(list))
	for i := range list {
		r := &list[i]
		out[i] = FromProblem(r.Problem)
		if r.Address != nil {
			out[i].Summary = r.who() + ": " + r.Summary
		}
		out[i].Detail = choice(r.exits())
	}
	return out
}

// choice names commands of which one may be chosen.
func choice(exits []string) string { return strings.Join(exits, ", or ") }

// Show writes it to stderr, with its place and the source line underlined.
func (c *Console) Show(x Explained) {
	fmt.Fprint(c.err, x.render(c.err.style, c.err.width()))
}

// maxShown bounds how many diagnostics a terminal gets; JSON gets all.
const maxShown = 50

// ShowAll shows diagnostics, warnings after errors of the same place as they
// are sorted, and says how many it left out.
func (c *Console) ShowAll(ds config.Diagnostics) {
	for i := range ds {
		if i == maxShown {
			c.Note("\nand %s; validate --format json shows all", count(len(ds)-maxShown, "more problem"))
			return
		}
		c.Show(FromDiagnostic(&ds[i]))
	}
}

func (x *Explained) render(s Style, width int) string {
	room := 0
	if width > 0 {
		room = min(max(width, 40), 100) - 2
	}
	paint, head := s.red, "Error: "
	if x.Warning {
		paint, head = s.yellow, "Warning: "
	}
	var lines []string
	summary := wrap(head+Printable(x.Summary), room)
	for i, l := range summary {
		if i == 0 {
			l = paint(s.bold(head)) + s.bold(strings.TrimPrefix(l, head))
		} else {
			l = s.bold(l)
		}
		lines = append(lines, l)
	}
	if x.Range != nil {
		lines = append(lines, "")
		lines = append(lines, x.place(s)...)
	}
	if x.Detail != "" {
		lines = append(lines, "")
		lines = append(lines, wrap(printableText(x.Detail), room)...)
	}
	bar := paint("|")
	return "\n" + indent(bar+" ", lines)
}

func (x *Explained) place(s Style) []string {
	at := "  at " + Printable(x.Range.Filename)
	if x.Range.Start.Line > 0 {
		at += fmt.Sprintf(":%d", x.Range.Start.Line)
	}
	if x.Snippet == nil {
		return []string{at}
	}
	sn := x.Snippet
	if sn.Context != "" {
		at += ", in " + Printable(sn.Context)
	}
	number := fmt.Sprintf("%4d: ", sn.StartLine)
	from, to := clamp(sn.HighlightStart, len(sn.Code)), clamp(sn.HighlightEnd, len(sn.Code))
	to = max(from, to)
	before, marked, after := code(sn.Code[:from]), code(sn.Code[from:to]), code(sn.Code[to:])
	lines := []string{at + ":", "  " + number + before + s.bold(marked) + after}
	if under := cells(marked); under > 0 {
		lines = append(lines, "  "+strings.Repeat(" ", len(number)+cells(before))+s.bold(strings.Repeat("^", under)))
	}
	for i := range sn.Values {
		lines = append(lines, "    "+Printable(sn.Values[i].Traversal+" "+sn.Values[i].Statement))
	}
	return lines
}

// code shows a piece of a source line; tabs take four columns.
func code(s string) string { return Printable(strings.ReplaceAll(s, "\t", "    ")) }

func clamp(n, most int) int { return min(max(n, 0), most) }

// ValidationJSON is the result of a validation, with the keys of Terraform's.
func ValidationJSON(ds config.Diagnostics) (string, error) {
	v := struct {
		FormatVersion string             `json:"format_version"`
		Valid         bool               `json:"valid"`
		ErrorCount    int                `json:"error_count"`
		WarningCount  int                `json:"warning_count"`
		Diagnostics   config.Diagnostics `json:"diagnostics"`
	}{FormatVersion: planner.FormatVersion, Valid: !ds.HasErrors(), Diagnostics: config.Diagnostics{}}
	for i := range ds {
		if ds[i].Severity == config.SeverityError {
			v.ErrorCount++
		} else {
			v.WarningCount++
		}
	}
	v.Diagnostics = append(v.Diagnostics, ds...)
	return JSON(v)
}

// Valid says that a config is good and what it declares.
func Valid(in *config.Inputs, warnings int) string {
	rows, bytes := 0, int64(0)
	for i := range in.Desired.Batches {
		rows += in.Desired.Batches[i].Source.Rows
		bytes += in.Desired.Batches[i].Source.Bytes
	}
	s := fmt.Sprintf("Valid: %s, %s, %s.", count(len(in.Desired.Batches), "batch"), count(rows, "row"), volume(bytes))
	if in.Ignored > 0 {
		s += " " + count(in.Ignored, "file") + " excluded or outside the ranges ignored."
	}
	if warnings > 0 {
		s += " " + count(warnings, "warning") + "."
	}
	return s + "\n"
}
