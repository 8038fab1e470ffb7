package emulator

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"strings"
)

// rowPlan says what becomes of each row of a job. It is fixed when the job is
// made and kept in its record, so every server of the folder writes the same
// output.
type rowPlan struct {
	// Seed is all chance there is: content, model, and how many jobs had both
	// before.
	Seed   string    `json:"seed"`
	Faults RowFaults `json:"faults,omitzero"`

	AllFailed     int  `json:"all_failed,omitempty"` // google.rpc code of every row
	Missing       int  `json:"missing,omitempty"`    // the first n rows have no line
	Duplicated    int  `json:"duplicated,omitempty"` // the first n rows have two lines
	WrongKey      int  `json:"wrong_key,omitempty"`  // n lines under keys that nobody sent
	Swapped       bool `json:"swapped,omitempty"`    // the first two answers under each other's key
	MalformedLast bool `json:"malformed_last,omitempty"`
	ErrorDetails  bool `json:"error_details,omitempty"`
	// Partial is how many rows were answered before the job ended early; the
	// others have an error with code 1. 0: all.
	Partial int64 `json:"partial,omitempty"`
}

// damaged gives the plan with the damage of more on top.
func (p rowPlan) damaged(more rowPlan) rowPlan {
	p.AllFailed = cmp.Or(more.AllFailed, p.AllFailed)
	p.Missing = max(p.Missing, more.Missing)
	p.Duplicated = max(p.Duplicated, more.Duplicated)
	p.WrongKey = max(p.WrongKey, more.WrongKey)
	p.Swapped = p.Swapped || more.Swapped
	p.MalformedLast = p.MalformedLast || more.MalformedLast
	p.ErrorDetails = p.ErrorDetails || more.ErrorDetails
	return p
}

// rows gives what the faults of a call do to the rows.
func (h hits) rows() (p rowPlan) {
	number := func(name string, otherwise int) int {
		if f, ok := h[name]; ok {
			return f.number(otherwise)
		}
		return 0
	}
	p.AllFailed = number(FaultAllRowsFailed, 3)
	p.Missing = number(FaultMissingRow, 1)
	p.Duplicated = number(FaultDuplicatedKey, 1)
	p.WrongKey = number(FaultWrongKeyLine, 1)
	p.Swapped = h.has(FaultSwappedKeys)
	p.MalformedLast = h.has(FaultMalformedLastLine)
	p.ErrorDetails = h.has(FaultInlineErrorDetails)
	return p
}

// takeRows counts the faults of a call that change rows.
func (h hits) takeRows() {
	for _, name := range []string{
		FaultAllRowsFailed, FaultMissingRow, FaultDuplicatedKey, FaultSwappedKeys,
		FaultWrongKeyLine, FaultMalformedLastLine, FaultInlineErrorDetails,
	} {
		h.take(name)
	}
}

// outcome is what a row gets.
type outcome int

const (
	good outcome = iota
	failed
	truncated
	blocked
	empty
	missing
	duplicated
)

// outcome gives the fate of the row with the index n, from 0.
func (p *rowPlan) outcome(r *row, n int64) outcome {
	switch {
	case n < int64(p.Missing):
		return missing
	case p.AllFailed != 0, !r.HasContents, p.ErrorDetails && n == 0, p.Partial > 0 && n >= p.Partial:
		return failed
	case n < int64(p.Duplicated):
		return duplicated
	case p.Faults == RowFaults{}:
		return good
	}
	u := share(p.Seed, "row", r.Key)
	for _, f := range []struct {
		share float64
		fate  outcome
	}{
		{p.Faults.ErrorShare, failed}, {p.Faults.TruncatedShare, truncated}, {p.Faults.BlockedShare, blocked},
		{p.Faults.EmptyShare, empty}, {p.Faults.MissingShare, missing}, {p.Faults.DuplicatedShare, duplicated},
	} {
		if u < f.share {
			return f.fate
		}
		u -= f.share
	}
	return good
}

// failure gives the error of the row with the index n.
func (p *rowPlan) failure(r *row, n int64) *rpcStatus {
	s := &rpcStatus{Code: 13, Message: "Internal error encountered."}
	switch {
	case p.AllFailed != 0:
		s = &rpcStatus{Code: p.AllFailed, Message: "Request contains an invalid argument."}
	case !r.HasContents:
		s = &rpcStatus{Code: 3, Message: "* GenerateContentRequest.contents: contents is not specified\n"}
	case p.Partial > 0 && n >= p.Partial:
		s = &rpcStatus{Code: 1, Message: "The operation was cancelled."}
	}
	if p.ErrorDetails {
		s.Details = []any{map[string]string{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "row failed"}}
	}
	return s
}

// answeredRow and failedRow are the lines of an output file. In an answer the
// key stands last, as in the captures.
type answeredRow struct {
	Response *generateResponse `json:"response"`
	Key      *string           `json:"key,omitempty"`
	Metadata json.RawMessage   `json:"metadata,omitempty"`
}

type failedRow struct {
	Key      *string         `json:"key,omitempty"`
	Error    *rpcStatus      `json:"error"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// rpcStatus is a google.rpc.Status: Code is a google.rpc code.
type rpcStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Details []any  `json:"details,omitempty"`
}

// resultWriter makes the output of a job from its input.
type resultWriter struct {
	plan   *rowPlan
	model  string
	inline bool // answers carry metadata, and keep the order of the requests

	parser rowParser
	buf    bytes.Buffer
	enc    *json.Encoder
	keys   [2]row // the first two rows, for swapping
}

// lineAt is where a line of the input stands.
type lineAt struct{ at, length int64 }

// write streams the output to out, in an order that has nothing to do with that
// of the input. It holds one row at a time, and 16 bytes for each other.
func (w *resultWriter) write(out io.Writer, in io.ReaderAt, size int64) error {
	w.enc = json.NewEncoder(&w.buf)
	w.enc.SetEscapeHTML(false)
	var lines []lineAt
	err := eachLine(io.NewSectionReader(in, 0, size), func(line []byte, at int64, _ int) error {
		lines = append(lines, lineAt{at, int64(len(line))})
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the input: %w", err)
	}
	order := make([]int, len(lines))
	for i := range order {
		order[i] = i
	}
	if !w.inline {
		shuffle(order, w.plan.Seed)
	}
	var line []byte
	read := func(i int) (row, error) {
		line = append(line[:0], make([]byte, lines[i].length)...)
		if _, err := in.ReadAt(line, lines[i].at); err != nil {
			return row{}, fmt.Errorf("read the input: %w", err)
		}
		return w.parser.line(line)
	}
	for i := range min(2, len(lines)) {
		if w.keys[i], err = read(i); err != nil {
			return err
		}
	}
	for n, i := range order {
		r, err := read(i)
		if err != nil {
			return err
		}
		if err := w.row(&r, int64(i)); err != nil {
			return err
		}
		if n == len(order)-1 {
			err = w.last()
		}
		if err != nil {
			return err
		}
		if _, err := out.Write(w.buf.Bytes()); err != nil {
			return err
		}
		w.buf.Reset()
	}
	return nil
}

// row renders what row i gets into the buffer: no, one or two lines.
func (w *resultWriter) row(r *row, i int64) error {
	key := r.Key
	if w.plan.Swapped && i < 2 && w.keys[1-i].HasKey {
		key = w.keys[1-i].Key
	}
	keyField := &key
	if !r.HasKey || w.inline {
		keyField = nil
	}
	o := w.plan.outcome(r, i)
	switch o {
	case missing:
		return nil
	case failed:
		return w.enc.Encode(failedRow{keyField, w.plan.failure(r, i), json.RawMessage(r.Metadata)})
	}
	line := answeredRow{answer(r, o, w.plan.Seed, w.model), keyField, json.RawMessage(r.Metadata)}
	if err := w.enc.Encode(line); err != nil || o != duplicated {
		return err
	}
	line.Response = answer(r, o, w.plan.Seed+" again", w.model)
	return w.enc.Encode(line)
}

// last does to the end of the output what the plan asks for.
func (w *resultWriter) last() error {
	for n := range w.plan.WrongKey {
		key := fmt.Sprintf("nobody-asked-%d", n+1)
		r := row{Key: key, HasKey: true, HasContents: true, Prompt: "What nobody asked", Tokens: 3}
		if err := w.enc.Encode(answeredRow{Response: answer(&r, good, w.plan.Seed, w.model), Key: &key}); err != nil {
			return err
		}
	}
	if w.plan.MalformedLast {
		text := bytes.TrimSuffix(w.buf.Bytes(), []byte("\n"))
		start := bytes.LastIndexByte(text, '\n') + 1
		w.buf.Truncate(start + (len(text)-start)/2)
	}
	return nil
}

// shuffle puts order into one that depends on the seed alone and, where there
// are two rows or more, is not the input's.
func shuffle(order []int, seed string) {
	sum := sha256.Sum256([]byte(seed + " order"))
	rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for i, v := range order {
		if v != i {
			return
		}
	}
	if n := len(order); n > 1 {
		order[0], order[n-1] = order[n-1], order[0]
	}
}

// share gives a number in [0, 1) that depends on the words alone.
func share(words ...string) float64 {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

const (
	base36 = "0123456789abcdefghijklmnopqrstuvwxyz"
	base62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// idFrom gives an id of n characters that depends on the words alone.
func idFrom(alphabet string, n int, words ...string) string {
	var b strings.Builder
	base, digit := big.NewInt(int64(len(alphabet))), new(big.Int)
	for block := 0; b.Len() < n; block++ {
		sum := sha256.Sum256([]byte(fmt.Sprint(block, "\x00", strings.Join(words, "\x00"))))
		v := new(big.Int).SetBytes(sum[:])
		for i := 0; i < 36 && b.Len() < n; i++ {
			v.DivMod(v, base, digit)
			b.WriteByte(alphabet[digit.Int64()])
		}
	}
	return b.String()
}
