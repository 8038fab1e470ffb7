package budget

import (
	"testing"
	"time"
	_ "time/tzdata" // for the test alone: what the package itself computes is compared with it
)

func TestNamedQuotas(t *testing.T) {
	const (
		minuteOfModel = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
		minuteOfAll   = "BatchRequestsPerMinutePerProject"
		dayOfModel    = "GenerateRequestsPerDayPerProjectPerModel"
		storage       = "FileStorageBytesPerProject"
	)
	midnight := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	tests := []struct {
		name           string
		quotas         []string
		delay          time.Duration
		self, other    Cause         // for the same model and for another one
		upload         Cause         // for the other model, with something to upload
		least, longest time.Duration // how long the same model waits
	}{
		{"a minute of the model", []string{minuteOfModel}, 51 * time.Second, CauseNamed, "", "", time.Minute, time.Minute},
		{"a minute with a longer hint", []string{minuteOfModel}, 3 * time.Minute, CauseNamed, "", "", 3 * time.Minute, 3 * time.Minute},
		{"a minute with an absurd hint", []string{minuteOfModel}, 1<<63 - 1, CauseNamed, "", "", time.Minute, maxMinutePause},
		{"a minute of the project", []string{minuteOfAll}, 0, CauseNamed, CauseNamed, CauseNamed, time.Minute, time.Minute},
		{"a day, with a short hint", []string{dayOfModel}, 20 * time.Second, CauseNamed, "", "", 14 * time.Hour, 15 * time.Hour},
		{"a minute and a day", []string{minuteOfModel, dayOfModel}, 0, CauseNamed, "", "", 14 * time.Hour, 15 * time.Hour},
		{"storage", []string{storage}, 0, "", "", CauseNamed, 0, 0},
		{"one without a meaning", []string{"Mystery"}, 0, CauseRefused, "", "", 2 * time.Minute, 150 * time.Second},
		{"one without a meaning, and a minute", []string{"Mystery", minuteOfModel}, 0, CauseNamed, "", "", time.Minute, time.Minute},
	}
	for _, tt := range tests {
		d := newDesk(t, Settings{}, Knowledge{})
		d.sends(1, true)
		c := d.create(1)
		d.p.Book(d.now, c)
		d.p.Send(d.now, c.ID)
		d.p.Refused(d.now, c.ID, Refusal{Quotas: tt.quotas, Delay: tt.delay})
		self := d.p.Next(d.now, d.create(1))
		other := d.p.Next(d.now, &Create{ID: "o", Model: "other"})
		upload := d.p.Next(d.now, &Create{ID: "u", Model: "other", Upload: true})
		if self.Cause != tt.self || other.Cause != tt.other || upload.Cause != tt.upload {
			t.Errorf("%s: %q, another model %q, with an upload %q; want %q, %q, %q", tt.name, self.Cause, other.Cause, upload.Cause, tt.self, tt.other, tt.upload)
		}
		if tt.self == "" {
			continue
		}
		if wait := self.Until.Sub(d.now); wait < tt.least || wait > tt.longest {
			t.Errorf("%s: waits %v, want %v to %v", tt.name, wait, tt.least, tt.longest)
		}
		if tt.least > time.Hour && !self.Until.Equal(midnight) {
			t.Errorf("%s: until %v, want %v", tt.name, self.Until, midnight)
		}
	}
}

// Refusals of one minute in a row make the pause longer; an accepted create
// begins anew.
func TestNamedQuotaInARow(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		c := d.create(1)
		d.p.Book(d.now, c)
		d.p.Send(d.now, c.ID)
		d.p.Refused(d.now, c.ID, Refusal{Quotas: []string{"XPerMinutePerProjectPerModel"}})
		dec := d.waits(1, CauseNamed)
		if got := dec.Until.Sub(d.now); got != want*time.Minute || dec.Early {
			t.Errorf("waits %v, want %v", got, want*time.Minute)
		}
		d.pass(dec.Until.Sub(d.now))
	}
	d.sends(1, true)
	if k := d.p.Knowledge(); len(k.Named) != 0 {
		t.Errorf("after a success: %+v", k.Named)
	}
}

// Should the service ever name enqueued tokens or active jobs, it is believed.
func TestNamedCeilings(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	for range 5 {
		d.sends(200, true)
	}
	d.pass(time.Minute)
	c := d.create(300)
	d.p.Book(d.now, c)
	d.p.Send(d.now, c.ID)
	d.p.Refused(d.now, c.ID, Refusal{Quotas: []string{"BatchEnqueuedTokensPerProjectPerModel"}})
	if dec := d.waits(300, CauseLearned); dec.Budget != EnqueuedTokens {
		t.Errorf("waits for %+v", dec)
	}
	if dec := d.p.Next(d.now, d.create(100)); !dec.Admit() {
		t.Errorf("fewer tokens: %+v", dec)
	}
	c = d.create(10)
	d.p.Book(d.now, c)
	d.p.Send(d.now, c.ID)
	d.p.Refused(d.now, c.ID, Refusal{Quotas: []string{"ConcurrentBatchJobsPerProject"}})
	if dec := d.waits(1, CauseLearned); dec.Budget != ActiveJobs {
		t.Errorf("waits for %+v", dec)
	}
}

// Uploads that were on their way together are refused once.
func TestStorageRefusedTogether(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	for i := range 4 {
		d.p.UploadRefused(d.now.Add(time.Duration(i)*time.Millisecond), Refusal{})
	}
	c := d.create(1)
	c.Upload = true
	if dec := d.p.Next(d.now, c); !dec.Until.Equal(d.now.Add(2 * time.Minute)) {
		t.Errorf("waits for %v", dec.Until.Sub(d.now))
	}
	d.pass(2 * time.Minute)
	d.p.UploadRefused(d.now, Refusal{})
	if dec := d.p.Next(d.now, c); !dec.Until.Equal(d.now.Add(4 * time.Minute)) {
		t.Errorf("waits for %v after the next one", dec.Until.Sub(d.now))
	}
}

func TestStorageOfUploads(t *testing.T) {
	d := newDesk(t, Settings{}, Knowledge{})
	d.p.UploadRefused(d.now, Refusal{Message: "full"})
	c := d.create(1)
	if dec := d.p.Next(d.now, c); !dec.Admit() {
		t.Errorf("without an upload: %+v", dec)
	}
	c.Upload = true
	dec := d.p.Next(d.now, c)
	if dec.Budget != FileStorage || !dec.Until.Equal(d.now.Add(2*time.Minute)) {
		t.Errorf("with an upload: %+v", dec)
	}
	d.p.UploadRefused(d.now, Refusal{Quotas: []string{"UploadsPerDayPerProject"}})
	if dec := d.p.Next(d.now, c); dec.Until.Sub(d.now) < 14*time.Hour {
		t.Errorf("until midnight: %+v", dec)
	}
	d.p.Uploaded(d.now)
	if dec := d.p.Next(d.now, c); dec.Admit() {
		t.Error("an upload that was on its way when others were refused ends their pause")
	}
	d.pass(15 * time.Hour)
	d.p.Uploaded(d.now)
	d.p.UploadRefused(d.now, Refusal{})
	if dec := d.p.Next(d.now, c); !dec.Until.Equal(d.now.Add(2 * time.Minute)) {
		t.Errorf("after an upload went through, the next refusal pauses for %v", dec.Until.Sub(d.now))
	}
}

// Midnight in California, by the rule, is midnight by the database of time zones.
func TestPacificMidnight(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for at := time.Date(2025, 1, 1, 0, 13, 0, 0, time.UTC); at.Year() < 2031; at = at.Add(97 * time.Minute) {
		local := at.In(zone)
		want := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, zone)
		if got := pacificMidnight(at); !got.Equal(want) {
			t.Fatalf("after %v: %v, want %v", local, got.In(zone), want)
		}
	}
}
