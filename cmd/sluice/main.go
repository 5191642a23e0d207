// Command sluice finds a company's next customers: practice mode, runs over
// your own lists, and the administration of a deployment.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/messageai/sluice/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
