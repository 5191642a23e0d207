package openai

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// Limits are the project's rate limits. They differ by account and usage tier,
// so zero is only a middling account's figures; negative means no limit.
type Limits struct {
	Requests int // a minute; 5,000
	Tokens   int // a minute; 5,000,000
}

// bucket is a limit that refills all the time.
type bucket struct {
	size  float64 // negative: no limit
	level float64
	at    time.Time
}

func newBucket(limit, def int, now time.Time) bucket {
	if limit == 0 {
		limit = def
	}
	return bucket{size: float64(limit), level: float64(limit), at: now}
}

func (b *bucket) refill(now time.Time) {
	if b.size > 0 {
		b.level = min(b.size, b.level+b.size*now.Sub(b.at).Minutes())
		b.at = now
	}
}

// wait is how long until n fit in; a request larger than the bucket never fits
// and is told to wait for a full one.
func (b *bucket) wait(n float64) time.Duration {
	if b.size < 0 || b.level >= n {
		return 0
	}
	missing := min(n, b.size) - b.level
	return max(time.Duration(math.Ceil(missing/b.size*float64(time.Minute))), time.Millisecond)
}

func (b *bucket) take(n float64) {
	if b.size > 0 {
		b.level -= n
	}
}

// header states one limit; the time to the reset is a duration such as 6m0s.
func (b *bucket) header(h http.Header, name string) {
	if b.size < 0 {
		return
	}
	full := time.Duration((b.size - b.level) / b.size * float64(time.Minute))
	h.Set("X-Ratelimit-Limit-"+name, strconv.Itoa(int(b.size)))
	h.Set("X-Ratelimit-Remaining-"+name, strconv.Itoa(max(int(b.level), 0)))
	h.Set("X-Ratelimit-Reset-"+name, full.Round(time.Millisecond).String())
}
