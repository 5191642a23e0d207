package secretsmanager

import (
	"bytes"
	"slices"
	"time"
)

// The staging labels that Secrets Manager moves itself.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
)

// Versions without a label are forgotten, oldest first, when there are more
// than a hundred, but not within a day (AWS Secrets Manager quotas page, read
// in November 2026).
const (
	maxUnlabelled = 100
	minVersionAge = 24 * time.Hour
)

// secret is one secret, as the journal keeps it: times are Unix milliseconds.
// A change makes a copy, so that one that cannot be recorded never happened.
type secret struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	KMSKeyID    string    `json:"kms,omitempty"`
	Created     int64     `json:"created"`
	Changed     int64     `json:"changed"`
	Accessed    int64     `json:"-"`                 // the day, as AWS tells it; not worth remembering
	DeletedAt   int64     `json:"deleted,omitempty"` // when it was marked for deletion
	DeleteAt    int64     `json:"ends,omitempty"`    // when the recovery window ends
	Versions    []version `json:"versions"`          // oldest first
}

// version is one value. Its Stages are sorted.
type version struct {
	ID      string   `json:"id"`
	String  *string  `json:"s,omitempty"`
	Binary  []byte   `json:"b,omitempty"`
	Created int64    `json:"created"`
	Stages  []string `json:"stages,omitempty"`
}

func (v *version) same(other version) bool {
	if v.String == nil || other.String == nil {
		return v.String == other.String && bytes.Equal(v.Binary, other.Binary)
	}
	return *v.String == *other.String
}

func (s *secret) ended(now time.Time) bool { return s.DeleteAt != 0 && now.UnixMilli() >= s.DeleteAt }

func (s *secret) copy() *secret {
	c := *s
	c.Versions = slices.Clone(s.Versions)
	for i := range c.Versions {
		c.Versions[i].Stages = slices.Clone(c.Versions[i].Stages)
	}
	return &c
}

// find returns the version with an id, or nil.
func (s *secret) find(id string) *version {
	i := slices.IndexFunc(s.Versions, func(v version) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Versions[i]
}

// labelled returns the version with a staging label, or nil.
func (s *secret) labelled(stage string) *version {
	i := slices.IndexFunc(s.Versions, func(v version) bool { return slices.Contains(v.Stages, stage) })
	if i < 0 {
		return nil
	}
	return &s.Versions[i]
}

// label moves a label to a version. When it is AWSCURRENT, AWSPREVIOUS follows
// to the version that had it.
func (s *secret) label(id, stage string) {
	from := s.labelled(stage)
	if from != nil && from.ID == id {
		return
	}
	if from != nil {
		from.drop(stage)
	}
	to := s.find(id)
	to.Stages = append(to.Stages, stage)
	slices.Sort(to.Stages)
	if stage == stageCurrent && from != nil {
		s.label(from.ID, stagePrevious)
	}
}

func (v *version) drop(stage string) {
	v.Stages = slices.DeleteFunc(v.Stages, func(s string) bool { return s == stage })
}

// add puts a new version in with labels, and forgets the oldest unlabelled ones.
func (s *secret) add(added version, stages []string) {
	s.Versions = append(s.Versions, added)
	for _, stage := range stages {
		s.label(added.ID, stage)
	}
	excess := -maxUnlabelled
	for _, v := range s.Versions {
		if len(v.Stages) == 0 {
			excess++
		}
	}
	s.Versions = slices.DeleteFunc(s.Versions, func(v version) bool {
		drop := excess > 0 && len(v.Stages) == 0 && added.Created-v.Created >= minVersionAge.Milliseconds()
		if drop {
			excess--
		}
		return drop
	})
}

// stages maps version ids to labels, of the versions that have some.
func (s *secret) stages() map[string][]string {
	out := map[string][]string{}
	for _, v := range s.Versions {
		if len(v.Stages) > 0 {
			out[v.ID] = v.Stages
		}
	}
	return out
}

// seconds turns milliseconds into the protocol's time.
func seconds(millis int64) float64 { return float64(millis) / 1000 }
