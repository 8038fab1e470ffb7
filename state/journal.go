package state

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// The journal is a header and any number of entries, one a line:
//
//	{"crc32c":"…","version":1,"provider":{…},"lineage":"…","after":12}
//	{"crc32c":"…","lineage":"…","seq":13,"op":"create_intent","changes":[{"address":"batch.refinement[51]","record":{…}}]}
//	{"crc32c":"…","lineage":"…","seq":14,"op":"forget","changes":[{"address":"batch.refinement[51]","record":null}]}
//	{"crc32c":"…","lineage":"…","seq":15,"op":"create_refused","changes":[…],"learned":{…}}
//	{"crc32c":"…","lineage":"…","seq":16,"op":"rebuild","former_lineages":["…"]}
//	{"crc32c":"…","lineage":"…","seq":17,"op":"dataset","datasets":{"qa.jsonl":{…}}}
//
// The checksum covers the line behind it up to the line break. Later format
// versions keep its place and its meaning, so that damage and a newer version
// are never mistaken for each other.
const (
	sumBefore = `{"crc32c":"`
	sumAfter  = `",`
	sumLen    = len(sumBefore) + 8 + len(sumAfter)
)

// header is the first line: what the entries after it go on from. It makes a
// first apply that is killed at once recoverable from the journal alone.
type header struct {
	Version  int      `json:"version"`
	Provider Identity `json:"provider"`
	Lineage  string   `json:"lineage"`
	// After is the serial of the snapshot that the first entry follows.
	After int64 `json:"after"`
	// Hold is the id of the hold that wrote it; in a bucket alone.
	Hold string `json:"hold,omitempty"`
}

// entry is one transition, with the whole of what it changes as it is
// afterwards: applying it twice does no harm.
type entry struct {
	Lineage string `json:"lineage"`
	Seq     int64  `json:"seq"`
	transition

	sum string
}

// transition is what an entry changes.
type transition struct {
	Op       string              `json:"op"`
	Changes  []change            `json:"changes,omitempty"`
	Learned  *budget.Knowledge   `json:"learned,omitempty"`
	Datasets map[string]*Dataset `json:"datasets,omitempty"` // null removes
	Told     map[string]*string  `json:"told,omitempty"`     // null removes
	// Former are all lineages that were taken over, this entry's included.
	Former []string `json:"former_lineages,omitempty"`
}

type change struct {
	Address string `json:"address"`
	// Record is null when the batch is forgotten.
	Record jsontext.Value `json:"record"`

	address planner.Address
	record  *planner.Record
}

// frame makes a line of the journal from a JSON object.
func frame(object []byte) (line []byte, checksum string) {
	rest := object[1:] // without the brace
	checksum = sum(rest)
	line = make([]byte, 0, sumLen+len(rest)+1)
	line = append(line, sumBefore...)
	line = append(line, checksum...)
	line = append(line, sumAfter...)
	line = append(line, rest...)
	return append(line, '\n'), checksum
}

// unframe is the inverse of frame, without the line break.
func unframe(line []byte) (object []byte, checksum string, ok bool) {
	if len(line) <= sumLen || !bytes.HasPrefix(line, []byte(sumBefore)) || string(line[sumLen-len(sumAfter):sumLen]) != sumAfter {
		return nil, "", false
	}
	checksum = string(line[len(sumBefore) : sumLen-len(sumAfter)])
	rest := line[sumLen:]
	if sum(rest) != checksum {
		return nil, "", false
	}
	return append([]byte{'{'}, rest...), checksum, true
}

// frameEntry completes an entry's body, which is an encoded transition, and
// makes a line of it: lineage and number are known only when its turn comes.
func frameEntry(lineage string, seq int64, body []byte) (line []byte, checksum string) {
	object := make([]byte, 0, len(body)+80)
	object = append(object, `{"lineage":"`...)
	object = append(object, lineage...)
	object = append(object, `","seq":`...)
	object = strconv.AppendInt(object, seq, 10)
	object = append(object, ',')
	object = append(object, body[1:]...)
	return frame(object)
}

// journal is what stands in a journal file.
type journal struct {
	header  header
	begun   bool // it has a header
	entries []entry
	// good is the length of what counts; what follows was torn off by a crash.
	good int64
	// open tells that the line break of the last line is missing.
	open bool
}

// parseJournal reads a journal as far as it goes. A journal that was cut off
// anywhere is a shorter valid one; everything else that is wrong is an error.
func parseJournal(file string, data []byte) (*journal, error) {
	j := &journal{}
	for number := 1; int(j.good) < len(data); number++ {
		rest := data[j.good:]
		line, _, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			if _, _, ok := unframe(line); !ok {
				if _, _, ok := unframe(line[:len(line)-1]); ok {
					return nil, corruptJournal(file, number, errors.New("the line break at its end is damaged"))
				}
				return j, nil // torn
			}
			j.open = true
		}
		if err := j.add(line); err != nil {
			if newer, ok := errors.AsType[*VersionError](err); ok {
				newer.File, newer.Line = file, number
				return nil, newer
			}
			if other, ok := errors.AsType[*LineageError](err); ok {
				other.File, other.Line = file, number
				return nil, other
			}
			return nil, corruptJournal(file, number, err)
		}
		j.good += int64(len(line))
		if whole {
			j.good++
		}
	}
	return j, nil
}

func corruptJournal(file string, line int, err error) error {
	return &CorruptError{File: file, Line: line, Reason: err.Error(), Journal: true}
}

// add takes one line.
func (j *journal) add(line []byte) error {
	object, checksum, ok := unframe(line)
	if !ok {
		// A later format that gave up the checksum's place must not be called
		// damaged.
		var v struct {
			Version int `json:"version"`
		}
		if !bytes.HasPrefix(line, []byte(sumBefore)) && decode(line, &v) == nil && v.Version > FormatVersion {
			return &VersionError{Version: v.Version, Readable: FormatVersion}
		}
		return errors.New("its checksum does not fit: the line is damaged, or was edited")
	}
	if !j.begun {
		return j.begin(object)
	}
	e := entry{sum: checksum}
	if err := e.decode(object); err != nil {
		return err
	}
	if e.Lineage != j.header.Lineage {
		return &LineageError{Have: e.Lineage, Want: j.header.Lineage}
	}
	if want := j.header.After + int64(len(j.entries)) + 1; e.Seq != want {
		return fmt.Errorf("it is number %d where number %d must follow", e.Seq, want)
	}
	j.entries = append(j.entries, e)
	return nil
}

func (j *journal) begin(object []byte) error {
	var h header
	if err := decode(object, &h); err != nil {
		return err
	}
	switch {
	case h.Version > FormatVersion:
		return &VersionError{Version: h.Version, Readable: FormatVersion}
	case h.Version < 1:
		return errors.New("the journal does not begin with a header")
	case !validLineage(h.Lineage):
		return fmt.Errorf("%q is no lineage", h.Lineage)
	case h.After < 0:
		return fmt.Errorf("%d is no serial", h.After)
	}
	j.header, j.begun = h, true
	return nil
}

// decode reads the JSON of an entry and of the records in it.
func (e *entry) decode(object []byte) error {
	if err := decode(object, e); err != nil {
		return err
	}
	for i := range e.Changes {
		if err := e.Changes[i].resolve(); err != nil {
			return err
		}
	}
	return checkFormer(e.Former)
}

// resolve decodes what a change says.
func (c *change) resolve() (err error) {
	if c.address, err = parseAddress(c.Address); err != nil {
		return fmt.Errorf("%q is %w", c.Address, err)
	}
	switch string(c.Record) {
	case "":
		return fmt.Errorf("the change of %s has no record", c.Address)
	case "null":
		return nil
	}
	if c.record, err = decodeRecord(c.Record); err != nil {
		return fmt.Errorf("read the record of %s: %w", c.Address, err)
	}
	return nil
}

// apply makes the transition in s.
func (e *entry) apply(s *State) {
	for _, c := range e.Changes {
		if c.record == nil {
			delete(s.Batches, c.address)
		} else {
			s.Batches[c.address] = c.record
		}
	}
	if e.Learned != nil {
		s.Learned = *e.Learned
	}
	merge(s.Datasets, e.Datasets)
	merge(s.Told, e.Told)
	if e.Former != nil {
		s.Former = e.Former
	}
	s.Serial = e.Seq
}

// merge puts what an entry has into a map of the state; nil removes.
func merge[V any](into map[string]V, from map[string]*V) {
	for name, v := range from {
		if v == nil {
			delete(into, name)
		} else {
			into[name] = *v
		}
	}
}

// checkFormer makes sure that each is what stands in a label, once and in
// order.
func checkFormer(list []string) error {
	for i, l := range list {
		if len(l) != 6 || !lowerHex(l) {
			return fmt.Errorf("%q is no lineage of a label", l)
		}
		if i > 0 && list[i-1] >= l {
			return fmt.Errorf("the lineage %q of a label stands behind %q", l, list[i-1])
		}
	}
	return nil
}

func validLineage(s string) bool { return len(s) == 32 && lowerHex(s) }

func lowerHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
