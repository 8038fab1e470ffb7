package notes

// Options is what the config knows.
type Options struct {
	// Numbers reports whether the config has a batch with the number; nil takes
	// every number.
	Numbers func(int) bool
	// Globs are the sources of the batch blocks, such as
	// submissions/batch_*_proper.jsonl: the * of a file name holds its number.
	Globs []string
}

// Sureness says how plainly a text pairs an id with a number.
type Sureness int

const (
	// Guessed pairs stand near each other: on neighbouring lines, or in one
	// sentence of many.
	Guessed Sureness = iota + 1
	// Likely pairs stand in one record, but nothing calls the number a batch
	// number; or something does, in a record that only its layout shows.
	Likely
	// Stated pairs stand in one object, row or line, and the number is called a
	// batch number there.
	Stated
)

// String gives the word for messages.
func (s Sureness) String() string {
	switch s {
	case Guessed:
		return "guessed"
	case Likely:
		return "likely"
	case Stated:
		return "stated"
	}
	return "none"
}

// Pair is one job or file of the text, with the batch number that belongs to it.
type Pair struct {
	ID     string // batches/… or files/…
	Number int
	Sure   Sureness
	Why    string // where the number stands, for a person: same line: "(batch 051)"
	Line   int    // of the id, from 1
}

// Unpaired is an id without a number.
type Unpaired struct {
	ID   string
	Line int    // of the id, from 1
	Why  string // for a person, without a full stop
}

// Conflict is what a text says that cannot all be true.
type Conflict struct {
	Why  string // for a person, without a full stop
	Said []Pair // two or more, by line
}

// Result is what a text says.
type Result struct {
	// Pairs has each id once, by number, jobs before files. A number may have one
	// job and several files.
	Pairs []Pair
	// Unpaired has ids that are neither in Pairs nor in Conflicts, by line.
	Unpaired []Unpaired
	// Conflicts has ids said for two numbers, and numbers said for two jobs. None
	// of those is in Pairs.
	Conflicts []Conflict
}

// Read finds the pairs in a text. Its time grows with the length of the text; a
// bound on that is the caller's to set.
func Read(text []byte, o Options) Result {
	r := newReader(o)
	return r.settle(r.read(decode(text), 0))
}

// reader is Options made ready.
type reader struct {
	numbers func(int) bool
	globs   []glob
}

func newReader(o Options) *reader {
	r := &reader{numbers: o.Numbers}
	if r.numbers == nil {
		r.numbers = func(int) bool { return true }
	}
	for _, g := range o.Globs {
		if g, ok := newGlob(g); ok {
			r.globs = append(r.globs, g)
		}
	}
	return r
}

// page is one text while it is read: the whole one, or a string inside it.
type page struct {
	*reader
	text  string
	depth int // of strings in strings
	// starts holds the offset of each line's first byte.
	starts []int
	ids    []mention // by offset
	labels []label   // by offset, none inside an id
}

// maxDepth is how deep strings inside strings are read: a log line holds a
// reply, which holds an object in a string.
const maxDepth = 4

// read finds the ids of a text and what the text says of each.
func (r *reader) read(text string, depth int) []mention {
	p := &page{reader: r, text: text, depth: depth}
	p.findIDs()
	if len(p.ids) == 0 {
		return nil
	}
	p.findLines()
	p.labels = outside(r.labels(text), p.ids)
	p.readValues()
	p.readTables()
	p.readLines()
	p.readVicinity()
	return p.ids
}
