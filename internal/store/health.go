package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/health"
)

// healthLife is how long counts are kept: a day is shown, compared with the hour.
const healthLife = 26 * time.Hour

func healthPK(provider string) string { return "HEALTH#" + provider }

// AddHealth adds what a worker counted about a provider to the counts of all
// workers. If its confirmation is lost the caller may add it twice; people look at
// these numbers, nothing else does.
func (s *Store) AddHealth(ctx context.Context, k health.Key, c health.Counts) error {
	values := item{":ttl": num(k.Start.Add(healthLife).Unix()), ":calls": num(int64(c.Calls)), ":failures": num(int64(c.Failures)), ":throttled": num(int64(c.Throttled))}
	add := []string{"calls :calls", "failures :failures", "throttled :throttled"}
	for i, n := range c.Took {
		if n > 0 {
			name := "t" + strconv.Itoa(i)
			add = append(add, name+" :"+name)
			values[":"+name] = num(int64(n))
		}
	}
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Control, Key: key(healthPK(k.Provider), strconv.FormatInt(k.Start.Unix(), 10)),
		UpdateExpression:          aws.String("SET #ttl = :ttl ADD " + strings.Join(add, ", ")),
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: values,
	})
	return failure("store.add_health", err)
}

// Health returns a provider's counts of the last hour and of the 23 before it.
func (s *Store) Health(ctx context.Context, provider string) (before, hour health.Counts, err error) {
	now := s.opts.Now()
	err = s.query(ctx, s.opts.Control, healthPK(provider), "", func(it item) error {
		seconds, err := strconv.ParseInt(textOf(it, "sk"), 10, 64)
		if err != nil {
			return err
		}
		c := health.Counts{Calls: int(intOf(it, "calls")), Failures: int(intOf(it, "failures")), Throttled: int(intOf(it, "throttled"))}
		for i := range c.Took {
			c.Took[i] = int(intOf(it, "t"+strconv.Itoa(i)))
		}
		switch age := now.Sub(time.Unix(seconds, 0)); {
		case age < time.Hour:
			hour = hour.Plus(c)
		case age < 24*time.Hour:
			before = before.Plus(c)
		}
		return nil
	})
	return before, hour, failure("store.health", err)
}
