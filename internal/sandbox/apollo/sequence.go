package apollo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// The one outreach sequence of the practice account and the mailbox it sends from.
const (
	SequenceID = "66e9e215ece19801b2190001"
	MailboxID  = "6633baaece5fbd01c7910001"
)

// contact is a person whom the team has saved. Contacts live as long as the
// process.
type contact struct {
	ID        string   `json:"id"`
	First     string   `json:"first_name"`
	Last      string   `json:"last_name"`
	Name      string   `json:"name"`
	Email     *string  `json:"email"`
	Sequences []string `json:"emailer_campaign_ids"`
}

// saveContact makes a contact. With run_dedupe one of the same address is
// overwritten field by field, without it there are two.
func (s *Server) saveContact(w http.ResponseWriter, r *http.Request) {
	var in struct {
		First  string `json:"first_name"`
		Last   string `json:"last_name"`
		Email  string `json:"email"`
		Dedupe bool   `json:"run_dedupe"`
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &in)
	}
	if err != nil || in.First+in.Last+in.Email == "" {
		refuse(w, "A contact needs a name or an e-mail address, in the body.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var c *contact
	for _, old := range s.contacts {
		if in.Dedupe && in.Email != "" && old.Email != nil && strings.EqualFold(*old.Email, in.Email) {
			c = old
		}
	}
	if c == nil {
		c = &contact{ID: fmt.Sprintf("66e34b81740c5007%08x", len(s.contacts)+1), Sequences: []string{}}
		s.contacts[c.ID] = c
	}
	c.First, c.Last, c.Name, c.Email = in.First, in.Last, strings.TrimSpace(in.First+" "+in.Last), text(in.Email)
	reply(w, http.StatusOK, map[string]any{"contact": c})
}

func (s *Server) addToSequence(w http.ResponseWriter, r *http.Request) {
	q, id := r.URL.Query(), r.PathValue("sequence")
	ids := q["contact_ids[]"]
	switch {
	case q.Get("emailer_campaign_id") == "" || q.Get("send_email_from_email_account_id") == "":
		refuse(w, "Please specify a emailer_campaign_id and send_email_from_email_account_id.")
		return
	case len(ids) == 0:
		refuse(w, "Please specify either contact_ids or label_names.")
		return
	case q.Get("send_email_from_email_account_id") != MailboxID:
		refuse(w, "These mailboxes are no longer active.")
		return
	case id != SequenceID || q.Get("emailer_campaign_id") != id:
		reply(w, http.StatusNotFound, map[string]string{"error": "There is no such sequence."})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	added, skipped := []*contact{}, map[string]string{}
	for _, one := range ids {
		switch c := s.contacts[one]; {
		case c == nil:
			skipped[one] = "contact_not_found"
		case slices.Contains(c.Sequences, id):
			skipped[one] = "contacts_already_exists_in_current_campaign"
		case c.Email == nil && q.Get("sequence_no_email") != "true":
			skipped[one] = "contacts_without_email"
		default:
			c.Sequences = append(c.Sequences, id)
			added = append(added, c)
		}
	}
	reply(w, http.StatusOK, map[string]any{
		"contacts": added, "skipped_contact_ids": skipped, "emailer_campaign": map[string]any{"id": id, "active": true},
		"emailer_steps": []any{}, "emailer_touches": []any{}, "team": map[string]any{},
	})
}
