package s3

import (
	"slices"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Rule is one expiration of a bucket's lifecycle configuration.
type Rule struct {
	Prefix string // of the keys that it is about; "" is every object
	Days   int    // from 1, counted from when an object was written
}

// SetLifecycle gives a bucket its expirations, in place of those that it had.
// The journal does not have them: whoever opens the service gives them again.
func (s *Service) SetLifecycle(bucketName string, rules []Rule) error {
	b, err := s.bucket(bucketName)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rules, b.tidied = slices.Clone(rules), 0
	return nil
}

// expiry is when an object that was written at some time expires: at the midnight
// UTC that follows the last of its days (user guide, "Lifecycle configuration
// elements", November 2026).
func (r Rule) expiry(written time.Time) time.Time {
	return written.Add(time.Duration(r.Days) * day).Truncate(day).Add(day)
}

func (b *bucket) expired(o *object, now time.Time) bool {
	return slices.ContainsFunc(b.rules, func(r Rule) bool {
		return strings.HasPrefix(o.Key, r.Prefix) && !now.Before(r.expiry(o.modified()))
	})
}

// tidy removes what has expired. S3 does so some time after the midnight at which
// it expires; here the first request of a day that concerns the bucket finds all
// of it, and later ones have nothing to look for.
func (s *Service) tidy(b *bucket) error {
	now := time.Now()
	today := now.Unix() / int64(day/time.Second)
	b.mu.RLock()
	done := len(b.rules) == 0 || b.tidied == today
	b.mu.RUnlock()
	if done {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var gone []string
	for key, o := range b.objects {
		if b.expired(o, now) {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	if err := s.eraseLocked(b, gone); err != nil {
		return err
	}
	b.tidied = today
	return nil
}
