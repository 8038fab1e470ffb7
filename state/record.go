package state

import (
	"errors"

	"github.com/qaplan/qaplan/planner"
)

// decodeRecord reads the record of a batch.
func decodeRecord(data []byte) (*planner.Record, error) {
	if len(data) == 0 || data[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	r := new(planner.Record)
	if err := decode(data, r); err != nil {
		return nil, err
	}
	return r, nil
}
