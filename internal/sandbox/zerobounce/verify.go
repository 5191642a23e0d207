package zerobounce

import (
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// How mail servers and mailboxes show, in shares of addresses, per mille.
const (
	shyShare   = 15 // the server never tells: unknown
	greyShare  = 30 // it does not tell whom it sees for the first time
	trapShare  = 25 // of mailboxes that do not exist: spam traps
	wrongShare = 30 // of the others: the server takes mail for them all the same
	abuseShare = 5  // of people: known for complaining
)

type verdict struct {
	status, sub string
	address     string
	catchAll    bool
	test, free  bool // one of the vendor's addresses; at a free-mail service
	mail        bool // the domain takes mail
}

// short is a verdict of a batch.
func (v verdict) short() object {
	return object{
		"address": v.address, "status": v.status, "sub_status": v.sub, "free_email": v.free,
		"processed_at": time.Now().UTC().Format("2006-01-02 15:04:05.000"),
	}
}

// whole is the verdict of a single validation, in types that are not always
// those that one expects.
func (v verdict) whole() object {
	out := v.short()
	local, host, _ := strings.Cut(v.address, "@")
	for name, value := range map[string]any{
		"did_you_mean": nil, "account": local, "domain": host, "domain_age_days": "3120", "active_in_days": "30",
		"smtp_provider": "", "mx_found": strconv.FormatBool(v.mail), "mx_record": "", "catchall_domain": v.catchAll,
		"firstname": nil, "lastname": nil, "gender": nil, "country": nil, "region": nil, "city": nil, "zipcode": nil,
	} {
		out[name] = value
	}
	if temper(v.address)%2 == 0 {
		out["catchall_domain"] = strconv.FormatBool(v.catchAll)
	}
	return out
}

// verify looks an address up as mail servers and ZeroBounce's own lists show it;
// mu is held.
func (s *Server) verify(email string) verdict {
	email = strings.ToLower(strings.TrimSpace(email))
	v := verdict{status: "invalid", address: email}
	local, host, ok := strings.Cut(email, "@")
	if !ok || local == "" || !strings.Contains(host, ".") || strings.ContainsAny(email, " ,;<>") || strings.Contains(host, "@") {
		v.sub = "failed_syntax_check"
		return v
	}
	switch host {
	case "throwaway.example":
		v.status, v.sub = "do_not_mail", "disposable"
		return v
	case "example.com":
		if test, known := testAddress(local); known {
			test.address = email
			return test
		}
	}
	box := s.market.Mailbox(email)
	v.mail, v.catchAll = box.Domain, box.Domain && box.CatchAll
	if !box.Domain {
		v.sub = "no_dns_entries"
		return v
	}
	share := temper(email)
	switch {
	case box.Role:
		v.status, v.sub = "do_not_mail", "role_based"
		if v.catchAll {
			v.sub = "role_based_catch_all"
		}
	case share >= 1000-shyShare:
		v.status, v.sub = "unknown", "antispam_system"
	case share >= 1000-shyShare-greyShare && !s.asked[email]:
		s.asked[email] = true
		v.status, v.sub = "unknown", "greylisted"
	default:
		v.status, v.sub = mailbox(box, share)
	}
	return v
}

// mailbox is the verdict on a mailbox whose server tells what it knows.
func mailbox(box market.Mailbox, share uint64) (status, sub string) {
	switch {
	case box.CatchAll:
		return "catch-all", ""
	case box.Exists && share < abuseShare:
		return "abuse", ""
	case box.Exists:
		return "valid", ""
	case share < trapShare:
		return "spamtrap", ""
	case share < trapShare+wrongShare:
		return "valid", ""
	}
	return "invalid", "mailbox_not_found"
}

// testAddress is the answer for one of the vendor's test addresses, which are
// named after what they give.
func testAddress(local string) (verdict, bool) {
	v := verdict{test: true, mail: true}
	switch local {
	case "valid", "spamtrap", "abuse":
		v.status = local
		return v, true
	case "free_email":
		v.status, v.free = "valid", true
		return v, true
	case "catch_all":
		v.status, v.catchAll = "catch-all", true
		return v, true
	case "invalid":
		v.status, v.sub = "invalid", "mailbox_not_found"
		return v, true
	case "donotmail":
		v.status, v.sub = "do_not_mail", "role_based"
		return v, true
	case "unknown":
		v.status, v.sub = "unknown", "mail_server_temporary_error"
		return v, true
	}
	for status, subs := range map[string]string{
		"valid":       "alias_address leading_period_removed alternate gold role_based_accept_all accept_all",
		"invalid":     "does_not_accept_mail failed_syntax_check possible_typo mailbox_not_found no_dns_entries mailbox_quota_exceeded unroutable_ip_address",
		"unknown":     "antispam_system exception_occurred failed_smtp_connection forcible_disconnect greylisted mail_server_did_not_respond mail_server_temporary_error timeout_exceeded",
		"do_not_mail": "role_based role_based_catch_all disposable mx_forward global_suppression possible_trap toxic",
	} {
		for sub := range strings.FieldsSeq(subs) {
			if sub == local {
				v.status, v.sub = status, sub
				return v, true
			}
		}
	}
	return verdict{}, false
}

// temper is a number below 1000 that says how an address's server behaves.
func temper(email string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, "zerobounce|"+email) // a hash never fails
	x := h.Sum64()
	return (x ^ x>>32) % 1000
}
