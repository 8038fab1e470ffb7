package report

import (
	"time"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

// FormatVersion is the version of the report's JSON: a new minor version only
// adds keys, a new major version may do anything.
const FormatVersion = "1.0"

// Report is all that a report tells. Times are UTC, to the second; lengths of
// time are in seconds, amounts of money in US dollars.
type Report struct {
	FormatVersion string    `json:"format_version"`
	QaplanVersion string    `json:"qaplan_version"`
	CreatedAt     time.Time `json:"created_at"`
	// AsOf is the newest time that the state tells of, or CreatedAt where the
	// service was asked.
	AsOf      time.Time       `json:"as_of,omitzero"`
	Refreshed bool            `json:"refreshed"`
	Config    string          `json:"config"`
	Service   planner.Service `json:"provider"`
	Lineage   string          `json:"lineage"`
	Serial    int64           `json:"serial"`

	Summary    Summary    `json:"summary"`
	Blocks     []Block    `json:"blocks"`
	Days       []Day      `json:"days"`
	Timeline   Timeline   `json:"timeline"`
	Work       Work       `json:"work"`
	Throughput Throughput `json:"throughput"`
	Durations  Durations  `json:"durations"`
	// Rows are the rows in hand by what they were found to be, Ends the jobs that
	// gave nothing and the refusals that stand.
	Rows        []RowClass      `json:"rows"`
	Ends        []End           `json:"ends"`
	BadRows     []BadRow        `json:"bad_rows"`
	MoreBadRows int             `json:"more_bad_rows"` // that BadRows leaves out
	Stuck       []ui.StuckGroup `json:"stuck"`
	AtWork      []AtWork        `json:"at_work"` // the oldest first
	Limits      []Limit         `json:"limits"`
	Next        Next            `json:"next"`
	Files       Files           `json:"files"`
	Batches     []Batch         `json:"batches"`
}

// Summary counts all batches.
type Summary struct {
	Batches   int                   `json:"batches"`
	Phases    map[planner.Phase]int `json:"phases"` // every phase, zeros too
	Rows      int64                 `json:"rows"`   // of the sources
	Good      int64                 `json:"good"`
	Bad       int64                 `json:"bad"`
	Jobs      int                   `json:"jobs"`
	Repairs   int                   `json:"repairs"` // jobs among them that bought bad rows again
	Adopted   int                   `json:"adopted"` // jobs among them that were begun elsewhere
	Unbought  int                   `json:"refused"` // sends that bought nothing
	Tokens    Tokens                `json:"tokens"`
	CostUSD   float64               `json:"cost_usd"`
	ToComeUSD float64               `json:"to_come_usd"` // an estimate for answers that were not read yet
	CostOpen  bool                  `json:"cost_open"`   // some of it cannot be told
}

// InProgress counts the batches whose job is unknown, at work or not delivered.
func (s *Summary) InProgress() int {
	return s.Phases[planner.PhaseUnknown] + s.Phases[planner.PhaseSubmitted] + s.Phases[planner.PhaseSucceeded]
}

// Open counts the batches for which nothing is bought yet.
func (s *Summary) Open() int { return s.Phases[planner.PhaseAbsent] + s.Phases[planner.PhaseUploaded] }

// Tokens are the service's own counts; cached ones are part of the input.
type Tokens struct {
	Input    int64 `json:"input"`
	Output   int64 `json:"output"`
	Thoughts int64 `json:"thoughts"`
	Cached   int64 `json:"cached"`
}

func (t *Tokens) add(u planner.Tokens) {
	t.Input += u.Input
	t.Output += u.Output
	t.Thoughts += u.Thoughts
	t.Cached += u.Cached
}

// Sum is what is paid for, in and out.
func (t Tokens) Sum() int64 { return t.Input + t.Output + t.Thoughts }

// Block is one batch block.
type Block struct {
	Name      string   `json:"name"`
	Models    []string `json:"models"`
	First     int      `json:"first"`
	Last      int      `json:"last"`
	Batches   int      `json:"batches"`
	Done      int      `json:"done"`
	Rows      int64    `json:"rows"`
	Good      int64    `json:"good"`
	Bad       int64    `json:"bad"`
	Jobs      int      `json:"jobs"`
	Tokens    Tokens   `json:"tokens"`
	CostUSD   float64  `json:"cost_usd"`
	ToComeUSD float64  `json:"to_come_usd"`
	CostOpen  bool     `json:"cost_open"`
	MaxUSD    float64  `json:"max_cost_usd"` // 0 is no limit
}

// Day is what the jobs that ended on a day came to.
type Day struct {
	Date    string  `json:"date"` // UTC
	Jobs    int     `json:"jobs"`
	Rows    int64   `json:"rows"` // that were answered
	Tokens  Tokens  `json:"tokens"`
	CostUSD float64 `json:"cost_usd"`
}

// Timeline counts the batches by phase at several times.
type Timeline struct {
	Times  []time.Time             `json:"times"`
	Phases map[planner.Phase][]int `json:"phases"` // for each of Times; only phases that occur
}

// Work is what was at work, for each model: the most in the time up to each of
// Times.
type Work struct {
	Times  []time.Time `json:"times"`
	Models []ModelWork `json:"models"`
	Jobs   []int64     `json:"jobs"` // of all models
	Peak   int64       `json:"peak"`
}

// ModelWork is what was at work of one model.
type ModelWork struct {
	Model      string  `json:"model"`
	Jobs       []int64 `json:"jobs"`
	Tokens     []int64 `json:"tokens"` // of their inputs, as estimated
	PeakJobs   int64   `json:"peak_jobs"`
	PeakTokens int64   `json:"peak_tokens"`
}

// Throughput is what came about in stretches of time that are equally long.
type Throughput struct {
	EverySeconds int64     `json:"every_seconds"` // 0 where nothing came about
	Stretches    []Stretch `json:"stretches"`
}

// Stretch is one of them.
type Stretch struct {
	From    time.Time `json:"from"`
	Created int       `json:"created"` // jobs
	Ended   int       `json:"ended"`   // jobs, however they did
	Rows    int64     `json:"rows"`    // answered
}

// Durations says how long the jobs took that succeeded, from create to end.
type Durations struct {
	Jobs            int   `json:"jobs"`
	ShortestSeconds int64 `json:"shortest_seconds"`
	MedianSeconds   int64 `json:"median_seconds"`
	NinetySeconds   int64 `json:"ninety_seconds"` // nine in ten took no longer
	LongestSeconds  int64 `json:"longest_seconds"`
	Bins            []Bin `json:"bins"`
}

// Bin counts jobs that took from so long to less than so long.
type Bin struct {
	FromSeconds int64 `json:"from_seconds"`
	ToSeconds   int64 `json:"to_seconds"`
	Jobs        int   `json:"jobs"`
}

// RowClass counts rows in hand that were found to be the same.
type RowClass struct {
	Class   string `json:"class"`
	Rows    int64  `json:"rows"`
	Batches int    `json:"batches"` // that have such rows
}

// End counts jobs that ended without all their answers, or refusals that stand,
// with the service's words.
type End struct {
	State   string `json:"state"` // FAILED, EXPIRED, CANCELLED, GONE or REFUSED
	Message string `json:"message"`
	Jobs    int    `json:"jobs"`
	Batches int    `json:"batches"`
	Example string `json:"example"` // one of the batches
}

// BadRow is a row in hand without a good answer. Request and Answer are lines of
// source and answers, where content was asked for.
type BadRow struct {
	ui.BadRow
	Request string `json:"request,omitempty"`
	Answer  string `json:"answer,omitempty"`
}

// AtWork is a job that may still be at work.
type AtWork struct {
	Address    planner.Address `json:"address"`
	Job        string          `json:"job"`
	State      string          `json:"state"`
	Model      string          `json:"model"`
	CreatedAt  time.Time       `json:"created_at,omitzero"`
	AgeSeconds int64           `json:"age_seconds"`
	// Old tells that it has taken much longer than the slowest of its siblings.
	Old            bool  `json:"old"`
	Siblings       int   `json:"siblings"`
	SlowestSeconds int64 `json:"slowest_seconds"`
}

// Limit is one that is declared, or was learned from refusals, beside the most
// that was seen.
type Limit struct {
	Name     string `json:"name"` // active_jobs, enqueued_tokens, creates_per_minute, requests_per_minute
	Model    string `json:"model,omitempty"`
	Declared int64  `json:"declared"` // 0 where nothing is
	// Good is the most at which a create was accepted, Bad the least at which one
	// was refused; 0 where that is not known.
	Good int64 `json:"good"`
	Bad  int64 `json:"bad"`
	Seen int64 `json:"seen"` // the most of this state's own jobs
}

// Next is what is left to do.
type Next struct {
	Summary  planner.Summary  `json:"summary"`
	Estimate planner.Estimate `json:"estimate"`
	// Forecast is nil where nothing is known.
	Forecast *planner.Forecast `json:"forecast,omitempty"`
	// Refused tells that a limit on the cost stands against purchases.
	Refused bool `json:"refused"`
}

// Files are where things are, as messages show them.
type Files struct {
	State    string   `json:"state"`
	Sources  []string `json:"sources"` // patterns
	Results  []string `json:"results"` // folders
	Datasets []string `json:"datasets"`
}

// Batch is one batch, with what status tells of it.
type Batch struct {
	ui.StatusBatch
	Block       string    `json:"block"`
	Model       string    `json:"model"`
	Source      string    `json:"source"`
	JobEndedAt  time.Time `json:"job_ended_at,omitzero"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	TookSeconds int64     `json:"took_seconds"` // of its last job, 0 where it has not ended
}
