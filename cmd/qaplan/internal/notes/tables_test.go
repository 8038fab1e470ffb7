package notes

import "testing"

func TestTables(t *testing.T) {
	check(t, known(), []reading{
		{"Markdown", "| Batch | File URI | Status |\n|-------|:---:|---|\n| 072 | `https://generativelanguage.googleapis.com/v1beta/files/f1` | Ready |\n| 073 | `files/f2` (100 rows) | Ready |\n", `
72 files/f1 stated :3 column "Batch": 072
73 files/f2 stated :4 column "Batch": 073
`},
		{"Markdown, id first", "Job | Rows | Batch No.\n--- | --- | ---\n`batches/x1` | 100 | 51\n[batches/x2](https://h) | 101 | 52\n", `
51 batches/x1 stated :3 column "Batch No.": 51
52 batches/x2 stated :4 column "Batch No.": 52
`},
		{"Markdown, a job and a file", "| # | Source | Job | File |\n|---|---|---|---|\n| 1 | batch_051_proper.jsonl | batches/x1 | files/f1 |\n| 2 | batch_052_proper.jsonl | batches/x2 | - |\n", `
51 batches/x1 stated :3 column "Source": batch_051_proper.jsonl
51 files/f1 stated :3 column "Source": batch_051_proper.jsonl
52 batches/x2 stated :4 column "Source": batch_052_proper.jsonl
`},
		{"Markdown, only counted", "| # | Job |\n|---|---|\n| 51 | batches/x1 |\n| 52 | batches/x2 |\n", `
51 batches/x1 likely :3 column "#": 51
52 batches/x2 likely :4 column "#": 52
`},
		{"Markdown, positions", "| # | Job |\n|---|---|\n| 1 | batches/x1 |\n| 51 | batches/x2 |\n", `
- batches/x1 :3 column "#": 1: it may be a position, for the config has no batch 1
- batches/x2 :4 column "#": 51: it may be a position, for the config has no batch 1
`},
		{"Markdown without a number column", "| Rows | Job |\n|---|---|\n| 100 | batches/x1 |\n| 101 | batches/x2 |\n", `
- batches/x1 :3 no batch number stands next to it
- batches/x2 :4 no batch number stands next to it
`},
		{"drawn", "┌───────┬────────────┐\n│ batch │ job        │\n├───────┼────────────┤\n│ 051   │ batches/x1 │\n└───────┴────────────┘\n+----+------------+\n|  52 | batches/x2 |\n+----+------------+\n", `
51 batches/x1 stated :4 column "batch": 051
52 batches/x2 likely :7 same line: "52"
`},
		{"aligned", "BATCH   JOB         STATE     ROWS\n051     batches/x1  PENDING   100\n052     batches/x2  PENDING   100\n", `
51 batches/x1 stated :2 column "BATCH": 051
52 batches/x2 stated :3 column "BATCH": 052
`},
		{"TSV", "batch\tjob\n051\tbatches/x1\n052\tbatches/x2\n", `
51 batches/x1 stated :2 column "batch": 051
52 batches/x2 stated :3 column "batch": 052
`},
		{"TSV without header", "051\tbatches/x1\t100\n052\tbatches/x2\t100\n", `
51 batches/x1 likely :1 same row: 051
52 batches/x2 likely :2 same row: 052
`},
		{"CSV", "job,batch_number,rows,created\nbatches/x1,51,100,2025-11-02\n\"batches/x2\",\"052\",101,\"2025-11-02, 10:11\"\nbatches/x3,53.0,99,\n", `
51 batches/x1 stated :2 column "batch_number": 51
52 batches/x2 stated :3 column "batch_number": 052
53 batches/x3 stated :4 column "batch_number": 53.0
`},
		{"CSV, an answer in a cell", "Batch,Reply\n51,\"{\"\"name\"\": \"\"batches/x1\"\"}\"\n52,\"created batches/x2, 100 rows\"\n", `
51 batches/x1 stated :2 column "Batch": 51
52 batches/x2 stated :3 column "Batch": 52
`},
		{"CSV without header", "batches/x1,51,100,2025\nbatches/x2,52,101,2025\nbatches/x3,53,102,2025\n", `
- batches/x1 :1 no batch number stands next to it
- batches/x2 :2 no batch number stands next to it
- batches/x3 :3 no batch number stands next to it
`},
		{"CSV without header, one column of numbers", "51;batches/x1;100\n52;batches/x2;100\n", `
51 batches/x1 likely :1 same row: 51
52 batches/x2 likely :2 same row: 52
`},
		{"CSV without header, names in zeros", "051,batches/x1,101\n052,batches/x2,102\n", `
51 batches/x1 likely :1 same row: 051
52 batches/x2 likely :2 same row: 052
`},
		{"CSV without header, source files", "batch_051_proper.jsonl,files/f1,100\nbatch_052_proper.jsonl,files/f2,101\n", `
51 files/f1 stated :1 same row: batch_051_proper.jsonl
52 files/f2 stated :2 same row: batch_052_proper.jsonl
`},
		{"one row", "batches/x1,100,x\n", `
- batches/x1 :1 no batch number stands next to it
`},
		{"one row of two", "batches/x1;100\n", `
100 batches/x1 guessed :1 same row: 100
`},
		{"CSV of the wrong column", "id,rows\nbatches/x1,100\nbatches/x2,101\n", `
- batches/x1 :2 no batch number stands next to it
- batches/x2 :3 no batch number stands next to it
`},
		{"CSV in a fence", "Jobs:\n```csv\nbatch,job\n51,batches/x1\n52,batches/x2\n```\nand so on, 53, 54\n", `
51 batches/x1 stated :4 column "batch": 51
52 batches/x2 stated :5 column "batch": 52
`},
		{"CSV with a broken line", "batch,job\n51,batches/x1\n52,\"batches/x2\n53,batches/x3\n", `
51 batches/x1 stated :2 column "batch": 51
52 batches/x2 likely :3 same line: "52"
53 batches/x3 likely :4 same row: 53
`},
		{"two numbers in a row", "| Batch | Source | Job |\n|---|---|---|\n| 51 | batch_052_proper.jsonl | batches/x1 |\n", `
- batches/x1 :3 several batch numbers stand equally near: 51 and 52
`},
		{"side by side", "| Batch | Job | Batch | Job |\n|---|---|---|---|\n| 51 | batches/x1 | 52 | batches/x2 |\n", `
- batches/x1 :3 several batch numbers stand equally near: 51 and 52
- batches/x2 :3 several batch numbers stand equally near: 51 and 52
`},
		{"of another config", "batch,job\n205,batches/x1\n", `
- batches/x1 :2 the config has no batch 205 (column "batch": 205)
`},
		{"no table but commas", "created batches/x1, batch 51, 100 rows\nbatches/x2, batch 52, 100 rows\n", `
51 batches/x1 stated :1 same line: "batch 51"
52 batches/x2 stated :2 same row: batch 52
`},
	})
}
