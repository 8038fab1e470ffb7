package apply_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/provider/gemini"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/durable"
)

// BenchmarkApply carries small batches all the way, from a state that does not
// exist to results on the disk, every step durable: one apply buys, a second one
// fetches. Beside it the same calls with the same bodies are made by as many
// workers with nothing but HTTP, to a service that is as new. The two take turns, and
// %-of-http is the rate that the first reaches of the second's, by the medians: in
// all, in buying, and in fetching, which judges, joins and delivers.
//
// The service is the emulator, which keeps all it is given on the disk, or the
// least that can be one, which keeps all in memory and makes the ceiling as high as
// loopback HTTP lets it be.
//
// The folders are on the disk that TMPDIR names: a file system in memory would
// make what is durable cost nothing.
func BenchmarkApply(b *testing.B) {
	for _, workers := range []int{8, 64} {
		const batches, rows, rowBytes = 400, 100, 300 // 30 kB each
		for _, of := range []struct {
			name  string
			serve func(*yard) service
		}{{"emulator", (*yard).emulator}, {"least", (*yard).depot}} {
			b.Run(fmt.Sprintf("%s/workers=%d", of.name, workers), func(b *testing.B) {
				y := newYard(b, batches, rows, rowBytes)
				calls := y.compare(workers, of.serve)
				b.ReportMetric(calls/median(y.applied.whole()), "calls/s")
				b.ReportMetric(calls/median(y.raw.whole()), "http-calls/s")
			})
		}
	}
}

// BenchmarkApplyLarge does the same with four large files at a time: as fast as loopback
// HTTP is, which keeps all processors busy, and over links that leave some idle.
func BenchmarkApplyLarge(b *testing.B) {
	for _, link := range []struct {
		name     string
		megabits float64 // a second, each way
	}{{"loopback", 0}, {"5000Mbit", 5000}, {"2500Mbit", 2500}, {"1000Mbit", 1000}} {
		b.Run(link.name, func(b *testing.B) {
			const batches, rows, rowBytes = 4, 4096, 16 << 10 // 64 MB each
			y := newYard(b, batches, rows, rowBytes)
			y.link = rate.Limit(link.megabits * 1e6 / 8)
			y.compare(batches, (*yard).depot)
			sources, results := y.sizes()
			b.ReportMetric(sources/median(y.applied.buying), "MB/s-up")
			b.ReportMetric(results/median(y.applied.fetching), "MB/s-down")
			b.ReportMetric(sources/median(y.raw.buying), "http-MB/s-up")
			b.ReportMetric(results/median(y.raw.fetching), "http-MB/s-down")
		})
	}
}

// phases are how long buying and fetching took, in each turn.
type phases struct{ buying, fetching []time.Duration }

func (p *phases) add(buying, fetching time.Duration) {
	p.buying, p.fetching = append(p.buying, buying), append(p.fetching, fetching)
}

func (p *phases) whole() []time.Duration {
	list := make([]time.Duration, len(p.buying))
	for i := range list {
		list[i] = p.buying[i] + p.fetching[i]
	}
	return list
}

// median gives seconds.
func median(list []time.Duration) float64 {
	return slices.Sorted(slices.Values(list))[len(list)/2].Seconds()
}

// compare lets apply and bare HTTP take turns, and gives the calls of each.
func (y *yard) compare(workers int, serve func(*yard) service) (calls float64) {
	for y.b.Loop() {
		y.anew()
		buying, fetching, bought, all := y.applyTwice(workers, serve(y))
		y.applied.add(buying, fetching)
		for range 3 {
			up, down, same := y.onlyHTTP(workers, serve(y), bought, all)
			y.raw.add(up, down)
			delete(same, emulator.OpUploadChunk) // large files go in one
			delete(all, emulator.OpUploadChunk)
			if !maps.Equal(same, all) {
				y.b.Fatalf("calls with HTTP alone: %v, by apply: %v", same, all)
			}
		}
		calls = 0
		for _, n := range all {
			calls += float64(n)
		}
	}
	y.b.ReportMetric(100*median(y.raw.whole())/median(y.applied.whole()), "%-of-http")
	y.b.ReportMetric(100*median(y.raw.buying)/median(y.applied.buying), "%-of-http-buying")
	y.b.ReportMetric(100*median(y.raw.fetching)/median(y.applied.fetching), "%-of-http-fetching")
	y.b.ReportMetric(0, "ns/op")
	return calls
}

// sizes gives the megabytes of all sources, and of all results.
func (y *yard) sizes() (sources, results float64) {
	y.b.Helper()
	for _, p := range y.paths {
		for at, n := range map[string]*float64{p.Source: &sources, filepath.Join(p.OutputDir, p.OutputName): &results} {
			info, err := os.Stat(at)
			if err != nil {
				y.b.Fatal(err)
			}
			*n += float64(info.Size()) / 1e6
		}
	}
	return sources, results
}

// yard is a project whose services listen on loopback.
type yard struct {
	b       *testing.B
	dir     string
	desired planner.Desired
	paths   map[planner.Address]apply.Path
	answers map[string][]byte // of depots, by the sha256 of the source
	link    rate.Limit        // bytes a second, each way; 0: what loopback takes

	applied, raw phases
}

func newYard(b *testing.B, batches, rows, rowBytes int) *yard {
	b.Helper()
	y := &yard{b: b, dir: b.TempDir(), desired: planner.Desired{ConfigDigest: "bench", SettleTime: 15 * time.Minute}, paths: map[planner.Address]apply.Path{}}
	if err := os.Mkdir(filepath.Join(y.dir, "in"), 0o700); err != nil {
		b.Fatal(err)
	}
	for n := 1; n <= batches; n++ {
		content := padded(n, rows, rowBytes)
		batch, path := batchIn(y.dir, n, content)
		if err := os.WriteFile(path.Source, []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path.Source)
		if err != nil {
			b.Fatal(err)
		}
		path.Facts = durable.FactsOf(info) // as a plan finds them
		y.desired.Batches = append(y.desired.Batches, batch)
		y.paths[batch.Address] = path
	}
	return y
}

// anew forgets the state and what was delivered.
func (y *yard) anew() {
	y.b.Helper()
	err := os.RemoveAll(filepath.Join(y.dir, "out"))
	for _, name := range []string{"", ".journal", ".lock", ".backup"} {
		err = errors.Join(err, os.RemoveAll(y.statePath()+name))
	}
	if err != nil {
		y.b.Fatal(err)
	}
}

func (y *yard) statePath() string { return filepath.Join(y.dir, "qaplan.state.json") }

// padded makes the input of a batch with rows of about so many bytes.
func padded(number, rows, rowBytes int) string {
	var b strings.Builder
	for r := range rows {
		head := fmt.Sprintf(`{"key":"b%d-r%d","request":{"contents":[{"parts":[{"text":"What does indicator %d say on day %d? `, number, r, number, r)
		const tail = `"}]}]}}` + "\n"
		fmt.Fprint(&b, head, strings.Repeat("x", max(0, rowBytes-len(head)-len(tail))), tail)
	}
	return b.String()
}

// service is what an apply buys from, and how many calls of each kind came to it.
type service struct {
	url   string
	calls func() map[string]int64
}

func (y *yard) listen(h http.Handler, calls func() map[string]int64) service {
	web := httptest.NewUnstartedServer(h)
	if y.link > 0 {
		const burst = 1 << 20
		web.Listener = pacedListener{web.Listener, rate.NewLimiter(y.link, burst), rate.NewLimiter(y.link, burst)}
	}
	web.Start()
	y.b.Cleanup(web.Close)
	return service{web.URL, calls}
}

// pacedListener is a link: its connections share so many bytes a second each way.
type pacedListener struct {
	net.Listener
	in, out *rate.Limiter
}

func (l pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return pacedConn{c, l}, err
}

type pacedConn struct {
	net.Conn
	link pacedListener
}

func (c pacedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), c.link.in.Burst())])
	return n, cmp.Or(c.link.in.WaitN(context.Background(), n), err)
}

func (c pacedConn) Write(p []byte) (n int, err error) {
	for part := range slices.Chunk(p, c.link.out.Burst()) {
		if err := c.link.out.WaitN(context.Background(), len(part)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(part)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// emulator makes a new service, whose jobs are over as soon as they are made.
func (y *yard) emulator() service {
	y.b.Helper()
	dir, err := os.MkdirTemp(y.dir, "service-")
	if err != nil {
		y.b.Fatal(err)
	}
	at := emulator.Span{Min: 1, Max: 1}
	s, err := emulator.New(emulator.Config{Dir: dir, QueueTime: at, RunTime: at, Quota: emulator.Quota{ActiveJobs: -1}})
	if err != nil {
		y.b.Fatal(err)
	}
	y.b.Cleanup(func() { s.Close() })
	return y.listen(s, func() map[string]int64 {
		l, err := s.Ledger()
		if err != nil {
			y.b.Fatal(err)
		}
		return l.Calls
	})
}

// depot makes a new service at the least cost.
func (y *yard) depot() service {
	if y.answers == nil {
		y.answers = map[string][]byte{}
		for i := range y.desired.Batches {
			b := &y.desired.Batches[i]
			src, err := os.ReadFile(y.paths[b.Address].Source)
			if err != nil {
				y.b.Fatal(err)
			}
			y.answers[b.Source.SHA256] = answersTo(src)
		}
	}
	d := newDepot(y.answers)
	return y.listen(d, d.called)
}

// applyTwice buys, then fetches. It counts the calls of the first apply, and of both.
func (y *yard) applyTwice(workers int, s service) (buying, fetching time.Duration, bought, all map[string]int64) {
	y.b.Helper()
	n := len(y.desired.Batches)
	began := time.Now()
	first := y.apply(s.url, workers)
	buying = time.Since(began)
	bought = s.calls()
	began = time.Now()
	second := y.apply(s.url, workers)
	fetching = time.Since(began)
	if first.Uploaded != n || first.Created != n || second.Downloaded != n {
		y.b.Fatalf("%d batches: %+v, then %+v", n, first, second)
	}
	return buying, fetching, bought, s.calls()
}

// apply is one run of a process.
func (y *yard) apply(url string, workers int) apply.Summary {
	y.b.Helper()
	rep, err := y.tryApply(y.b.Context(), url, workers)
	if err != nil {
		y.b.Fatal(err)
	}
	return rep.Summary
}

func (y *yard) tryApply(ctx context.Context, url string, workers int) (rep apply.Report, err error) {
	store, err := state.Open(y.statePath(), state.Identity{}, state.Holder{})
	if err != nil {
		return rep, err
	}
	defer store.Abandon()
	limits := apply.Limits{Parallelism: workers}
	gate := apply.NewGate(limits, store.State().LastSent())
	c, err := gemini.New(ctx, gemini.Options{APIKey: "key", BaseURL: url, Admit: gate.Admit})
	if err != nil {
		return rep, err
	}
	defer c.Close()
	e := apply.New(apply.Options{
		Jobs: c, Files: c, Answers: c, Models: c, Journal: store, Desired: y.desired, Paths: y.paths,
		Refresh: true, Limits: limits, Gate: gate, Plan: planner.Options{Version: "bench"},
	})
	defer e.Close()
	if _, _, err := e.Plan(ctx); err != nil {
		return rep, err
	}
	if rep, err = e.Apply(ctx); err != nil {
		return rep, err
	}
	return rep, store.Close()
}

// onlyHTTP makes the calls that two applies made, in their order.
func (y *yard) onlyHTTP(workers int, s service, bought, all map[string]int64) (up, down time.Duration, same map[string]int64) {
	y.b.Helper()
	h := &bare{url: s.url, http: &http.Client{Transport: &http.Transport{MaxIdleConns: workers, MaxIdleConnsPerHost: workers}}}
	defer h.http.CloseIdleConnections()
	bodies := make([]*os.File, len(y.desired.Batches))
	for i := range bodies {
		var err error
		if bodies[i], err = os.Open(y.paths[y.desired.Batches[i].Address].Source); err != nil {
			y.b.Fatal(err)
		}
		defer bodies[i].Close()
	}
	began := time.Now()
	for range all[emulator.OpGetModel] {
		h.get("/v1beta/models/" + model)
	}
	for range all[emulator.OpListFiles] {
		h.get("/v1beta/files?pageSize=100")
	}
	for range bought[emulator.OpListJobs] {
		h.get("/v1beta/batches?pageSize=100")
	}
	outputs := make([]string, len(bodies))
	together(workers, len(bodies), func(i int) { outputs[i] = h.buy(&y.desired.Batches[i], bodies[i]) })
	up = time.Since(began)
	began = time.Now()
	token := ""
	for range all[emulator.OpListJobs] - bought[emulator.OpListJobs] {
		var page struct{ NextPageToken string }
		if err := json.Unmarshal(h.get("/v1beta/batches?pageSize=100&pageToken="+token), &page); err != nil {
			y.b.Fatal(err)
		}
		token = page.NextPageToken
	}
	together(workers, len(bodies), func(i int) { h.fetch("/v1beta/" + outputs[i] + ":download?alt=media") })
	return up, time.Since(began), s.calls()
}

// together does n things, so many at a time.
func together(workers, n int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// bare is a client that keeps nothing and checks nothing but the status.
type bare struct {
	url  string
	http *http.Client
}

func (h *bare) do(req *http.Request, err error, read func(io.Reader) error) http.Header {
	if err != nil {
		panic(err)
	}
	req.Header.Set("X-Goog-Api-Key", "key")
	resp, err := h.http.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	if err := read(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		panic(fmt.Errorf("%s: %s: %v", req.URL, resp.Status, err))
	}
	return resp.Header
}

// fetch reads an answer and drops it.
func (h *bare) fetch(path string) {
	req, err := http.NewRequest(http.MethodGet, h.url+path, nil)
	h.do(req, err, func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
}

func (h *bare) get(path string) (body []byte) {
	req, err := http.NewRequest(http.MethodGet, h.url+path, nil)
	h.do(req, err, func(r io.Reader) error { body, err = io.ReadAll(r); return err })
	return body
}

func (h *bare) post(url string, body []byte, headers ...string) (head http.Header, answer []byte) {
	return h.send(url, bytes.NewReader(body), int64(len(body)), headers...)
}

func (h *bare) send(url string, body io.Reader, size int64, headers ...string) (head http.Header, answer []byte) {
	req, err := http.NewRequest(http.MethodPost, url, body)
	if err == nil {
		req.ContentLength = size
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	head = h.do(req, err, func(r io.Reader) error { answer, err = io.ReadAll(r); return err })
	return head, answer
}

// buy uploads and creates, and gives the name that the output will have.
func (h *bare) buy(b *planner.Batch, body *os.File) (output string) {
	name := planner.UploadName(b.Source.SHA256, "abcdef", 1)
	head, _ := h.post(h.url+"/upload/v1beta/files", fmt.Appendf(nil, `{"file":{"displayName":%q,"mimeType":"application/jsonl","name":%q}}`, b.Source.Path, name),
		"X-Goog-Upload-Protocol", "resumable", "X-Goog-Upload-Command", "start", "Content-Type", "application/json")
	h.send(head.Get("X-Goog-Upload-Url"), io.NewSectionReader(body, 0, b.Source.Bytes), b.Source.Bytes, "X-Goog-Upload-Command", "upload, finalize", "X-Goog-Upload-Offset", "0")
	_, answer := h.post(h.url+"/v1beta/models/"+b.Model+":batchGenerateContent",
		fmt.Appendf(nil, `{"batch":{"displayName":%q,"inputConfig":{"fileName":%q}}}`, planner.JobDisplayName(b.DisplayName, planner.NewToken("abcdef", b.Address, 1, b.Source.SHA256, b.Model)), name),
		"Content-Type", "application/json")
	var job struct{ Name string }
	if err := json.Unmarshal(answer, &job); err != nil {
		panic(err)
	}
	return "files/batch-" + strings.TrimPrefix(job.Name, "batches/")
}
