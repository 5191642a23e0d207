package scheduler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The expressions that AWS refuses: those recorded from the service itself, and
// those that the user guide rules out (November 2026).
var refused = []string{
	"cron(0 1 * * * *)", "cron(7 20 * * NOT *)", "cron(INVALID)", "cron(0 dummy ? * MON-FRI *)", "cron(71 8 1 * ? *)", "cron()",
	"rate(10 seconds)", "rate(10 years)", "rate()", "rate(10)", "rate(10 minutess)", "rate(foo minutes)", "rate(-10 minutes)",
	"rate( 10 minutes )", " rate(10 minutes)", "at(2021-12-31T23:59:59Z)", "at(2021-12-31)",
	"", "rate(0 minutes)", "rate(1.5 hours)", "rate(999999999 days)", "at(2026-02-30T00:00:00)", "at(2026-12-31T24:00:00)", "every(5 minutes)",
	"cron(0 10 * * ?)", "cron(0 10 * * ? * *)", "cron(0 10 ? * ? *)", "cron(0 10 1 * 2 *)", "cron(60 1 * * ? *)", "cron(0 24 * * ? *)",
	"cron(0 1 0 * ? *)", "cron(0 1 32 * ? *)", "cron(0 1 1 13 ? *)", "cron(0 1 ? * 8 *)", "cron(0 1 ? * 0 *)", "cron(0 1 1 1 ? 1969)",
	"cron(0 1 1 1 ? 2200)", "cron(*/0 1 * * ? *)", "cron(0/x 1 * * ? *)", "cron(30-10 1 * * ? *)", "cron(1,,2 1 * * ? *)", "cron(+1 1 * * ? *)",
	"cron(0 1 32W * ? *)", "cron(0 1 ? * 3#6 *)", "cron(0 1 ? * #1 *)", "cron(? 1 * * ? *)", "cron(0 1 L-1-1 * ? *)", "cron(0 1 ? * 9L *)",
}

func TestRefusedExpressions(t *testing.T) {
	t.Parallel()
	for _, text := range refused {
		if parse(text, time.UTC) != nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestTimesOfExpressions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, zone, anchor string
		want               []string // the first times after one before the anchor
	}{
		{"rate(5 minutes)", "UTC", "2026-01-31T23:58:30Z", []string{"2026-01-31T23:58:30Z", "2026-02-01T00:03:30Z", "2026-02-01T00:08:30Z"}},
		{"rate(1 hours)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"}},
		{"rate(1 day)", "America/New_York", "2026-03-07T12:00:00Z", []string{"2026-03-07T12:00:00Z", "2026-03-08T12:00:00Z"}},
		{"at(2026-07-01T09:00:00)", "America/New_York", "2026-01-01T00:00:00Z", []string{"2026-07-01T13:00:00Z", "none"}},
		{"at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00Z", []string{"none"}}, // skipped in spring
		{"at(2025-01-01T00:00:00)", "UTC", "2026-01-01T00:00:00Z", []string{"none"}},
		{"cron(0 10 * * ? *)", "UTC", "2026-02-27T10:00:00Z", []string{"2026-02-27T10:00:00Z", "2026-02-28T10:00:00Z", "2026-03-01T10:00:00Z"}},
		{"cron(0/15 8-9 ? * MON-FRI *)", "UTC", "2026-01-02T09:40:00Z", []string{"2026-01-02T09:45:00Z", "2026-01-05T08:00:00Z", "2026-01-05T08:15:00Z"}},
		{"cron(*/20 * * * ? *)", "UTC", "2026-12-31T23:30:00Z", []string{"2026-12-31T23:40:00Z", "2027-01-01T00:00:00Z"}},
		{"cron(15 10 ? * 6L 2026)", "UTC", "2026-10-01T00:00:00Z", []string{"2026-10-30T10:15:00Z", "2026-11-27T10:15:00Z", "2026-12-25T10:15:00Z", "none"}},
		{"cron(0 0 L * ? *)", "UTC", "2028-02-01T00:00:00Z", []string{"2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"}},
		{"cron(0 0 ? * L *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-03T00:00:00Z", "2026-01-10T00:00:00Z"}},
		{"cron(0 0 ? * TUE#2 *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-13T00:00:00Z", "2026-02-10T00:00:00Z"}},
		{"cron(0 0 ? * 3#5 *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-03-31T00:00:00Z", "2026-06-30T00:00:00Z"}},
		{"cron(0 0 15W * ? *)", "UTC", "2026-02-01T00:00:00Z", []string{"2026-02-16T00:00:00Z", "2026-03-16T00:00:00Z", "2026-04-15T00:00:00Z"}},
		{"cron(0 0 1W 8 ? *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-08-03T00:00:00Z"}},  // a Saturday, not back into July
		{"cron(0 0 31W 5 ? *)", "UTC", "2026-01-01T00:00:00Z", []string{"2026-05-29T00:00:00Z"}}, // a Sunday, not on into June
		{"cron(0 0 31W * ? *)", "UTC", "2026-04-01T00:00:00Z", []string{"2026-05-29T00:00:00Z"}}, // April has no 31st
		{"cron(0 12 1,15 JAN,JUL ? 2027-2028)", "UTC", "2026-01-01T00:00:00Z", []string{"2027-01-01T12:00:00Z", "2027-01-15T12:00:00Z", "2027-07-01T12:00:00Z"}},
		{"cron(0 0 29 2 ? *)", "UTC", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
		{"cron(0 0 30 2 ? *)", "UTC", "2026-01-01T00:00:00Z", []string{"none"}},
		// Daylight saving time: what the clocks skip does not come, what they repeat comes once.
		{"cron(30 2 * * ? *)", "America/New_York", "2026-03-07T00:00:00Z", []string{"2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"}},
		{"cron(30 1 * * ? *)", "America/New_York", "2026-11-01T00:00:00Z", []string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		anchor, err := time.Parse(time.RFC3339, c.anchor)
		if err != nil {
			t.Fatal(err)
		}
		exp := parse(c.text, zone)
		if exp == nil {
			t.Errorf("%s is refused", c.text)
			continue
		}
		var got []string
		last := anchor.Add(-time.Nanosecond)
		for range c.want {
			next, ok := exp.next(last, anchor)
			if !ok {
				got = append(got, "none")
				break
			}
			got, last = append(got, stamp(next)), next
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s in %s: %s", c.text, c.zone, diff)
		}
	}
}

// Whatever is accepted gives times that go forward.
func FuzzExpression(f *testing.F) {
	for _, text := range append(refused, "rate(5 minutes)", "at(2026-07-01T09:00:00)", "cron(0/15 8-9 ? * MON-FRI *)", "cron(0 0 15W * ? *)", "cron(0 0 ? 2 3#5 2096-2199/4)") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		exp := parse(text, time.UTC)
		if exp == nil {
			return
		}
		anchor := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		last := anchor.Add(-time.Nanosecond)
		for range 3 {
			next, ok := exp.next(last, anchor)
			if !ok {
				return
			}
			if !next.After(last) || next.Before(anchor) {
				t.Fatalf("%q: got %s after %s", text, next, last)
			}
			last = next
		}
	})
}
