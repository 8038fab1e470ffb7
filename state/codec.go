package state

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/qaplan/qaplan/planner"
)

// encode gives the JSON of v on one line, always the same bytes for the same
// value. It follows encoding/json where the two differ on omitempty, and what
// is not UTF-8 (a file name, a message of a proxy) becomes U+FFFD: a
// transition must never go unrecorded for the sake of a letter.
func encode(v any) ([]byte, error) {
	return json.Marshal(v,
		json.Deterministic(true),
		jsonv1.OmitEmptyWithLegacySemantics(true),
		jsonv1.FormatDurationAsNano(true),
		jsontext.AllowInvalidUTF8(true))
}

// decode reads what encode wrote. Keys that it does not know are passed over:
// a later program of the same format version may have added them.
func decode(data []byte, v any) error {
	return json.Unmarshal(data, v, jsonv1.FormatDurationAsNano(true))
}

// sum is what guards a line of the journal and the snapshot against damage.
func sum(data []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(data, castagnoli()))
}

// castagnoli is made once by the standard library, and has its own machine
// instructions.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// checkAddress makes sure that a written address can be read again.
func checkAddress(a planner.Address) error {
	if !planner.ValidLabel(a.Block) || a.Number < 0 {
		return fmt.Errorf("no address of a batch: block %q, number %d", a.Block, a.Number)
	}
	return nil
}

var errNotAddress = errors.New("not the address of one batch, such as batch.refinement[72]")

// parseAddress reads the form that Address.String writes, and no other.
func parseAddress(s string) (planner.Address, error) {
	const before = "batch."
	if len(s) <= len(before)+2 || s[:len(before)] != before || s[len(s)-1] != ']' {
		return planner.Address{}, errNotAddress
	}
	open := len(s) - 2
	for open > 0 && s[open] != '[' {
		open--
	}
	block, number := s[len(before):max(open, len(before))], s[open+1:len(s)-1]
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || strconv.Itoa(n) != number || !planner.ValidLabel(block) {
		return planner.Address{}, errNotAddress
	}
	return planner.Address{Block: block, Number: n}, nil
}
