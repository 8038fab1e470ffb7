package apply

import (
	"context"
	"fmt"
	"strings"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// words are the service's own, or what stands for them.
func words(pe *provider.Error) string {
	if pe.Message != "" {
		return pe.Message
	}
	return fmt.Sprintf("HTTP %d without a message", pe.HTTPStatus)
}

// refusal is what follows from the service's no.
type refusal string

const (
	refusalQuota    refusal = "quota"     // later
	refusalRun      refusal = "run"       // nothing can be bought with this key
	refusalModel    refusal = "model"     // nothing can be bought of this block
	refusalFileGone refusal = "file_gone" // after another upload
	refusalInput    refusal = "input"     // never, for these bytes
	refusalOther    refusal = "other"     // in the next run, a few times
)

// judge tells what a refusal is about. A 403 about a file is what the service
// says of missing, expired and foreign files alike, and it was also seen with
// unpaid bills (python-genai #1218): so the file is looked up.
func (e *Engine) judge(ctx context.Context, pe *provider.Error, up *planner.Upload) refusal {
	switch {
	case pe.Class == provider.ClassQuota:
		return refusalQuota
	case pe.About == provider.AboutFile && up != nil:
		_, err := e.opt.Files.GetFile(context.WithoutCancel(ctx), up.File)
		switch {
		case provider.ClassOf(err) == provider.ClassGone:
			return refusalFileGone
		case err == nil:
			return refusalRun
		}
		return refusalOther
	case pe.About == provider.AboutKey, pe.About == provider.AboutProject:
		return refusalRun
	case pe.About == provider.AboutModel, pe.HTTPStatus == 404:
		return refusalModel
	case pe.About == provider.AboutInput:
		return refusalInput
	case pe.HTTPStatus == 401, pe.HTTPStatus == 403:
		return refusalRun
	}
	return refusalOther
}

// note keeps what the next plan has to know of a refusal.
func (r refusal) note(rec *planner.Record, sha256, model, said string) {
	switch r {
	case refusalFileGone:
		rec.Upload = nil
	case refusalInput, refusalOther:
		times := 1
		if old := rec.Refused; old != nil && old.SHA256 == sha256 && old.Model == model && old.Message == said {
			times = old.Times + 1
		}
		rec.Refused = &planner.Refusal{SHA256: sha256, Model: model, Message: said, Times: times,
			Final: r == refusalInput || times >= maxRepeats}
	}
}

// fewLines is how many lines of an input a refusal is told with.
const fewLines = 5

// saidOf gives the service's words. Where they name lines of the input, they are
// put as lines of the source file.
func (e *Engine) saidOf(ctx context.Context, c *planner.Change, r refusal, pe *provider.Error) string {
	said := words(pe)
	if r != refusalInput {
		return said
	}
	lines := batchfile.ParseRefusal(pe.Message)
	if len(lines) == 0 {
		return said
	}
	if c.Detail.Subset && !e.toSource(ctx, c, lines) {
		return said
	}
	var parts []string
	for _, l := range lines[:min(len(lines), fewLines)] {
		parts = append(parts, fmt.Sprintf("%s:%d: %s", c.Detail.Source, l.Line, l.Reason))
	}
	if more := len(lines) - fewLines; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// toSource turns lines of an input that was made of some rows of the source into
// lines of the source.
func (e *Engine) toSource(ctx context.Context, c *planner.Change, lines []batchfile.RefusedLine) bool {
	rec := e.opt.Journal.Record(c.Address)
	if rec == nil || rec.Judged == nil || rec.Judged.Rest == nil || rec.Judged.Rest.SHA256 != c.Detail.SHA256 {
		return false
	}
	files, err := e.filesOf(c.Address)
	if err != nil {
		return false
	}
	defer files.close()
	j, err := files.judged(ctx, rec, e.results[c.Address], rec.Judged.Attempt)
	if err != nil {
		return false
	}
	numbers := make([]int, len(lines))
	for i := range lines {
		numbers[i] = lines[i].Line
	}
	if numbers, err = j.joiner.SourceLines(ctx, files.picks(rec.Judged.Rest.Repair), numbers...); err != nil {
		return false
	}
	for i := range lines {
		lines[i].Line = numbers[i]
	}
	return true
}
