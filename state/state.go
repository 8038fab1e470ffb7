package state

import (
	"maps"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// FormatVersion is the version of snapshot and journal that this program
// writes, and the newest that it reads.
const FormatVersion = 1

// Identity is the service that a state belongs to. Two states of different
// identities never mix: what was bought in a rehearsal is not there in the
// real service.
type Identity struct {
	// Kind is "gemini" or "emulator".
	Kind string `json:"kind"`
	// BaseURL is the service's address, normalised by the caller; "" for the
	// embedded emulator, whose port changes from run to run.
	BaseURL string `json:"base_url,omitempty"`
	// ID is what the embedded emulator keeps in its data folder.
	ID string `json:"id,omitempty"`
}

// fits reports whether a state of identity id may be used where want is
// wanted. The zero Identity on either side stands for any.
func (id Identity) fits(want Identity) bool {
	return id == want || id == Identity{} || want == Identity{}
}

// State is all that is remembered from run to run.
type State struct {
	// Version is the format of the files it was read from, FormatVersion for a
	// new one.
	Version int
	// Lineage is the state's own identity, 32 lower-case hex digits made at
	// random, or "" before anything was written.
	Lineage string
	// Former are the lineages of states that this one took over: six digits
	// each, as they stand in labels, sorted.
	Former []string
	// Serial is the sequence number of the last transition.
	Serial int64
	// Provider is the service it belongs to.
	Provider Identity
	// Learned is what creates have taught about the service's limits.
	Learned budget.Knowledge
	// Datasets are the files that were put together from results, by their
	// paths as messages show them.
	Datasets map[string]Dataset
	// Told are the completions that somebody was told of: by what they are
	// about, an address or the name of a block such as batch.qa, their ids.
	Told    map[string]string
	Batches map[planner.Address]*planner.Record
}

// cloneMaps gives s maps of its own. None of them is nil then.
func (s *State) cloneMaps() {
	s.Datasets, s.Told, s.Batches = clone(s.Datasets), clone(s.Told), clone(s.Batches)
}

func clone[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	maps.Copy(c, m)
	return c
}

// Dataset is what is known of the file that a dataset was written to.
type Dataset struct {
	// Digest tells what the file was made of: the meaning of the dataset, and the
	// results, in order.
	Digest  string `json:"digest"`
	SHA256  string `json:"sha256,omitempty"` // "" before it was first written
	Bytes   int64  `json:"bytes,omitempty"`
	ModTime int64  `json:"mtime_ns,omitempty"` // unix nanoseconds
	Rows    int    `json:"rows,omitempty"`
	Batches int    `json:"batches,omitempty"` // that it has results of
	// Next is the sha256 of a content that is about to take the file's place: a
	// crash may leave either.
	Next string `json:"next_sha256,omitempty"`
}

// LastSent is when the last create was sent, by the clock of the machine that did;
// zero when none ever was.
func (s *State) LastSent() time.Time {
	var last time.Time
	for _, rec := range s.Batches {
		for i := range rec.Attempts {
			if sent := rec.Attempts[i].Sent; sent.After(last) {
				last = sent
			}
		}
	}
	return last
}

// Recorded gives the part that the planner compares. It shares the map.
func (s *State) Recorded() planner.Recorded {
	return planner.Recorded{Lineage: s.Lineage, Former: s.Former, Serial: s.Serial, Batches: s.Batches}
}
