package scheduler

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// expression is a parsed schedule expression. A schedule asks it for one time
// after the other.
type expression interface {
	// next returns the first time after t; false if there is none. anchor is
	// when the schedule begins, which is a rate's first time.
	next(t, anchor time.Time) (time.Time, bool)
}

var (
	ratePattern = regexp.MustCompile(`^rate\(([1-9][0-9]{0,8}) (minute|minutes|hour|hours|day|days)\)$`)
	atPattern   = regexp.MustCompile(`^at\(([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\)$`)
)

// localTime is the layout of at expressions, without a zone.
const localTime = "2006-01-02T15:04:05"

// parse reads an expression, or returns nil. cron and at are in the zone's
// local time; a day of a rate is always 24 hours (EventBridge Scheduler user
// guide, "Schedule types", November 2026).
func parse(text string, zone *time.Location) expression {
	if m := ratePattern.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most nine digits
		unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[strings.TrimSuffix(m[2], "s")]
		if n > int(maxRate/unit) {
			return nil
		}
		return rate(time.Duration(n) * unit)
	}
	if m := atPattern.FindStringSubmatch(text); m != nil {
		t, err := time.ParseInLocation(localTime, m[1], zone)
		if err != nil {
			return nil
		}
		return once{t: t, skipped: t.Format(localTime) != m[1]}
	}
	if inner, ok := strings.CutPrefix(text, "cron("); ok && strings.HasSuffix(inner, ")") {
		if c := parseCron(strings.TrimSuffix(inner, ")"), zone); c != nil {
			return c
		}
	}
	return nil
}

// maxRate keeps sums of times in range.
const maxRate = 100 * 365 * 24 * time.Hour

// rate comes at its anchor and then regularly.
type rate time.Duration

func (r rate) next(t, anchor time.Time) (time.Time, bool) {
	if t.Before(anchor) {
		return anchor, true
	}
	return anchor.Add((t.Sub(anchor)/time.Duration(r) + 1) * time.Duration(r)), true
}

// once comes at one time, unless the zone's clocks skipped that.
type once struct {
	t       time.Time
	skipped bool
}

func (o once) next(t, _ time.Time) (time.Time, bool) { return o.t, !o.skipped && t.Before(o.t) }
