package emulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"strings"
)

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
	pairs  pairing
}

// pairing tells which rows have their answers under each other's key.
type pairing struct {
	partner map[int]int
	open    int // the row that waits for its partner, from 1; 0 is none
}

func (p *pairing) add(i int) {
	if p.open == 0 {
		p.open = i + 1
		return
	}
	if p.partner == nil {
		p.partner = map[int]int{}
	}
	first := p.open - 1
	p.partner[first], p.partner[i], p.open = i, first, 0
}

// lineAt is where a line of the input stands.
type lineAt struct{ at, length int64 }

// write streams the output to out, in an order that has nothing to do with that
// of the input. It holds one row at a time, 16 bytes for each other, and the
// places of those that are swapped.
func (w *resultWriter) write(out io.Writer, in io.ReaderAt, size int64) error {
	w.enc = json.NewEncoder(&w.buf)
	w.enc.SetEscapeHTML(false)
	lines, err := w.places(io.NewSectionReader(in, 0, size))
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
	for n, i := range order {
		r, err := read(i)
		if err != nil {
			return err
		}
		key := r.Key
		if j, ok := w.pairs.partner[i]; ok {
			other, err := read(j)
			if err != nil {
				return err
			}
			key = other.Key
		}
		if err := w.row(&r, int64(i), key); err != nil {
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

// places finds the lines, and the rows that are swapped.
func (w *resultWriter) places(in io.Reader) (lines []lineAt, err error) {
	err = eachLine(in, func(line []byte, at int64, _ int) error {
		i := len(lines)
		lines = append(lines, lineAt{at, int64(len(line))})
		if w.inline || !w.plan.maySwap(int64(i)) {
			return nil
		}
		r, err := w.parser.line(line)
		if err == nil && w.plan.swaps(&r, int64(i)) {
			w.pairs.add(i)
		}
		return err
	})
	return lines, err
}

// row renders what row i gets into the buffer, under the key: no, one or two
// lines.
func (w *resultWriter) row(r *row, i int64, key string) error {
	keyField := &key
	if !r.HasKey || w.inline {
		keyField = nil
	}
	v := w.plan.verdict(r, i, w.model)
	if v.err != nil {
		return w.enc.Encode(failedRow{keyField, v.err, json.RawMessage(r.Metadata)})
	}
	for _, response := range []*generateResponse{v.response, v.again} {
		if response == nil {
			continue
		}
		if err := w.enc.Encode(answeredRow{response, keyField, json.RawMessage(r.Metadata)}); err != nil {
			return err
		}
	}
	return nil
}

// last does to the end of the output what the plan asks for.
func (w *resultWriter) last() error {
	for n := range w.plan.WrongKey {
		key := fmt.Sprintf("nobody-asked-%d", n+1)
		r := row{Key: key, HasKey: true, HasContents: true, Prompt: "What nobody asked", Tokens: 3}
		if err := w.enc.Encode(answeredRow{Response: answer(&r, RowGood, 0, w.plan.Seed, w.model), Key: &key}); err != nil {
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
