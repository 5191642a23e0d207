// Command binaries builds every function as it is deployed, for the machine it
// runs on, and drives each bootstrap as a process of its own: through a Runtime
// API on loopback, with the sample events of events/, against the local stack
// and the simulated providers behind an HTTPS proxy. It fails when a bootstrap
// does not start, when an answer differs from its golden file, when an error has
// not aws-lambda-go's shape, and when a function needs more memory than the
// template gives it or longer to start than Lambda allows; it prints times, memory
// and, for arm64, zip sizes. It may import what practice mode may, and it is the only package
// that starts processes. It is not for load, nor for the times of Lambda itself:
// there is no micro-VM, no download and no CPU share here.
//
//	go run ./internal/binaries
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/app"
	"github.com/messageai/sluice/internal/localaws/template"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "binaries:", err)
		os.Exit(1)
	}
}

// figures are what was measured of one function.
type figures struct {
	zip                int // bytes
	init, first, warm  []time.Duration
	memory, limit      int // kilobytes; limit is what the template gives
	samples, different int
}

// bench is one run of this command.
type bench struct {
	folder  string
	figures map[string]*figures // by function
	wrong   []error
}

func run(ctx context.Context, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "binaries")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b := &bench{folder: folder, figures: map[string]*figures{}}
	for _, name := range slices.Sorted(maps.Keys(app.Functions())) {
		if err := b.build(ctx, name); err != nil {
			return err
		}
	}
	if err := b.inWorld(ctx, func(w *world) { b.walk(ctx, w) }); err != nil {
		return err
	}
	rest, err := alone()
	if err != nil {
		return err
	}
	for _, name := range rest {
		if err := b.inWorld(ctx, func(w *world) { b.single(ctx, w, name) }); err != nil {
			return err
		}
	}
	b.print(out)
	b.checkLimits()
	return errors.Join(b.wrong...)
}

// build makes a function for this machine, to be run, and for arm64, to be
// weighed.
func (b *bench) build(ctx context.Context, name string) error {
	f := &figures{}
	b.figures[name] = f
	if err := compile(ctx, name, runtime.GOOS, runtime.GOARCH, b.bootstrap(name)); err != nil {
		return err
	}
	deployed := filepath.Join(b.folder, "deployed")
	if err := compile(ctx, name, "linux", "arm64", deployed); err != nil {
		return err
	}
	binary, err := os.ReadFile(deployed)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(binary); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	f.zip = packed.Len()
	return nil
}

func (b *bench) bootstrap(name string) string { return filepath.Join(b.folder, name) }

// compile builds a function with the flags of the Makefile's LAMBDA_BUILD.
func compile(ctx context.Context, name, system, arch, into string) error {
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-tags", "lambda.norpc,grpcnotrace,nethttpomithttp2", "-ldflags", "-s -w", "-o", into, "./functions/"+name) //nolint:gosec // names from the source
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build functions/%s for %s/%s: %w\n%s", name, system, arch, err, text)
	}
	return nil
}

func (b *bench) inWorld(ctx context.Context, do func(*world)) error {
	w, err := openWorld(ctx, b.folder)
	if err != nil {
		return err
	}
	do(w)
	return errors.Join(w.close(), ctx.Err())
}

// walk sends the samples of the path, each function in one process.
func (b *bench) walk(ctx context.Context, w *world) {
	running := map[string]*process{}
	defer func() {
		for name, p := range running {
			b.figures[name].memory = max(b.figures[name].memory, p.memory())
			p.stop()
		}
	}()
	for _, name := range path {
		function, _, _ := strings.Cut(name, "/")
		first := running[function] == nil
		if first {
			p, err := b.start(ctx, w, function)
			if err != nil {
				b.fail(name, err)
				return
			}
			running[function] = p
		}
		b.send(ctx, w, running[function], name, first)
	}
}

// single sends one sample that is not on the path, after as much of the path as
// it needs, and then a second time for the time of a warm call.
func (b *bench) single(ctx context.Context, w *world, name string) {
	for _, earlier := range path[:after[name]] {
		function, _, _ := strings.Cut(earlier, "/")
		payload, err := os.ReadFile("events/" + earlier + ".json")
		if err == nil {
			_, err = w.Stack.Functions().Invoke(ctx, "sluice-dev-"+function, payload)
		}
		if err != nil {
			b.fail(name, fmt.Errorf("send %s before it: %w", earlier, err))
			return
		}
	}
	function, _, _ := strings.Cut(name, "/")
	p, err := b.start(ctx, w, function)
	if err != nil {
		b.fail(name, err)
		return
	}
	defer p.stop()
	b.send(ctx, w, p, name, true)
	payload, err := os.ReadFile("events/" + name + ".json")
	if err != nil {
		b.fail(name, err)
		return
	}
	if a, err := p.invoke(ctx, payload); err != nil {
		b.fail(name, fmt.Errorf("a second time: %w", err))
	} else {
		b.figures[function].warm = append(b.figures[function].warm, a.took)
	}
	b.figures[function].memory = max(b.figures[function].memory, p.memory())
}

// start starts a function's process. Before it is started as it should be, it
// is started without its variables: that must fail.
func (b *bench) start(ctx context.Context, w *world, function string) (*process, error) {
	i := slices.IndexFunc(w.Stack.Template().Functions, func(f template.Function) bool { return filepath.Base(f.CodeURI) == function })
	if i < 0 {
		return nil, fmt.Errorf("the template has no function with the code functions/%s", function)
	}
	f := w.Stack.Template().Functions[i]
	b.figures[function].limit = f.MemoryMB << 10
	env, err := w.environment(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(b.figures[function].init) == 0 {
		if p, err := start(ctx, b.bootstrap(function), f.ARN, f.Timeout, map[string]string{"AWS_REGION": env["AWS_REGION"]}); err == nil {
			p.stop()
			b.fail(function, errors.New("it starts without its environment variables and would fail at its first event only"))
		}
	}
	p, err := start(ctx, b.bootstrap(function), f.ARN, f.Timeout, env)
	if err == nil {
		b.figures[function].init = append(b.figures[function].init, p.initTook)
	}
	return p, err
}

// send sends a sample to a process and compares the outcome.
func (b *bench) send(ctx context.Context, w *world, p *process, name string, first bool) {
	function, _, _ := strings.Cut(name, "/")
	f := b.figures[function]
	f.samples++
	payload, err := os.ReadFile("events/" + name + ".json")
	if err != nil {
		b.fail(name, err)
		return
	}
	w.heard()
	a, err := p.invoke(ctx, payload)
	if err == nil {
		if first {
			f.first = append(f.first, a.took)
		} else {
			f.warm = append(f.warm, a.took)
		}
		err = check(name, a, w.heard())
	}
	if err != nil {
		f.different++
		b.fail(name, err)
	}
}

func (b *bench) fail(name string, err error) {
	b.wrong = append(b.wrong, fmt.Errorf("%s: %w", name, err))
}

// initGoal is how long a function may take to start. The fastest start of several is
// held against it: a busy machine makes the others slower, none faster.
const initGoal = 100 * time.Millisecond

// checkLimits compares what was measured with what Lambda would allow, and starts
// with the goal.
func (b *bench) checkLimits() {
	for _, name := range slices.Sorted(maps.Keys(b.figures)) {
		f := b.figures[name]
		if f.memory > f.limit {
			b.fail(name, fmt.Errorf("it needs %d MB and has %d: Lambda would kill it; raise MemorySize in template.yaml", f.memory>>10, f.limit>>10))
		}
		if len(f.init) > 0 && slices.Min(f.init) > initGoal {
			b.fail(name, fmt.Errorf("its fastest start took %s; nobody should wait longer than %s for a cold one", slices.Min(f.init), initGoal))
		}
	}
}

func (b *bench) print(out io.Writer) {
	fmt.Fprintf(out, "%-14s %8s %7s %10s %10s %10s %9s %12s\n", "function", "samples", "differ", "init", "first", "warm", "memory", "arm64 zip")
	for _, name := range slices.Sorted(maps.Keys(b.figures)) {
		f := b.figures[name]
		fmt.Fprintf(out, "%-14s %8d %7d %10s %10s %10s %6d MB %9d KB\n", name, f.samples, f.different, median(f.init), median(f.first), median(f.warm), f.memory>>10, f.zip>>10)
	}
	fmt.Fprintf(out, "Medians on %s/%s, in processes of their own without a limit on CPU; memory is the peak.\n", runtime.GOOS, runtime.GOARCH)
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2].Round(100 * time.Microsecond)
}
