package cli

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"runtime/metrics"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/pprof/profile"

	"github.com/messageai/sluice/internal/practice"
)

// answerOverhead is the size of an answer's item without the answer: keys,
// names and its time to live.
const answerOverhead = 75

// probe measures processor time by stage, and memory, while a benchmark runs.
type probe struct {
	began   time.Time
	profile bytes.Buffer
	done    chan struct{}
	peak    uint64
	watch   sync.WaitGroup
	items   *items // nil: not counted
}

// usage is what a probe measured.
type usage struct {
	elapsed, cpu time.Duration
	stages       map[string]time.Duration
	peak         uint64 // bytes
}

func newProbe(count bool) *probe {
	p := &probe{done: make(chan struct{})}
	if count {
		p.items = &items{}
	}
	return p
}

// start begins the measurement; stop ends it and must be called once.
func (p *probe) start() error {
	p.began = time.Now()
	p.watch.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			p.peak = max(p.peak, memoryInUse())
			select {
			case <-p.done:
				return
			case <-ticker.C:
			}
		}
	})
	return pprof.StartCPUProfile(&p.profile)
}

func (p *probe) stop() (usage, error) {
	pprof.StopCPUProfile()
	close(p.done)
	p.watch.Wait()
	u := usage{elapsed: time.Since(p.began), stages: map[string]time.Duration{}, peak: p.peak}
	parsed, err := profile.Parse(&p.profile)
	if err != nil {
		return u, err
	}
	for _, sample := range parsed.Sample {
		stage := "state machine, queues, runtime"
		if label := sample.Label[practice.Stage]; len(label) > 0 {
			stage = label[0]
		} else if collects(sample) {
			stage = "garbage collection"
		}
		took := time.Duration(sample.Value[len(sample.Value)-1])
		u.stages[stage] += took
		u.cpu += took
	}
	return u, nil
}

// collects reports whether a sample was taken in a worker of the collector.
func collects(s *profile.Sample) bool {
	for _, location := range s.Location {
		for _, line := range location.Line {
			if line.Function != nil && strings.HasPrefix(line.Function.Name, "runtime.gcBgMarkWorker") {
				return true
			}
		}
	}
	return false
}

// wrap marks the work of the local AWS in profiles.
func (p *probe) wrap(function string, next aws.HTTPClient) aws.HTTPClient {
	if p.items != nil {
		next = p.items.wrap(function, next)
	}
	return localAWS{next}
}

type localAWS struct{ next aws.HTTPClient }

// Do implements aws.HTTPClient.
func (l localAWS) Do(r *http.Request) (out *http.Response, err error) {
	pprof.Do(r.Context(), pprof.Labels(practice.Stage, "local AWS"), func(context.Context) { out, err = l.next.Do(r) }) //nolint:bodyclose // the caller closes it
	return out, err
}

// outside marks the work of the simulated providers in profiles.
func (p *probe) outside(next http.RoundTripper) http.RoundTripper { return providers{next} }

type providers struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s providers) RoundTrip(r *http.Request) (out *http.Response, err error) {
	pprof.Do(r.Context(), pprof.Labels(practice.Stage, "simulated providers"), func(context.Context) { out, err = s.next.RoundTrip(r) }) //nolint:bodyclose // the caller closes it
	return out, err
}

func memoryInUse() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// storedBytes is what the world's tables and bucket hold.
func storedBytes(ctx context.Context, world *practice.World) (sum int64, err error) {
	cfg, err := world.Stack.Config("")
	if err != nil {
		return 0, err
	}
	tables := dynamodb.NewFromConfig(cfg)
	for _, name := range []string{"CoreTable", "ProspectsTable", "LedgerTable", "ControlTable"} {
		out, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(world.Stack.Output(name))})
		if err != nil {
			return 0, err
		}
		sum += aws.ToInt64(out.Table.TableSizeBytes)
	}
	pages := s3.NewListObjectsV2Paginator(s3.NewFromConfig(cfg), &s3.ListObjectsV2Input{Bucket: aws.String(world.Stack.Output("RunsBucket"))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, object := range page.Contents {
			sum += aws.ToInt64(object.Size)
		}
	}
	return sum, nil
}

// answerUnits is how many write units it took to keep the answers of providers:
// each is written once.
func answerUnits(ctx context.Context, world *practice.World) (units float64, err error) {
	cfg, err := world.Stack.Config("")
	if err != nil {
		return 0, err
	}
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(cfg), &dynamodb.ScanInput{
		TableName:        aws.String(world.Stack.Output("ControlTable")),
		FilterExpression: aws.String("begins_with(pk, :answers)"), ProjectionExpression: aws.String("answer"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":answers": &types.AttributeValueMemberS{Value: "CACHE#"}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, it := range page.Items {
			if answer, ok := it["answer"].(*types.AttributeValueMemberB); ok {
				units += math.Ceil(float64(len(answer.Value)+answerOverhead) / 1024)
			}
		}
	}
	return units, nil
}
