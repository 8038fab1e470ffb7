package apply_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// TestCrashTwice kills a whole apply, and then the run that repairs it. For the
// smallest scenario every second instant is tried after every first one. For the
// others each first instant is followed by some of the second ones, and which
// ones rotates: all together they leave no second instant out.
func TestCrashTwice(t *testing.T) {
	smallest := scenario{name: "smallest", batches: 1, rows: 1, must: map[string]int{
		"call list jobs": 3, "call upload start": 1, "journal create_intent": 1, "call create": 1, "call download": 1, "journal download_complete": 1}}
	var all deaths
	t.Run("scenarios", func(t *testing.T) {
		twice(t, smallest, 1, &all)
		for _, sc := range scenarios() {
			if sc.parallel <= 1 { // in what order several calls come is not fixed, so no instant can be meant
				twice(t, sc, secondsStride, &all)
			}
		}
	})
	for _, name := range []string{"call list jobs", "call upload start", "journal create_intent", "call create", "journal answers_kept", "call download", "journal download_complete"} {
		if n := all.of(name); n == 0 && every == 1 {
			t.Errorf("no second run died of %q", name)
		}
	}
}

// deaths counts what second runs died of: enough of it shows that the crashes
// reached all that a run does.
type deaths struct {
	mu sync.Mutex
	n  map[string]int
}

func (d *deaths) add(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n == nil {
		d.n = map[string]int{}
	}
	d.n[what]++
}

func (d *deaths) of(what string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n[what]
}

// secondsStride is how far the second instants after one first instant are
// apart.
const secondsStride = 48

// twice crosses the instants of a first run with every stride-th of the second.
func twice(t *testing.T, sc scenario, stride int, all *deaths) {
	points := enumerate(t, sc)
	t.Run(sc.name, func(t *testing.T) {
		t.Parallel()
		crashes := 0
		for first := 1; first <= 2*len(points); first += every {
			for second := 1 + first*7%stride; ; second += stride {
				a, b := nth(first), nth(second)
				what := ""
				t.Run(fmt.Sprintf("%s then %s", a, b), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { what = sc.crash(t, a, b) })
				})
				if what == "" {
					break // the second run came to its end before that
				}
				all.add(what)
				crashes++
			}
		}
		t.Logf("%d first instants, %d second crashes", 2*len(points)/every, crashes)
		if crashes < 2*len(points)/every*len(points)/stride {
			t.Errorf("%d second crashes after %d first ones: fewer than half of a run's instants at that stride", crashes, 2*len(points)/every)
		}
	})
}
