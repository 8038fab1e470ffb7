package ui

import (
	"fmt"
	"strings"

	"github.com/qaplan/qaplan/planner"
)

// Saved says where a plan was saved and what takes it.
func Saved(file, chdir string) string {
	command := "qaplan apply "
	if chdir != "" {
		command = "qaplan -C " + chdir + " apply "
	}
	return Printable("Saved the plan as " + file + "; " + command + file + " carries out exactly this.")
}

// SavedHead stands above a saved plan.
func SavedHead(p *planner.Plan) string {
	rows := [][]string{
		{"saved", minute(p.CreatedAt) + " by qaplan " + Printable(p.QaplanVersion)},
		{"provider", Printable(p.Service.String())},
		{"digest", Printable(p.Digest)},
	}
	return indent("  ", table(rows)) + "\n"
}

// MoreThanSaved says for how many batches there is more to do than a saved plan
// holds.
func MoreThanSaved(n int) string {
	return "There is more to do than the saved plan holds, for " + count(n, "batch") + "; qaplan plan shows it."
}

// RenderSaved says what of a saved plan is done already, and what is left alone.
func RenderSaved(items []planner.SavedItem, s Style) string {
	n := map[planner.Standing]int{}
	for i := range items {
		n[items[i].Standing]++
	}
	var b strings.Builder
	switch done, stale := n[planner.StandsDone], n[planner.StandsStale]; {
	case len(items) == 0:
		b.WriteString("The saved plan holds no changes.\n")
	case done == len(items):
		fmt.Fprintf(&b, "The saved plan was carried out: %s.\n", s.green("nothing of it is left to do"))
	case done+stale > 0:
		fmt.Fprintf(&b, "Of the saved plan's %s, %d %s done already and %d %s left alone.\n",
			count(len(items), "change"), done, isAre(done), stale, isAre(stale))
	}
	if rows := standings(items, s); len(rows) > 0 {
		b.WriteString("\n" + indent("  ", rows))
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// standings has a line for each run of changes that are not to be done, and why.
func standings(items []planner.SavedItem, s Style) []string {
	type standing struct {
		item *planner.SavedItem
		stretch
	}
	key := func(x *standing) string { return x.block + "\n" + string(x.item.Standing) + "\n" + savedWords(x.item) }
	join := func(into, next *standing) { into.add(next.stretch) }
	var list []standing
	for i := range items {
		it := &items[i]
		if it.Standing == planner.StandsPlanned {
			continue
		}
		x := standing{it, single(it.Change.Block, it.Change.Number)}
		if n := len(list) - 1; n >= 0 && list[n].last+1 == x.first && key(&list[n]) == key(&x) {
			join(&list[n], &x)
			continue
		}
		list = append(list, x)
	}
	var rows [][]string
	list = mergeMany(list, key, join)
	for i := range list {
		x := &list[i]
		word := "done"
		if x.item.Standing == planner.StandsStale {
			word = "left alone"
		}
		rows = append(rows, []string{word, x.who(), savedWords(x.item)})
	}
	lines := table(rows)
	for i, l := range lines {
		if rest, ok := strings.CutPrefix(l, "left alone"); ok {
			lines[i] = s.yellow("left alone") + rest
		}
	}
	return lines
}

// savedWords says why a change of a saved plan is not to be done.
func savedWords(it *planner.SavedItem) string {
	switch it.Why {
	case planner.SavedBought:
		return "its job was bought"
	case planner.SavedSent:
		return "its create was sent, and the outcome is not known yet"
	case planner.SavedRefused:
		return "its create was sent, and the service refuses it"
	case planner.SavedDelivered:
		return "its answers were fetched"
	case planner.SavedAdopted:
		return "it was adopted"
	case planner.SavedForgotten:
		return "it was forgotten"
	}
	if it.Phase == planner.PhaseHeld || it.Phase == planner.PhaseFailed {
		if words := trouble(it.Why); words != string(it.Why) {
			return "it is " + string(it.Phase) + " now: " + words
		}
	}
	switch it.Why {
	case planner.SavedUnknown:
		return "neither the config nor the state have it any more"
	case planner.SavedSourceChanged:
		return "its source changed"
	case planner.SavedModelChanged:
		return "its model changed"
	case planner.SavedRowsChanged:
		return "other rows are to be bought now"
	case planner.SavedBoughtSince:
		return "something else was bought for it since, or a job of its is gone"
	case planner.SavedCancelledSince:
		return "a job of its was cancelled since"
	case planner.SavedClaimedSince:
		return "another state made a job for it since"
	case planner.SavedOtherProject:
		return "this key sees other jobs than that of the plan"
	case planner.SavedNothingToDo:
		return "it is " + string(it.Phase) + " now, and there is nothing to do for it"
	case planner.SavedOtherwise:
		return "something else is to be done for it now"
	}
	return string(it.Why)
}

// misfit puts into words what keeps a saved plan from being carried out at all.
func misfit(e *planner.MisfitError) Explained {
	switch e.What {
	case planner.MisfitVersion:
		return Explained{Summary: fmt.Sprintf("the plan was made by qaplan %s, and this is qaplan %s", e.Plan, e.Now),
			Detail: "Nothing was done. Make the plan again with this version."}
	case planner.MisfitService:
		return Explained{Summary: fmt.Sprintf("the plan is for the provider %s, and the config names %s", e.Plan, e.Now),
			Detail: "Nothing was done. A rehearsal's plan is not for the real service, nor the other way round; plan again with this config."}
	case planner.MisfitLineage:
		x := Explained{Summary: fmt.Sprintf("the plan belongs to the state with the lineage %s, and this one has %s", e.Plan, e.Now),
			Detail: "Nothing was done. Bring back the state that the plan was made with, or plan again. Where that state is lost, run qaplan state rebuild first: it finds what was bought."}
		if e.Now == "" {
			x.Summary = fmt.Sprintf("the plan belongs to the state with the lineage %s, and here is none", e.Plan)
		}
		return x
	case planner.MisfitConfig:
		return Explained{Summary: "the config does not mean what it did when the plan was made",
			Detail: "Nothing was done. Pass the same --var and --var-file as to plan, or plan again and review that."}
	}
	return Explained{Summary: fmt.Sprintf("the plan has the digest %s, and %s was expected", e.Plan, e.Now),
		Detail: "Nothing was done: the config, an input, or what would be bought is not what was reviewed. Plan again and review that."}
}
