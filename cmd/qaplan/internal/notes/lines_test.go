package notes

import "testing"

func TestLines(t *testing.T) {
	check(t, known(), []reading{
		{"list of a report", "batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq  (batch 051)\n", `
51 batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq stated :1 same line: "(batch 051)"
`},
		{"log", "INFO created job batches/x1 for batch 51\n", `
51 batches/x1 stated :1 same line: "batch 51"
`},
		{"log with time and source file", "2025-11-02 10:11:12 uploaded batch_072_proper.jsonl -> files/abc1\n", `
72 files/abc1 stated :1 same line: "batch_072_proper.jsonl"
`},
		{"log of Python", "2025-11-02 10:11:12,123 - INFO - Batch #72: 100 rows, files/abc1 uploaded in 12.5 s\n", `
72 files/abc1 stated :1 same line: "Batch #72"
`},
		{"syslog", "Nov  2 10:11:52 host run[77]: created batches/x1\n", `
- batches/x1 :1 no batch number stands next to it
`},
		{"logfmt", "level=info ts=2025-11-02T10:11:12Z batch=51 rows=100 job=batches/x1\n", `
51 batches/x1 stated :1 same line: "batch=51"
`},
		{"str of a Python job", "name='batches/x1' display_name='refinement_batch_051' state=<JobState.JOB_STATE_PENDING: 'x'>\n", `
51 batches/x1 stated :1 same line: "batch_051"
`},
		{"addresses", "batch.refinement[51]  submitted  batches/x1\nimport {\n  to = batch.refinement[52]\n  id = \"batches/x2\"\n}\n", `
51 batches/x1 stated :1 same line: "batch.refinement[51]"
52 batches/x2 stated :4 same object: "to": batch.refinement[52]
`},
		{"URLs", "batch 51: POST https://generativelanguage.googleapis.com/v1beta/batches/x1:cancel 200\nbatch 52 GET /v1beta/files/f1:download?alt=media\n", `
51 batches/x1 stated :1 same line: "batch 51"
52 files/f1 stated :2 same line: "batch 52"
`},
		{"a job and a file", "batch 51: files/f1 -> batches/x1\n", `
51 batches/x1 stated :1 same line: "batch 51"
51 files/f1 stated :1 same line: "batch 51"
`},
		{"two jobs", "batch 51: batches/x1 batches/x2\n", `
- batches/x1 :1 several jobs stand equally near to batch 51
- batches/x2 :1 several jobs stand equally near to batch 51
`},
		{"taking turns", "Batch 51 is batches/x1, batch 52 is files/f2 and batches/x2.\nbatches/x3 (batch 53), batches/x4 (batch 54)\n", `
51 batches/x1 likely :1 same line: "Batch 51"
52 batches/x2 likely :1 same line: "batch 52"
52 files/f2 likely :1 same line: "batch 52"
53 batches/x3 likely :2 same line: "(batch 53)"
54 batches/x4 likely :2 same line: "(batch 54)"
`},
		{"no turns", "batch 51 and then batch 52: batches/x1\nbatches/x2 batch 53 batches/x3\n", `
- batches/x1 :1 several batch numbers stand equally near: 51 and 52
- batches/x2 :2 several jobs stand equally near to batch 53
- batches/x3 :2 several jobs stand equally near to batch 53
`},
		{"another batch", "after batch 50 batches/x1\ncreated batches/x2 (next: batch 53)\nlast batch 71: batches/x3\nsub-batch 52: batches/x4\n", `
- batches/x1 :1 no batch number stands next to it
- batches/x2 :2 no batch number stands next to it
- batches/x3 :3 no batch number stands next to it
- batches/x4 :4 no batch number stands next to it
`},
		{"ranges, positions, sizes", "batches 51-71: batches/x1\nbatch 51-71: batches/x2\nbatch 51 to 71: batches/x3\nbatch 51/154: batches/x4\nbatch 51 of 154: batches/x5\n" +
			"batch size 100: batches/x6\nbatch of 100: batches/x7\nbatch 100 rows: batches/x8\nbatch 51 and 52: batches/x9\nbatch 2025-11-02: batches/y1\nrows_per_batch: 100 batches/y2\nbatch 51.5: batches/y3\nbatch: -51 batches/y4\n", `
- batches/x1 :1 no batch number stands next to it
- batches/x2 :2 no batch number stands next to it
- batches/x3 :3 no batch number stands next to it
- batches/x4 :4 no batch number stands next to it
- batches/x5 :5 no batch number stands next to it
- batches/x6 :6 no batch number stands next to it
- batches/x7 :7 no batch number stands next to it
- batches/x8 :8 no batch number stands next to it
- batches/x9 :9 no batch number stands next to it
- batches/y1 :10 no batch number stands next to it
- batches/y2 :11 no batch number stands next to it
- batches/y3 :12 no batch number stands next to it
- batches/y4 :13 no batch number stands next to it
`},
		{"of another config", "batch 205: batches/x1\n", `
- batches/x1 :1 the config has no batch 205 (same line: "batch 205")
`},
		{"bare", "051 batches/x1\n52: batches/x2\n- [053](https://h/v1beta/files/f3)\nbatches/x4 -> 054\n`055` → `batches/x5`\n", `
51 batches/x1 likely :1 same line: "051"
52 batches/x2 likely :2 same line: "52"
53 files/f3 likely :3 same line: "053"
54 batches/x4 guessed :4 same line: "054"
55 batches/x5 likely :5 same line: "055"
`},
		{"bare with more", "051 batches/x1 pending\nbatches/x2 100 rows\n100 rows in batches/x3\nbatches/x4 2025-11-02\nhttps://h/v1beta/batches/x5 200\n", `
51 batches/x1 guessed :1 same line: "051"
- batches/x2 :2 no batch number stands next to it
- batches/x3 :3 no batch number stands next to it
- batches/x4 :4 no batch number stands next to it
- batches/x5 :5 no batch number stands next to it
`},
		{"lists of numbers", "batch 51, 52 and 53: batches/x1\nbatch 51, 52: batches/x2\nbatch 53, 100 rows: batches/x3\n", `
53 batches/x3 stated :3 same line: "batch 53"
- batches/x1 :1 no batch number stands next to it
- batches/x2 :2 no batch number stands next to it
`},
		{"folders", "batch 51: see batches/51 and files/2025\n", `
- batches/51 :1 it may be a word or a folder rather than a name
- files/2025 :1 it may be a word or a folder rather than a name
`},
		{"items of a list", "51. batches/x1\n52) batches/x2\n(53) batches/x3\n", `
- batches/x1 :1 no batch number stands next to it
- batches/x2 :2 no batch number stands next to it
- batches/x3 :3 no batch number stands next to it
`},
		{"perhaps positions", "50: batches/x1\n51: batches/x2\nbatch 52: batches/x3\n", `
52 batches/x3 stated :3 same line: "batch 52"
- batches/x1 :1 same line: "50": it may be a position, for the config has no batch 50
- batches/x2 :2 same line: "51": it may be a position, for the config has no batch 50
`},
		{"no ids, but words like them", "12 batches/hour in batch 51, files/folders, see src/files/f1 and files/f1.txt, batches/{id}, `files/…`, batches/X1, my-batches/x1, batch 51\n", `
- batches/hour :1 it may be a word or a folder rather than a name
- files/folders :1 it may be a word or a folder rather than a name
`},
		{"words", "batch 51: batches/hour\n", `
- batches/hour :1 it may be a word or a folder rather than a name
`},
		{"cut short", "batch 51: batches/ej8mf…\nbatch 52: batches/ab1...\nbatch 52: batches/ab1cd\n", `
52 batches/ab1cd stated :3 same line: "batch 52"
- batches/ej8mf :1 its name is cut short
`},
		{"output files", "batch 51: files/batch-ej8mf1 batches/ej8mf1\nbatch 52: files/batch-zz1\n", `
51 batches/ej8mf1 stated :1 same line: "batch 51"
- files/batch-zz1 :2 it holds the answers of a job, and is no input
`},
		{"colours", "\x1b[32mbatches/x1\x1b[0m (batch \x1b[1m51\x1b[0m)\n", `
51 batches/x1 stated :1 same line: "(batch 51)"
`},
		{"marks of other languages", "批次 batch 51：batches/x1\nlote 51: batches/x2\n", `
51 batches/x1 stated :1 same line: "batch 51"
- batches/x2 :2 no batch number stands next to it
`},
	})
}
