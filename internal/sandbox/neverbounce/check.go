package neverbounce

import (
	"hash/fnv"
	"io"
	"strings"
)

// How mail servers show, in shares of addresses, per mille.
const (
	shyShare   = 30 // the server never tells: unknown
	wrongShare = 30 // of the mailboxes that do not exist: the server takes mail for them all the same
)

// verification is the verdict on one address.
type verification struct {
	Result    string   `json:"result"`
	Flags     []string `json:"flags"`
	Suggested string   `json:"suggested_correction"`
	Address   details  `json:"address_info"`
}

type details struct {
	Original   string `json:"original_email"`
	Normalized string `json:"normalized_email"`
	Addr       string `json:"addr,omitempty"`
	Host       string `json:"host,omitempty"`
}

func (s *Server) check(p params) answer {
	email := p.text("email")
	if email == "" {
		return refused("Missing required parameter 'email'")
	}
	withAddress, ok := p.flag("address_info")
	withCredits, also := p.flag("credits_info")
	if seconds, is := p.number("timeout", 30); !is || seconds < 1 || !ok || !also {
		return refused("Invalid parameter")
	}
	if s.left() < 1 {
		return noCredit()
	}
	if err := s.charge(OpCheck, email); err != nil {
		return refused("simulator: " + err.Error())
	}
	v := s.verify(email)
	out := answer{"result": v.Result, "flags": v.Flags, "suggested_correction": v.Suggested}
	if withAddress {
		out["address_info"] = v.Address
	}
	if withCredits {
		credits := s.credits()
		credits["paid_credits_used"] = 1
		out["credits_info"] = credits
	}
	return out
}

// verify looks an address up as a mail server would show it.
func (s *Server) verify(email string) verification {
	normal := strings.ToLower(strings.TrimSpace(email))
	local, host, ok := strings.Cut(normal, "@")
	v := verification{Result: "invalid", Flags: []string{}, Address: details{Original: email, Normalized: normal, Addr: local, Host: host}}
	if !ok || local == "" || !strings.Contains(host, ".") || strings.ContainsAny(normal, " ,;<>") || strings.Contains(host, "@") {
		v.Flags = append(v.Flags, "bad_syntax")
		return v
	}
	if host == "throwaway.example" {
		v.Result, v.Flags = "disposable", []string{"has_dns", "has_dns_mx", "disposable_email"}
		return v
	}
	box := s.market.Mailbox(normal)
	if box.Role {
		v.Flags = append(v.Flags, "role_account")
	}
	if !box.Domain {
		return v
	}
	v.Flags = append(v.Flags, "has_dns", "has_dns_mx")
	share := temper(normal)
	switch {
	case share >= 1000-shyShare:
		v.Result = "unknown"
		return v
	case box.CatchAll:
		v.Result = "catchall"
	case box.Exists, share < wrongShare:
		v.Result = "valid"
	}
	v.Flags = append(v.Flags, "smtp_connectable")
	return v
}

// temper is a number below 1000 that says how an address's server behaves.
func temper(email string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, "neverbounce|"+email) // a hash never fails
	x := h.Sum64()
	return (x ^ x>>32) % 1000
}
