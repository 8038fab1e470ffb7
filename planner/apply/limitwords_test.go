package apply

import (
	"testing"

	"github.com/qaplan/qaplan/planner/budget"
)

func TestLimitWords(t *testing.T) {
	for _, tt := range []struct {
		limit budget.Limit
		want  string
	}{
		{budget.Limit{}, ""},
		{budget.Limit{Budget: budget.EnqueuedTokens, Model: "m", Most: 580}, "enqueued tokens of m, 580"},
		{budget.Limit{Budget: budget.EnqueuedTokens, Model: "m", Most: 2_950_000}, "enqueued tokens of m, 3 M"},
		{budget.Limit{Budget: budget.ActiveJobs, Most: 9}, "active jobs, 9"},
	} {
		if got := limitWords(&tt.limit); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.limit, got, tt.want)
		}
	}
}
