package planner

import (
	"slices"
	"time"
)

// FormatVersion is the version of the plan's JSON: a new minor version only
// adds keys, a new major version may do anything.
const FormatVersion = "1.0"

// Phase is where a batch stands; each batch is in exactly one.
type Phase string

const (
	PhaseAbsent    Phase = "absent"
	PhaseUploaded  Phase = "uploaded"
	PhaseUnknown   Phase = "unknown"
	PhaseSubmitted Phase = "submitted"
	PhaseSucceeded Phase = "succeeded"
	PhaseDone      Phase = "done"
	PhaseFailed    Phase = "failed"
	PhaseHeld      Phase = "held"
)

// Phases lists every phase in the order in which a batch passes them.
func Phases() []Phase {
	return []Phase{PhaseAbsent, PhaseUploaded, PhaseUnknown, PhaseSubmitted, PhaseSucceeded, PhaseDone, PhaseFailed, PhaseHeld}
}

// Action is one thing to do for a batch.
type Action string

const (
	ActionAdopt    Action = "adopt"
	ActionUpload   Action = "upload"
	ActionCreate   Action = "create"
	ActionDownload Action = "download"
	ActionForget   Action = "forget"
)

// Reason is a stable code that says why a change is planned, or why a batch
// is held or failed.
type Reason string

// Reasons of changes.
const (
	ReasonNotSubmitted     Reason = "not_submitted"     // nothing was bought yet
	ReasonUploadUnfinished Reason = "upload_unfinished" // an upload was begun
	ReasonUploadExpired    Reason = "upload_expired"    // the upload is gone, or about to be
	ReasonSourceChanged    Reason = "source_changed"
	ReasonModelChanged     Reason = "model_changed"
	ReasonJobFailed        Reason = "job_failed"
	ReasonJobExpired       Reason = "job_expired"
	ReasonRerun            Reason = "rerun"
	ReasonCreateAbsent     Reason = "create_absent" // a send without an answer bought nothing
	ReasonJobFound         Reason = "job_found"     // a live job was recognised
	ReasonJobSucceeded     Reason = "job_succeeded"
	ReasonPartialOutput    Reason = "partial_output" // a job that did not succeed left some answers
	ReasonResultMissing    Reason = "result_missing"
	ReasonResultChanged    Reason = "result_changed"
	ReasonSourceBack       Reason = "source_back"
	ReasonLeftConfig       Reason = "left_config"
	ReasonRenamed          Reason = "renamed"
	// ReasonRepair: rows were answered, but not well.
	ReasonRepair Reason = "repair"
	// ReasonRowsInHand: nothing more is to be had or wanted. The result is made of
	// what is in hand, whatever rows are open; nothing is fetched of the attempt.
	ReasonRowsInHand Reason = "rows_in_hand"
)

// Delivers reports whether a download for that reason makes the result of what is
// in hand, whatever rows are open. For any other, what came is kept while
// Record.Repairable gives rows, or where its job ended early.
func (r Reason) Delivers() bool {
	switch r {
	case ReasonRowsInHand, ReasonResultMissing, ReasonResultChanged, ReasonSourceChanged:
		return true
	}
	return false
}

// Reasons for a hold; see Exit for the way out of each. source_changed,
// model_changed and left_config are shared with the changes.
const (
	HoldMaybeBought      Reason = "maybe_bought"
	HoldClaimedElsewhere Reason = "claimed_elsewhere"
	HoldCancelled        Reason = "cancelled"
	HoldJobGone          Reason = "job_gone"
	HoldResultGone       Reason = "result_gone"
	HoldNoOutput         Reason = "no_output"
	HoldStateUnknown     Reason = "state_unknown"
	HoldModelChanged     Reason = "model_changed"
	HoldSourceChanged    Reason = "source_changed"
	HoldSourceGone       Reason = "source_gone"
	HoldResultExists     Reason = "result_exists"
	HoldLeftConfig       Reason = "left_config"
	HoldOtherProject     Reason = "other_project"
	HoldWrongJob         Reason = "wrong_job"
)

// Reasons for a failure.
const (
	FailAttemptsUsedUp Reason = "attempts_used_up"
	FailRefused        Reason = "refused"
)

// HoldReasons lists every reason for a hold.
func HoldReasons() []Reason {
	return []Reason{
		HoldMaybeBought, HoldClaimedElsewhere, HoldCancelled, HoldJobGone, HoldResultGone, HoldNoOutput,
		HoldStateUnknown, HoldModelChanged, HoldSourceChanged, HoldSourceGone, HoldResultExists,
		HoldLeftConfig, HoldOtherProject, HoldWrongJob,
	}
}

// Plan is what an apply would do. It is plain data: what is printed is what
// runs, and the same inputs give the same bytes but for CreatedAt.
type Plan struct {
	FormatVersion string    `json:"format_version"`
	QaplanVersion string    `json:"qaplan_version"`
	CreatedAt     time.Time `json:"created_at"`
	// Digest covers config, inputs and purchases; see [Plan.Expect].
	Digest string `json:"digest"`
	// ConfigDigest is that of the config's meaning, InputsDigest that of the
	// batches: their sources, models and result paths.
	ConfigDigest string  `json:"config_digest"`
	InputsDigest string  `json:"inputs_digest"`
	Service      Service `json:"provider"`
	Lineage      string  `json:"lineage"`
	Serial       int64   `json:"serial"`
	// Complete is false when the plan leaves batches out: a selection, or a
	// listing that could not be trusted.
	Complete bool `json:"complete"`
	// Selection is what narrowed or widened the plan, nil when nothing did.
	Selection *Selection `json:"selection,omitempty"`
	// Applyable is false when there is nothing to do.
	Applyable bool      `json:"applyable"`
	Changes   []Change  `json:"changes"`
	Waiting   []Waiting `json:"waiting"`
	Held      []Held    `json:"held"`
	Failed    []Failed  `json:"failed"`
	Problems  []Problem `json:"problems"`
	Summary   Summary   `json:"summary"`
	Estimate  Estimate  `json:"estimate"`
	// Forecast says how it is expected to go, nil where nothing is known.
	Forecast *Forecast `json:"forecast,omitempty"`
}

// Service names the service that a plan is for.
type Service struct {
	Kind    string `json:"kind"` // "gemini" or "emulator"
	BaseURL string `json:"base_url,omitempty"`
}

// String names the service in a sentence.
func (s Service) String() string {
	if s.BaseURL == "" {
		return s.Kind
	}
	return s.Kind + " at " + s.BaseURL
}

// Selection is what a person chose on the command line.
type Selection struct {
	Targets  []Selector `json:"targets,omitempty"`
	Excludes []Selector `json:"excludes,omitempty"`
	Rerun    []Selector `json:"rerun,omitempty"`
}

// codeListing marks the problem of a listing that kept changing.
const codeListing = "listing_incomplete"

// Unsure reports whether something was left because the listing kept changing
// while it was read: the next look may find more to do.
func (p *Plan) Unsure() bool {
	return slices.ContainsFunc(p.Problems, func(pr Problem) bool { return pr.Code == codeListing })
}

// Codes of problems that money makes.
const (
	CodeMaxCost  = "max_cost"  // a limit on the cost stands against a create
	CodeCostOpen = "cost_open" // creates wait until jobs have shown what they cost
)

// CodeTooLarge is the code of a create that a declared limit refuses by itself,
// whatever else is active.
const CodeTooLarge = "too_large"

// CodeJobOld is the code of a job that has been at work for much longer than its
// siblings took.
const CodeJobOld = "job_old"

// Refused reports whether a limit on the cost stands against creates.
func (p *Plan) Refused() bool {
	return slices.ContainsFunc(p.Problems, func(pr Problem) bool { return pr.Code == CodeMaxCost })
}

// Change is what is to be done for one batch, in the order of doing.
type Change struct {
	Address Address  `json:"address"`
	Block   string   `json:"block"`
	Number  int      `json:"number"`
	Phase   Phase    `json:"phase"`
	Actions []Action `json:"actions"`
	Reason  Reason   `json:"reason"`
	Attempt int      `json:"attempt,omitempty"` // of the create, or of the job that is downloaded
	Detail  Detail   `json:"detail"`
	Prior   Prior    `json:"prior"`
}

// Prior is what had been bought for a batch when its change was planned. A
// purchase of a saved plan is carried out only where this still holds.
type Prior struct {
	// Bought counts the attempts that have a job, or may have one.
	Bought int    `json:"bought"`
	Job    string `json:"job,omitempty"` // of the newest of them
	// Cancelled counts the attempts that somebody cancelled, or asked to.
	Cancelled int `json:"cancelled,omitempty"`
	// Claimed is the job that another state made for the same.
	Claimed string `json:"claimed_elsewhere,omitempty"`
	// OtherProject is set when not one recorded job was visible.
	OtherProject bool `json:"other_project,omitempty"`
}

// Has reports whether the change includes an action.
func (c *Change) Has(a Action) bool {
	for _, have := range c.Actions {
		if have == a {
			return true
		}
	}
	return false
}

// Detail says what a change works on.
type Detail struct {
	Source string `json:"source,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	Rows   int    `json:"rows,omitempty"`
	Tokens int64  `json:"input_tokens,omitempty"` // estimated: characters/4
	// OutputTokens and CostUSD are estimates of what a create will take; 0 where
	// they cannot be made.
	OutputTokens int64   `json:"output_tokens,omitempty"`
	CostUSD      float64 `json:"cost_usd,omitempty"`
	Model        string  `json:"model,omitempty"`
	File         string  `json:"file,omitempty"` // the upload that is used or adopted
	Job          string  `json:"job,omitempty"`  // the job that is adopted or downloaded
	// Jobs are further jobs adopted with it, older attempts of the same batch.
	Jobs   []string `json:"jobs,omitempty"`
	Output string   `json:"output,omitempty"` // path of the result file
	From   string   `json:"from,omitempty"`   // the former address of a renamed batch
	// Again is set when something is bought that was bought before.
	Again bool `json:"again,omitempty"`
	// Subset is set when only some rows of the source are, or were, bought;
	// SHA256, Bytes, Rows and Tokens are theirs then.
	Subset bool `json:"subset,omitempty"`
}

// Waiting is a batch that only time can move on.
type Waiting struct {
	Address  Address    `json:"address"`
	Job      string     `json:"job,omitempty"`
	JobState string     `json:"job_state"`
	Since    *time.Time `json:"since,omitempty"`
}

// Held is a batch that a person has to decide on.
type Held struct {
	Address Address `json:"address"`
	Reason  Reason  `json:"reason"`
	Exit    string  `json:"exit"` // the command or edit that ends the hold
	Job     string  `json:"job,omitempty"`
	Message string  `json:"message,omitempty"` // the service's words, when there are some
}

// Failed is a batch that nothing automatic will change.
type Failed struct {
	Address Address `json:"address"`
	Reason  Reason  `json:"reason"`
	Exit    string  `json:"exit"`
	Message string  `json:"message,omitempty"`
}

// Severity is how much a problem matters.
type Severity string

const (
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// Problem is something a reader of the plan should know. Code and Facts are
// the data; the sentence is the renderer's.
type Problem struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Summary  string   `json:"summary"`
	Address  *Address `json:"address,omitempty"`
	Job      string   `json:"job,omitempty"`
	// Exits are commands of which a person may choose one, or none. The problem's
	// own address stands in them in single quotes.
	Exits []string `json:"exits,omitempty"`
}

// Summary counts actions (upload to forget) and phases.
type Summary struct {
	Upload     int `json:"upload"`
	Create     int `json:"create"`
	Adopt      int `json:"adopt"`
	Download   int `json:"download"`
	Forget     int `json:"forget"`
	InProgress int `json:"in_progress"`
	Done       int `json:"done"`
	Failed     int `json:"failed"`
	Held       int `json:"held"`
}

func (s *Summary) count(a Action) {
	switch a {
	case ActionUpload:
		s.Upload++
	case ActionCreate:
		s.Create++
	case ActionAdopt:
		s.Adopt++
	case ActionDownload:
		s.Download++
	case ActionForget:
		s.Forget++
	}
}

func (s *Summary) phase(p Phase) {
	switch p {
	case PhaseUnknown, PhaseSubmitted, PhaseSucceeded:
		s.InProgress++
	case PhaseDone:
		s.Done++
	case PhaseFailed:
		s.Failed++
	case PhaseHeld:
		s.Held++
	}
}

// Estimate says what the creates of a plan amount to.
type Estimate struct {
	Requests     int64   `json:"requests"`
	InputTokens  int64   `json:"input_tokens"`
	OutputTokens int64   `json:"output_tokens"`
	CostUSD      float64 `json:"cost_usd"`
	Waves        int     `json:"waves"`
	Basis        string  `json:"basis"`
}

// Forecast says how what is planned and what runs is expected to go. Times are
// rounded lengths in seconds.
type Forecast struct {
	// AtOnce is how many jobs run at once while some wait, and Waves how often
	// that many are sent.
	AtOnce int `json:"at_once"`
	Waves  int `json:"waves"`
	// All is over between OverMin and OverMax; both are 0 as long as no job has
	// finished.
	OverMin int64 `json:"over_min"`
	OverMax int64 `json:"over_max"`
	// Limit is what holds creates back, in words, "" where nothing is known to.
	Limit string `json:"limit,omitempty"`
	// Learned tells that the limit was found out by refusals, and Confidence how
	// sure it is, from 0 to 1.
	Learned    bool    `json:"learned,omitempty"`
	Confidence float64 `json:"confidence,omitempty"`
}

// Item is one batch as Diff sees it; there is one for each batch that is
// desired or recorded, sorted by address.
type Item struct {
	Address Address
	Phase   Phase
	Reason  Reason // of the hold or failure, else ""
	// Undelivered tells that a job was bought whose answers are not delivered.
	Undelivered bool
	BadRows     int // rows of a delivered result that are not good
	Record      *Record
	Want        *Batch // nil when the batch is out of the config
	Extra       []*Job // live jobs for it beside those that Record names
	// Change is what is to be done for it, nil when nothing is.
	Change *Change
	// Left is set when a selection or a saved plan leaves the batch out: Change
	// is not in the plan then, and nothing of the batch is waited for.
	Left  bool
	prior Prior // as it would stand in a change
}
