package planner

import (
	"fmt"
	"strings"
	"time"
)

// When a job that is at work counts as old: enough others of its block have
// succeeded, it has taken several times as long as the slowest of them, and for
// long enough that it matters.
const (
	siblingsToJudge = 3
	oldFactor       = 3
	oldAtLeast      = 2 * time.Hour
)

// siblings are the jobs of one block and model that succeeded.
type siblings struct {
	n       int
	slowest time.Duration
}

type kin struct{ block, model string }

// OldJob is a job at work that is old compared with its siblings.
type OldJob struct {
	Item    *Item
	Attempt *Attempt
	Age     time.Duration
	// Siblings is how many jobs of its block and model succeeded, each within
	// Slowest.
	Siblings int
	Slowest  time.Duration
}

// OldJobs finds the jobs at work that are old at a time, in the order of the
// items. Some never end (python-genai #1482); what to do about one is a
// person's to decide.
func OldJobs(items []Item, at time.Time) []OldJob {
	families := map[kin]siblings{}
	for i := range items {
		it := &items[i]
		if it.Record == nil {
			continue
		}
		for k := range it.Record.Attempts {
			if a := &it.Record.Attempts[k]; JobState(a.State) == JobSucceeded && !a.Created.IsZero() && a.Ended.After(a.Created) {
				f := families[kin{it.Address.Block, a.Model}]
				f.n++
				f.slowest = max(f.slowest, a.Ended.Sub(a.Created))
				families[kin{it.Address.Block, a.Model}] = f
			}
		}
	}
	var old []OldJob
	for i := range items {
		it := &items[i]
		if it.Phase != PhaseSubmitted || it.Record == nil {
			continue
		}
		for k := range it.Record.Attempts {
			a := &it.Record.Attempts[k]
			f := families[kin{it.Address.Block, a.Model}]
			age := at.Sub(a.Created)
			if !a.active() || a.Created.IsZero() || f.n < siblingsToJudge || age < oldAtLeast || age < oldFactor*f.slowest {
				continue
			}
			old = append(old, OldJob{Item: it, Attempt: a, Age: age, Siblings: f.n, Slowest: f.slowest})
		}
	}
	return old
}

// sayOld warns of jobs that are old.
func (x *differ) sayOld() {
	if !x.live.Refreshed || x.live.LocalClock {
		return
	}
	for _, o := range OldJobs(x.items, x.live.Last) {
		addr := o.Item.Address
		pr := Problem{Severity: SeverityWarning, Code: CodeJobOld, Address: &addr, Job: o.Attempt.Job,
			Summary: fmt.Sprintf("its job is old compared with the %d others of its block that succeeded, each within %s; it is left alone: wait for it, or cancel it", o.Siblings, roundedUp(o.Slowest)),
			Exits:   []string{"qaplan cancel '" + addr.String() + "'"}}
		if rest := x.unbought(o.Item, o.Attempt.Model); rest != "" {
			pr.Summary += ", or buy the rest of the block with another model"
			pr.Exits = append(pr.Exits, "qaplan apply "+rest)
			if o.Item.Want.ModelVar == "" {
				pr.Summary += ", once the config names that as model"
			} else {
				pr.Exits[1] += " --var " + o.Item.Want.ModelVar + "=MODEL"
			}
		}
		x.plan.Problems = append(x.plan.Problems, pr)
	}
}

// fewTargets is how many ranges advice names at the most: a block with more gaps
// than that is better thought about by a person.
const fewTargets = 8

// unbought gives the flags that name the batches of an item's block for which
// nothing was bought yet, "" where there are none or the job has another model than
// they would have.
func (x *differ) unbought(it *Item, model string) string {
	if it.Want == nil || it.Want.Model != model {
		return ""
	}
	var flags []string
	var run Selector
	for i := range x.items {
		o := &x.items[i]
		if o.Address.Block != it.Address.Block || o.Want == nil || o.Phase != PhaseAbsent && o.Phase != PhaseUploaded {
			continue
		}
		if n := len(flags); n > 0 && run.Last+1 == o.Address.Number {
			run.Last++
			flags[n-1] = "--target '" + run.String() + "'"
			continue
		}
		if len(flags) == fewTargets {
			break
		}
		run = Selector{Block: o.Address.Block, First: o.Address.Number, Last: o.Address.Number}
		flags = append(flags, "--target '"+run.String()+"'")
	}
	return strings.Join(flags, " ")
}

// roundedUp gives a length of time in whole minutes or hours.
func roundedUp(d time.Duration) string {
	if d <= 90*time.Minute {
		return fmt.Sprintf("%d min", (d+time.Minute-1)/time.Minute)
	}
	return fmt.Sprintf("%d h", (d+time.Hour-1)/time.Hour)
}
