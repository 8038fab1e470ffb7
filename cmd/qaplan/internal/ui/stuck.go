package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qaplan/qaplan/planner"
)

func renderHeld(b *strings.Builder, held []planner.Held, v PlanView) {
	renderStuck(b, v.Style.yellow("Held"), "each needs a person to decide", heldOnes(held), v)
}

func heldOnes(held []planner.Held) []stuck {
	list := make([]stuck, len(held))
	for i := range held {
		h := &held[i]
		list[i] = stuck{"!", h.Address, h.Reason, h.Job, h.Message, h.Exit}
		if h.Reason == planner.HoldCancelled {
			list[i].message = "" // the service only says that there was no error
		}
	}
	return list
}

func renderFailed(b *strings.Builder, failed []planner.Failed, v PlanView) {
	renderStuck(b, v.Style.red("Failed"), "nothing automatic changes that", failedOnes(failed), v)
}

func failedOnes(failed []planner.Failed) []stuck {
	list := make([]stuck, len(failed))
	for i := range failed {
		f := &failed[i]
		list[i] = stuck{"x", f.Address, f.Reason, "", f.Message, f.Exit}
	}
	return list
}

// stuck is a batch that does not go on by itself, with the way out.
type stuck struct {
	mark               string
	addr               planner.Address
	why                planner.Reason
	job, message, exit string
}

// renderStuck shows a list under its title, neighbours with one reason and one way
// out together.
func renderStuck(b *strings.Builder, title, meaning string, list []stuck, v PlanView) {
	if len(list) == 0 {
		return
	}
	section(b, fmt.Sprintf("%s (%d), %s:\n", title, len(list), meaning))
	groups := alike(list, v.Verbose)
	shown := groups
	if v.most > 0 && len(groups) > v.most {
		shown = oneOfEachReason(groups)
		shown = shown[:min(len(shown), v.most)]
	}
	more := len(list)
	for _, group := range shown {
		b.WriteString(stuckLines(group, v))
		more -= len(group)
	}
	if more > 0 {
		fmt.Fprintf(b, "  ... and %s more; qaplan status --failed shows each with its command\n", count(more, "batch"))
	}
}

// oneOfEachReason gives the first group of each reason.
func oneOfEachReason(groups [][]stuck) (first [][]stuck) {
	seen := map[planner.Reason]bool{}
	for _, g := range groups {
		if !seen[g[0].why] {
			seen[g[0].why] = true
			first = append(first, g)
		}
	}
	return first
}

// alike parts a list into neighbours with one reason and one way out.
func alike(list []stuck, apart bool) [][]stuck {
	var groups [][]stuck
	for i := 0; i < len(list); {
		j := i + 1
		for ; !apart && j < len(list) && list[j-1].like(&list[j]); j++ {
		}
		groups = append(groups, list[i:j])
		i = j
	}
	return groups
}

func (s *stuck) like(next *stuck) bool {
	return s.why == next.why && s.message == next.message && s.addr.Block == next.addr.Block && s.addr.Number+1 == next.addr.Number &&
		s.exitFor("ADDRESS") == next.exitFor("ADDRESS")
}

// exitFor is the way out of several batches that who names. An import is for
// one of them. Where another state made the jobs, each has its own, and one
// command is for them all; else the job is what the person has to look at.
func (s *stuck) exitFor(who string) string {
	own := "'" + s.addr.String() + "'"
	exit := strings.ReplaceAll(s.exit, "import "+own, "import ADDRESS")
	if s.job != "" && s.why == planner.HoldClaimedElsewhere {
		exit = strings.ReplaceAll(exit, s.job, "JOB")
	}
	return strings.ReplaceAll(exit, own, who)
}

// together names the batches of a group, the job that all of them have, and the
// way out of them all.
func together(group []stuck) (who, job, exit string) {
	s := &group[0]
	who, job, exit = s.addr.String(), s.job, s.exit
	if n := len(group); n > 1 {
		who = span(s.addr.Block, s.addr.Number, group[n-1].addr.Number)
		exit = s.exitFor("'" + who + "'")
		who += ", " + count(n, "batch")
		if slices.ContainsFunc(group, func(o stuck) bool { return o.job != s.job }) {
			job = ""
		}
	}
	return who, job, exit
}

// stuckLines names each batch of a group, and once what the service says and the
// way out; folded, it names them as a range.
func stuckLines(group []stuck, v PlanView) string {
	s := &group[0]
	who, job, exit := together(group)
	out := ""
	if v.folded {
		out = s.line(who, job, v)
	} else {
		for i := range group {
			out += s.line(group[i].addr.String(), group[i].job, v)
		}
	}
	if s.message != "" {
		out += indent("      ", wrap("the service says: "+Printable(s.message), v.Width-6))
	}
	if exit != "" {
		// Never wrapped: it is there to be copied.
		out += "      -> " + v.Style.bold(Printable(exit)) + "\n"
	}
	return out
}

func (s *stuck) line(who, job string, v PlanView) string {
	head := fmt.Sprintf("%s: %s (%s)", who, trouble(s.why), s.why)
	if job != "" {
		head += ", " + Printable(job)
	}
	lines := wrap(head, v.Width-4)
	return "  " + s.mark + " " + lines[0] + "\n" + indent("      ", lines[1:])
}
