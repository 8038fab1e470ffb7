package batchfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRefusal(t *testing.T) {
	tests := []struct {
		name, message string
		want          []RefusedLine
	}{
		{"as reported", "Error on line 1: invalid JSON, near column 1032: no such field: 'thinking_config'\nError on line 2: invalid JSON, near column 23: unexpected character: '['; expected '{'\n",
			[]RefusedLine{
				{1, "invalid JSON, near column 1032: no such field: 'thinking_config'"},
				{2, "invalid JSON, near column 23: unexpected character: '['; expected '{'"},
			}},
		{"words around", "Request contains an invalid argument.\r\n  Error on line 17 : bad\r\n\r\nand  so on.", []RefusedLine{{17, "bad and so on"}}},
		{"cut short", "Error on line 1: bad\nError on line 2:", []RefusedLine{{1, "bad"}, {2, ""}}},
		{"no number", "Error on line one: bad\nError on line 0: x\nError on line -3: x\nError on line 99999999999999999999: x", nil},
		{"none", "You exceeded your current quota.", nil},
		{"empty", "", nil},
		{"long", "Error on line 3: " + strings.Repeat("x", 1000), []RefusedLine{{3, strings.Repeat("x", 297) + "…"}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ParseRefusal(tt.message)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
