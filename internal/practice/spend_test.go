package practice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws"
	hosting "github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/sqs"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/zoominfo"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

var (
	spendRuns  = flag.Int("spend.runs", 128, "how many runs TestNothingIsSpentThatWasNotReserved makes")
	spendFirst = flag.Uint64("spend.first", 0, "the seed of the first 64 of them")
)

// runsAtOnce is how many campaigns of one team share limiter, budget and cache.
const runsAtOnce = 64

// cashier stands in front of all providers and keeps the books that the ledger is
// compared with. It learns from the bills what each call cost and for which run
// it was.
type cashier struct {
	t     *testing.T
	world *practice.World

	mu      sync.Mutex
	rand    *rand.Rand
	charged map[string]map[string]money.Micro // by run and provider
	live    map[string]bool                   // runs
	paid    int                               // calls that cost something
	early   int                               // of those, without money set aside before
	// asked are the questions to providers that do not charge for repeats, and the
	// records of those that sell each once, with the runs that asked for them. Where
	// two runs asked for the same, the provider charged whose question came first, and
	// the run settles it whose answer is kept first: together they have set aside and
	// settle what is charged.
	asked   map[string]*asked
	swapped int             // paid calls of runs that had enough set aside only without what another settles
	doubt   map[string]bool // runs that cannot know what some call cost
	mishaps map[string]int
	inside  map[*hosting.Invocation]int
	most    int // workers at a provider at once
}

func (d *cashier) pause() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(200+d.rand.IntN(4000)) * time.Millisecond
}

func (d *cashier) enter(i *hosting.Invocation, step int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside[i] += step; d.inside[i] == 0 {
		delete(d.inside, i)
	}
	d.most = max(d.most, len(d.inside))
}

// asked is a question of which repeats are free, or a record that is sold once.
type asked struct {
	provider, charged string // charged: the run; "" if its answer was lost
	cost              money.Micro
	runs              map[string]bool // that asked
}

// shared is what a run was charged, or others were, for what both it and others
// asked, by provider.
func (d *cashier) shared(run string) (own, others map[string]money.Micro) {
	own, others = map[string]money.Micro{}, map[string]money.Micro{}
	for _, a := range d.asked {
		switch {
		case a.cost == 0 || !a.runs[run] || len(a.runs) == 1 && a.charged == run:
		case a.charged == run:
			own[a.provider] += a.cost
		default:
			others[a.provider] += a.cost
		}
	}
	return own, others
}

// note keeps what a call was charged that may be repeated free, or found free by
// another question.
func (d *cashier) note(r *http.Request, resp *http.Response, run, name string, cost money.Micro) {
	for _, record := range records(r, resp) {
		a := d.about(record, run)
		if price := zoominfo.Definition().Prices.Operations[provider.OpEnrichPerson].For(1); a.cost == 0 {
			a.provider, a.cost = "zoominfo", price
			if cost >= price { // else it was charged with an answer that was lost
				a.charged, cost = run, cost-price
			}
		}
	}
	q := r.URL.Query()
	q.Del("api_key")
	a := d.about(r.URL.Host+r.URL.Path+"?"+q.Encode(), run)
	if cost > 0 && repeatFree(name) {
		a.provider, a.charged, a.cost = name, run, a.cost+cost
	}
}

// about returns what is known of a question, or a record, that a run asks for.
func (d *cashier) about(key, run string) *asked {
	a := d.asked[key]
	if a == nil {
		a = &asked{runs: map[string]bool{}}
		d.asked[key] = a
	}
	a.runs[run] = true
	return a
}

// records are those that an answer of ZoomInfo holds. It charges each once, by
// whatever question it is found, and does not say when.
func records(r *http.Request, resp *http.Response) (all []string) {
	op := map[string]string{"/gtm/data/v1/contacts/enrich": provider.OpEnrichPerson, "/gtm/data/v1/companies/enrich": provider.OpEnrichCompany}[r.URL.Path]
	if op == "" || resp == nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it was read
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failed{err}))
	var answer struct{ Data []struct{ ID string } }
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	for _, got := range answer.Data {
		if got.ID != "0" {
			all = append(all, op+" "+got.ID)
		}
	}
	return all
}

// stand returns the cashier as a network.
func (d *cashier) stand(next http.RoundTripper) http.RoundTripper {
	return through(func(r *http.Request) (*http.Response, error) {
		worker := hosting.InvocationFrom(r.Context())
		d.enter(worker, 1)
		defer d.enter(worker, -1)
		time.Sleep(d.pause())
		resp, err := d.ask(r, next)
		time.Sleep(d.pause())
		return resp, err
	})
}

// ask lets one call through. Simulators answer at once, so it does not wait
// while it holds the lock, and what the bills grow by is what this call cost.
func (d *cashier) ask(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	run := domain.RunOf(r.Context())
	books, err := d.world.Store.Spend(d.t.Context(), domain.Ref{Team: practice.Team, Run: run})
	if err != nil {
		d.t.Errorf("read the books: %v", err)
	}
	before := d.world.Sandbox.Bills()
	resp, err := next.RoundTrip(r)
	name, cost := "", money.Micro(0)
	for provider, bill := range d.world.Sandbox.Bills() {
		if more := bill.Total - before[provider].Total; more > 0 {
			name, cost = provider, more
		}
	}
	d.note(r, resp, run, name, cost)
	if cost > 0 {
		if d.charged[run] == nil {
			d.charged[run] = map[string]money.Micro{}
		}
		d.charged[run][name] += cost
		d.paid++
		switch committed := books.Cap - books.Free; {
		case total(d.charged[run]) <= committed:
		case d.without(run) <= committed && d.together():
			d.swapped++
		default:
			d.early++
			d.t.Errorf("%s charges run %q %s, which makes %s, and only %s was set aside before", name, run, cost, total(d.charged[run]), committed)
		}
	}
	if err != nil || unreadable(resp) {
		d.doubt[run] = true
		d.mishaps["answer lost or broken"]++
	} else if resp.StatusCode >= http.StatusBadRequest && resp.StatusCode != http.StatusNotFound {
		d.mishaps[fmt.Sprint("status ", resp.StatusCode)]++
	}
	return resp, err
}

// unreadable reports a page instead of an answer, or one that breaks off. It
// leaves the answer as it is.
func unreadable(resp *http.Response) bool {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it was read
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failed{err}))
	return err != nil || resp.Header.Get("Content-Type") == "text/html; charset=utf-8"
}

func repeatFree(provider string) bool { return provider == "hunter" || provider == "clearbit" }

func total(by map[string]money.Micro) (sum money.Micro) {
	for _, m := range by {
		sum += m
	}
	return sum
}

// without is what a run was charged for what no other asked.
func (d *cashier) without(run string) money.Micro {
	own, _ := d.shared(run)
	return total(d.charged[run]) - total(own)
}

// together reports whether all runs together have set aside what they were charged.
func (d *cashier) together() bool {
	var charged, committed money.Micro
	for run := range d.live {
		books, err := d.world.Store.Spend(d.t.Context(), domain.Ref{Team: practice.Team, Run: run})
		if err != nil {
			d.t.Errorf("read the books: %v", err)
		}
		committed += books.Cap - books.Free
		charged += total(d.charged[run])
	}
	return charged <= committed
}

func (d *cashier) bills() (sum money.Micro) {
	for _, b := range d.world.Sandbox.Bills() {
		sum += b.Total
	}
	return sum
}

// BeforeCall implements localaws.Faults: workers die and AWS fails. Where the
// runs are to know what everything cost, a worker dies only between its calls:
// when it stores what it has bought, or answers.
func (d *chaos) BeforeCall(ctx context.Context, service, operation, caller string) localaws.Fault {
	if caller != "sluice-dev-enrich" {
		return localaws.Fault{}
	}
	d.door.mu.Lock()
	defer d.door.mu.Unlock()
	between := service == "states" || service == "s3" && operation == "PutObject"
	odds := 25
	if !between {
		if odds = 300; d.exact {
			return localaws.Fault{}
		}
	}
	if d.door.rand.IntN(odds) > 0 {
		return localaws.Fault{}
	}
	what := []localaws.Mishap{localaws.KillBefore, localaws.KillAfter, localaws.ServerError, localaws.LoseAnswer}[d.door.rand.IntN(4)]
	d.door.mishaps[[]string{"", "throttled", "error of AWS", "killed before", "killed after", "answer of AWS lost"}[what]]++
	if !between {
		d.door.doubt[domain.RunOf(ctx)] = true
	}
	return localaws.Fault{Mishap: what}
}

type chaos struct {
	door  *cashier
	exact bool
}

func (d *chaos) disturb(string) (out sqs.Disturbance) {
	d.door.mu.Lock()
	defer d.door.mu.Unlock()
	if d.door.rand.IntN(8) == 0 {
		out.Duplicates = 1 + d.door.rand.IntN(2)
		d.door.mishaps["message doubled"]++
	}
	if d.door.rand.IntN(8) == 0 {
		out.Delay = time.Duration(d.door.rand.IntN(90)) * time.Second
	}
	return out
}

// tally is what came of some runs.
type tally struct {
	runs, exact, capped, doubtful, paid, early, swapped, most, known int
	settled, charged, open, over, excess                             money.Micro
	mishaps                                                          map[string]int
}

// spendTogether runs 64 campaigns of one team at once, with tight caps, on
// providers and workers that fail.
func spendTogether(t *testing.T, seed uint64, out *tally) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 7))
		c := &chaos{exact: seed%2 == 0}
		c.door = &cashier{
			t: t, rand: rand.New(rand.NewPCG(seed, 8)), charged: map[string]map[string]money.Micro{}, live: map[string]bool{}, asked: map[string]*asked{}, doubt: map[string]bool{},
			mishaps: out.mishaps, inside: map[*hosting.Invocation]int{},
		}
		ill, credits := map[string]upstream.Faults{}, map[string]int{}
		for _, name := range everybody {
			ill[name] = upstream.Faults{Throttle: 0.1 * r.Float64(), Error: 0.15 * r.Float64()}
			if !c.exact {
				f := ill[name]
				f.Lost, f.Truncate, f.WrongType = 0.08*r.Float64(), 0.04*r.Float64(), 0.04*r.Float64()
				ill[name] = f
			}
			if r.IntN(3) == 0 {
				credits[name] = 1 + r.IntN(80)
			}
		}
		w, err := practice.Open(t.Context(), practice.Options{
			Seed: seed, People: 8_000, Enrichers: everybody, Providers: ill, Credits: credits, Outside: c.door.stand, Faults: c, Disturb: c.disturb,
			Parameters: map[string]string{"VectorIndex": "none"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}()
		c.door.world = w
		w.Start()
		icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
		titles := []string{"CTO", "VP Engineering", "Head of Engineering", "Engineering Manager", "Software Engineer", "Product Manager", "Marketing Manager", "VP Sales", "Account Executive", "CEO", "CFO", "Head of Operations"}
		live := map[string]int{} // campaigns, with how often each cap may be raised
		for n := range runsAtOnce {
			order := slices.Clone(everybody)
			r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			size := 20 + r.IntN(100)
			r.Shuffle(len(titles), func(i, j int) { titles[i], titles[j] = titles[j], titles[i] })
			started := must[api.CampaignStarted](t, w, "POST", campaigns, api.CampaignRequest{
				ICPID: icp.ID, Name: fmt.Sprint("run ", n), Platforms: [][]string{{"apollo"}, {"apollo", "googleplaces"}}[r.IntN(2)],
				SearchCriteria: api.SearchCriteria{LinkedIn: &api.PeopleCriteria{Titles: titles[:3]}},
				Options: api.CampaignOptions{
					MaxProspects: size, AutoConvert: new(false), MinMatchScore: new(0.01), CapUSD: new(float64(size) * (0.02 + 0.3*r.Float64()*r.Float64())),
					Enrich: &api.EnrichRequest{Providers: order, Order: "fixed", Fields: []string{"person", "email", "email status", "company", "phone", "technologies"}},
				},
			})
			live[started.CampaignID] = r.IntN(4)
			c.door.mu.Lock()
			c.door.live[started.RunID] = true
			c.door.mu.Unlock()
		}
		ended := maps.Clone(live)
		for since := time.Now(); len(live) > 0; time.Sleep(5 * time.Minute) {
			if time.Since(since) > 30*24*time.Hour {
				t.Fatalf("%d runs have not ended after a month", len(live))
			}
			for id, raises := range live {
				s := must[api.CampaignStatus](t, w, "GET", campaigns+"/"+id, nil)
				switch {
				case s.Status == string(domain.RunPaused) && raises > 0:
					live[id]--
					out.capped++
					more := 1.5*float64(s.Spend.CapMicroUSD)/1e6 + 1
					must[any](t, w, "PATCH", campaigns+"/"+id, api.CampaignChange{Status: "running", CapUSD: &more})
				case s.Status != string(domain.RunRunning):
					delete(live, id)
				}
			}
		}
		time.Sleep(2 * time.Hour) // what is at work comes to its end, and dead letters are taken
		c.door.close(t, seed, ended, out)
	})
}

// close compares the books with the bills.
func (d *cashier) close(t *testing.T, seed uint64, ids map[string]int, out *tally) {
	t.Helper()
	var settled, aside, caps money.Micro
	doubtful := false
	for id := range ids {
		s := must[api.CampaignStatus](t, d.world, "GET", campaigns+"/"+id, nil)
		books, err := d.world.Store.Spend(t.Context(), domain.Ref{Team: practice.Team, Run: s.RunID})
		if err != nil {
			t.Fatal(err)
		}
		charged := total(d.charged[s.RunID])
		settled += books.Settled
		aside += books.Reserved()
		out.runs++
		// What a killed worker set aside is open until another one takes up its chunk,
		// which does not happen while the run waits at its cap.
		open := books.Reserved()
		if open != 0 && s.Status != string(domain.RunPaused) {
			t.Errorf("seed %d, run %s (%s): %s are still set aside", seed, s.RunID, s.Status, open)
		}
		out.open += open
		own, others := d.shared(s.RunID)
		if most := max(d.without(s.RunID), books.Settled); most > books.Cap {
			out.over += most - books.Cap
			t.Errorf("seed %d, run %s: %s charged, %s settled under a cap of %s", seed, s.RunID, charged, books.Settled, books.Cap)
		}
		caps += books.Cap
		if d.doubt[s.RunID] {
			doubtful = true
			out.doubtful++
		} else {
			out.exact++
		}
		for name := range d.world.Sandbox.Bills() {
			charged, settled := d.charged[s.RunID][name], books.ByProvider[name]
			if settled+open+own[name] < charged || settled > charged+others[name] && !d.doubt[s.RunID] {
				t.Errorf("seed %d, run %s (%s): %s charged %s; %s are settled, %s set aside", seed, s.RunID, s.Status, name, charged, settled, open)
			}
		}
	}
	bills := d.bills()
	if bills > caps {
		out.over += bills - caps
		t.Errorf("seed %d: the bills are %s, the caps %s", seed, bills, caps)
	}
	excess := max(0, settled-bills)
	if settled+aside < bills || settled > bills && !doubtful {
		t.Errorf("seed %d: the bills are %s, %s settled", seed, bills, settled)
	}
	if !doubtful && aside == 0 {
		out.known++
		if settled != bills {
			t.Errorf("seed %d, where every answer is known: the bills are %s, %s settled", seed, bills, settled)
		}
	}
	out.swapped += d.swapped
	out.settled, out.charged, out.excess = out.settled+settled, out.charged+bills, out.excess+excess
	out.paid, out.early, out.most = out.paid+d.paid, out.early+d.early, max(out.most, d.most)
}

// Runs that share one team's limiter, budget and cache, under caps that bind and
// on providers, queues and workers that fail: no run passes its cap, no call is
// charged for which nothing was set aside before, and in the end exactly what was
// charged is settled. Where an answer was lost, or a worker died with questions
// out, nobody can know what they cost: those count at their highest price, so
// that more may be settled, never less.
func TestNothingIsSpentThatWasNotReserved(t *testing.T) {
	out := tally{mishaps: map[string]int{}}
	for seed := range uint64((*spendRuns + runsAtOnce - 1) / runsAtOnce) {
		t.Run(fmt.Sprint("seed ", *spendFirst+seed), func(t *testing.T) { spendTogether(t, *spendFirst+seed, &out) })
	}
	t.Logf("%d runs, %d paid calls, %d without money set aside, %d for which another run had set it aside, over the caps %s; %s charged, %s settled, %s set aside by paused runs; %d runs exact, in %d an answer was lost (%s counted that was not charged); caps reached %d times; in %d teams every answer was known, and settled is what was charged; at most %d workers at providers at once; %v",
		out.runs, out.paid, out.early, out.swapped, out.over, out.charged, out.settled, out.open, out.exact, out.doubtful, out.excess, out.capped, out.known, out.most, out.mishaps)
	for _, want := range []string{"status 429", "status 402", "status 500", "status 503", "message doubled", "killed before", "killed after", "answer lost or broken"} {
		if out.mishaps[want] == 0 && *spendRuns >= 2*runsAtOnce {
			t.Errorf("nothing of the kind %q happened", want)
		}
	}
}

type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// failed is a reader that only fails, or is empty.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
