package config

import (
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state/blob"
)

// DefaultFile is the name of the config file when none is given.
const DefaultFile = "qaplan.hcl"

// Options say what to load and with which variables.
type Options struct {
	// Path is the config file; relative paths in it are relative to its folder.
	// "" means DefaultFile.
	Path string
	// Vars are the name=value texts of --var, in order.
	Vars []string
	// VarFiles are the paths of --var-file, in order.
	VarFiles []string
	// Env looks an environment variable up, for QAPLAN_VAR_name and
	// GOOGLE_GEMINI_BASE_URL. nil means that none is set.
	Env func(string) (string, bool)
	// CheckFault says what is wrong with a fault of provider "emulator"; nil means
	// that faults are not checked here.
	CheckFault func(Fault) error
	// WithoutBatches lets a config pass that declares no batch: what is done with it
	// concerns the state alone.
	WithoutBatches bool
	// CheckHistory says what is wrong with the history of provider "emulator", and
	// on which of its lines; 0 is the file as a whole. nil means that histories are
	// not checked here.
	CheckHistory func(*Emulator) (line int, err error)
	// Version is the version of this program, for required_version; "" and
	// anything that is no version are not compared.
	Version string
}

func (o *Options) env(name string) (string, bool) {
	if o.Env == nil {
		return "", false
	}
	return o.Env(name)
}

// Config is what a config file means.
type Config struct {
	Path     string // of the file, as messages show it
	Dir      string // absolute folder of the file
	Backend  Backend
	Provider Provider
	Blocks   []Block   // sorted by name
	Imports  []Import  // sorted by batch, jobs first
	Datasets []Dataset // sorted by name
	// Digest is the sha256 of the meaning in lower-case hex: it changes with any
	// value, not with comments, order or spelling, and is the same on every
	// machine.
	Digest string

	texts *texts // of the files read, for diagnostics that come later
}

// Backend is where the state lives.
type Backend struct {
	Type  string // "local" or "blob"
	Path  string // absolute path of the state file; "" in a bucket
	Shown string // where the state is, as messages show it
	// Bucket is the object that holds the state, of type "blob" alone.
	Bucket blob.Location
	// Lease is how long the holder of a state in a bucket may give no sign of
	// life.
	Lease time.Duration
}

// ProviderKind names a service.
type ProviderKind string

const (
	ProviderGemini   ProviderKind = "gemini"
	ProviderEmulator ProviderKind = "emulator"
)

// Provider is the service and how to treat it.
type Provider struct {
	Kind ProviderKind
	// BaseURL has no slash at its end. "" means Google's own service, or the
	// embedded emulator.
	BaseURL string
	// BaseURLFrom is the environment variable that BaseURL was taken from, ""
	// when the config says it.
	BaseURLFrom string
	// SettleTime is how long a create without an answer may still turn up.
	SettleTime time.Duration
	// PollInterval is the time between listings of apply --wait.
	PollInterval time.Duration
	// Cooldown is the first pause after a refusal.
	Cooldown time.Duration
	// CountTokens is how many requests of each block and model apply has the service
	// count when nothing better tells how many tokens they have; 0 asks nothing.
	CountTokens int
	Rate        Rate
	// Emulator is set for ProviderEmulator alone.
	Emulator *Emulator
}

// Rate holds the declared limits; 0 is none.
type Rate struct {
	RequestsPerMinute int // all calls together
	CreatesPerMinute  int
	Parallelism       int // calls in flight; never 0
	MaxActiveJobs     int // jobs pending or running in the whole project
	// MaxEnqueuedTokens bounds the tokens of the active jobs of some models,
	// MaxEnqueuedTokensAll those of each model. At most one of the two is set.
	MaxEnqueuedTokens    map[string]int64
	MaxEnqueuedTokensAll int64
}

// EnqueuedTokens is the limit on the tokens of the active jobs of a model, 0 for
// none.
func (r *Rate) EnqueuedTokens(model string) int64 {
	if r.MaxEnqueuedTokensAll > 0 {
		return r.MaxEnqueuedTokensAll
	}
	return r.MaxEnqueuedTokens[model]
}

// Emulator sets the embedded service up for a rehearsal. Times in it are the
// emulator's own. What is zero is the emulator's default.
type Emulator struct {
	DataDir   string // absolute
	History   string // absolute path of the jobs and files to begin with; "" is none
	QueueTime Span   // from the create of a job to its start
	RunTime   Span   // from its start to its end
	// ClockRate is how many seconds pass in the emulator for each real one.
	ClockRate float64
	Models    []string // that exist; nil: the emulator's list
	PageSize  int
	Quota     Quota
	Rows      Rows
	Faults    []Fault // in the order of the config
	// RefuseCamelCase refuses inputs with camelCase fields.
	RefuseCamelCase bool
}

// Span is a length of time between two bounds, both included.
type Span struct{ Min, Max time.Duration }

// Quota holds the emulator's limits.
type Quota struct {
	MaxActiveJobs     int
	CreatesPerMinute  int
	RequestsPerMinute int
	FileBytes         int64
	StorageBytes      int64
	EnqueuedTokens    map[string]int64 // by model
	ReleaseDelay      time.Duration    // how long an ended job still counts
	CreatesPerDay     int              // by model
	NamedRefusals     bool             // creates per minute name themselves
	Burst             int              // creates that a pause follows
	BurstPause        Span
}

// Rows are the shares, from 0 to 1, of answer rows that go wrong.
type Rows struct {
	Error, Truncated, Blocked, Empty, Missing, Duplicated, Invalid, Swapped float64
}

// Fault is a named fault that the emulator is to show.
type Fault struct {
	Name  string
	Op    string // the kind of call that it strikes; "" is the fault's own
	First int    // the first matching call that it strikes, from 1
	Count int    // how many matching calls from then on; -1 is all
	Value string // what it needs besides, such as a length of time
}

// Unclaimed says what jobs that may be a block's own, but carry nobody's label,
// mean for its creates.
type Unclaimed string

const (
	UnclaimedHold   Unclaimed = "hold"
	UnclaimedIgnore Unclaimed = "ignore"
)

// Block is one batch block.
type Block struct {
	Name         string
	First, Last  int   // inclusive
	Exclude      []int // sorted, each once, all in the range
	Model        string
	ModelVar     string // the variable whose value the model is, "" where it is none's
	Source       string // the glob, absolute or relative to Config.Dir, with forward slashes
	OutputDir    string // as messages show it
	OutputDirAbs string
	OnChange     planner.OnChange
	Unclaimed    Unclaimed
	MaxAttempts  int
	AllowMissing bool
	// Rules say what a good answer is. RulesDigest is the sha256 in lower-case
	// hex of what they mean, and of what Repair changes in a request: rows that
	// were judged under another one are to be judged again.
	Rules       batchfile.Rules
	RulesDigest string
	Repair      *Repair // nil where bad rows stay as they are
	Price       *Price  // nil for the prices that qaplan knows
	MaxCost     float64 // USD for the whole block, over all runs; 0 is no limit
	OnComplete  *Hook   // nil where nobody is told
	// MaxCostPlace is file:line of max_cost, "" without one.
	MaxCostPlace string

	numbered   bool     // range and exclude are right
	names      []string // of the numbers First..Last; one: the same for all; "" and none: NAME_number
	declared   hcl.Range
	sourceAt   hcl.Range
	outputAt   hcl.Range
	outputReal string // absolute output_dir before a rehearsal moved it
	schema     string // canonical text of Rules.Schema, "" for none
}

// Count is how many batches the block declares.
func (b *Block) Count() int { return b.Last - b.First + 1 - len(b.Exclude) }

// DisplayName is the user's part of the display name of one batch.
func (b *Block) DisplayName(number int) string {
	name := ""
	switch len(b.names) {
	case 0:
	case 1:
		name = b.names[0]
	default:
		name = b.names[number-b.First]
	}
	if name == "" {
		return b.Name + "_" + strconv.Itoa(number)
	}
	return name
}

// Declared is the place of the block's header in the config.
func (b *Block) Declared() Range { return toRange(b.declared) }
