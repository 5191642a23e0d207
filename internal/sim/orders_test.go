package sim_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/waterfall"
)

// order is what people give orders about: a key that a team has at a provider,
// or the whole provider.
type order struct {
	team          int
	provider, key string
}

// circuit stands for a whole provider. The key "" is the deployment's.
const circuit = "circuit"

// held is what was last said of it.
type held struct {
	since time.Time
	off   bool // it must not be used
}

// teamKey is a key that a simulated provider takes, with a team's own name for it
// behind: what is outside knows it by, so that a team can have several in turn.
var teamKey = regexp.MustCompile(`sandbox-([a-z]+)-key(\.[a-z0-9]+\.\d+)?`)

// rotate puts another key of its own at a provider in the place of a team's.
func (w *world) rotate(ctx context.Context, team int, provider string) {
	w.mu.Lock()
	next := fmt.Sprintf(".%s.%d", strings.TrimPrefix(teams[team].name, "team-"), len(w.orders))
	w.orders[order{team, provider, next}] = held{}
	w.mu.Unlock()
	code, _ := w.call(ctx, team, "POST", "/api/v1/providers/"+provider+"/key", "", map[string]string{"apiKey": w.Sandbox.Key(provider) + next})
	w.mu.Lock()
	defer w.mu.Unlock()
	for o, h := range w.orders {
		switch {
		case o.team != team || o.provider != provider || o.key == circuit:
		case code != http.StatusOK: // nobody knows which of them is in use
			w.orders[o] = held{}
		case o.key == next:
			w.orders[o] = held{}
		case !h.off:
			w.orders[o] = held{since: time.Now(), off: true}
		}
	}
}

// revoke takes a team's key at a provider out of use, and for that team the
// deployment's.
func (w *world) revoke(ctx context.Context, team int, provider string) {
	w.mu.Lock()
	w.revoked[order{team: team, provider: provider}] = true
	w.mu.Unlock()
	code, answer := w.call(ctx, team, "DELETE", "/api/v1/providers/"+provider+"/key", "", nil)
	if code >= http.StatusBadRequest {
		if !w.troubled() {
			w.fail(thatItWorks, "revoke the key of %s = %d: %s", provider, code, answer)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.orders[order{team, provider, ""}] = held{}
	for o, h := range w.orders {
		if o.team == team && o.provider == provider && o.key != circuit && !h.off {
			w.orders[o] = held{since: time.Now(), off: true}
		}
	}
}

// unconnected reports whether a campaign may be refused: somebody whom it names,
// whoever could enrich, or whoever gives a field that it names, is without a key.
func (w *world) unconnected(r *run) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	gone := func(provider string) bool { return w.revoked[order{team: r.Team, provider: provider}] }
	connected := slices.DeleteFunc(slices.Clone(w.scenario.enrichers()), gone)
	known := definitions()
	missing := func(field string) bool {
		return !slices.ContainsFunc(connected, func(provider string) bool { return waterfall.Gives(known[provider], domain.Field(field)) })
	}
	return slices.ContainsFunc(slices.Concat(r.Platforms, r.From), gone) || !r.Bare && (len(connected) == 0 || slices.ContainsFunc(r.Fields, missing))
}

// shut opens the circuit of a provider by hand, for a while.
func (w *world) shut(ctx context.Context, resuming *sync.WaitGroup, team int, provider string, d time.Duration) {
	set := func(state string) int {
		code, _ := w.call(ctx, team, "PUT", "/api/v1/health/providers/"+provider+"/breaker", "", api.BreakerChange{State: state, Reason: "simulated"})
		return code
	}
	at := order{team, provider, circuit}
	if set("open") >= http.StatusBadRequest { // a worker may have changed it at the same moment
		return
	}
	w.mu.Lock()
	w.orders[at] = held{since: time.Now(), off: true}
	w.mu.Unlock()
	resuming.Go(func() {
		time.Sleep(d)
		w.mu.Lock()
		delete(w.orders, at)
		w.mu.Unlock()
		code := 0
		for range 10 {
			if code = set("closed"); code < http.StatusBadRequest {
				return
			}
			time.Sleep(time.Minute)
		}
		w.fail(thatItWorks, "close the circuit of %s = %d", provider, code)
	})
}

// obeyed is how long after an order a call may still leave against it: ten
// seconds, and as long as something that was drawn holds it up between the look
// at its key and the provider.
func (w *world) obeyed() time.Duration {
	d := 10 * time.Second
	for _, e := range w.scenario.Events {
		if e.Do == doDelay {
			d += time.Duration(e.For) * time.Duration(e.times())
		}
	}
	return d
}

// checkKey checks that a request shows no key but its provider's, and none that
// is out of use, and puts the key that the provider knows in its place.
func (w *world) checkKey(r *http.Request, body *[]byte) {
	to, key := ownerOf(r), circuit // none
	swap := func(text string) string {
		return teamKey.ReplaceAllStringFunc(text, func(found string) string {
			part := teamKey.FindStringSubmatch(found)
			if part[1] != to {
				w.fail(thatNothingLeaks, "%s is shown the key of %s", to, part[1])
			}
			key = part[2]
			return "sandbox-" + part[1] + "-key"
		})
	}
	u := *r.URL
	u.RawQuery = swap(u.RawQuery)
	r.URL = &u
	for name, values := range r.Header {
		for i, v := range values {
			if coded, basic := strings.CutPrefix(v, "Basic "); basic {
				if plain, err := base64.StdEncoding.DecodeString(coded); err == nil {
					v = "Basic " + base64.StdEncoding.EncodeToString([]byte(swap(string(plain))))
				}
			}
			r.Header[name][i] = swap(v)
		}
	}
	if len(*body) > 0 {
		*body = []byte(swap(string(*body)))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(*body)), int64(len(*body))
	}
	if o, h, out := w.outOfUse(to, key); out {
		w.fail(thatOrdersAreObeyed, "%s is asked %s after %q of %s was taken out of use", to, time.Since(h.since), o.key, teams[o.team].name)
	}
}

// outOfUse reports whether a request to a provider with a key goes against what
// a person said.
func (w *world) outOfUse(to, key string) (o order, h held, out bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for o, h := range w.orders {
		if o.provider != to || !h.off || time.Since(h.since) <= w.obeyed() {
			continue
		}
		switch {
		case (o.key == circuit || o.key == "") && w.rivals(): // it may be the other team's call
		case o.key == circuit && has(doRotate, doRevoke)(w.scenario): // the circuit is an account's: it may be another one's
		case o.key == circuit || o.key == key:
			return o, h, true
		}
	}
	return o, h, false
}

// retry runs again what a run that has ended did not bring to its end. It
// reports whether there was anything.
func (w *world) retry(ctx context.Context, r *run) bool {
	ref := w.refOf(r)
	if r.again >= r.Retry || ref.Run == "" {
		return false
	}
	w.resumed(r) // if somebody had paused it before it was stopped
	code, answer := w.call(ctx, r.Team, "POST", campaigns+"/"+ref.Campaign+"/retry", "", nil)
	release := w.use()
	defer release()
	now, err := w.Store.Run(ctx, ref)
	if err != nil || code >= http.StatusBadRequest && !w.troubled() {
		w.fail(thatItWorks, "run campaign %d again = %d: %s (%v)", r.number, code, answer, err)
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Attempt == r.again {
		return false // nothing is left to do
	}
	r.again, r.over, r.told = now.Attempt, false, time.Time{}
	return true
}
