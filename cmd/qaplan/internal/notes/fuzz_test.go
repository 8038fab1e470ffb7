package notes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("\xff\xfeb\x00a\x00t\x00c\x00h\x00 \x005\x001\x00:\x00 \x00f\x00i\x00l\x00e\x00s\x00/\x00f\x001\x00"))
	f.Add([]byte("{'a': [(51, 'batches/x1'), <x: 'y'>], \"t\": \"{\\\"batch\\\": 52, \\\"job\\\": \\\"batches\\/x2\\\"}\\n# batch 53\"}"))
	f.Add([]byte("## Batch 51\n\n- job: batches/x1\n  batch: 51\n\n**Batch 52**:\n```\nfiles/f2\n```\n52:\n  files/f2\n"))
	f.Add([]byte("batch,job\n51,\"batches/x1\"\n\"52\n\",batches/x2\n|a|batch|\n|batches/x3|53|\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		res := Read(text, known())
		plain := strings.ReplaceAll(decode(text), `\/`, "/")
		seen := map[string]bool{}
		jobs := map[int]bool{}
		for _, p := range res.Pairs {
			switch {
			case seen[p.ID]:
				t.Errorf("%s twice", p.ID)
			case !strings.Contains(plain, p.ID):
				t.Errorf("%s does not stand in the text", p.ID)
			case !known().Numbers(p.Number):
				t.Errorf("%s: number %d is not of the config", p.ID, p.Number)
			case strings.HasPrefix(p.ID, "batches/") && jobs[p.Number]:
				t.Errorf("two jobs for %d", p.Number)
			case p.Why == "" || p.Sure < Guessed || p.Sure > Stated || p.Line < 1 || p.Line > strings.Count(plain, "\n")+1:
				t.Errorf("pair %+v", p)
			}
			seen[p.ID] = true
			jobs[p.Number] = jobs[p.Number] || strings.HasPrefix(p.ID, "batches/")
		}
		for _, u := range res.Unpaired {
			if seen[u.ID] || u.Why == "" || u.Line < 1 {
				t.Errorf("unpaired %+v", u)
			}
			seen[u.ID] = true
		}
		for _, c := range res.Conflicts {
			if len(c.Said) < 2 || c.Why == "" {
				t.Errorf("conflict %+v", c)
			}
			for _, p := range c.Said {
				if seen[p.ID] {
					t.Errorf("%s is in conflict and is not", p.ID)
				}
			}
		}
		if diff := cmp.Diff(res, Read(text, known())); diff != "" {
			t.Errorf("read twice:\n%s", diff)
		}
	})
}

// hostile texts are long, and shaped so that a reader that looks back would take
// hours.
func hostile(size int) map[string]string {
	texts := map[string]string{}
	for _, unit := range []string{
		"[", "{", "(\"", "{\"a\":[", "[\"batches/x1\",", "{'{\"", "batches/x1 ", "batches/x1,", "batches/x1;\t| ", "batch 51 ", "batch_", "batch 51 batches/x1 ",
		"\"a,batches/x1\n", "a,\"batches/x1\n", "batch 51\nbatches/x1\n", "- batch 51\n", "|", "||batches/x1", "51:\n", "  batches/x1  51\n", "batches/x1…", "\\\"", "batch_051_proper", "1",
	} {
		texts[unit] = strings.Repeat(unit, size/len(unit)) + " batches/z9"
	}
	var deep strings.Builder
	for i := 0; deep.Len() < size; i++ {
		fmt.Fprintf(&deep, "batches/a%d, ", i)
	}
	texts["one long line of ids"] = deep.String()
	texts["one long string of ids"] = `{"batch": 51, "text": "` + deep.String() + `"}`
	texts["one long row of ids"] = strings.ReplaceAll(deep.String(), " ", "") + "\nbatch,51"
	return texts
}

func TestHostile(t *testing.T) {
	for name, text := range hostile(1 << 20) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := Read([]byte(text), known())
			if len(res.Pairs)+len(res.Unpaired)+len(res.Conflicts) == 0 {
				t.Error("no id was found")
			}
		})
	}
}
