package apply_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// depot is the least that can be a service: it keeps what it is given in memory,
// and its jobs are over as soon as they are made. It is what applies are measured
// against, and does nothing but what a good call asks for.
type depot struct {
	answers map[string][]byte // by the sha256 of the input

	mu    sync.Mutex
	parts map[string]*depotPart
	files map[string]string // sha256 of each upload
	jobs  []depotJob        // oldest first
	calls map[string]int64
}

// depotPart is an upload that is not complete.
type depotPart struct {
	sum  hash.Hash
	size int64
}

type depotJob struct {
	name, display, input, model string
	rows                        int
	made                        time.Time
}

func newDepot(answers map[string][]byte) *depot {
	return &depot{answers: answers, parts: map[string]*depotPart{}, files: map[string]string{}, calls: map[string]int64{}}
}

// answersTo makes a good answer to each request.
func answersTo(src []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(src) {
		_, key, _ := bytes.Cut(line, []byte(`"key":"`))
		key, _, _ = bytes.Cut(key, []byte(`"`))
		fmt.Fprintf(&out, `{"key":"%s","response":{"candidates":[{"content":{"parts":[{"text":"%s"}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":70,"candidatesTokenCount":40,"totalTokenCount":110}}}`+"\n",
			key, strings.Repeat("An answer to "+string(key)+". ", 1+len(line)/30))
	}
	return out.Bytes()
}

// called tells how many calls came, by the emulator's names for them.
func (d *depot) called() map[string]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.calls)
}

func (d *depot) count(op string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[op]++
}

func (d *depot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v1beta/")
	switch command := r.Header.Get("X-Goog-Upload-Command"); {
	case command == "start":
		d.start(w, r)
	case command == "upload":
		d.count(emulator.OpUploadChunk)
		d.take(w, r)
	case command == "upload, finalize":
		d.count(emulator.OpUploadFinalize)
		d.finalize(w, r)
	case strings.HasSuffix(path, ":batchGenerateContent"):
		d.create(w, r, strings.TrimSuffix(strings.TrimPrefix(path, "models/"), ":batchGenerateContent"))
	case strings.HasSuffix(path, ":download"):
		d.count(emulator.OpDownload)
		d.download(w, strings.TrimSuffix(strings.TrimPrefix(path, "files/batch-"), ":download"))
	case path == "batches":
		d.list(w, r)
	case path == "files":
		d.count(emulator.OpListFiles)
		writeJSON(w, struct{}{})
	case strings.HasPrefix(path, "models/"):
		d.count(emulator.OpGetModel)
		writeJSON(w, map[string]any{"name": path, "supportedGenerationMethods": []string{"batchGenerateContent"}})
	default:
		d.count(emulator.OpOther)
		http.NotFound(w, r)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client has gone
}

func (d *depot) start(w http.ResponseWriter, r *http.Request) {
	d.count(emulator.OpUploadStart)
	var body struct{ File struct{ Name string } }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Goog-Upload-Status", "active")
	w.Header().Set("X-Goog-Upload-Url", "http://"+r.Host+"/upload?name="+body.File.Name)
}

// take adds a chunk to its upload.
func (d *depot) take(w http.ResponseWriter, r *http.Request) *depotPart {
	name := r.URL.Query().Get("name")
	d.mu.Lock()
	p := d.parts[name]
	if p == nil {
		p = &depotPart{sum: sha256.New()}
		d.parts[name] = p
	}
	d.mu.Unlock()
	n, _ := io.CopyBuffer(p.sum, r.Body, make([]byte, 256<<10)) //nolint:errcheck // the hash tells
	p.size += n
	w.Header().Set("X-Goog-Upload-Status", "active")
	w.Header().Set("X-Goog-Upload-Size-Received", strconv.FormatInt(p.size, 10))
	return p
}

func (d *depot) finalize(w http.ResponseWriter, r *http.Request) {
	p := d.take(w, r)
	name, n, digest := r.URL.Query().Get("name"), p.size, hex.EncodeToString(p.sum.Sum(nil))
	d.mu.Lock()
	d.files[name] = digest
	d.mu.Unlock()
	w.Header().Set("X-Goog-Upload-Status", "final")
	writeJSON(w, map[string]any{"file": map[string]string{
		"name": name, "sizeBytes": strconv.FormatInt(n, 10), "state": "ACTIVE", "source": "UPLOADED",
		"sha256Hash":     base64.StdEncoding.EncodeToString([]byte(digest)),
		"expirationTime": time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339Nano),
	}})
}

func (d *depot) create(w http.ResponseWriter, r *http.Request, model string) {
	d.count(emulator.OpCreate)
	var body struct {
		Batch struct {
			DisplayName string
			InputConfig struct{ FileName string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	j := depotJob{
		name: fmt.Sprintf("batches/%036d", len(d.jobs)), display: body.Batch.DisplayName, input: body.Batch.InputConfig.FileName, model: model,
		rows: bytes.Count(d.answers[d.files[body.Batch.InputConfig.FileName]], []byte("\n")), made: time.Now().UTC(),
	}
	d.jobs = append(d.jobs, j)
	d.mu.Unlock()
	writeJSON(w, j.wire(false))
}

// wire is the job as the service shows it.
func (j *depotJob) wire(done bool) map[string]any {
	at := j.made.Format(time.RFC3339Nano)
	stats := map[string]string{"requestCount": strconv.Itoa(j.rows), "pendingRequestCount": strconv.Itoa(j.rows)}
	meta := map[string]any{
		"name": j.name, "model": "models/" + j.model, "displayName": j.display, "inputConfig": map[string]string{"fileName": j.input},
		"createTime": at, "updateTime": at, "state": "BATCH_STATE_PENDING", "batchStats": stats,
	}
	if done {
		delete(stats, "pendingRequestCount")
		stats["successfulRequestCount"] = strconv.Itoa(j.rows)
		meta["state"], meta["endTime"] = "BATCH_STATE_SUCCEEDED", at
		meta["output"] = map[string]string{"responsesFile": "files/batch-" + strings.TrimPrefix(j.name, "batches/")}
	}
	return map[string]any{"name": j.name, "done": done, "metadata": meta}
}

// list gives a page, newest first. A token is how many jobs came before.
func (d *depot) list(w http.ResponseWriter, r *http.Request) {
	d.count(emulator.OpListJobs)
	size, _ := strconv.Atoi(r.URL.Query().Get("pageSize"))
	from, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
	d.mu.Lock()
	defer d.mu.Unlock()
	page := map[string]any{}
	var ops []any
	for i := len(d.jobs) - 1 - from; i >= 0 && len(ops) < size; i-- {
		ops = append(ops, d.jobs[i].wire(true))
	}
	if len(ops) > 0 {
		page["operations"] = ops
	}
	if next := from + len(ops); next < len(d.jobs) {
		page["nextPageToken"] = strconv.Itoa(next)
	}
	writeJSON(w, page)
}

func (d *depot) download(w http.ResponseWriter, id string) {
	n, err := strconv.Atoi(id)
	d.mu.Lock()
	var body []byte
	if err == nil && n < len(d.jobs) {
		body = d.answers[d.files[d.jobs[n].input]]
	}
	d.mu.Unlock()
	if body == nil {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) //nolint:errcheck // the client has gone
}
