package neverbounce

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// The limits of jobs.
const (
	firstJob   = 150970
	mostAtOnce = 10
	mostBytes  = 25_000_000
	mostRows   = 100 // of one page, whatever was asked for
)

// How long a job takes: two stages of stage each, then stage and pace per address.
const (
	stage = 5 * time.Second
	pace  = 20 * time.Millisecond
)

type job struct {
	id      int
	name    string
	rows    []row
	created time.Time
	started bool
}

type row struct {
	data  json.RawMessage // as it was supplied
	email string
}

// state is how far a job is now; "" for a deleted one.
func (s *Server) state(j *job) string {
	switch {
	case j == nil:
		return ""
	case time.Since(j.created) < stage:
		return "parsing"
	case !j.started:
		return "waiting"
	case time.Since(j.created) < 2*stage:
		return "queued"
	case time.Now().Before(j.ends()):
		return "running"
	}
	return cmp.Or(s.options.EndAs, "complete")
}

func (j *job) ends() time.Time { return j.created.Add(3*stage + time.Duration(len(j.rows))*pace) }

func (s *Server) create(p params) answer {
	var input []json.RawMessage
	parse, ok := p.flag("auto_parse")
	start, also := p.flag("auto_start")
	switch {
	case p.text("input_location") != "supplied":
		return refused("Only supplied input can be simulated")
	case json.Unmarshal(p.body["input"], &input) != nil || len(input) == 0:
		return refused("Missing required parameter 'input'")
	case !ok || !also || !parse:
		return refused("Invalid parameter")
	}
	j := &job{name: p.text("filename"), created: time.Now(), started: start}
	for _, data := range input {
		var r struct {
			Email string `json:"email"`
		}
		if json.Unmarshal(data, &r) != nil {
			return refused("Input rows must be objects")
		}
		j.rows = append(j.rows, row{data, r.Email})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	under := 0
	for _, other := range s.jobs {
		if slices.Contains([]string{"parsing", "queued", "running"}, s.state(other)) {
			under++
		}
	}
	switch {
	case under >= mostAtOnce:
		return failure("throttle_triggered", "Too many jobs are running")
	case s.left() < len(j.rows):
		return noCredit()
	}
	if j.started && s.options.EndAs == "" {
		for _, r := range j.rows { // duplicates and bad syntax included
			if err := s.charge(OpJob, r.email); err != nil {
				return refused("simulator: " + err.Error())
			}
		}
	}
	j.id = firstJob + len(s.jobs)
	s.jobs = append(s.jobs, j)
	return answer{"job_id": j.id}
}

// job returns the job that a request names, nil if there is none; mu is held.
func (s *Server) job(p params) *job {
	id, ok := p.number("job_id", 0)
	if at := id - firstJob; ok && at >= 0 && at < len(s.jobs) {
		return s.jobs[at]
	}
	return nil
}

func (s *Server) status(p params) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.job(p)
	if j == nil {
		return refused("Invalid job ID")
	}
	return s.describe(j, "job_status")
}

// describe is a job as status and search tell it.
func (s *Server) describe(j *job, stateKey string) answer {
	state := s.state(j)
	total := map[string]int{"records": len(j.rows), "billable": len(j.rows), "processed": 0, "bad_syntax": 0, "duplicates": 0}
	if state == "complete" {
		total["processed"] = len(j.rows)
		seen := map[string]bool{}
		for _, r := range j.rows {
			v := s.verify(r.email)
			total[v.Result]++
			if slices.Contains(v.Flags, "bad_syntax") {
				total["bad_syntax"]++
			}
			if key := strings.ToLower(r.email); seen[key] {
				total["duplicates"]++
			} else {
				seen[key] = true
			}
		}
	} else if state == "running" {
		total["processed"] = min(len(j.rows), int(time.Since(j.created.Add(2*stage))/pace))
	}
	out := answer{
		"id": j.id, "filename": j.name, stateKey: state, "created_at": j.created.UTC().Format(time.DateTime),
		"started_at": nil, "finished_at": nil, "failure_reason": nil, "total": total,
		"bounce_estimate": 0, "percent_complete": 100 * total["processed"] / len(j.rows),
	}
	if state == "complete" || state == "failed" {
		out["finished_at"] = j.ends().UTC().Format(time.DateTime)
	}
	if state == "failed" {
		out["failure_reason"] = "The file could not be processed"
	}
	return out
}

// page cuts a page out of n items; ok is false for a page that cannot be.
func page(p params, n, most int) (from, to, pages int, query answer, ok bool) {
	size, isSize := p.number("items_per_page", 10)
	at, isPage := p.number("page", 1)
	if !isSize || !isPage || size < 1 || size > 1000 || at < 1 {
		return 0, 0, 0, nil, false
	}
	query = answer{"page": at, "items_per_page": size}
	size = min(size, most)
	pages = (n + size - 1) / size
	from = min((at-1)*size, n)
	return from, min(from+size, n), pages, query, true
}

func (s *Server) results(p params) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.job(p)
	switch {
	case j == nil:
		return refused("Invalid job ID")
	case s.state(j) != "complete":
		return refused("The job is not complete")
	}
	from, to, pages, query, ok := page(p, len(j.rows), mostRows)
	if !ok {
		return refused("Invalid parameter")
	}
	query["job_id"] = j.id
	rows := slices.Clone(j.rows) // which come in an order of their own
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(temper(a.email), temper(b.email)) })
	results := []any{}
	for _, r := range rows[from:to] {
		results = append(results, answer{"data": r.data, "verification": s.verify(r.email)})
	}
	return answer{"total_results": len(rows), "total_pages": pages, "query": query, "results": results}
}

func (s *Server) search(p params) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*job
	name := p.text("filename")
	for _, j := range s.jobs {
		if j != nil && (name == "" || j.name == name) {
			found = append(found, j)
		}
	}
	from, to, pages, query, ok := page(p, len(found), 1000)
	if !ok {
		return refused("Invalid parameter")
	}
	results := []any{}
	for _, j := range found[from:to] {
		// One source calls it one way, one the other.
		results = append(results, s.describe(j, []string{"status", "job_status"}[j.id%2]))
	}
	return answer{"total_results": len(found), "total_pages": pages, "query": query, "results": results}
}

func (s *Server) remove(p params) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.job(p)
	if j == nil {
		return refused("Invalid job ID")
	}
	s.jobs[j.id-firstJob] = nil
	return answer{}
}
