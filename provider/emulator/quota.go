package emulator

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// refusal is what a create is refused with, nil when the project may have the
// job now. Most of the answers do not say which quota it was.
func (q Quota) refusal(tx *transaction, j *job) *reply {
	rep := tx.rep
	rep.creates = prune(rep.creates, tx.now.Add(-minute))
	tooFast := q.CreatesPerMinute > 0 && len(rep.creates) >= q.CreatesPerMinute
	switch {
	case q.CreatesPerDay > 0 && rep.today(tx.now)[j.Model] >= q.CreatesPerDay:
		return overQuota(quotaPerDay, j.Model, q.CreatesPerDay)
	case tooFast && q.NamedRefusals:
		return overQuota(quotaPerMinute, j.Model, q.CreatesPerMinute)
	case tooFast, q.pausing(rep, tx.now), q.full(tx, j):
		return overQuota(quotaHelpOnly, j.Model, 0)
	}
	return nil
}

// pausing tells whether the last burst of creates is followed by a pause at now.
func (q Quota) pausing(rep *replica, now time.Time) bool {
	if q.Burst <= 0 || rep.accepted == 0 || rep.accepted%q.Burst != 0 {
		return false
	}
	pause := q.BurstPause.at(share("pause", fmt.Sprint(rep.accepted)))
	return now.Before(rep.lastCreate.Add(pause))
}

// full tells whether the active jobs leave no room for another one.
func (q Quota) full(tx *transaction, j *job) bool {
	active, tokens := 0, int64(0)
	open := tx.rep.open[:0]
	for _, other := range tx.rep.open {
		if !other.holds(tx.now, q.ReleaseDelay) {
			continue
		}
		open = append(open, other)
		active++
		if other.Model == j.Model {
			tokens += other.Tokens
		}
	}
	clear(tx.rep.open[len(open):])
	tx.rep.open = open
	limit, limited := q.EnqueuedTokens[j.Model]
	return q.ActiveJobs > 0 && active >= q.ActiveJobs || limited && limit >= 0 && tokens+j.Tokens > limit
}

// day gives the day that a time belongs to: it begins at midnight Pacific, all
// year by standard time.
func day(t time.Time) time.Time { return t.UTC().Add(-8 * time.Hour).Truncate(24 * time.Hour) }

// today gives the creates by model that were accepted on the day of now.
func (rep *replica) today(now time.Time) map[string]int {
	if d := day(now); !d.Equal(rep.day) {
		rep.day, rep.dayCreates = d, map[string]int{}
	}
	return rep.dayCreates
}

// The kinds of a 429.
const (
	quotaHelpOnly   = "help_only"
	quotaBare       = "bare"
	quotaPerMinute  = "per_minute"
	quotaPerDay     = "per_day"
	quotaStorage    = "storage"
	quotaHugeDelay  = "huge_delay"
	quotaRetryAfter = "retry_after"
	quotaHugeAfter  = "huge_retry_after"
)

func quotaKinds() []string {
	return []string{quotaHelpOnly, quotaBare, quotaPerMinute, quotaPerDay, quotaStorage, quotaHugeDelay, quotaRetryAfter, quotaHugeAfter}
}

// huge is the number of seconds in the retryDelay of python-genai #1172: 2^63-1.
const huge = "9223372036854775807"

// overQuota is a 429 of the given kind. The one that a create gets tells nothing
// but where to read about quotas (langchain4j PR #3942). limit is what the quota
// is said to be where the kind names it; 0 is any.
func overQuota(kind, model string, limit int) *reply {
	const message = "You exceeded your current quota, please check your plan and billing details. " +
		"For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
	help := map[string]any{"@type": "type.googleapis.com/google.rpc.Help", "links": []any{map[string]string{
		"description": "Learn more about Gemini API quotas", "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}}}
	violation := func(metric, id, value string) any {
		v := map[string]any{"quotaMetric": "generativelanguage.googleapis.com/" + metric, "quotaId": id, "quotaValue": value}
		if model != "" {
			v["quotaDimensions"] = map[string]string{"location": "global", "model": model}
		}
		return map[string]any{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []any{v}}
	}
	retry := func(delay string) any {
		return map[string]any{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
	}
	switch kind {
	case quotaBare:
		return refuse(429, "Resource has been exhausted (e.g. check quota).")
	case quotaPerMinute:
		return refuseWith(429, message+" Please retry in 45.57s.", help,
			violation("generate_requests_per_model", "GenerateRequestsPerMinutePerProjectPerModel", strconv.Itoa(cmp.Or(limit, 60))), retry("45s"))
	case quotaPerDay:
		// The short delay is the service's: it does not fit the day.
		return refuseWith(429, message, help,
			violation("generate_requests_per_model_per_day", "GenerateRequestsPerDayPerProjectPerModel", strconv.Itoa(cmp.Or(limit, 1000))), retry("38s"))
	case quotaStorage:
		return refuseWith(429, "You have exceeded the file storage quota.", help,
			violation("file_storage_bytes", "FileStorageBytesPerProject", "21474836480"), retry(huge+"s"))
	case quotaHugeDelay:
		return refuseWith(429, message, help, retry(huge+"s"))
	case quotaRetryAfter:
		return refuseWith(429, message).with("Retry-After", "30")
	case quotaHugeAfter:
		return refuseWith(429, message).with("Retry-After", huge)
	}
	return refuseWith(429, message, help)
}
