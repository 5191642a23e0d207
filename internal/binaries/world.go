package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws/template"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
)

// The run that the sample events are about.
const (
	campaignID = "5f0c2c8e-41f7-4a8e-9d0b-0a6c7b0f3a11"
	runID      = "0d3b6f52-7a1f-4b63-8a53-5d1f2c9be7a4"
)

// awsDomain ends the host names of AWS.
const awsDomain = ".amazonaws.com"

// world is practice mode behind a proxy, with the run of the samples begun.
type world struct {
	*practice.World
	proxy       *proxy
	certificate string

	mu   sync.Mutex
	said []string // to Step Functions and SQS
}

// openWorld opens a world that keeps its certificate in folder.
func openWorld(ctx context.Context, folder string) (_ *world, err error) {
	w := &world{certificate: filepath.Join(folder, "authority.pem")}
	// The processes have no way to the in-memory index.
	w.World, err = practice.Open(ctx, practice.Options{Seed: 11, People: 20_000, Generous: true, Parameters: map[string]string{"VectorIndex": "none", "MailCheck": "none"}})
	if err != nil {
		return nil, err
	}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.World.Close())
	}
	if w.proxy, err = newProxy(ctx, w.certificate, http.HandlerFunc(w.serve)); err != nil {
		return nil, errors.Join(err, w.World.Close())
	}
	return w, nil
}

func (w *world) close() error { return errors.Join(w.proxy.Close(), w.World.Close()) }

// prepare puts the campaign and its run where POST /campaigns puts them.
func (w *world) prepare(ctx context.Context) error {
	data, err := os.ReadFile("internal/cli/sample-icp.json")
	if err != nil {
		return err
	}
	var icp domain.ICP
	if err := json.Unmarshal(data, &icp); err != nil {
		return fmt.Errorf("read sample ICP: %w", err)
	}
	now := time.Now().UTC()
	campaign := domain.Campaign{
		ID: campaignID, Team: practice.Team, Name: "Q4 Enterprise Leads", ICPID: icp.ID, Sources: []string{"apollo"}, RunID: runID, CreatedAt: now,
		Options: domain.Options{MaxProspects: 20, AutoEnrich: true, AutoConvert: true, Thresholds: domain.DefaultThresholds(), Cap: 25 * money.Dollar},
	}
	run := domain.Run{ID: runID, Team: practice.Team, CampaignID: campaignID, Status: domain.RunRunning, StartedAt: now}
	return errors.Join(w.Store.PutICP(ctx, practice.Team, icp), w.Store.PutCampaign(ctx, campaign), w.Store.CreateRun(ctx, run))
}

// serve answers for AWS and for every provider.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	host := strings.Split(r.Host, ":")[0]
	if strings.HasSuffix(host, awsDomain) {
		service, _, _ := strings.Cut(host, ".")
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if service == "states" || service == "sqs" {
			w.mu.Lock()
			w.said = append(w.said, service+" "+operation)
			w.mu.Unlock()
		}
		w.Stack.Handler().ServeHTTP(rw, r)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	response, err := w.Sandbox.RoundTripper().RoundTrip(out)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }() // it is in memory
	maps.Copy(rw.Header(), response.Header)
	rw.WriteHeader(response.StatusCode)
	_ = copyTo(rw, response) // a process that is gone is noticed by its exit
}

// heard returns what functions said since the last call.
func (w *world) heard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.said
	w.said = nil
	return out
}

// environment is what Lambda gives a function's process.
func (w *world) environment(ctx context.Context, f template.Function) (map[string]string, error) {
	cfg, err := w.Stack.Config(f.LogicalID)
	if err != nil {
		return nil, err
	}
	keys, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	env := map[string]string{
		"AWS_REGION": cfg.Region, "AWS_DEFAULT_REGION": cfg.Region, "AWS_ACCESS_KEY_ID": keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY": keys.SecretAccessKey,
		"AWS_SESSION_TOKEN": keys.SessionToken, "AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_LOG_FORMAT": f.LogFormat, "AWS_EXECUTION_ENV": "AWS_Lambda_" + f.Runtime,
		"_HANDLER": f.Handler, "LAMBDA_TASK_ROOT": "/var/task", "TZ": ":UTC",
		"HTTPS_PROXY": "http://" + w.proxy.address, "SSL_CERT_FILE": w.certificate,
	}
	maps.Copy(env, f.Env)
	return env, nil
}
