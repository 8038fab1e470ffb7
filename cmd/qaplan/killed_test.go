package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// testSeed is the seed of random moments. It is fixed, so that a failure can be
// looked into; QAPLAN_SEED gives another, for soaking.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(20261123)
	if text := os.Getenv("QAPLAN_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("QAPLAN_SEED: %v", err)
		}
	}
	t.Logf("seed %d", seed)
	return seed
}

// moment is when a run is killed: at the nth call of a kind, and in any case
// after some calls or some time, whatever the run is doing then.
type moment struct {
	call  string // "" for any
	nth   int    // 0 for never
	place string
	later time.Duration // after the answer
	calls int
	clock time.Duration
}

// Where in a call the caller is killed.
const (
	beforeCall  = "before"   // the service has the call and has not acted
	unanswered  = "acted"    // it has acted, and the answer is lost
	afterAnswer = "answered" // some milliseconds later
)

func randomMoment(rng *rand.Rand) moment {
	m := moment{
		call: []string{"", callUpload, callCreate, callCreate, callDownload, callDownload}[rng.IntN(6)],
		nth:  1 + rng.IntN(4), place: []string{beforeCall, unanswered, afterAnswer}[rng.IntN(3)],
		later: time.Duration(rng.IntN(15_000)) * time.Microsecond,
		calls: 8 + rng.IntN(12), clock: time.Minute,
	}
	switch {
	case rng.IntN(5) == 0:
		m.nth, m.clock = 0, time.Duration(rng.IntN(300))*time.Millisecond
	case m.call == "":
		m.nth += rng.IntN(12)
	}
	return m
}

// lieInWait makes the front kill a run at its moment, and gives a channel that
// tells, when the run is gone, what it was doing when it was killed.
func (s *site) lieInWait(m moment, c *child) <-chan string {
	at := make(chan string, 1)
	kill := func(doing string) {
		c.kill()
		select {
		case at <- doing:
		default: // killed before
		}
	}
	seen, all := 0, 0 // guarded by the front
	count := func(call string) (hit bool) {
		s.front.mu.Lock()
		defer s.front.mu.Unlock()
		if call == m.call || m.call == "" {
			seen++
			hit = seen == m.nth
		}
		all++
		return hit || all == m.calls
	}
	s.front.setWatch(func(call string, _ *http.Request) func() {
		time.Sleep(latency)
		if !count(call) {
			return func() {}
		}
		switch m.place {
		case beforeCall:
			kill(call + " " + beforeCall)
		case unanswered:
			return func() { kill(call + " " + unanswered) }
		case afterAnswer:
			return func() { time.AfterFunc(m.later, func() { kill(call + " " + afterAnswer) }) }
		}
		return func() {}
	})
	clock := time.AfterFunc(m.clock, func() { kill("the clock") })
	go func() {
		<-c.ended
		clock.Stop()
	}()
	return at
}

// latency of the service keeps a fast machine from getting far between a moment
// and the kill.
const latency = 3 * time.Millisecond

// TestKilledAtRandomMoments kills the real binary again and again in the middle
// of its work. Each next run goes on at once; in the end everything was bought
// once and answered.
func TestKilledAtRandomMoments(t *testing.T) {
	const batches, kills = 100, 40
	rng := rand.New(rand.NewPCG(testSeed(t), 0))
	s := newSite(t, batches)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{
		QueueTime: emulator.Span{Min: time.Millisecond, Max: 100 * time.Millisecond},
		RunTime:   emulator.Span{Min: time.Millisecond, Max: 300 * time.Millisecond},
	})
	landed, buying, delivering := 0, 0, 0
	doing := map[string]int{}
	for landed < kills {
		m := randomMoment(rng)
		c := s.child("apply", "--auto-approve", "--wait")
		c.start(t)
		at := s.lieInWait(m, c)
		code := c.code(t)
		if !c.died() {
			// Whoever was not killed was not held up by those who were.
			if code != exitDone {
				t.Fatalf("after %d kills: exit code %d; stdout:\n%s\nstderr:\n%s", landed, code, &c.stdout, &c.stderr)
			}
			break
		}
		landed++
		doing[<-at]++
		bought, delivered := s.bought(), s.delivered()
		if 0 < bought && bought < batches {
			buying++
		}
		if 0 < delivered && delivered < batches {
			delivering++
		}
	}
	s.front.setWatch(nil)
	t.Logf("%d runs were killed, %d between the first purchase and the last, %d between the first result and the last: %s", landed, buying, delivering, tally(doing))
	if landed < kills || buying < kills/3 || delivering < kills/3 || len(doing) < 6 {
		t.Errorf("the kills did not hit the work in all its phases")
	}
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait")
	s.mustBeDone()
}

// TestKilledAtTheEnd kills runs between their last answer and their end, while
// they put results in place, fold the state and let go of it.
func TestKilledAtTheEnd(t *testing.T) {
	const runs, batches = 12, 3
	rng := rand.New(rand.NewPCG(testSeed(t), 1))
	landed := 0
	for range runs {
		s := newSite(t, batches)
		s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
		c := s.child("apply", "--auto-approve", "--wait")
		c.start(t)
		s.lieInWait(moment{call: callDownload, nth: batches, place: afterAnswer, later: time.Duration(rng.IntN(12_000)) * time.Microsecond, clock: time.Minute}, c)
		if c.code(t); c.died() {
			landed++
		} else if code := c.code(t); code != exitDone {
			t.Fatalf("exit code %d; stderr:\n%s", code, &c.stderr)
		}
		s.front.setWatch(nil)
		s.mustRun(exitDone, "apply", "--auto-approve", "--wait")
		s.mustBeDone()
	}
	t.Logf("%d of %d runs were killed before their end", landed, runs)
	if landed < 3 {
		t.Error("too few to tell anything")
	}
}

func tally(counts map[string]int) string {
	text := ""
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		text += fmt.Sprintf("%s %d, ", what, counts[what])
	}
	return text
}
