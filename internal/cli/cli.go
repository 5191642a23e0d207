// Package cli is the sluice command: noun, verb, flags. Data goes to standard
// output, messages and progress to standard error, progress only on a terminal.
// It imports practice, listing and what they need; nothing imports it but main.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/messageai/sluice/internal/fault"
)

// Exit codes. They are never reused for another meaning.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitAuth        = 3
	exitRateLimited = 4
	exitNotFound    = 5
	exitConflict    = 6
	exitCap         = 7
	exitRefused     = 8
	exitPartial     = 9
	exitInterrupted = 130
)

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// live reports whether standard error is a terminal, so that progress may be drawn.
func (t terminal) live() bool { return isTerminal(t.err) }

type commands struct {
	Demo demoCommand `cmd:"" help:"Run one campaign in practice mode: the whole stack in this process, simulated providers, no key, no cost."`
	Run  struct {
		List   runCommand    `cmd:"" default:"withargs" help:"Score a list of your own (CSV) against an ICP, without any key. This is what \"sluice run\" does."`
		Replay replayCommand `cmd:"" help:"Compute a run again from what it recorded: what another ICP, other weights or another order of providers would have changed. Nobody is asked, nothing is paid."`
		Retry  retryCommand  `cmd:"" help:"Show what of a run failed, by cause, and run it again from where it stopped."`
	} `cmd:"" help:"Runs."`
	Campaign struct {
		Plan campaignPlanCommand `cmd:"" help:"Print what a campaign would cost: expected and worst case, by provider, without starting it."`
	} `cmd:"" help:"Campaigns."`
	Cache cacheCommands `cmd:"" help:"What providers answered, so that nothing is paid twice."`
	Email struct {
		Verify emailVerifyCommand `cmd:"" help:"Verify a list of addresses of your own (CSV) by a job at a provider. Without --buy it says what that costs and what is known already."`
	} `cmd:"" help:"E-mail addresses."`
	Lead struct {
		Why whyCommand `cmd:"" help:"Print the receipt of a score: every criterion, its points, its evidence."`
	} `cmd:"" help:"Leads."`
	Dev   devCommand   `cmd:"" help:"Serve practice mode on this machine: the HTTP API and an AWS endpoint for the aws CLI."`
	Bench benchCommand `cmd:"" help:"Measure the engine at zero provider latency."`
	Key   struct {
		Create keyCreateCommand `cmd:"" help:"Create an API key for a deployed stack."`
	} `cmd:"" help:"API keys."`
	Team struct {
		Budget teamBudgetCommand `cmd:"" help:"Set or show what a team may spend at providers in a month, in a deployed stack."`
	} `cmd:"" help:"Teams."`
	Drill    drillCommand `cmd:"" help:"Rehearse what may go wrong, in practice mode."`
	Provider struct {
		List      providerListCommand    `cmd:"" help:"List the providers: keys, prices, what was spent."`
		Connect   providerConnectCommand `cmd:"" help:"Give the team a key of its own at a provider, from standard input or a prompt. The provider is asked before it is stored."`
		Test      providerTestCommand    `cmd:"" help:"Ask a provider whether the key in use is good, and what is left of the account."`
		Rotate    providerRotateCommand  `cmd:"" help:"Replace the team's key: the new one is checked first, then all workers change over."`
		Revoke    providerRevokeCommand  `cmd:"" help:"Take the team's key out of use, everywhere within ten seconds."`
		Reconcile reconcileCommand       `cmd:"" help:"Compare what the providers' accounts count with our ledger, over a run."`
	} `cmd:"" help:"Providers and their keys."`
	Prospect struct {
		Enrich prospectEnrichCommand `cmd:"" help:"Ask providers about one prospect now."`
	} `cmd:"" help:"Prospects."`
	Breaker struct {
		List  breakerListCommand  `cmd:"" help:"Show how the providers are, and which are suspended, by whom and why."`
		Open  breakerOpenCommand  `cmd:"" help:"Suspend all calls to a provider until somebody closes the breaker."`
		Close breakerCloseCommand `cmd:"" help:"Let calls to a provider through again."`
	} `cmd:"" help:"Circuit breakers in front of providers."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// Run runs the command line and returns the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	term := terminal{in: in, out: out, err: errOut}
	var c commands
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("sluice"),
		kong.Description("Sluice finds a company's next customers: it knows the price before, loses nothing, pays nothing twice and explains every score."),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(term),
		kong.UsageOnError(),
	)
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "sluice:", err)
		return exitFailure
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintf(errOut, "sluice: %v\nRun \"sluice --help\" for what there is.\n", err)
		return exitUsage
	}
	return report(errOut, parsed.Run())
}

// report prints an error as one line that says what to do, and returns its exit
// code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	text := err.Error()
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Message != "" {
		text = e.Message
	}
	_, _ = fmt.Fprintln(w, "sluice:", text)
	if e, ok := errors.AsType[exitError](err); ok {
		return e.code
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	if errors.Is(err, os.ErrNotExist) {
		return exitUsage
	}
	switch fault.KindOf(err) {
	case fault.InvalidInput:
		return exitUsage
	case fault.Unauthenticated, fault.Forbidden:
		return exitAuth
	case fault.RateLimited, fault.QuotaExhausted:
		return exitRateLimited
	case fault.NotFound:
		return exitNotFound
	case fault.Conflict:
		return exitConflict
	case fault.CapReached:
		return exitCap
	case fault.Blocked:
		return exitRefused
	default:
		return exitFailure
	}
}

// exitError is an outcome with an exit code of its own.
type exitError struct {
	code int
	text string
}

func (e exitError) Error() string { return e.text }

type versionCommand struct{}

// Version is set by the release build.
const version = "dev"

func (versionCommand) Run(t terminal) error {
	_, err := fmt.Fprintln(t.out, "sluice", version)
	return err
}
