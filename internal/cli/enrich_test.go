package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/api"
)

func TestABreakerIsOpenedAndClosedByCommand(t *testing.T) {
	served(t)
	if code, _, _ := typed(t, "", "breaker", "open", "hunter"); code != 2 {
		t.Errorf("without a reason: exit code %d, want %d", code, 2)
	}
	code, stdout, stderr := typed(t, "", "breaker", "open", "hunter", "--reason", "maintenance", "--json")
	var got api.ProviderHealth
	if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil || got.Breaker.State != "open" || !got.Breaker.Manual || got.Breaker.By != "practice" {
		t.Errorf("open = %d, %v: %s%s", code, err, stdout, stderr)
	}
	if code, stdout, _ := typed(t, "", "breaker", "list"); code != 0 || !strings.Contains(stdout, "maintenance (practice)") {
		t.Errorf("list = %d: %s", code, stdout)
	}
	if code, stdout, _ := typed(t, "", "breaker", "close", "hunter", "--reason", "it is over"); code != 0 || !strings.Contains(stdout, "closed") {
		t.Errorf("close = %d: %s", code, stdout)
	}
	if code, _, _ := typed(t, "", "breaker", "open", "nobody", "--reason", "maintenance"); code != 5 {
		t.Errorf("an unknown provider: exit code %d, want %d", code, 5)
	}
	if code, _, _ := typed(t, "", "prospect", "enrich", "p_unknown", "--providers", "hunter"); code != 5 {
		t.Errorf("an unknown prospect: exit code %d, want %d", code, 5)
	}
}
