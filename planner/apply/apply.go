package apply

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/durable"
	"github.com/qaplan/qaplan/state/results"
)

// Jobs is what the engine asks of the service about jobs. Errors are
// *provider.Error; reads are retried below, CreateJob is sent exactly once.
type Jobs interface {
	ListJobs(ctx context.Context, token string) (provider.JobPage, error)
	GetJob(ctx context.Context, name string) (provider.Job, error)
	CreateJob(ctx context.Context, r provider.CreateRequest) (provider.Job, error)
}

// Files is what the engine asks of the service about input files.
type Files interface {
	ListFiles(ctx context.Context, token string) (provider.FilePage, error)
	GetFile(ctx context.Context, name string) (provider.File, error)
	// Upload returns only when the service has confirmed size and sha256.
	Upload(ctx context.Context, src io.ReaderAt, r provider.UploadRequest) (provider.File, error)
}

// Models is asked, once a run for each model and before the first upload for
// it, whether a model exists.
type Models interface {
	// CheckModel's error has the class gone when the service says no.
	CheckModel(ctx context.Context, model string) error
}

// Answers is where finished jobs are read from.
type Answers interface {
	// Download writes the bytes of an output from an offset on, whether the
	// service can begin there or not.
	Download(ctx context.Context, file string, offset int64, w io.Writer) (provider.Downloaded, error)
	// InlineAnswers writes the answers that stand in a job itself as lines.
	InlineAnswers(ctx context.Context, job string, w io.Writer) error
}

// Journal is the record that is durable before and after each call. Record
// costs the same whatever the number of batches; State may not.
type Journal interface {
	Recorder
	State() *state.State
	Record(a planner.Address) *planner.Record
}

// Recorder makes transitions durable: each is when the call returns.
type Recorder interface {
	Lineage() (string, error)
	Write(op string, changes ...state.Change) error
	// Learn takes over what creates have taught; it is durable with the next
	// write.
	Learn(k budget.Knowledge)
	WriteDataset(path string, d state.Dataset) error
	// WriteTold records that Completer was told of what is complete; id "" forgets
	// it.
	WriteTold(subject, id string) error
}

// Completer is told when a batch or a block is complete: at least once for each
// id, since a run may die between the telling and its record. An error is
// reported, and the next run tells it again. It is called from one goroutine,
// beside everything else that a run does, with a ctx that an interrupt of the run
// does not end.
type Completer interface {
	Complete(ctx context.Context, c *planner.Completion) error
}

// Path is where a batch's files are on this machine.
type Path struct {
	Source string // the input file
	// Facts are those of the input file when its bytes were the planned ones. As long
	// as it has them they are not read once more to know that. Zero: nothing is known.
	Facts      durable.Facts
	OutputDir  string // or the address of a folder in a bucket
	OutputName string // base name of the result file
}

// Limits are the declared limits; 0 is unlimited.
type Limits struct {
	RequestsPerMinute int // all calls together
	CreatesPerMinute  int
	MaxActiveJobs     int // in the whole project, foreign jobs counted
	// EnqueuedTokens is over the active jobs of a model, for each model that
	// TokensByModel does not name.
	EnqueuedTokens int64
	TokensByModel  map[string]int64
	Parallelism    int // calls in flight; 0 means 4
}

// Options is everything that an Engine works with.
type Options struct {
	Jobs    Jobs
	Files   Files
	Answers Answers
	Models  Models // nil asks nothing
	// Counter counts the tokens of so many requests of each block and model of which
	// nothing is known yet; nil or 0 leaves the estimate at characters/4.
	Counter     Counter
	CountTokens int
	Journal     Journal // nil for a plan: nothing is written then
	// Recorded is the state that a plan reads; ignored when Journal is set.
	Recorded *state.State
	Desired  planner.Desired
	Paths    map[planner.Address]Path
	Rows     map[string]Rows // by block
	Costs    map[string]Cost // by block
	// Prices is the table of prices; nil is the built-in one.
	Prices []budget.Price
	// MaxCost is what the purchases of this run may cost, 0 for no limit.
	MaxCost  budget.USD
	Datasets []Dataset
	// Completer is told of what is complete in these blocks; nil is no one.
	Completer Completer
	Completes map[string]bool
	// OpenDir opens an output folder; nil is [results.Open], of a folder on this
	// machine.
	OpenDir func(ctx context.Context, path string) (*results.Dir, error)
	// Recognised are results that were read before; nil is none.
	Recognised *Recognised
	// Refresh is false for a plan that asks the service nothing.
	Refresh  bool
	Plan     planner.Options
	Limits   Limits
	Gate     *Gate         // admission, shared with the client; nil makes one from Limits
	Cooldown time.Duration // first pause after a refusal; 0 means 2 min
	// PollInterval is the pause between listings while waiting; 0 means 30 s.
	PollInterval time.Duration
	// TookOver tells that the lock was taken from a run that may still live: its
	// last send counts as over only after a while.
	TookOver bool
	// AdoptOnly carries out adoptions and leaves everything else.
	AdoptOnly bool
	// Wait reconciles until every batch is done, failed or held.
	Wait bool
	Emit func(Event) // never called at the same time twice; nil discards
	// Outlook is told with each round of an apply, and after each create; never at
	// the same time twice. nil discards.
	Outlook func(Outlook)
	Log     *slog.Logger
}
