package neverbounce

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// What one job may hold.
const (
	mostAddresses = 100_000
	mostBytes     = 25_000_000 - 1_000 // of the body, less the key
)

// mostSearchPages bounds the search for a job by its name, which few have.
const mostSearchPages = 20

// StartJob implements [provider.BulkVerifier]. An address or id that occurs
// twice is InvalidInput, as is a list that is too large: duplicates are charged
// and bring nothing. After a fault Unclear or BadResponse the job may exist; look
// with [Client.FindJob] before it is started again.
func (c *Client) StartJob(ctx context.Context, name string, addresses []provider.JobAddress) (string, error) {
	req, err := startRequest(name, addresses)
	if err != nil {
		return "", err
	}
	resp, err := c.transport.Do(ctx, req)
	if err != nil {
		return "", fmt.Errorf("start job: %w", err)
	}
	id, err := parseStarted(resp)
	if err != nil {
		return "", fmt.Errorf("start job: %w", err)
	}
	return id, nil
}

func startRequest(name string, addresses []provider.JobAddress) (transport.Request, error) {
	refuse := func(why string) (transport.Request, error) {
		return transport.Request{}, fault.New(fault.InvalidInput, "neverbounce.verify_in_bulk", why)
	}
	if name == "" || len(addresses) == 0 || len(addresses) > mostAddresses {
		return refuse(fmt.Sprintf("a job needs a name and 1 to %d addresses", mostAddresses))
	}
	body := wireCreate{InputLocation: "supplied", Filename: name, AutoParse: true, AutoStart: true}
	seen := map[string]bool{}
	for _, a := range addresses {
		id, email := "id "+a.ID, "email "+strings.ToLower(strings.TrimSpace(a.Email))
		if a.ID == "" || email == "email " || seen[id] || seen[email] {
			return refuse("every line of a job needs an id and an address of its own; remove duplicates first, they are charged")
		}
		seen[id], seen[email] = true, true
		body.Input = append(body.Input, wireRow(a))
	}
	if text, err := json.Marshal(body); err != nil || len(text) > mostBytes {
		return refuse("the list is too large; split it into jobs below 25 MB")
	}
	return transport.Request{
		Op: provider.OpVerifyInBulk, Method: "POST", Path: "/jobs/create", Body: body,
		Idempotent: false, // a second job is charged again
	}, nil
}

func parseStarted(resp *transport.Response) (string, error) {
	var w wireCreated
	if err := resp.Decode(&w); err != nil {
		return "", err
	}
	if w.JobID <= 0 {
		return "", resp.Fault(fault.BadResponse, "the answer holds no job id")
	}
	return strconv.FormatInt(w.JobID, 10), nil
}

// FindJob implements [provider.BulkVerifier].
func (c *Client) FindJob(ctx context.Context, name string) (string, error) {
	var newest struct {
		created string
		id      int64
	}
	for page := 1; page <= mostSearchPages; page++ {
		resp, err := c.transport.Do(ctx, findRequest(name, page))
		if err != nil {
			return "", fmt.Errorf("find job: %w", err)
		}
		var w wireSearch
		if err := resp.Decode(&w); err != nil {
			return "", fmt.Errorf("find job: %w", err)
		}
		if w.Results == nil { // to find nothing would mean to pay for a second job
			return "", fmt.Errorf("find job: %w", resp.Fault(fault.BadResponse, "the answer holds no list of jobs"))
		}
		for _, job := range w.Results {
			later := cmp.Or(cmp.Compare(job.CreatedAt, newest.created), cmp.Compare(job.ID, newest.id))
			if job.Filename == name && job.ID > 0 && later > 0 {
				newest.created, newest.id = job.CreatedAt, job.ID
			}
		}
		switch {
		case page < w.TotalPages:
		case newest.id == 0:
			return "", nil
		default:
			return strconv.FormatInt(newest.id, 10), nil
		}
	}
	return "", fault.New(fault.BadResponse, "neverbounce.read_job", "the provider lists far more jobs than can have this name; look at its dashboard")
}

func findRequest(name string, page int) transport.Request {
	return readRequest("/jobs/search", map[string]any{"filename": name, "page": page, "items_per_page": defaultPage})
}

func readRequest(path string, body map[string]any) transport.Request {
	return transport.Request{Op: opReadJob, Method: "POST", Path: path, Body: body, Idempotent: true}
}

// Job implements [provider.BulkVerifier].
func (c *Client) Job(ctx context.Context, jobID string) (provider.Job, error) {
	id, err := jobNumber(opReadJob, jobID)
	if err != nil {
		return provider.Job{}, err
	}
	resp, err := c.transport.Do(ctx, readRequest("/jobs/status", map[string]any{"job_id": id}))
	if err != nil {
		return provider.Job{}, fmt.Errorf("read job: %w", err)
	}
	job, err := parseJob(resp)
	if err != nil {
		return provider.Job{}, fmt.Errorf("read job: %w", err)
	}
	return job, nil
}

func parseJob(resp *transport.Response) (provider.Job, error) {
	var w wireJob
	if err := resp.Decode(&w); err != nil {
		return provider.Job{}, err
	}
	if w.JobStatus == "" {
		return provider.Job{}, resp.Fault(fault.BadResponse, "the answer does not say how far the job is")
	}
	state, reason := w.state()
	return provider.Job{State: state, Reason: reason, Done: max(w.Total.Processed, 0), Of: max(w.Total.Records, 0)}, nil
}

// jobNumber reads a job's id, which is a number at NeverBounce.
func jobNumber(op, jobID string) (int64, error) {
	id, err := strconv.ParseInt(jobID, 10, 64)
	if err != nil || id <= 0 {
		return 0, fault.New(fault.InvalidInput, "neverbounce."+op, "the id of a job is a whole number")
	}
	return id, nil
}

// JobVerdicts implements [provider.BulkVerifier]. The usage of each verdict is
// one credit.
func (c *Client) JobVerdicts(ctx context.Context, jobID string, page int) (map[string]provider.Verification, bool, error) {
	id, err := jobNumber(opReadJob, jobID)
	if err != nil {
		return nil, false, err
	}
	if page < 1 {
		return nil, false, fault.New(fault.InvalidInput, "neverbounce.read_job", "pages are counted from 1")
	}
	resp, err := c.transport.Do(ctx, resultsRequest(id, int64(page), c.page))
	if err != nil {
		return nil, false, fmt.Errorf("read verdicts: %w", err)
	}
	verdicts, more, err := parseResults(resp, int64(page))
	if err != nil {
		return nil, false, fmt.Errorf("read verdicts: %w", err)
	}
	for id, v := range verdicts {
		v.Usage = provider.Usage{Op: provider.OpVerifyInBulk, Cost: c.cost(provider.OpVerifyInBulk)}
		verdicts[id] = v
	}
	return verdicts, more, nil
}

func resultsRequest(id, page, size int64) transport.Request {
	return readRequest("/jobs/results", map[string]any{"job_id": id, "page": page, "items_per_page": size})
}

func parseResults(resp *transport.Response, page int64) (verdicts map[string]provider.Verification, more bool, err error) {
	var w wireResults
	if err := resp.Decode(&w); err != nil {
		return nil, false, err
	}
	more = page < w.TotalPages
	if w.Results == nil || more && len(w.Results) == 0 {
		return nil, false, resp.Fault(fault.BadResponse, "a page of results is missing")
	}
	verdicts = make(map[string]provider.Verification, len(w.Results))
	for _, r := range w.Results {
		if _, twice := verdicts[r.Data.ID]; twice || r.Data.ID == "" {
			return nil, false, resp.Fault(fault.BadResponse, "a result cannot be joined: it has no id of ours, or that of another")
		}
		if r.Verification.Result == "" {
			verdicts[r.Data.ID] = provider.Verification{Err: resp.Fault(fault.BadResponse, "the result holds no verdict")}
			continue
		}
		verdicts[r.Data.ID] = r.Verification.verdict()
	}
	return verdicts, more, nil
}

// DeleteJob implements [provider.BulkVerifier].
func (c *Client) DeleteJob(ctx context.Context, jobID string) error {
	id, err := jobNumber(opDeleteJob, jobID)
	if err != nil {
		return err
	}
	if _, err := c.transport.Do(ctx, deleteRequest(id)); err != nil {
		return fmt.Errorf("delete job: %w", err)
	}
	return nil
}

func deleteRequest(id int64) transport.Request {
	return transport.Request{
		Op: opDeleteJob, Method: "POST", Path: "/jobs/delete", Body: map[string]any{"job_id": id}, Idempotent: true,
	}
}
