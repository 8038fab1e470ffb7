package notes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whole files as people and programs leave them: a report written by hand, its
// names as tables, a listing of the service, the log of a script.
func TestFiles(t *testing.T) {
	want := map[string]string{
		"report.md": `51 batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq stated :18 same line: "(batch 051)"
52 batches/stgtetixp5xxw0nzm5uv4n7tjgpftfl27nbw stated :19 same line: "(batch 052)"
53 batches/ci3inwvjsfr1ji925xcz2yly0po6hr1jfjnu stated :20 same line: "(batch 053)"
72 files/z1lupf7w76in stated :27 column "Batch": 072
73 files/ewyzu7dqaou0 stated :28 column "Batch": 073
74 files/rnfrtefbmplb stated :29 column "Batch": 074
`,
		"jobs.tsv": `51 batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq stated :2 column "batch": 051
52 batches/stgtetixp5xxw0nzm5uv4n7tjgpftfl27nbw stated :3 column "batch": 052
`,
		"files.tsv": `72 files/z1lupf7w76in stated :2 column "batch": 072
73 files/ewyzu7dqaou0 stated :3 column "batch": 073
`,
		"listing.json": `51 batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq stated :4 same object: "displayName": refinement_batch_051
51 files/z1lupf7w76in likely :10 object around it: "displayName": refinement_batch_051
- batches/stgtetixp5xxw0nzm5uv4n7tjgpftfl27nbw :29 no batch number stands next to it
`,
		"run.log": `51 batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq stated :5 same line: "batch 51"
51 files/z1lupf7w76in stated :4 same line: "batch_051_proper.jsonl"
52 batches/stgtetixp5xxw0nzm5uv4n7tjgpftfl27nbw stated :7 same object: "displayName": refinement_batch_052
52 files/ewyzu7dqaou0 stated :6 same line: "batch_052_proper.jsonl"
- batches/ci3inwvjsfr1ji925xcz2yly0po6hr1jfjnu :9 no batch number stands next to it
`,
	}
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() == "fuzz" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[f.Name()], brief(Read(text, known()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Name(), diff)
		}
		delete(want, f.Name())
	}
	for name := range want {
		t.Errorf("testdata has no %s", name)
	}
}
