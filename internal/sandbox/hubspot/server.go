package hubspot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Journal keeps what must survive a killed process. Append returns once the
// record would be found by Past in the next process.
type Journal interface {
	Append(service string, record any) error
	Past(service string) []json.RawMessage
}

// service is this simulator's name in the journal.
const service = "hubspot"

// Options configure a [Server]. The zero value is a Professional account that
// accepts any non-empty key, grants every scope and forgets at exit.
type Options struct {
	Key    string   // accepted bearer token; empty: any but the empty one
	Scopes []string // granted scopes; empty: all
	Limits Limits
	// Lag is how long a write stays out of the search index. Zero: 2 s, the
	// order of what HubSpot shows; negative: none.
	Lag     time.Duration
	Journal Journal
	// Seed fills the account before the first call. It is not called when the
	// journal already holds an account.
	Seed func(*Server) error
}

// Server is one simulated HubSpot account. It is an [http.Handler] and safe for
// concurrent use.
type Server struct {
	opts Options

	mu       sync.Mutex
	objects  map[string]*table // by object type name
	links    map[link]int      // to the order of creation
	nextID   int64
	requests int64
	limiter  limiter
}

// New returns an account, restored from the journal if that holds one.
func New(opts Options) (*Server, error) {
	if opts.Lag == 0 {
		opts.Lag = 2 * time.Second
	}
	s := &Server{
		opts:    opts,
		objects: map[string]*table{contacts: newTable(contactType), companies: newTable(companyType)},
		links:   map[link]int{},
		nextID:  208_840_000_000,
		limiter: limiter{limits: opts.Limits.withDefaults()},
	}
	restored, err := s.restore()
	if err != nil {
		return nil, err
	}
	if !restored && opts.Seed != nil {
		if err := opts.Seed(s); err != nil {
			return nil, fmt.Errorf("seed hubspot: %w", err)
		}
	}
	return s, nil
}

// ServeHTTP answers one API call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body, fail := s.serve(w.Header(), r)
	if fail != nil {
		s.writeFailure(w, fail)
		return
	}
	writeJSON(w, status, body)
}

// serve checks, admits and runs a call.
func (s *Server) serve(h http.Header, r *http.Request) (status int, body any, fail *failure) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" || s.opts.Key != "" && token != s.opts.Key {
		return 0, nil, unauthorized()
	}
	rt, fail := route(r)
	if fail != nil {
		return 0, nil, fail
	}
	if fail := s.checkScope(rt); fail != nil {
		return 0, nil, fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	fail = s.limiter.admit(now, rt.op == opSearch)
	if rt.op != opSearch { // search answers carry no limit headers
		s.limiter.headers(h, now)
	}
	if fail != nil {
		return 0, nil, fail
	}
	return s.handle(rt, r)
}

// handle runs one admitted call under the lock.
func (s *Server) handle(rt routed, r *http.Request) (status int, body any, fail *failure) {
	switch rt.op {
	case opUpsert:
		return s.batchUpsert(rt, r)
	case opBatchRead:
		return s.batchRead(rt, r)
	case opCreate:
		return s.create(rt, r)
	case opRead:
		return s.read(rt, r)
	case opUpdate:
		return s.update(rt, r)
	case opSearch:
		return s.search(rt, r)
	case opAssociate:
		return s.associateDefault(rt)
	case opAssociateBatch:
		return s.associateBatch(rt, r)
	case opProperties:
		return s.listProperties(rt)
	case opProperty:
		return s.readProperty(rt)
	default:
		return s.createProperty(rt, r)
	}
}

// The operations.
const (
	opUpsert         = "batch_upsert"
	opBatchRead      = "batch_read"
	opCreate         = "create"
	opRead           = "read"
	opUpdate         = "update"
	opSearch         = "search"
	opAssociate      = "associate"
	opAssociateBatch = "batch_associate"
	opProperties     = "list_properties"
	opProperty       = "read_property"
	opCreateProperty = "create_property"
)

// routed is a call whose path was understood.
type routed struct {
	op      string
	version string
	typ     string // contacts or companies
	to      string // the other type of an association
	id      string // a record id, a key value or a property name
	toID    string
}

// route understands method and path. Unknown paths and versions are 404, as an
// unknown object type is a 400.
func route(r *http.Request) (routed, *failure) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 4 || parts[0] != "crm" {
		return routed{}, notFound("resource not found")
	}
	rt := routed{version: parts[2]}
	if rt.version != "2026-09" && rt.version != "2026-03" {
		return routed{}, notFound("resource not found")
	}
	switch rest := r.Method + " " + strings.Join(parts[4:], "/"); parts[1] {
	case "objects":
		rt.op, rt.id = objectOp(r.Method, rest, parts[4:])
		if len(parts) == 9 && r.Method == http.MethodPut && parts[5] == "associations" && parts[6] == "default" {
			rt.op, rt.id, rt.to, rt.toID = opAssociate, parts[4], parts[7], parts[8]
		}
	case "associations":
		if len(parts) == 7 && rest == http.MethodPost+" "+parts[4]+"/batch/create" {
			rt.op, rt.to = opAssociateBatch, parts[4]
		}
	case "properties":
		switch {
		case rest == "GET ":
			rt.op = opProperties
		case rest == "POST ":
			rt.op = opCreateProperty
		case len(parts) == 5 && r.Method == http.MethodGet:
			rt.op, rt.id = opProperty, parts[4]
		}
	}
	if rt.op == "" {
		return routed{}, notFound("resource not found")
	}
	var fail *failure
	if rt.typ, fail = objectType(parts[3]); fail != nil {
		return routed{}, fail
	}
	if rt.to != "" {
		rt.to, fail = objectType(rt.to)
	}
	return rt, fail
}

func objectOp(method, rest string, tail []string) (op, id string) {
	switch rest {
	case "POST ":
		return opCreate, ""
	case "POST batch/upsert":
		return opUpsert, ""
	case "POST batch/read":
		return opBatchRead, ""
	case "POST search":
		return opSearch, ""
	}
	if len(tail) != 1 {
		return "", ""
	}
	switch method {
	case http.MethodGet:
		return opRead, tail[0]
	case http.MethodPatch:
		return opUpdate, tail[0]
	}
	return "", ""
}

// objectType understands a type by name or by id.
func objectType(name string) (string, *failure) {
	switch name {
	case contacts, contactType.id:
		return contacts, nil
	case companies, companyType.id:
		return companies, nil
	}
	return "", badRequest("Unable to infer object type from: " + name)
}

// checkScope refuses a call that the key's scopes do not cover.
func (s *Server) checkScope(rt routed) *failure {
	if len(s.opts.Scopes) == 0 {
		return nil
	}
	area, right := "objects", "write"
	switch rt.op {
	case opBatchRead, opRead, opSearch:
		right = "read"
	case opProperties, opProperty:
		area, right = "schemas", "read"
	case opCreateProperty:
		area = "schemas"
	}
	need := "crm." + area + "." + rt.typ + "." + right
	for _, have := range s.opts.Scopes {
		if have == need {
			return nil
		}
	}
	return missingScope(need)
}

// decode reads a JSON body. Unknown members are refused, as HubSpot does for
// writes; into is a pointer to a struct.
func decode(r *http.Request, into any) *failure {
	if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		return &failure{status: http.StatusUnsupportedMediaType, category: "VALIDATION_ERROR", message: "Unsupported Media Type"}
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return badRequest(fmt.Sprintf("Invalid input JSON at byte %d", syntax.Offset))
		}
		return badRequest("Invalid input JSON: " + err.Error())
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	// A failed write means that the caller is gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(body)
}
