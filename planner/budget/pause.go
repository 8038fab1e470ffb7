package budget

import "time"

// MaxCooldown is the longest pause after a refusal. Creates were seen to
// recover after 15 to 20 minutes and to be refused for hours (discuss 115183,
// 112624), so a longer pause would only waste what is free.
const MaxCooldown = time.Hour

// Cooldown is the pause after the strikes-th refusal in a row: the first one
// doubled each time, never more than MaxCooldown, and never less than the
// service's own hint within the same bound.
func Cooldown(first time.Duration, strikes int, hint time.Duration) time.Duration {
	pause := first
	for i := 1; i < strikes && pause < MaxCooldown; i++ {
		pause *= 2
	}
	return min(max(pause, hint), max(first, MaxCooldown))
}
