package budget

// Names of budgets, as decisions, events and the state have them.
const (
	ActiveJobs       = "max_active_jobs"
	EnqueuedTokens   = "max_enqueued_tokens"
	CreatesPerMinute = "creates_per_minute"
	FileStorage      = "file_storage"
	// Refusals is the budget of creates that is known by its refusals only: a
	// pause after one, and a rhythm that they keep.
	Refusals = "creates"
)

// Limits are the declared ones. What is 0 is not declared.
type Limits struct {
	// MaxActiveJobs is over all jobs of the project, foreign ones counted.
	MaxActiveJobs int
	// MaxEnqueuedTokens is over the active jobs of a model, for each model that
	// TokensByModel does not name.
	MaxEnqueuedTokens int64
	TokensByModel     map[string]int64
	CreatesPerMinute  int
}

// EnqueuedTokens is the declared limit of a model, 0 when there is none.
func (l *Limits) EnqueuedTokens(model string) int64 {
	if n, ok := l.TokensByModel[model]; ok {
		return n
	}
	return l.MaxEnqueuedTokens
}

// lower is the lower one of two limits, where 0 is none.
func lower(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
