package scheduler

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is an expression of six fields: minutes, hours, day of month, month, day
// of week, year (EventBridge Scheduler user guide, "Schedule types", November
// 2026). One of the two day fields is "?".
type cron struct {
	zone           *time.Location
	minutes, hours []int
	months         []int
	years          []int
	day            func(year int, month time.Month, day int) bool
}

const (
	firstYear = 1970
	lastYear  = 2199
)

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// parseCron returns nil for anything that is not such an expression.
func parseCron(text string, zone *time.Location) *cron {
	f := strings.Split(text, " ")
	if len(f) != 6 {
		return nil
	}
	c := &cron{
		zone: zone, minutes: values(f[0], 0, 59, nil), hours: values(f[1], 0, 23, nil),
		months: values(f[3], 1, 12, monthNames), years: values(f[5], firstYear, lastYear, nil),
	}
	switch {
	case f[2] != "?" && f[4] == "?":
		c.day = dayOfMonth(f[2])
	case f[2] == "?" && f[4] != "?":
		c.day = dayOfWeek(f[4])
	}
	if c.minutes == nil || c.hours == nil || c.months == nil || c.years == nil || c.day == nil {
		return nil
	}
	return c
}

// values reads a list of numbers, names, ranges and steps into the sorted
// numbers within low and high that it stands for; nil if it is not one.
func values(text string, low, high int, names []string) []int {
	var out []int
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 || n > high {
				return nil
			}
			step = n
		}
		from, to := low, high
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			var ok bool
			if from, ok = value(first, low, high, names); !ok {
				return nil
			}
			switch {
			case ranged:
				if to, ok = value(last, low, high, names); !ok || to < from {
					return nil
				}
			case !stepped:
				to = from
			}
		}
		for n := from; n <= to; n += step {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// value reads a number or, where there are names, the name of one.
func value(text string, low, high int, names []string) (int, bool) {
	if i := slices.Index(names, text); i >= 0 {
		return low + i, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= low && n <= high && text[0] != '+'
}

// dayOfMonth reads numbers, "L" for the last day, or "15W" for the weekday
// nearest to a day within its month.
func dayOfMonth(text string) func(int, time.Month, int) bool {
	if text == "L" {
		return func(year int, month time.Month, day int) bool { return day == lastDay(year, month) }
	}
	if near, ok := strings.CutSuffix(text, "W"); ok {
		n, ok := value(near, 1, 31, nil)
		if !ok {
			return nil
		}
		return func(year int, month time.Month, day int) bool { return day == nearestWeekday(year, month, n) }
	}
	days := values(text, 1, 31, nil)
	if days == nil {
		return nil
	}
	return func(_ int, _ time.Month, day int) bool { return slices.Contains(days, day) }
}

// dayOfWeek reads numbers (1 is Sunday) or names, "L" for Saturday, "6L" for
// the last Friday of the month, or "3#2" for its second Tuesday.
func dayOfWeek(text string) func(int, time.Month, int) bool {
	if text == "L" {
		text = "SAT"
	}
	if last, ok := strings.CutSuffix(text, "L"); ok {
		n, ok := value(last, 1, 7, dayNames)
		if !ok {
			return nil
		}
		return func(year int, month time.Month, day int) bool {
			return weekday(year, month, day) == n && day > lastDay(year, month)-7
		}
	}
	if which, nth, ok := strings.Cut(text, "#"); ok {
		n, ok := value(which, 1, 7, dayNames)
		k, fits := value(nth, 1, 5, nil)
		if !ok || !fits {
			return nil
		}
		return func(year int, month time.Month, day int) bool {
			return weekday(year, month, day) == n && (day-1)/7 == k-1
		}
	}
	days := values(text, 1, 7, dayNames)
	if days == nil {
		return nil
	}
	return func(year int, month time.Month, day int) bool {
		return slices.Contains(days, weekday(year, month, day))
	}
}

func lastDay(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// weekday counts from Sunday, which is 1.
func weekday(year int, month time.Month, day int) int {
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()) + 1
}

// nearestWeekday returns the day from Monday to Friday that is nearest to day,
// in the same month; 0 if the month has no such day.
func nearestWeekday(year int, month time.Month, day int) int {
	last := lastDay(year, month)
	if day > last {
		return 0
	}
	switch weekday(year, month, day) {
	case 7:
		if day == 1 {
			return 3
		}
		return day - 1
	case 1:
		if day == last {
			return day - 2
		}
		return day + 1
	}
	return day
}

// next walks over the days from t's own. A local time that the clocks skip in
// spring does not come; one that they repeat in autumn comes once.
func (c *cron) next(t, _ time.Time) (time.Time, bool) {
	local := t.In(c.zone)
	year, month, day := local.Date()
	for ; year <= lastYear; year, month, day = year+1, time.January, 1 {
		if !slices.Contains(c.years, year) {
			continue
		}
		for ; month <= time.December; month, day = month+1, 1 {
			if !slices.Contains(c.months, int(month)) {
				continue
			}
			for last := lastDay(year, month); day <= last; day++ {
				if !c.day(year, month, day) {
					continue
				}
				if at, ok := c.within(year, month, day, t); ok {
					return at, true
				}
			}
		}
	}
	return time.Time{}, false
}

// within returns the first time of a day after t.
func (c *cron) within(year int, month time.Month, day int, t time.Time) (time.Time, bool) {
	for _, hour := range c.hours {
		for _, minute := range c.minutes {
			at := time.Date(year, month, day, hour, minute, 0, 0, c.zone)
			if at.After(t) && at.Hour() == hour && at.Minute() == minute {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
