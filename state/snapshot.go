package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/qaplan/qaplan/planner"
)

// The snapshot is one JSON object laid out in lines, so that a difference
// between two of them can be read, and so that it is read in one pass with
// memory for one batch:
//
//	{
//	  "version": 1,
//	  "lineage": "…",
//	  "former_lineages": ["…"],
//	  "serial": 12,
//	  "head": "…",
//	  "provider": {…},
//	  "learned": {…},
//	  "datasets": {…},
//	  "told": {…},
//	  "batches": {
//	    "batch.refinement[9]": {…},
//	    "batch.refinement[10]": {…}
//	  },
//	  "checksum": "crc32c:…"
//	}
//
// "former_lineages", "learned", "datasets" and "told" stand there only when there
// are any.
// "head" is the checksum of the last journal entry that was folded in. The
// checksum at the end covers all the lines before its own; CR LF counts as LF,
// since version control may turn one into the other.
const (
	checksumBefore = `  "checksum": "crc32c:`
	checksumAfter  = `"`
	batchesBefore  = `  "batches": {`
)

// Snapshot is a whole state as its file holds it.
type Snapshot struct {
	State
	// head is the checksum of the last journal entry that was folded in.
	head string
}

// Encode writes s in the form of the snapshot file. Equal states give equal
// bytes.
func (s *Snapshot) Encode(w io.Writer) error { return writeSnapshot(w, s) }

// Decode reads what Encode wrote, a snapshot file or a backup. name stands for
// it in errors: *CorruptError for what is damaged, cut or edited by hand,
// *VersionError for what a newer program wrote.
func Decode(name string, r io.Reader) (*Snapshot, error) {
	s, err := readSnapshot(name, r)
	if damage, ok := errors.AsType[*CorruptError](err); ok {
		damage.Given = true
	}
	return s, err
}

// writeSnapshot writes the same bytes for the same content.
func writeSnapshot(w io.Writer, s *Snapshot) error {
	guarded := &summer{w: w}
	out := bufio.NewWriterSize(guarded, 64<<10)
	field := func(key string, v any) error {
		data, err := encode(v)
		if err != nil {
			return fmt.Errorf("encode %s: %w", key, err)
		}
		_, err = fmt.Fprintf(out, "  %q: %s,\n", key, data)
		return err
	}
	optional := func(key string, n int, v any) error {
		if n == 0 {
			return nil
		}
		return field(key, v)
	}
	known := func() error { // as long as nothing was learned, nothing is said
		data, err := encode(s.Learned)
		if err != nil || string(data) == "{}" {
			return err
		}
		return field("learned", s.Learned)
	}
	out.WriteString("{\n")
	if err := errors.Join(
		field("version", FormatVersion),
		field("lineage", s.Lineage),
		optional("former_lineages", len(s.Former), s.Former),
		field("serial", s.Serial),
		field("head", s.head),
		field("provider", s.Provider),
		known(),
		optional("datasets", len(s.Datasets), s.Datasets),
		optional("told", len(s.Told), s.Told),
	); err != nil {
		return err
	}
	out.WriteString(batchesBefore)
	end := "\n"
	for _, a := range slices.SortedFunc(maps.Keys(s.Batches), planner.Address.Compare) {
		record, err := encode(s.Batches[a])
		if err != nil {
			return fmt.Errorf("encode %s: %w", a, err)
		}
		out.WriteString(end)
		out.WriteString(`    "`)
		out.WriteString(a.String())
		out.WriteString(`": `)
		if _, err := out.Write(record); err != nil {
			return err
		}
		end = ",\n"
	}
	if len(s.Batches) > 0 {
		out.WriteString("\n  ")
	}
	out.WriteString("},\n")
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s%08x%s\n}\n", checksumBefore, guarded.crc, checksumAfter)
	return err
}

// summer passes bytes on and sums them.
type summer struct {
	w   io.Writer
	crc uint32
}

func (s *summer) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.crc = crc32.Update(s.crc, castagnoli(), p[:n])
	return n, err
}

// snapshotReader reads a snapshot line by line.
type snapshotReader struct {
	in     *bufio.Reader
	buffer []byte // holds a line longer than in's buffer
	crc    uint32
	line   int
	s      Snapshot
	seen   map[string]bool
	last   planner.Address
	record recordReader
	// visit is given each record as it is read, nil to put them all into s; it ends
	// the reading with an error of its own.
	visit func(planner.Address, *planner.Record) error
	some  bool // there was a record
}

// readSnapshot reads the whole of r. Only a snapshot that is whole and
// undamaged is ever returned.
func readSnapshot(file string, r io.Reader) (*Snapshot, error) {
	return (&snapshotReader{}).from(file, r)
}

func (p *snapshotReader) from(file string, r io.Reader) (*Snapshot, error) {
	p.in, p.seen = bufio.NewReaderSize(r, 64<<10), map[string]bool{}
	p.s.cloneMaps()
	if p.visit == nil {
		p.visit = func(a planner.Address, rec *planner.Record) error {
			p.s.Batches[a] = rec
			return nil
		}
	}
	err := p.read()
	if err == nil {
		return &p.s, nil
	}
	if newer, ok := errors.AsType[*VersionError](err); ok {
		newer.File, newer.Line = file, 0
		return nil, newer
	}
	if damage, ok := errors.AsType[*damageError](err); ok {
		return nil, &CorruptError{File: file, Line: damage.line, Reason: damage.reason}
	}
	return nil, fmt.Errorf("read state: %s: %w", file, err)
}

// damageError is something wrong in the content, as opposed to a failing read.
type damageError struct {
	line   int
	reason string
}

func (e *damageError) Error() string { return e.reason }

func (p *snapshotReader) damage(format string, args ...any) error {
	return &damageError{p.line, fmt.Sprintf(format, args...)}
}

// next gives the next line without its line break, valid until the next call.
func (p *snapshotReader) next() ([]byte, error) {
	line, err := p.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		p.buffer = append(p.buffer[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = p.in.ReadSlice('\n')
			p.buffer = append(p.buffer, line...)
		}
		line = p.buffer
	}
	p.line++
	switch {
	case errors.Is(err, io.EOF) && p.line == 1 && len(line) == 0:
		return nil, &damageError{0, "it is empty"}
	case errors.Is(err, io.EOF):
		return nil, p.damage("it ends in the middle")
	case err != nil:
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// count adds a line to the checksum.
func (p *snapshotReader) count(line []byte) {
	p.crc = crc32.Update(p.crc, castagnoli(), line)
	p.crc = crc32.Update(p.crc, castagnoli(), []byte{'\n'})
}

func (p *snapshotReader) read() error {
	line, err := p.next()
	if err != nil {
		return err
	}
	if string(line) != "{" {
		return p.damage("it does not begin like a snapshot")
	}
	p.count(line)
	for {
		line, err := p.next()
		if err != nil {
			return p.newer(err)
		}
		if given, ok := bytes.CutPrefix(line, []byte(checksumBefore)); ok {
			return p.finish(string(given))
		}
		p.count(line)
		switch {
		case p.s.Version > FormatVersion: // only the checksum is of interest
		case string(line) == batchesBefore:
			err = p.batches()
		default:
			err = p.field(string(line))
		}
		if err != nil {
			return err
		}
	}
}

// newer makes of a failure to find the checksum what it means in a file whose
// format may differ.
func (p *snapshotReader) newer(err error) error {
	if _, damaged := errors.AsType[*damageError](err); damaged && p.s.Version > FormatVersion {
		return &VersionError{Version: p.s.Version, Readable: FormatVersion}
	}
	return err
}

// field takes a line of the top level.
func (p *snapshotReader) field(line string) error {
	rest, ok := strings.CutPrefix(line, `  "`)
	key, value, split := strings.Cut(rest, `": `)
	value, ended := strings.CutSuffix(value, ",")
	if !ok || !split || !ended {
		return p.damage("the line is damaged, or was edited")
	}
	if p.seen[key] {
		return p.damage("%q stands there twice", key)
	}
	p.seen[key] = true
	var err error
	switch key {
	case "version":
		if p.s.Version, err = strconv.Atoi(value); err == nil && p.s.Version < 1 {
			return p.damage("%d is no format version", p.s.Version)
		}
	case "lineage":
		err = decode([]byte(value), &p.s.Lineage)
	case "former_lineages":
		if err = decode([]byte(value), &p.s.Former); err == nil {
			err = checkFormer(p.s.Former)
		}
	case "serial":
		err = decode([]byte(value), &p.s.Serial)
	case "head":
		err = decode([]byte(value), &p.s.head)
	case "provider":
		err = decode([]byte(value), &p.s.Provider)
	case "learned":
		err = decode([]byte(value), &p.s.Learned)
	case "datasets":
		err = decode([]byte(value), &p.s.Datasets)
	case "told":
		err = decode([]byte(value), &p.s.Told)
	case "batches":
		if value != "{}" {
			return p.damage("the line is damaged, or was edited")
		}
	default: // of a later program of the same version
		var v any
		err = decode([]byte(value), &v)
	}
	if err != nil {
		return p.damage("%q cannot be read: %v", key, err)
	}
	return nil
}

// batches takes the lines up to the brace that closes them.
func (p *snapshotReader) batches() error {
	if p.seen["batches"] {
		return p.damage("%q stands there twice", "batches")
	}
	p.seen["batches"] = true
	for more := true; more; {
		line, err := p.next()
		if err != nil {
			return err
		}
		p.count(line)
		line, more = bytes.CutSuffix(line, []byte{','})
		if err := p.batch(line); err != nil {
			return err
		}
	}
	line, err := p.next()
	if err != nil {
		return err
	}
	p.count(line)
	if string(line) != "  }," {
		return p.damage("the line is damaged, or was edited")
	}
	return nil
}

func (p *snapshotReader) batch(line []byte) error {
	rest, ok := bytes.CutPrefix(line, []byte(`    "`))
	key, value, split := bytes.Cut(rest, []byte(`": `))
	if !ok || !split {
		return p.damage("the line is damaged, or was edited")
	}
	a, err := parseAddress(string(key))
	if err != nil {
		return p.damage("%q is %v", key, err)
	}
	if a.Block == p.last.Block {
		a.Block = p.last.Block // one copy for all
	} else {
		a.Block = strings.Clone(a.Block)
	}
	if p.some && p.last.Compare(a) >= 0 {
		return p.damage("%s stands behind %s", a, p.last)
	}
	record, err := p.record.decode(value)
	if err != nil {
		return p.damage("the record of %s cannot be read: %v", a, err)
	}
	p.last, p.some = a, true
	return p.visit(a, record)
}

// finish checks the checksum and what must be there.
func (p *snapshotReader) finish(given string) error {
	want := fmt.Sprintf("%08x", p.crc)
	if given != want+checksumAfter {
		return p.damage("its checksum does not fit: the file is damaged, or was edited")
	}
	line, err := p.next()
	if err != nil {
		return err
	}
	if string(line) != "}" {
		return p.damage("the line is damaged, or was edited")
	}
	switch _, err := p.in.ReadByte(); {
	case err == nil:
		return p.damage("something follows its end")
	case !errors.Is(err, io.EOF):
		return err
	}
	if p.s.Version > FormatVersion {
		return &VersionError{Version: p.s.Version, Readable: FormatVersion}
	}
	for _, key := range []string{"version", "lineage", "serial", "batches"} {
		if !p.seen[key] {
			return &damageError{0, fmt.Sprintf("%q is missing", key)}
		}
	}
	if !validLineage(p.s.Lineage) {
		return &damageError{0, fmt.Sprintf("%q is no lineage", p.s.Lineage)}
	}
	if p.s.Serial < 0 {
		return &damageError{0, fmt.Sprintf("%d is no serial", p.s.Serial)}
	}
	return nil
}
