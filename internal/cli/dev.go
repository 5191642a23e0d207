package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/practice"
)

type devCommand struct {
	Listen  string        `default:"127.0.0.1:8787" help:"Address to listen on; loopback only." placeholder:"HOST:PORT"`
	State   string        `help:"Folder that outlives the process; without it everything is kept in memory." placeholder:"DIR"`
	Seed    uint64        `default:"11" help:"Seed of the synthetic market."`
	People  int           `default:"20000" help:"People in the synthetic market."`
	Latency time.Duration `default:"50ms" help:"How long simulated providers take to answer."`
}

// Run serves practice mode until it is interrupted.
func (d *devCommand) Run(ctx context.Context, t terminal) error {
	if err := loopback(d.Listen); err != nil {
		return err
	}
	opts := practice.Options{Seed: d.Seed, People: d.People, Latency: d.Latency, Parameters: workerParameters()}
	if d.State != "" {
		opts.StateDir = filepath.Join(d.State, "world")
	}
	world, err := practice.Open(ctx, opts)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.Listen)
	if err != nil {
		return errors.Join(fault.New(fault.InvalidInput, "cli.dev", "cannot listen on "+d.Listen+": is another \"sluice dev\" running? Give another address with --listen"), world.Close())
	}
	world.Start()
	base := "http://" + listener.Addr().String()
	_, err = fmt.Fprintf(t.out, `Practice mode: invented people, simulated providers. API key: %s

  HTTP API   %s/api/v1/openapi.json
             curl -H "Authorization: Bearer %s" %s/api/v1/prospecting/campaigns
  AWS        AWS_ENDPOINT_URL=%s AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws dynamodb list-tables

Interrupt to stop.
`, practice.Key, base, practice.Key, base, base)
	if err != nil {
		return errors.Join(err, world.Close())
	}
	server := &http.Server{Handler: route(world), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve then returns
	err = server.Serve(listener)
	stop()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, world.Close())
}

// route sends what API Gateway would serve to the product and everything else
// to the AWS front door.
func route(world *practice.World) http.Handler {
	api, aws := world.API(), world.Stack.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			api.ServeHTTP(w, r)
			return
		}
		aws.ServeHTTP(w, r)
	})
}

// loopback refuses an address that others could reach: practice mode has a
// well-known key.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fault.New(fault.InvalidInput, "cli.listen", "--listen wants HOST:PORT, for example 127.0.0.1:8787")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fault.New(fault.InvalidInput, "cli.listen", "--listen must be a loopback address such as 127.0.0.1:8787: practice mode's API key is known to everybody")
	}
	return nil
}
