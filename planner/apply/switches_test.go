package apply_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// elsewhere is a host that nothing may be sent to.
const elsewhere = "http://elsewhere.test"

// reach is a kind of call that an apply makes, with what has to go wrong first
// for it to be made.
type reach struct {
	op   string
	base []emulator.Fault
	big  bool // with a source of more than one chunk
}

// reaches are all kinds of calls that an apply makes.
func reaches() []reach {
	return []reach{
		{op: emulator.OpListJobs},
		{op: emulator.OpListFiles},
		{op: emulator.OpGetModel},
		{op: emulator.OpUploadStart},
		{op: emulator.OpUploadChunk, big: true},
		{op: emulator.OpUploadFinalize},
		{op: emulator.OpUploadQuery, base: []emulator.Fault{{Name: emulator.FaultResetBefore, Op: emulator.OpUploadFinalize, Count: 2}}},
		{op: emulator.OpGetFile, base: []emulator.Fault{{Name: emulator.FaultFinalizeWithoutFile, Value: "made", Count: 2}}},
		{op: emulator.OpCreate},
		// A job that is recorded and that the listing still lacks is asked for.
		{op: emulator.OpGetJob, base: []emulator.Fault{{Name: emulator.FaultListLag, Op: emulator.OpCreate, Value: "40m", Count: 2}}},
		{op: emulator.OpDownload},
	}
}

// lostAnswers are the ways in which the answer to any call is lost or is not the
// service's own: whether the call had an effect cannot be told from it.
func lostAnswers() []emulator.Fault {
	list := []emulator.Fault{
		{Name: emulator.FaultResetBefore}, {Name: emulator.FaultResetAfter},
		{Name: emulator.FaultTimeoutBefore}, {Name: emulator.FaultTimeoutAfter},
		{Name: emulator.FaultEmpty200}, {Name: emulator.FaultHTML200}, {Name: emulator.FaultHTML503},
		{Name: emulator.FaultRedirect, Value: elsewhere},
		{Name: emulator.FaultCutBody}, {Name: emulator.FaultWrongLength},
		{Name: emulator.FaultSlow}, {Name: emulator.FaultNoDate}, {Name: emulator.FaultDateBack},
	}
	for _, code := range []string{"408", "409", "500", "502", "503", "504"} {
		list = append(list,
			emulator.Fault{Name: emulator.FaultStatusBefore, Value: code},
			emulator.Fault{Name: emulator.FaultStatusAfter, Value: code})
	}
	for _, code := range []string{"400", "429", "500"} {
		list = append(list, emulator.Fault{Name: emulator.FaultMalformedJSON, Value: code})
	}
	return list
}

// quotaShapes are all shapes of a 429 that the emulator knows.
func quotaShapes() []emulator.Fault {
	list := []emulator.Fault{{Name: emulator.FaultStatusBefore, Value: "429"}}
	// The refusal of a kind that is none names those that are.
	err := emulator.Fault{Name: emulator.FaultQuota429, Value: "none"}.Check()
	_, kinds, _ := strings.Cut(err.Error(), "is none of")
	for _, m := range regexp.MustCompile(`"([a-z_0-9]+)"`).FindAllStringSubmatch(kinds, -1) {
		list = append(list, emulator.Fault{Name: emulator.FaultQuota429, Value: m[1]})
	}
	return list
}

// cell is one world of the matrix: a call and what goes wrong with it.
type cell struct {
	reach
	fault emulator.Fault
}

func (c cell) String() string {
	f := c.fault
	name := strings.TrimSuffix(f.Name+" "+strings.TrimPrefix(f.Value, "http://"), " ")
	switch {
	case f.Count == -1:
		name += ", always"
	case f.Count > 1:
		name += fmt.Sprintf(", %d in a row", f.Count)
	case f.First > 1:
		name += fmt.Sprintf(", call %d", f.First)
	}
	return name
}

// cells crosses a call with each wire fault: at the first of the calls that a
// run makes, at the second, and at three in a row.
func (r reach) cells(calls int64) []cell {
	var list []cell
	for _, f := range slices.Concat(lostAnswers(), quotaShapes()) {
		f.Op = r.op
		if !r.harmedBy(f) {
			continue
		}
		list = append(list, cell{r, f})
		if r.big {
			continue // its worlds are slow, and its answers are read where those of the last chunk are
		}
		if calls > 1 {
			f.First = 2
			list = append(list, cell{r, f})
		}
		f.First, f.Count = 1, 3
		list = append(list, cell{r, f})
	}
	return list
}

// harmedBy reports whether the fault can change the call's answer: half of
// nothing is nothing.
func (r reach) harmedBy(f emulator.Fault) bool {
	empty := r.op == emulator.OpUploadStart || r.op == emulator.OpUploadChunk || r.op == emulator.OpUploadQuery
	return f.Name != emulator.FaultCutBody || !empty
}

// quick is a service whose jobs take minutes, so that a run has few polls.
func quick(faults ...emulator.Fault) emulator.Config {
	return emulator.Config{
		QueueTime: emulator.Span{Min: 70 * time.Second, Max: 100 * time.Second},
		RunTime:   emulator.Span{Min: time.Minute, Max: 2 * time.Minute},
		Faults:    faults,
	}
}
