package notes

import "testing"

func TestVicinity(t *testing.T) {
	check(t, known(), []reading{
		{"YAML list", "- batch: 51\n  job: batches/x1\n- batch: 52\n  state: pending\n  job: batches/x2\n  file: files/f2\n", `
51 batches/x1 likely :2 line above: "batch: 51"
52 batches/x2 likely :5 2 lines above: "batch: 52"
52 files/f2 likely :6 3 lines above: "batch: 52"
`},
		{"YAML list, id first", "- job: batches/x1\n  batch: 51\n- job: batches/x2\n  batch: 52\n", `
51 batches/x1 likely :1 line below: "batch: 51"
52 batches/x2 likely :3 line below: "batch: 52"
`},
		{"YAML map", "jobs:\n  51:\n    job: batches/x1\n  052:\n    job: batches/x2\n    file: files/f2\n", `
51 batches/x1 likely :3 line above: "51"
52 batches/x2 likely :5 line above: "052"
52 files/f2 likely :6 2 lines above: "052"
`},
		{"YAML map of names", "batch_051:\n  job: batches/x1\nbatch_052:\n  job: batches/x2\n\nother:\n  - files/f3\n", `
51 batches/x1 likely :2 line above: "batch_051"
52 batches/x2 likely :4 line above: "batch_052"
- files/f3 :7 no batch number stands next to it
`},
		{"YAML documents", "job: batches/x1\nbatch: 51\n---\njob: batches/x2\nbatch: 52\n", `
51 batches/x1 guessed :1 line below: "batch: 51"
52 batches/x2 guessed :4 line below: "batch: 52"
`},
		{"records and blank lines", "batches/x1\nbatch 51\n\nbatches/x2\nbatch 52\n", `
51 batches/x1 guessed :1 line below: "batch 51"
52 batches/x2 guessed :4 line below: "batch 52"
`},
		{"headings", "# Jobs\n\n## Batch 51\n\nSent.\n\n- Job: `batches/x1`\n- File: `files/f1`\n\n### Notes\n\n## Batch 52\n\n`batches/x2`\n\n## Others\n\n`batches/x3`\n", `
51 batches/x1 likely :7 4 lines above: "Batch 51"
51 files/f1 likely :8 5 lines above: "Batch 51"
52 batches/x2 likely :14 2 lines above: "Batch 52"
- batches/x3 :18 no batch number stands next to it
`},
		{"headings of ranges", "### Batches (51-71)\n\nbatches/x1\n\n### Batch 51-71\n\nbatches/x2\n", `
- batches/x1 :3 no batch number stands next to it
- batches/x2 :7 no batch number stands next to it
`},
		{"titles", "**Batch 51**\n\n- `batches/x1`\n\nBatch 52:\n```\nbatches/x2\n```\n\nSee files/f9.\n", `
51 batches/x1 likely :3 2 lines above: "Batch 51"
52 batches/x2 likely :7 2 lines above: "Batch 52"
- files/f9 :10 no batch number stands next to it
`},
		{"a log of two lines", "Uploading batch_072_proper.jsonl\n  -> files/f1\nUploading batch_073_proper.jsonl\n  -> files/f2\nUploading batch_074_proper.jsonl\n", `
72 files/f1 guessed :2 line above: "batch_072_proper.jsonl"
73 files/f2 guessed :4 line above: "batch_073_proper.jsonl"
`},
		{"work side by side", "creating batch 51\ncreating batch 52\ncreated batches/x1\ncreating batch 53\ncreated batches/x2\n", `
- batches/x1 :3 several batch numbers stand on the lines around it
- batches/x2 :5 several batch numbers stand on the lines around it
`},
		{"ids first", "created batches/x1\nthat was batch 51\ncreated batches/x2\nthat was batch 52\n", `
- batches/x1 :1 several batch numbers stand on the lines around it
- batches/x2 :3 several batch numbers stand on the lines around it
`},
		{"two jobs below", "batch 51\nbatches/x1\nbatches/x2\n", `
- batches/x1 :2 several jobs stand equally near to batch 51
- batches/x2 :3 several jobs stand equally near to batch 51
`},
		{"far below", "batch 51\na\nb\nc\nbatches/x1\n", `
- batches/x1 :5 no batch number stands next to it
`},
		{"beside lines that have both", "batch 51: batches/x1\nfiles/f1\nbatch 52: batches/x2\n", `
51 batches/x1 stated :1 same line: "batch 51"
52 batches/x2 stated :3 same line: "batch 52"
- files/f1 :2 no batch number stands next to it
`},
		{"in a record that has both", "- batch 51: batches/x1\n  file: files/f1\n", `
51 batches/x1 stated :1 same line: "batch 51"
51 files/f1 likely :2 line above: "batch 51"
`},
		{"list items of their own", "- Batch 51\n- batches/x1\n- Batch 52\n- batches/x2\n", `
- batches/x1 :2 no batch number stands next to it
- batches/x2 :4 no batch number stands next to it
`},
		{"a section about two", "## Batch 51\n\nSent with batch 52.\n\nbatches/x1\n", `
- batches/x1 :5 several batch numbers stand on the lines around it
`},
	})
}
