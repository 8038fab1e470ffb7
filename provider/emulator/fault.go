package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Fault is a named switch that makes certain calls go wrong. There are no dice:
// it says which calls, counted by the server since SetFaults or New.
type Fault struct {
	Name string // one of the constants below
	// Op is the kind of call that is hit, one of the Op constants; "" means any
	// for a fault of the wire, and the natural one for the others (see the
	// package's table).
	Op string
	// First is the number of the first matching call that is hit, from 1; 0
	// means 1. Each fault counts the calls that match it on its own.
	First int
	// Count is how many matching calls are hit from then on; 0 means 1, -1 all.
	Count int
	// Value says more where the fault takes more: a duration, a status code, a
	// name; "" means the default of the table.
	Value string
}

// The kinds of calls.
const (
	OpCreate         = "create"
	OpGetJob         = "get_job"
	OpListJobs       = "list_jobs"
	OpCancel         = "cancel"
	OpDeleteJob      = "delete_job"
	OpUploadStart    = "upload_start"
	OpUploadChunk    = "upload_chunk"
	OpUploadFinalize = "upload_finalize"
	OpUploadQuery    = "upload_query"
	OpUploadCancel   = "upload_cancel"
	OpGetFile        = "get_file"
	OpListFiles      = "list_files"
	OpDeleteFile     = "delete_file"
	OpDownload       = "download"
	OpCountTokens    = "count_tokens"
	OpGenerate       = "generate"
	OpListModels     = "list_models"
	OpGetModel       = "get_model"
	OpOther          = "other" // no such route
)

// The faults. The package documentation has a table of what each does.
const (
	FaultResetBefore   = "reset_before"
	FaultResetAfter    = "reset_after"
	FaultTimeoutBefore = "timeout_before"
	FaultTimeoutAfter  = "timeout_after"
	FaultStatusBefore  = "status_before"
	FaultStatusAfter   = "status_after"
	FaultEmpty200      = "empty_200"
	FaultHTML200       = "html_200"
	FaultHTML503       = "html_503"
	FaultRedirect      = "redirect"
	FaultCutBody       = "cut_body"
	FaultWrongLength   = "wrong_length"
	FaultMalformedJSON = "malformed_json"
	FaultQuota429      = "quota_429"
	FaultSlow          = "slow"
	FaultNoDate        = "no_date"
	FaultDateBack      = "date_back"

	FaultListRepeat   = "list_repeat"
	FaultListSkip     = "list_skip"
	FaultListShift    = "list_shift"
	FaultListFailPage = "list_fail_page"
	FaultListLag      = "list_lag"

	FaultDelayedCreate          = "delayed_create"
	FaultUnknownState           = "unknown_state"
	FaultSucceededWithoutOutput = "succeeded_without_output"
	FaultJobStuck               = "job_stuck"
	FaultJobFailed              = "job_failed"
	FaultJobExpired             = "job_expired"
	FaultPartialOutput          = "partial_output"
	FaultCancelDelayed          = "cancel_delayed"
	FaultCancelCode             = "cancel_code"

	FaultChunkWithoutStatus  = "chunk_without_status"
	FaultCutUpload           = "cut_upload"
	FaultFinalizeWithoutFile = "finalize_without_file"
	FaultUnsupportedMIME200  = "unsupported_mime_200"
	FaultFileExpiredEarly    = "file_expired_early"
	FaultLongNameGet         = "long_name_get"

	FaultAllRowsFailed      = "all_rows_failed"
	FaultMissingRow         = "missing_row"
	FaultDuplicatedKey      = "duplicated_key"
	FaultSwappedKeys        = "swapped_keys"
	FaultWrongKeyLine       = "wrong_key_line"
	FaultMalformedLastLine  = "malformed_last_line"
	FaultInlineErrorDetails = "inline_error_details"
	FaultTruncatedDownload  = "truncated_download"
	FaultIgnoreRange        = "ignore_range"
)

// rowOps are the calls at which a fault of the result rows can strike: for the
// life of the job, or in one download.
var rowOps = []string{OpCreate, OpDownload}

// naturalOps lists, for each fault, the calls that it can hit; the first is what
// an empty Op means. nil: any call.
func naturalOps(name string) (ops []string, known bool) {
	switch name {
	case FaultResetBefore, FaultResetAfter, FaultTimeoutBefore, FaultTimeoutAfter,
		FaultStatusBefore, FaultStatusAfter, FaultEmpty200, FaultHTML200, FaultHTML503,
		FaultRedirect, FaultCutBody, FaultWrongLength, FaultMalformedJSON, FaultQuota429,
		FaultSlow, FaultNoDate, FaultDateBack:
		return nil, true
	case FaultListRepeat, FaultListSkip, FaultListShift, FaultListFailPage:
		return []string{OpListJobs, OpListFiles}, true
	case FaultListLag:
		return []string{OpCreate, OpUploadFinalize}, true
	case FaultUnknownState:
		return []string{OpCreate, OpGetJob, OpListJobs}, true
	case FaultDelayedCreate, FaultSucceededWithoutOutput, FaultJobStuck, FaultJobFailed,
		FaultJobExpired, FaultPartialOutput, FaultInlineErrorDetails:
		return []string{OpCreate}, true
	case FaultCancelDelayed, FaultCancelCode:
		return []string{OpCancel}, true
	case FaultChunkWithoutStatus, FaultCutUpload:
		return []string{OpUploadChunk, OpUploadFinalize}, true
	case FaultFinalizeWithoutFile, FaultFileExpiredEarly:
		return []string{OpUploadFinalize}, true
	case FaultUnsupportedMIME200:
		return []string{OpUploadFinalize, OpUploadStart}, true
	case FaultLongNameGet:
		return []string{OpGetFile}, true
	case FaultAllRowsFailed, FaultMissingRow, FaultDuplicatedKey, FaultSwappedKeys,
		FaultWrongKeyLine, FaultMalformedLastLine:
		return rowOps, true
	case FaultTruncatedDownload, FaultIgnoreRange:
		return []string{OpDownload}, true
	}
	return nil, false
}

// FaultNames gives the names of all faults, in the order of the package's table.
func FaultNames() []string {
	return []string{
		FaultResetBefore, FaultResetAfter, FaultTimeoutBefore, FaultTimeoutAfter,
		FaultStatusBefore, FaultStatusAfter, FaultEmpty200, FaultHTML200, FaultHTML503,
		FaultRedirect, FaultCutBody, FaultWrongLength, FaultMalformedJSON, FaultQuota429,
		FaultSlow, FaultNoDate, FaultDateBack,
		FaultListRepeat, FaultListSkip, FaultListShift, FaultListFailPage, FaultListLag,
		FaultDelayedCreate, FaultUnknownState, FaultSucceededWithoutOutput, FaultJobStuck,
		FaultJobFailed, FaultJobExpired, FaultPartialOutput, FaultCancelDelayed, FaultCancelCode,
		FaultChunkWithoutStatus, FaultCutUpload, FaultFinalizeWithoutFile,
		FaultUnsupportedMIME200, FaultFileExpiredEarly, FaultLongNameGet,
		FaultAllRowsFailed, FaultMissingRow, FaultDuplicatedKey, FaultSwappedKeys,
		FaultWrongKeyLine, FaultMalformedLastLine, FaultInlineErrorDetails, FaultTruncatedDownload,
		FaultIgnoreRange,
	}
}

// Check tells what is wrong with the fault as it was written down.
func (f Fault) Check() error {
	ops, known := naturalOps(f.Name)
	switch {
	case !known:
		return fmt.Errorf("fault %q: no such fault", f.Name)
	case f.Op != "" && !slices.Contains(allOps(), f.Op):
		return fmt.Errorf("fault %s: op %q: no such kind of call", f.Name, f.Op)
	case f.Op != "" && ops != nil && !slices.Contains(ops, f.Op):
		return fmt.Errorf("fault %s: op %q: it can hit %q only", f.Name, f.Op, ops)
	case f.First < 0 || f.Count < -1:
		return fmt.Errorf("fault %s: first %d, count %d: must not be negative, but for a count of -1", f.Name, f.First, f.Count)
	}
	return f.checkValue()
}

func allOps() []string {
	return []string{
		OpCreate, OpGetJob, OpListJobs, OpCancel, OpDeleteJob,
		OpUploadStart, OpUploadChunk, OpUploadFinalize, OpUploadQuery, OpUploadCancel,
		OpGetFile, OpListFiles, OpDeleteFile, OpDownload,
		OpCountTokens, OpGenerate, OpListModels, OpGetModel, OpOther,
	}
}

// checkValue refuses a Value that the fault could not understand when it strikes.
func (f Fault) checkValue() error {
	if f.Value == "" {
		if f.Name == FaultRedirect || f.Name == FaultUnknownState {
			return fmt.Errorf("fault %s: needs a value", f.Name)
		}
		return nil
	}
	var err error
	switch f.Name {
	case FaultSlow, FaultDateBack, FaultListLag, FaultDelayedCreate, FaultSucceededWithoutOutput,
		FaultJobExpired, FaultCancelDelayed, FaultFileExpiredEarly:
		_, err = time.ParseDuration(f.Value)
	case FaultListSkip, FaultListShift, FaultListFailPage, FaultMissingRow, FaultDuplicatedKey,
		FaultWrongKeyLine, FaultAllRowsFailed, FaultCancelCode, FaultCutUpload, FaultTruncatedDownload:
		_, err = strconv.Atoi(f.Value)
	case FaultStatusBefore, FaultStatusAfter, FaultMalformedJSON:
		var code int
		if code, err = strconv.Atoi(f.Value); err == nil && (code < 400 || code > 599) {
			err = fmt.Errorf("is no status of an error")
		}
	case FaultQuota429:
		if !slices.Contains(quotaKinds(), f.Value) {
			err = fmt.Errorf("is none of %q", quotaKinds())
		}
	case FaultChunkWithoutStatus:
		err = oneOf(f.Value, "after")
	case FaultFinalizeWithoutFile:
		err = oneOf(f.Value, "made")
	case FaultJobStuck:
		err = oneOf(f.Value, "PENDING", "RUNNING")
	}
	if err != nil {
		return fmt.Errorf("fault %s: value %q: %w", f.Name, f.Value, err)
	}
	return nil
}

func oneOf(v string, allowed ...string) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	return fmt.Errorf("is none of %q", allowed)
}

// matches tells whether the fault counts a call of the kind op.
func (f Fault) matches(op string) bool {
	if f.Op != "" {
		return f.Op == op
	}
	ops, _ := naturalOps(f.Name)
	if ops == nil {
		return true
	}
	if f.Name == FaultListRepeat || f.Name == FaultListSkip || f.Name == FaultListShift || f.Name == FaultListFailPage ||
		f.Name == FaultChunkWithoutStatus || f.Name == FaultCutUpload {
		return slices.Contains(ops, op)
	}
	return ops[0] == op
}

func (f Fault) duration(otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(f.Value); err == nil {
		return d
	}
	return otherwise
}

func (f Fault) number(otherwise int) int {
	if n, err := strconv.Atoi(f.Value); err == nil {
		return n
	}
	return otherwise
}
