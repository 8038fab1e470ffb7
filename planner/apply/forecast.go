package apply

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// forecast says how what is planned, and what runs, is expected to go: nil
// where there is nothing to say. What only a higher limit lets go is left out.
func (e *Engine) forecast(r *round) *planner.Forecast {
	var waiting []budget.Create
	for i := range r.plan.Changes {
		if c := &r.plan.Changes[i]; c.Has(planner.ActionCreate) && !e.hopeless[c.Address] {
			waiting = append(waiting, *e.createOf(c))
		}
	}
	var running []budget.Running
	recorded := &r.learned.Recorded
	var sizes map[string]budget.Estimate
	if slices.ContainsFunc(r.observed.Live.Jobs, func(j planner.Job) bool { return j.Active() }) {
		sizes = e.activeSizes(recorded)
	}
	for i := range r.observed.Live.Jobs {
		j := &r.observed.Live.Jobs[i]
		if size, ours := sizes[j.Name]; ours && j.Active() {
			running = append(running, budget.Running{Model: j.Model, Age: max(r.observed.Live.Last.Sub(j.Created), 0), Tokens: size})
		}
	}
	if len(waiting)+len(running) == 0 {
		return nil
	}
	// The gate spaces creates, so the policy of the run does not know of that.
	policy := budget.NewCreates(budget.Settings{Limits: budget.Limits{
		MaxActiveJobs: e.opt.Limits.MaxActiveJobs, MaxEnqueuedTokens: e.opt.Limits.EnqueuedTokens, TokensByModel: e.opt.Limits.TokensByModel,
		CreatesPerMinute: e.opt.Limits.CreatesPerMinute,
	}, Cooldown: e.opt.Cooldown}, e.creates.Knowledge())
	f := policy.Forecast(r.at, waiting, running, durations(recorded))
	if f.Over.High <= 0 && f.Binding.Budget == "" {
		return nil
	}
	out := &planner.Forecast{OverMin: int64(f.Over.Low / time.Second), OverMax: int64(f.Over.High / time.Second)}
	if len(waiting) > 0 {
		out.AtOnce, out.Waves = f.AtOnce, f.Waves
		out.Limit, out.Learned, out.Confidence = limitWords(&f.Binding), f.Binding.Learned, math.Round(f.Binding.Confidence*100)/100
		if f.Or.Budget != "" {
			out.Limit += ", or " + limitWords(&f.Or)
		}
	}
	return out
}

// activeSizes is how large our own jobs are estimated, by name.
func (e *Engine) activeSizes(recorded *planner.Recorded) map[string]budget.Estimate {
	sizes := map[string]budget.Estimate{}
	for a, rec := range recorded.Batches {
		for i := range rec.Attempts {
			if at := &rec.Attempts[i]; at.Outcome == planner.OutcomeBought {
				sizes[at.Job] = e.measures.Input(budget.Kind{Block: a.Block, Model: at.Model}, at.Estimate)
			}
		}
	}
	return sizes
}

// limitWords names the limit that holds creates back.
func limitWords(f *budget.Limit) string {
	switch f.Budget {
	case "":
		return ""
	case budget.EnqueuedTokens:
		return fmt.Sprintf("enqueued tokens of %s, %s", f.Model, strings.TrimSpace(humanize.SIWithDigits(float64(f.Most), 1, "")))
	case budget.ActiveJobs:
		return fmt.Sprintf("active jobs, %d", f.Most)
	case budget.CreatesPerMinute:
		return fmt.Sprintf("creates a minute, %d", f.Most)
	case budget.Refusals:
		return fmt.Sprintf("creates of %s, %d in a row until the service refuses for a while", f.Model, f.Most)
	}
	return f.Budget
}
