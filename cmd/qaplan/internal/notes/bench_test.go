package notes

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkRead reads texts of 10 MB.
func BenchmarkRead(b *testing.B) {
	const size = 10 << 20
	shapes := map[string]string{
		"prose": "Batch %[1]d went well: 100 rows, 12.5 s, and nobody had to look at it again until the evening.\n",
		"list":  "batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnx%06[1]d  (batch %03[1]d)\n",
		"lines": `{"batch":%[1]d,"job":"batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnx%06[1]d","rows":100,"created":"2025-11-02T10:11:12Z"}` + "\n",
		"csv":   "%[1]d,batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnx%06[1]d,100,2025-11-02\n",
		"log":   "2025-11-02 10:11:12,345 INFO [x] uploaded batch_%03[1]d_proper.jsonl -> files/f%011[1]d in 1.5 s\n",
		"yaml":  "- batch: %[1]d\n  job: batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnx%06[1]d\n",
	}
	texts := hostile(size)
	for name, line := range shapes {
		var text strings.Builder
		for i := 0; text.Len() < size; i++ {
			fmt.Fprintf(&text, line, i)
		}
		texts["many "+name] = text.String() + "files/f1\n"
		texts["one "+name] = strings.ReplaceAll(text.String(), "\n", " ") + "files/f1\n"
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Read([]byte(text), Options{Globs: []string{"submissions/batch_*_proper.jsonl"}})
			}
		})
	}
}
