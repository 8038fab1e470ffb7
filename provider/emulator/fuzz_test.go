package emulator

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzInput feeds lines to the whole way from create to output: what the scan
// takes must come out as JSON, once for each row.
func FuzzInput(f *testing.F) {
	for _, seed := range []string{
		`{"key":"a","request":{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}}` + "\n\n" + `{"key":"b","request":{}}`,
		`{"key":"a","request":{"contents":[{"parts":{"text":"ünïcödé \ud83d\ude00 漢字"}}],"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"ARRAY","items":{"type":"OBJECT","properties":{"a":{"enum":["x"]},"b":{"anyOf":[{"type":"NULL"}]}}}}}}}`,
		`{"request":{"system_instruction":{"parts":[{"text":"brief"}]},"generation_config":{"max_output_tokens":1}}}` + "\r\n",
		`{"key":null,"request":null}`, `{"key":"a","metadata":{"x":1}}`, `{"key":"a","request":{"contents":[],"cached_content":"c","generation_config":{"response_mime_type":"application/json","response_schema":{"type":["string","null"],"enum":[1,null]}}}}`, "{\"key\":\"\x00", `[[[[`, "\ufeff{}", `{"a":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		plan := &rowPlan{Seed: "seed", Faults: RowFaults{ErrorShare: 0.2, MissingShare: 0.2, TruncatedShare: 0.2, InvalidShare: 0.2, SwappedShare: 0.2}}
		found, err := scanInput(bytes.NewReader(input), plan, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.problems) > 0 {
			return
		}
		var out bytes.Buffer
		w := &resultWriter{plan: plan, model: "m"}
		if err := w.write(&out, bytes.NewReader(input), int64(len(input))); err != nil {
			t.Fatalf("taken by the scan, but not answered: %v", err)
		}
		lines := int64(0)
		for line := range strings.Lines(out.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("output line %q", line)
			}
			lines++
		}
		if lines != found.rows-found.missing {
			t.Errorf("%d lines for %d rows, %d of them missing", lines, found.rows, found.missing)
		}
	})
}

// FuzzRange holds the reading of Range headers to the bytes that are there.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-", "bytes=5-9", "bytes=-3", "bytes=9-5", "bytes=99-", "bytes=0-99", "bytes=-0", "bytes=-", "bytes=1-2,3-4", "x", "bytes=-9223372036854775808", "bytes=0-9223372036854775807"} {
		f.Add(seed, int64(10))
	}
	f.Add("bytes=0-", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		from, to, partial, err := byteRange(header, size)
		if err != nil {
			return
		}
		if from < 0 || from > to || to > size || !partial && (from != 0 || to != size) {
			t.Errorf("range %q of %d: %d to %d, partial %v", header, size, from, to, partial)
		}
	})
}

// FuzzCreate reads bodies of creates; what is taken has exactly one input.
func FuzzCreate(f *testing.F) {
	for _, seed := range []string{
		`{"batch":{"displayName":"d","inputConfig":{"fileName":"files/in"}}}`,
		`{"batch":{"display_name":"d","priority":"5","input_config":{"requests":{"requests":[{"request":{},"metadata":{"key":"k"}}]}}}}`,
		`{"batch":null}`, `[]`, `{"batch":{"inputConfig":7}}`, `{"batch":{"inputConfig":{"requests":{"requests":[1]}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		req, err := readCreate(raw)
		if err != nil {
			return
		}
		if (req.fileName == "") == (len(req.requests) == 0) {
			t.Errorf("taken: %+v", req)
		}
		lines, err := inlineLines(req.requests)
		if err == nil && bytes.Count(lines, []byte("\n")) != len(req.requests) {
			t.Errorf("%d requests became %q", len(req.requests), lines)
		}
	})
}
