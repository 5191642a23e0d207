package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path"
	"runtime/metrics"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/pprof/profile"

	"github.com/messageai/sluice/internal/bench"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// answerOverhead is the size of an answer's item without the answer: keys,
// names and its time to live.
const answerOverhead = 75

// garbage is the stage of what nobody's code does.
const garbage = "garbage collection"

// probe measures processor time by stage, and memory, while a benchmark runs.
type probe struct {
	began   time.Time
	profile bytes.Buffer
	done    chan struct{}
	peak    uint64
	watch   sync.WaitGroup
	items   *items // nil: not counted

	logged atomic.Int64 // bytes of log lines of functions

	mu        sync.Mutex
	sandboxes []*sandboxUse
	asked     map[string]int64 // calls of providers, by stage
}

// Write implements [io.Writer] for logs.
func (p *probe) Write(line []byte) (int, error) {
	p.logged.Add(int64(len(line)))
	return len(line), nil
}

// sandboxUse is what one sandbox of a function asked for to get going, and the most
// that it read for one invocation. A sandbox has one invocation at a time.
type sandboxUse struct {
	function             string
	calls, secrets, keys atomic.Int64

	mu         sync.Mutex
	invocation string
	read, most int64 // bytes of answers of AWS
}

// hold counts what an invocation has read.
func (u *sandboxUse) hold(invocation string, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.invocation != invocation {
		u.invocation, u.read = invocation, 0
	}
	u.read += int64(n)
	u.most = max(u.most, u.read)
}

// usage is what a probe measured.
type usage struct {
	elapsed, cpu time.Duration
	stages       map[string]time.Duration
	enrich       map[string]time.Duration // processor time of function enrich by chunk
	peak         uint64                   // bytes
}

func newProbe(count bool) *probe {
	p := &probe{done: make(chan struct{}), asked: map[string]int64{}}
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

// file is where the profile is written; "" for nowhere.
func (p *probe) stop(file string) (usage, error) {
	pprof.StopCPUProfile()
	close(p.done)
	p.watch.Wait()
	u := usage{elapsed: time.Since(p.began), stages: map[string]time.Duration{}, enrich: map[string]time.Duration{}, peak: p.peak}
	if file != "" {
		if err := os.WriteFile(file, p.profile.Bytes(), 0o644); err != nil { //nolint:gosec // figures are for everybody
			return u, err
		}
	}
	parsed, err := profile.Parse(&p.profile)
	if err != nil {
		return u, err
	}
	for _, sample := range parsed.Sample {
		stage := "state machine, queues, runtime"
		if label := sample.Label[practice.Stage]; len(label) > 0 {
			stage = label[0]
		} else if collects(sample) {
			stage = garbage
		}
		took := time.Duration(sample.Value[len(sample.Value)-1])
		u.stages[stage] += took
		if chunk := sample.Label[practice.Chunk]; stage == "function enrich" && len(chunk) > 0 {
			u.enrich[chunk[0]] += took
		}
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
	use := &sandboxUse{function: function}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sandboxes = append(p.sandboxes, use)
	return localAWS{next, use}
}

// perSandbox is the most that one sandbox of a function asked for, by unit and
// function. How many sandboxes there are depends on how the machine schedules
// them; what each one reads does not.
func (p *probe) perSandbox() map[string]float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := map[string]float64{}
	for _, s := range p.sandboxes {
		for unit, n := range map[meter.Unit]int64{meter.SecretsRequests: s.secrets.Load(), meter.KMSRequests: s.keys.Load()} {
			if name := unit.String() + " " + s.function; n > 0 {
				most[name] = max(most[name], float64(n))
			}
		}
	}
	return most
}

// questionsAtOnce is how many questions function enrich has out at a time (its
// package's questionsOut, which a command may not import); the other functions wait
// for each call.
const questionsAtOnce = 8

// modelled is how many GB-milliseconds the functions would have taken on AWS.
func (p *probe) modelled(world *practice.World, used usage) (sum float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	collecting := used.stages[garbage]
	share := 1 + float64(collecting)/float64(used.cpu-collecting) // each has its part of it
	for _, f := range world.Stack.Template().Functions {
		name := path.Base(f.CodeURI)
		stage := "function " + name
		work := bench.Work{MemoryMB: f.MemoryMB, CPU: time.Duration(float64(used.stages[stage]) * share), Asked: p.asked[stage]}
		for _, s := range p.sandboxes {
			if s.function == name {
				work.AWS += s.calls.Load()
			}
		}
		if name == "enrich" {
			work.CallsAtOnce = questionsAtOnce
		}
		sum += work.GBMilliseconds()
	}
	return sum
}

// mostRead is the most kilobytes of answers of AWS that one invocation of a function
// read, by function: rows, answers and ledgers are what a worker holds in memory,
// and this is how they grow with a campaign.
func (p *probe) mostRead() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := map[string]int64{}
	for _, s := range p.sandboxes {
		s.mu.Lock()
		most[s.function] = max(most[s.function], s.most>>10)
		s.mu.Unlock()
	}
	return most
}

// readBody counts what is read of an answer.
type readBody struct {
	io.ReadCloser
	read func(n int)
}

// Read implements io.Reader.
func (b readBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.read(n)
	return n, err
}

type localAWS struct {
	next aws.HTTPClient
	use  *sandboxUse
}

// Do implements aws.HTTPClient.
func (l localAWS) Do(r *http.Request) (out *http.Response, err error) {
	l.use.calls.Add(1)
	switch service, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); service {
	case "secretsmanager":
		l.use.secrets.Add(1)
	case "TrentService":
		l.use.keys.Add(1)
	}
	pprof.Do(r.Context(), pprof.Labels(practice.Stage, "local AWS"), func(context.Context) { out, err = l.next.Do(r) }) //nolint:bodyclose // the caller closes it
	if lc, ok := lambdacontext.FromContext(r.Context()); ok && err == nil {
		out.Body = readBody{out.Body, func(n int) { l.use.hold(lc.AwsRequestID, n) }}
	}
	return out, err
}

// outside marks the work of the simulated providers in profiles.
func (p *probe) outside(next http.RoundTripper) http.RoundTripper { return providers{next, p} }

type providers struct {
	next  http.RoundTripper
	probe *probe
}

// RoundTrip implements http.RoundTripper.
func (s providers) RoundTrip(r *http.Request) (out *http.Response, err error) {
	stage, _ := pprof.Label(r.Context(), practice.Stage)
	s.probe.mu.Lock()
	s.probe.asked[stage]++
	s.probe.mu.Unlock()
	pprof.Do(r.Context(), pprof.Labels(practice.Stage, "simulated providers"), func(context.Context) { out, err = s.next.RoundTrip(r) }) //nolint:bodyclose // the caller closes it
	return out, err
}

func memoryInUse() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

// kept is what the world's tables and bucket hold.
type kept struct {
	bytes   int64
	dollars float64 // for a month of it
}

func keptBy(ctx context.Context, world *practice.World) (k kept, err error) {
	cfg, err := world.Stack.Config("")
	if err != nil {
		return k, err
	}
	add := func(bytes int64, perGB float64) {
		k.bytes += bytes
		k.dollars += float64(bytes) / 1e9 * perGB
	}
	tables := dynamodb.NewFromConfig(cfg)
	for _, name := range []string{"CoreTable", "ProspectsTable", "LedgerTable", "ControlTable"} {
		table := aws.String(world.Stack.Output(name))
		out, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: table})
		if err != nil {
			return k, err
		}
		perGB := meter.TableMonth
		if name != "ControlTable" { // the only one without point-in-time recovery, see template.yaml
			perGB += meter.BackupMonth
		}
		add(aws.ToInt64(out.Table.TableSizeBytes)+meter.ItemOverhead*aws.ToInt64(out.Table.ItemCount), perGB)
	}
	pages := s3.NewListObjectsV2Paginator(s3.NewFromConfig(cfg), &s3.ListObjectsV2Input{Bucket: aws.String(world.Stack.Output("RunsBucket"))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return k, err
		}
		for _, object := range page.Contents {
			add(aws.ToInt64(object.Size), meter.ObjectMonth)
		}
	}
	return k, nil
}

// answerUnits is how many write units it took to keep the answers of providers that
// were paid for: each is written once.
func answerUnits(ctx context.Context, world *practice.World) (units float64, err error) {
	cfg, err := world.Stack.Config("")
	if err != nil {
		return 0, err
	}
	prefix := "CACHE#" + practice.Team + "#"
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(cfg), &dynamodb.ScanInput{
		TableName:        aws.String(world.Stack.Output("ControlTable")),
		FilterExpression: aws.String("begins_with(pk, :answers)"), ProjectionExpression: aws.String("pk, answer"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":answers": &types.AttributeValueMemberS{Value: prefix}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		size, names := map[string]int{}, []string(nil)
		for _, it := range page.Items {
			pk, named := it["pk"].(*types.AttributeValueMemberS)
			answer, kept := it["answer"].(*types.AttributeValueMemberB)
			if named && kept {
				name := strings.TrimPrefix(pk.Value, prefix)
				size[name], names = len(answer.Value), append(names, name)
			}
		}
		answers, err := world.Store.Answers(ctx, practice.Team, names, true)
		if err != nil {
			return 0, err
		}
		for name, raw := range answers {
			var a struct {
				Cost money.Micro
				Also map[string]money.Micro
			}
			if err := json.Unmarshal(raw, &a); err != nil {
				return 0, fmt.Errorf("read a kept answer: %w", err)
			}
			if a.Cost > 0 || len(a.Also) > 0 {
				units += math.Ceil(float64(size[name]+answerOverhead) / 1024)
			}
		}
	}
	return units, nil
}

// ownP95 is the own overhead per enriched prospect that 95 % of them stay
// within, in microseconds: the processor time of function enrich over all turns
// of a chunk, divided by the chunk's prospects that a provider was asked about.
func ownP95(perChunk map[string]time.Duration, chunks map[string]store.Chunk) float64 {
	type share struct {
		each float64
		rows int
	}
	var shares []share
	all := 0
	for name, c := range chunks {
		if c.Enriched > 0 {
			shares = append(shares, share{float64(perChunk[name].Microseconds()) / float64(c.Enriched), c.Enriched})
			all += c.Enriched
		}
	}
	slices.SortFunc(shares, func(a, b share) int { return cmp.Compare(a.each, b.each) })
	seen := 0
	for _, s := range shares {
		if seen += s.rows; seen*100 >= all*95 {
			return s.each
		}
	}
	return 0
}
