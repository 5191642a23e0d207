package practice_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/replay"
)

// items returns the keys of a table whose partition keys begin with prefix.
func items(t *testing.T, w *practice.World, table, prefix string) (*dynamodb.Client, []map[string]types.AttributeValue) {
	t.Helper()
	cfg, err := w.Stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	db := dynamodb.NewFromConfig(cfg)
	var keys []map[string]types.AttributeValue
	pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{
		TableName: &table, ProjectionExpression: aws.String("pk, sk"), FilterExpression: aws.String("begins_with(pk, :prefix)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":prefix": &types.AttributeValueMemberS{Value: prefix}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, page.Items...)
	}
	return db, keys
}

// drop deletes them.
func drop(t *testing.T, w *practice.World, table, prefix string) int {
	t.Helper()
	db, keys := items(t, w, table, prefix)
	for _, key := range keys {
		if _, err := db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	return len(keys)
}

// release makes the team's prospects free to be discovered again, as if the
// claims on them had ended.
func release(t *testing.T, w *practice.World) {
	t.Helper()
	if drop(t, w, w.Stack.Output("ProspectsTable"), "CLAIM#"+practice.Team) == 0 {
		t.Fatal("there were no claims")
	}
}

var cached = []string{"apollo", "hunter", "zerobounce"}

// list is a campaign that looks for the same people every time.
func list(t *testing.T, w *practice.World) api.CampaignStatus {
	t.Helper()
	s := wait(t, w, start(t, w, api.CampaignOptions{MaxProspects: 300, Enrich: &api.EnrichRequest{Providers: cached, Order: "fixed"}}).CampaignID)
	if s.Status != string(domain.RunCompleted) {
		t.Fatalf("the run is %s: %s", s.Status, s.Reason)
	}
	if !s.Rows.Balanced {
		t.Errorf("rows do not balance: %+v", s.Rows)
	}
	return s
}

// enrichers is what the providers of a list have charged, as they see it.
func enrichers(w *practice.World) (sum money.Micro) {
	for _, name := range cached {
		sum += w.Sandbox.Bills()[name].Total
	}
	return sum
}

// cacheOf adds up what the cache did in a run.
func cacheOf(s api.CampaignStatus) (all domain.CacheTally) {
	for _, c := range s.Spend.Cache {
		all = all.Plus(c)
	}
	return all
}

func TestTheSameListTwiceCostsNothingTheSecondTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 11, Generous: true, Enrichers: cached})
		first := list(t, w)
		paid := enrichers(w)
		if c := cacheOf(first); paid == 0 || c.Questions == 0 || c.Hits*10 > c.Questions {
			t.Fatalf("the first time cost %s, %+v", paid, c)
		}

		// A second campaign finds that everybody is a prospect already.
		second := list(t, w)
		if again := enrichers(w) - paid; again != 0 || second.Rows.Duplicate != second.Rows.In {
			t.Errorf("the second campaign cost %s, rows %+v", again, second.Rows)
		}

		// Once they are not, they are enriched from the cache.
		release(t, w)
		third := list(t, w)
		if again := enrichers(w) - paid; again != 0 {
			t.Errorf("the same list cost %s more: %v after %v", again, third.Spend.ByProvider, first.Spend.ByProvider)
		}
		for _, name := range cached {
			if settled := third.Spend.ByProvider[name]; settled != 0 {
				t.Errorf("%s settled at %s", name, settled)
			}
		}
		if diff := cmp.Diff(first.Rows, third.Rows); diff != "" {
			t.Errorf("rows of the same list (-first +again):\n%s", diff)
		}
		if c := cacheOf(third); c.Hits != c.Questions || c.Saved != paid || c.Questions != cacheOf(first).Questions {
			t.Errorf("cache %+v, want all of %d questions and %s saved", c, cacheOf(first).Questions, paid)
		}

		// A month later the terms are over: it is bought anew.
		time.Sleep(31 * 24 * time.Hour)
		release(t, w)
		if late := list(t, w); enrichers(w) == paid || cacheOf(late).Saved != 0 {
			t.Errorf("a month later it cost %s more, %+v", enrichers(w)-paid, late.Spend.Cache)
		}
	})
}

func TestACacheThatWasLostIsFilledFromRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 11, Generous: true, Enrichers: cached})
		first := list(t, w)
		paid := enrichers(w)
		lost := drop(t, w, w.Stack.Output("ControlTable"), "CACHE#"+practice.Team)
		time.Sleep(2 * time.Minute) // of what workers have in memory
		ref := domain.Ref{Team: practice.Team, Campaign: first.CampaignID, Run: first.RunID}
		out, err := replay.Warm(t.Context(), w.Store, ref, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if out.Answers == 0 || out.Answers > lost || out.Forgotten != 0 {
			t.Errorf("%+v of %d answers", out, lost)
		}
		if again, err := replay.Warm(t.Context(), w.Store, ref, time.Now); err != nil || again.Answers != 0 || again.There != out.Answers+out.There {
			t.Errorf("warmed twice: %+v, %v", again, err)
		}
		release(t, w)
		if third := list(t, w); enrichers(w) != paid || cacheOf(third).Saved != paid {
			t.Errorf("from the records it cost %s more, %+v", enrichers(w)-paid, third.Spend.Cache)
		}
	})
}

func TestForgettingReachesEveryAnswerAboutSomebody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 11, Generous: true, Enrichers: cached})
		first := list(t, w)
		page := must[api.ProspectPage](t, w, "GET", campaigns+"/"+first.CampaignID+"/prospects?status=converted&limit=50", nil)
		var row domain.Row
		for _, p := range page.Prospects {
			row = must[domain.Row](t, w, "GET", "/api/v1/prospecting/prospects/"+p.ID, nil)
			if row.Prospect.Contact.EmailStatus == domain.EmailSafe && len(row.Calls) == 2 {
				break
			}
		}
		email, company := row.Prospect.Contact.Email, row.Prospect.Company.Domain
		if email == "" || company == "" || len(row.Calls) != 2 {
			t.Fatalf("no lead was matched and verified, the last is %+v", row)
		}
		_, before := items(t, w, w.Stack.Output("ControlTable"), "CACHE#"+practice.Team)
		forget := func(query string) api.Forgotten {
			out := must[api.Forgotten](t, w, "DELETE", "/api/v1/cache?"+query, nil)
			if out.Next != "" {
				t.Errorf("%s is not done", query)
			}
			return out
		}
		// The person was matched, and the address verified.
		person := forget("person=" + strings.ToUpper(email))
		if person.Forgotten != len(row.Calls) {
			t.Errorf("%d answers about the person forgotten, the row has %+v", person.Forgotten, row.Calls)
		}
		if again := forget("person=" + email); again.Forgotten != 0 {
			t.Errorf("%d answers were left", again.Forgotten)
		}
		if nobody := forget("person=nobody@nowhere.example"); nobody.Forgotten != 0 {
			t.Errorf("%d answers about nobody", nobody.Forgotten)
		}
		of := forget("company=" + company)
		hunter := forget("provider=hunter")
		_, after := items(t, w, w.Stack.Output("ControlTable"), "CACHE#"+practice.Team)
		if gone := person.Forgotten + of.Forgotten + hunter.Forgotten; len(before)-len(after) != gone || hunter.Forgotten == 0 {
			t.Errorf("%d answers are gone, want %d", len(before)-len(after), gone)
		}
		// What was forgotten does not come back with the records.
		ref := domain.Ref{Team: practice.Team, Campaign: first.CampaignID, Run: first.RunID}
		out, err := replay.Warm(t.Context(), w.Store, ref, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if out.Answers != 0 || out.Forgotten == 0 {
			t.Errorf("warmed %+v", out)
		}
		paid := enrichers(w)
		time.Sleep(2 * time.Minute)
		release(t, w)
		if third := list(t, w); enrichers(w) == paid || third.Spend.Cache["hunter"].Hits > 0 || third.Spend.Cache["apollo"].Hits == 0 {
			t.Errorf("after forgetting: %+v", third.Spend.Cache)
		}
	})
}

func TestWhatCannotBeForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 1, Generous: true})
		ask := func(query string) (int, string) {
			code, body := call(t, w, "DELETE", "/api/v1/cache?"+query, practice.Key, nil)
			var p problem
			if err := json.Unmarshal(body, &p); err != nil {
				t.Errorf("%s: %s", query, body)
			}
			return code, p.Detail
		}
		for query, says := range map[string]string{
			"": "one of", "person=a@b.example&company=b.example": "one of", "provider=myspace": "myspace", "person=a@b.example&cursor=x": "cursor",
		} {
			if code, detail := ask(query); code != http.StatusUnprocessableEntity || !strings.Contains(detail, says) {
				t.Errorf("%q = %d %s", query, code, detail)
			}
		}
		// A worker that takes over must find what was paid for.
		start(t, w, api.CampaignOptions{MaxProspects: 10})
		if code, detail := ask("person=a@b.example"); code != http.StatusConflict || !strings.Contains(detail, "running") {
			t.Errorf("while a run is on = %d %s", code, detail)
		}
	})
}
