package emulator

import (
	"cmp"
	"math"
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

// RowOutcome is what a row gets.
type RowOutcome string

// The outcomes of rows.
const (
	RowGood       RowOutcome = "good"
	RowFailed     RowOutcome = "failed"     // an error in place of a response
	RowTruncated  RowOutcome = "truncated"  // cut text, finishReason MAX_TOKENS
	RowBlocked    RowOutcome = "blocked"    // no candidates, promptFeedback
	RowEmpty      RowOutcome = "empty"      // a candidate without text
	RowInvalid    RowOutcome = "invalid"    // a whole answer that is not what was asked for
	RowMissing    RowOutcome = "missing"    // no line at all
	RowDuplicated RowOutcome = "duplicated" // two lines with two answers

	// swapped is a good answer that stands under another row's key.
	swapped RowOutcome = "swapped"
)

// outcome gives the fate of the row with the index n, from 0.
func (p *rowPlan) outcome(r *row, n int64) RowOutcome {
	f := &p.Faults
	switch {
	case n < int64(p.Missing):
		return RowMissing
	case p.AllFailed != 0, !r.HasContents, p.ErrorDetails && n == 0, p.Partial > 0 && n >= p.Partial:
		return RowFailed
	case n < int64(p.Duplicated):
		return RowDuplicated
	case *f == RowFaults{}:
		return RowGood
	case p.need(r) > r.limit():
		return RowTruncated
	}
	// The others share what the truncated rows leave.
	u := share(p.Seed, "row", r.Key) * (1 - f.TruncatedShare)
	for _, f := range []struct {
		share float64
		fate  RowOutcome
	}{
		{f.ErrorShare, RowFailed}, {f.BlockedShare, RowBlocked}, {f.EmptyShare, RowEmpty}, {f.MissingShare, RowMissing},
		{f.DuplicatedShare, RowDuplicated}, {f.InvalidShare, RowInvalid}, {f.SwappedShare, swapped},
	} {
		if u < f.share {
			return f.fate
		}
		u -= f.share
	}
	return RowGood
}

// defaultLimit is how many output tokens a row gets that names no limit, where
// its answer is a long one.
const defaultLimit = 1 << 10

// limit gives the output tokens, thoughts included, that a long answer may have.
func (r *row) limit() int64 {
	if r.MaxOutput > 0 {
		return r.MaxOutput
	}
	return defaultLimit
}

// need gives the output tokens, thoughts included, that the answer to a row
// takes where it is a long one, 0 for the others. It is 2 to 8 times the default
// limit and depends on key and prompt alone: who sends the row again meets the
// same need, whatever else the job holds.
func (p *rowPlan) need(r *row) int64 {
	if share("long answer", r.Key, r.Prompt) >= p.Faults.TruncatedShare {
		return 0
	}
	return int64(defaultLimit * math.Exp2(1+2*share("need", r.Key, r.Prompt)))
}

// swaps tells whether the row takes part in swapping: each such row has its
// answer under the key of the next, and the other way round.
func (p *rowPlan) swaps(r *row, n int64) bool {
	return r.HasKey && p.maySwap(n) && (p.Swapped && n < 2 || p.outcome(r, n) == swapped)
}

// maySwap tells whether a row with the index n can take part in swapping.
func (p *rowPlan) maySwap(n int64) bool { return p.Faults.SwappedShare > 0 || p.Swapped && n < 2 }

// verdict is what becomes of a row, in full.
type verdict struct {
	outcome  RowOutcome
	err      *rpcStatus
	response *generateResponse
	again    *generateResponse // the other answer of a row that gets two
}

func (p *rowPlan) verdict(r *row, n int64, model string) verdict {
	v := verdict{outcome: p.outcome(r, n)}
	switch v.outcome {
	case RowMissing:
	case RowFailed:
		v.err = p.failure(r, n)
	case RowDuplicated:
		v.again = answer(r, v.outcome, p.need(r), p.Seed+" again", model)
		fallthrough
	default:
		v.response = answer(r, v.outcome, p.need(r), p.Seed, model)
		if v.outcome == swapped {
			v.outcome = RowGood
		}
		if v.response.cut() {
			v.outcome = RowTruncated // its own limit may be the reason, without any fault
		}
	}
	return v
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
