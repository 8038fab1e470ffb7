package notes

import "testing"

func TestValues(t *testing.T) {
	check(t, known(), []reading{
		{"array of objects", `[{"batch":51,"job":"batches/x1"},{"batch": 52, "job": "batches/x2"}]`, `
51 batches/x1 stated :1 same object: "batch": 51
52 batches/x2 stated :1 same object: "batch": 52
`},
		{"names and zeros", `{"batch_number":"051","batch_name":"batches/x1","file":"files/f1"}`, `
51 batches/x1 stated :1 same object: "batch_number": 051
51 files/f1 stated :1 same object: "batch_number": 051
`},
		{"number to id", `{"51":"batches/x1","052":"batches/x2"}`, `
51 batches/x1 likely :1 under the key "51"
52 batches/x2 likely :1 under the key "052"
`},
		{"id to number", `{"batches/x1": 51, "files/f2": "batch 52", "batches/x3": {"batchNumber": 53, "rows": 100}}`, `
51 batches/x1 guessed :1 its value: "batches/x1": 51
52 files/f2 stated :1 its value: "files/f2": batch 52
53 batches/x3 stated :1 same object: "batchNumber": 53
`},
		{"source file to id", `{"batch_051_proper.jsonl": "files/f1", "batch_52": "batches/x2"}`, `
51 files/f1 stated :1 under the key "batch_051_proper.jsonl"
52 batches/x2 stated :1 under the key "batch_52"
`},
		{"batches that hold jobs", "{\n  \"batches\": [\n    {\"number\": \"051\", \"batch\": 51, \"job\": {\"name\": \"batches/x1\", \"rows\": 100}, \"files\": [\"files/f1\", \"files/g1\"]},\n    {\"batch\": 52, \"job\": {\"name\": \"batches/x2\"}}\n  ]\n}\n", `
51 batches/x1 stated :3 object around it: "batch": 51
51 files/f1 stated :3 object around it: "batch": 51
51 files/g1 stated :3 object around it: "batch": 51
52 batches/x2 stated :4 object around it: "batch": 52
`},
		{"map of batches", `{"51": {"job": "batches/x1", "file": "files/f1"}, "52": {"job": "batches/x2"}}`, `
51 batches/x1 likely :1 under the key "51"
51 files/f1 likely :1 under the key "51"
52 batches/x2 likely :1 under the key "52"
`},
		{"pairs", `[[51, "batches/x1"], ["batches/x2", 52], ["053", "files/f3", "batches/x3"], ["batches/x4", 54, 100]]`, `
51 batches/x1 likely :1 same list: 51
52 batches/x2 likely :1 same list: 52
53 batches/x3 likely :1 same list: 053
53 files/f3 likely :1 same list: 053
- batches/x4 :1 no batch number stands next to it
`},
		{"job of the service", `{"name":"batches/x1","metadata":{"@type":"t","model":"models/gemini-2.5-flash","displayName":"refinement_batch_051","inputConfig":{"fileName":"files/in-0003"},"output":{"responsesFile":"files/batch-x1"},"createTime":"2025-11-02T10:11:52.1Z","batchStats":{"requestCount":"100"},"name":"batches/x1"},"response":{"responsesFile":"files/batch-x1"}}`, `
51 batches/x1 stated :1 same object: "displayName": refinement_batch_051
51 files/in-0003 likely :1 object around it: "displayName": refinement_batch_051
`},
		{"listing of the service", `{"operations":[{"name":"batches/x1","metadata":{"displayName":"refinement_batch_051"}},{"name":"batches/x2","metadata":{"displayName":"other [8f3a1c.52.1.ab12cd34]"}},{"name":"batches/x3","metadata":{"displayName":"refinement_batch_053 [8f3a1c.53.1.ab12cd34]"}}]}`, `
51 batches/x1 stated :1 same object: "displayName": refinement_batch_051
53 batches/x3 stated :1 same object: "displayName": refinement_batch_053 [8f3a1c.53.1.ab12cd34]
- batches/x2 :1 no batch number stands next to it
`},
		{"files of the service", `{"files":[{"name":"files/f1","displayName":"batch_072_proper.jsonl","mimeType":"text/plain","sizeBytes":"151","uri":"https://h/v1beta/files/f1"}]}`, `
72 files/f1 stated :1 same object: "displayName": batch_072_proper.jsonl
`},
		{"lines", "{\"batch\":51,\"job\":\"batches/x1\"}\n{\"batch\":52,\"job\":\"batches/x2\"}\n", `
51 batches/x1 stated :1 same object: "batch": 51
52 batches/x2 stated :2 same object: "batch": 52
`},
		{"fence of Markdown", "Jobs:\n```json\n[\n  {\n    \"batch\": 51,\n    \"job\": \"batches/x1\"\n  }\n]\n```\n", `
51 batches/x1 stated :6 same object: "batch": 51
`},
		{"logs of JSON", "{\"event\":\"created batches/x1 for batch 51\",\"rows\":100}\n{\"event\":\"created\",\"batch\":52,\"message\":\"got batches/x2\"}\n{\"msg\":\"Batch 53 was sent\",\"job\":\"batches/x3\"}\n", `
51 batches/x1 stated :1 same line: "batch 51"
52 batches/x2 stated :2 same object: "batch": 52
53 batches/x3 guessed :3 same object: "msg": Batch 53 was sent
`},
		{"JSON in JSON", `{"result":[{"type":"text","text":"{\n  \"name\": \"batches/x1\",\n  \"displayName\": \"refinement_batch_051\"\n}\n"}]}` + "\n" + `{"text":"\u0027batches/x2\u0027 is batch 52\nbatch 53: https:\/\/h\/v1beta\/batches\/x3"}`, `
51 batches/x1 stated :1 same object: "displayName": refinement_batch_051
52 batches/x2 stated :2 same line: "batch 52"
53 batches/x3 stated :2 same line: "batch 53"
`},
		{"Python", "{51: 'batches/x1', 52: 'batches/x2'}\n[(53, 'batches/x3'), ('batches/x4', 54)]\n{'batch': 55, 'job': 'batches/x5', 'at': datetime.datetime(2025, 11, 2, 61, 62), 'done': None}\n", `
51 batches/x1 likely :1 under the key "51"
52 batches/x2 likely :1 under the key "52"
53 batches/x3 likely :2 same list: 53
54 batches/x4 likely :2 same list: 54
55 batches/x5 stated :3 same object: "batch": 55
`},
		{"objects of Python", "BatchJob(\n  create_time=datetime.datetime(2025, 11, 2, 60, 52, tzinfo=TzInfo(UTC)),\n  display_name='refinement_batch_051',\n  name='batches/x1',\n  state=<JobState.JOB_STATE_PENDING: 'JOB_STATE_PENDING'>\n)\n", `
51 batches/x1 stated :4 same object: "display_name": refinement_batch_051
`},
		{"code", "jobs = [\n    \"batches/x1\",  # batch 51\n    \"batches/x2\",  # batch 52\n]\nbatch_jobs[53] = \"batches/x3\"\nconst m = {batch: 54, job: 'batches/x4',} // x\n", `
51 batches/x1 stated :2 same line: "batch 51"
52 batches/x2 stated :3 same line: "batch 52"
54 batches/x4 stated :6 same object: "batch": 54
- batches/x3 :5 no batch number stands next to it
`},
		{"columns", `{"batch":[51,52],"job":["batches/x1","batches/x2"],"rows":[100,100]} {"batch":{"0":53,"1":54},"job":{"0":"batches/x3","1":"batches/x4"}}`, `
51 batches/x1 stated :1 column "batch": 51
52 batches/x2 stated :1 column "batch": 52
53 batches/x3 stated :1 column "batch": 53
54 batches/x4 stated :1 column "batch": 54
`},
		{"an index of rows", `{"job":{"0":"batches/x1","51":"batches/x2"}}`, `
- batches/x1 :1 no batch number stands next to it
- batches/x2 :1 no batch number stands next to it
`},
		{"plan of qaplan", `{"waiting":[{"address":"batch.refinement[51]","job":"batches/x1"}],"batches":{"batch.refinement[52]":{"attempts":[{"number":61,"job":"batches/x2"}]}}}`, `
51 batches/x1 stated :1 same object: "address": batch.refinement[51]
52 batches/x2 stated :1 under the key "batch.refinement[52]"
`},
		{"number outside, text around", "INFO batch 51 answered {\"name\": \"batches/x1\", \"done\": false}\nbatch 52 answered:\n{\n  \"name\": \"batches/x2\"\n}\n", `
51 batches/x1 stated :1 same line: "batch 51"
52 batches/x2 likely :4 line above: "batch 52"
`},
		{"cut off", "[\n  {\"batch\": 51, \"job\": \"batches/x1\"},\n  {\"batch\": 52, \"job\": \"batches/x2\"},\n  {\"batch\": 53, \"jo", `
51 batches/x1 stated :2 same object: "batch": 51
52 batches/x2 stated :3 same object: "batch": 52
`},
		{"counts", `{"rows": 100, "index": 61, "total": 154, "batch_size": 100, "last_batch": 71, "rows_per_batch": 100, "job": "batches/x1", "row_counts": {"batches/x2": 100}, "attempts": {"61": "batches/x3"}, "batch": null}`, `
- batches/x1 :1 no batch number stands next to it
- batches/x2 :1 no batch number stands next to it
- batches/x3 :1 no batch number stands next to it
`},
		{"two numbers in an object", `{"batch": 51, "source": "batch_052_proper.jsonl", "job": "batches/x1"}`, `
- batches/x1 :1 several batch numbers stand equally near: 51 and 52
`},
		{"nearer but bare", `{"batch": 71, "jobs": {"51": "batches/x1"}}`, `
- batches/x1 :1 several batch numbers stand equally near: 51 and 71
`},
		{"beside, not in it", `[{"batch":51,"file":"files/f1"},{"job":"batches/x2"}]`, `
51 files/f1 stated :1 same object: "batch": 51
- batches/x2 :1 no batch number stands next to it
`},
		{"words about it", `{"log": "batch_051.log", "job": "batches/x1"} {"title": "batch 52", "jobs": [{"job": "batches/x2"}]}`, `
51 batches/x1 likely :1 same object: "log": batch_051.log
52 batches/x2 likely :1 object around it: "title": batch 52
`},
		{"next", `{"job": "batches/x1", "next": {"batch": 52}, "previous_batch": "batch 50"}`, `
- batches/x1 :1 no batch number stands next to it
`},
		{"of another config", `{"batch": 205, "job": "batches/x1"}`, `
- batches/x1 :1 the config has no batch 205 (same object: "batch": 205)
`},
		{"perhaps positions", `{"1": "batches/x1", "51": "batches/x2", "batch 52": "batches/x3"}`, `
52 batches/x3 stated :1 under the key "batch 52"
- batches/x1 :1 under the key "1": it may be a position, for the config has no batch 1
- batches/x2 :1 under the key "51": it may be a position, for the config has no batch 1
`},
		{"bare fields", `[{"id": 51, "job": "batches/x1"}, {"number": 52, "job": "batches/x2"}, {"n": 53, "batch": 54, "job": "batches/x3"}]`, `
51 batches/x1 likely :1 same object: "id": 51
52 batches/x2 likely :1 same object: "number": 52
54 batches/x3 stated :1 same object: "batch": 54
`},
	})
}
