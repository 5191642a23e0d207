package apollo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// contactsPerCall bounds the length of the URL, in which the ids travel.
const contactsPerCall = 100

// AddToSequence implements [provider.Sequencer]. The ids are of contacts saved
// at Apollo, not of people. A contact that is in the sequence already is
// skipped, so repeating a call that failed harms nobody.
func (c *Client) AddToSequence(ctx context.Context, s provider.Sequence, contactIDs []string) (map[string]string, error) {
	for _, id := range append([]string{s.ID, s.Mailbox}, contactIDs...) {
		if !validID(id) {
			return nil, fault.New(fault.InvalidInput, "apollo.add_to_sequence", "sequence, mailbox and contacts must be Apollo's ids: letters and digits")
		}
	}
	skipped := map[string]string{}
	for ids := range slices.Chunk(contactIDs, contactsPerCall) {
		resp, err := c.transport.Do(ctx, sequenceRequest(s, ids))
		if err != nil {
			return nil, fmt.Errorf("add to sequence: %w", err)
		}
		reasons, err := parseSkipped(resp)
		if err != nil {
			return nil, fmt.Errorf("add to sequence: %w", err)
		}
		for _, id := range ids {
			if why, ok := reasons[id]; ok {
				skipped[id] = reason(why)
			}
		}
	}
	return skipped, nil
}

func sequenceRequest(s provider.Sequence, ids []string) transport.Request {
	return transport.Request{
		Op: provider.OpAddToSequence, Method: "POST", Path: "/emailer_campaigns/" + s.ID + "/add_contact_ids",
		Query:      url.Values{"emailer_campaign_id": {s.ID}, "contact_ids[]": ids, "send_email_from_email_account_id": {s.Mailbox}},
		Idempotent: true, // who is in it already is skipped
	}
}

func parseSkipped(resp *transport.Response) (map[string]string, error) {
	var w wireSequence
	if err := resp.Decode(&w); err != nil {
		return nil, err
	}
	if w.Contacts == nil && w.Skipped == nil {
		return nil, resp.Fault(fault.BadResponse, "the answer tells neither who was added nor who was skipped")
	}
	return w.Skipped, nil
}

// validID refuses what would change the path of the request.
func validID(id string) bool {
	return id != "" && len(id) <= 64 && strings.IndexFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) < 0
}

// reason is why a contact was skipped, as far as it is a code: any other text of
// an answer is not passed on.
func reason(code string) string {
	if code == "" || len(code) > 80 || strings.IndexFunc(code, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) >= 0 {
		return "undocumented"
	}
	return code
}
