package ui

import (
	"fmt"
	"strings"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
)

// RenderStateMarkdown shows what the state remembers as a page for a pull
// request or a job's summary. p carries the ways out of what is held or failed.
func RenderStateMarkdown(st *state.State, items []planner.Item, p *planner.Plan, v MarkdownView) string {
	s := NewStatus(items)
	var b strings.Builder
	b.WriteString(marker("state", v.Name))
	b.WriteString(title(v.Name, "the state"))
	b.WriteString("**" + statusLine(s) + "**\n\n")
	if st.Lineage != "" {
		fmt.Fprintf(&b, "Lineage %s, serial %d.\n\n", inCode(st.Lineage, roomForName), st.Serial)
	}
	return page(b.String(), []part{
		stuckPart("Failed", failedOnes(p.Failed)),
		stuckPart("Held, for a person to decide", heldOnes(p.Held)),
		badPart(s),
		batchesPart(s),
	}, v.Limit)
}

// badPart lists the results with rows that have no good answer.
func badPart(s *Status) part {
	pt := part{head: []string{"Batch", "Bad rows:", "Result"}}
	for i := range s.Batches {
		if b := &s.Batches[i]; b.Phase == planner.PhaseDone && b.Failed > 0 {
			pt.rows = append(pt.rows, []string{inCode(b.Address.String(), roomForBatch), fmt.Sprintf("%d of %d", b.Failed, b.Requests), inCode(b.Output, roomForBatch)})
		}
	}
	pt.title = "Done with rows that have no good answer: " + count(len(pt.rows), "batch")
	return pt
}

// batchesPart shows where the batches stand, neighbours that stand alike
// together.
func batchesPart(s *Status) part {
	type standing struct {
		first *StatusBatch
		stretch
		rows, good, bad int64
	}
	join := func(into, next *standing) {
		into.add(next.stretch)
		into.rows += next.rows
		into.good += next.good
		into.bad += next.bad
	}
	key := func(x *standing) string {
		return strings.Join([]string{x.block, string(x.first.Phase), string(x.first.Reason), x.first.JobState}, "\n")
	}
	var list []standing
	for i := range s.Batches {
		b := &s.Batches[i]
		x := standing{b, single(b.Address.Block, b.Number), b.Requests, b.Succeeded, b.Failed}
		if n := len(list) - 1; n >= 0 && list[n].last+1 == x.first.Number && key(&list[n]) == key(&x) {
			join(&list[n], &x)
			continue
		}
		list = append(list, x)
	}
	pt := part{title: "All: " + count(len(s.Batches), "batch"), head: []string{"Batches", "Phase", "Job", "Rows:", "Good:", "Bad:"}}
	for _, x := range mergeMany(list, key, join) {
		phase := string(x.first.Phase)
		if r := x.first.Reason; r != "" {
			phase += ", " + inCode(string(r), roomForName)
		}
		pt.rows = append(pt.rows, []string{x.inCode(), phase, inCode(x.first.JobState, roomForName), nonzero(x.rows), nonzero(x.good), nonzero(x.bad)})
	}
	return pt
}
