package notes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// known is what the config of most tests knows: the batches 51 to 204.
func known() Options {
	return Options{
		Numbers: func(n int) bool { return 51 <= n && n <= 204 },
		Globs:   []string{"submissions/batch_*_proper.jsonl"},
	}
}

// brief writes a whole result as lines.
func brief(res Result) string {
	var b strings.Builder
	for _, p := range res.Pairs {
		fmt.Fprintf(&b, "%d %s %s :%d %s\n", p.Number, p.ID, p.Sure, p.Line, p.Why)
	}
	for _, u := range res.Unpaired {
		fmt.Fprintf(&b, "- %s :%d %s\n", u.ID, u.Line, u.Why)
	}
	for _, c := range res.Conflicts {
		fmt.Fprintf(&b, "! %s\n", c.Why)
		for _, p := range c.Said {
			fmt.Fprintf(&b, "  %d %s %s :%d %s\n", p.Number, p.ID, p.Sure, p.Line, p.Why)
		}
	}
	return b.String()
}

// reading is a text and the whole result that it has to give.
type reading struct {
	name, text, want string
}

func check(t *testing.T, o Options, tests []reading) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := brief(Read([]byte(tt.text), o))
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); diff != "" {
				t.Errorf("%s\n(-want +got):\n%s", tt.text, diff)
			}
		})
	}
}
