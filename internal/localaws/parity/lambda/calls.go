package lambda

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

const (
	syncLimit     = 6 << 20
	responseLimit = syncLimit + 100
	asyncLimit    = 1 << 20
)

// sized is a payload of so many bytes: a JSON text.
func sized(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = 'x'
	}
	out[0], out[n-1] = '"', '"'
	return out
}

func invokeCases() []parity.Case {
	return []parity.Case{
		on("context", func(ctx context.Context, b *bench) error {
			b.invoke(ctx, "invoke", "Plain", event{Do: "context"})
			return nil
		}),
		on("names-of-a-function", func(ctx context.Context, b *bench) error {
			for _, name := range []string{
				"sluice-Plain", "123456789012:function:sluice-Plain", "arn:aws:lambda:us-east-1:123456789012:function:sluice-Plain", "sluice-None",
			} {
				b.raw(ctx, name, &lambda.InvokeInput{FunctionName: &name, Payload: encode(event{Do: "echo"})})
			}
			b.raw(ctx, "latest", &lambda.InvokeInput{FunctionName: aws.String("sluice-Plain"), Qualifier: aws.String("$LATEST"), Payload: encode(event{Do: "echo"})})
			b.raw(ctx, "no such version", &lambda.InvokeInput{FunctionName: aws.String("sluice-Plain"), Qualifier: aws.String("7"), Payload: encode(event{Do: "echo"})})
			return nil
		}),
		on("payload-refused", func(ctx context.Context, b *bench) error {
			b.raw(ctx, "no JSON", &lambda.InvokeInput{FunctionName: aws.String("sluice-Plain"), Payload: []byte("{")})
			b.raw(ctx, "none", &lambda.InvokeInput{FunctionName: aws.String("sluice-Plain")})
			return nil
		}),
		on("dry-run", func(ctx context.Context, b *bench) error {
			b.raw(ctx, "dry run", &lambda.InvokeInput{FunctionName: aws.String("sluice-Plain"), InvocationType: types.InvocationTypeDryRun, Payload: encode(event{Do: "fail"})})
			return b.told(ctx, "nothing ran")
		}),
		on("synchronous-payload-limit", func(ctx context.Context, b *bench) error {
			b.raw(ctx, "6 MB", &lambda.InvokeInput{FunctionName: aws.String("sluice-Plain"), Payload: sized(syncLimit)}) // arrives: the code cannot decode a text
			b.raw(ctx, "a byte more", &lambda.InvokeInput{FunctionName: aws.String("sluice-Plain"), Payload: sized(syncLimit + 1)})
			return nil
		}),
		on("response-limit", func(ctx context.Context, b *bench) error {
			b.invoke(ctx, "6 MB and 100", "Plain", event{Do: "answer", N: responseLimit - 2})
			b.invoke(ctx, "a byte more", "Plain", event{Do: "answer", N: responseLimit - 1})
			b.invoke(ctx, "the sandbox goes on", "Plain", event{Do: "sandbox"})
			return nil
		}),
		on("asynchronous-payload-limit", func(ctx context.Context, b *bench) error {
			b.event(ctx, "1 MB", "Plain", sized(asyncLimit))
			b.event(ctx, "a byte more", "Plain", sized(asyncLimit+1))
			b.event(ctx, "no JSON", "Plain", []byte("{"))
			b.event(ctx, "no such function", "None", encode(event{Do: "echo"}))
			return nil
		}),
	}
}

func failureCases() []parity.Case {
	failing := func(name, do string) parity.Case {
		return on("failure-"+name, func(ctx context.Context, b *bench) error {
			b.invoke(ctx, "invoke", "Plain", event{Do: do, Text: "no"})
			b.invoke(ctx, "afterwards", "Plain", event{Do: "sandbox"})
			return nil
		})
	}
	return []parity.Case{
		failing("of-no-type", "fail"),
		failing("of-a-type", "fail typed"),
		failing("with-a-name", "fail named"),
		failing("wrapped", "fail wrapped"),
		failing("panic", "panic"),
		on("time-out-cancels", func(ctx context.Context, b *bench) error {
			b.invoke(ctx, "in time", "Plain", event{Do: "sleep", N: 2999})
			b.invoke(ctx, "too slow", "Plain", event{Do: "sleep", N: 60_000})
			b.Note("took", time.Since(b.began).String())
			time.Sleep(2 * time.Minute)
			b.invoke(ctx, "another sandbox", "Plain", event{Do: "sandbox"})
			return b.told(ctx, "seen")
		}),
	}
}

func sandboxCases() []parity.Case {
	return []parity.Case{
		on("sandbox-is-kept", func(ctx context.Context, b *bench) error {
			b.invoke(ctx, "first", "Plain", event{Do: "sandbox", Text: "a"})
			time.Sleep(time.Minute)
			b.invoke(ctx, "second", "Plain", event{Do: "sandbox", Text: "b"})
			b.invoke(ctx, "another function", "Off", event{Do: "sandbox"})
			return b.told(ctx, "seen")
		}),
		on("sandbox-per-concurrent-call", func(ctx context.Context, b *bench) error {
			b.together(ctx, "five at once", "Plain", 5, event{Do: "sleep", N: 1000})
			b.together(ctx, "three at once", "Plain", 3, event{Do: "sleep", N: 1000})
			return b.told(ctx, "five were initialised, and one that tells")
		}),
		on("sandbox-is-frozen", func(ctx context.Context, b *bench) error {
			b.invoke(ctx, "begin", "Plain", event{Do: "background"})
			time.Sleep(time.Hour)
			if err := b.told(ctx, "an hour later"); err != nil {
				return err
			}
			b.invoke(ctx, "thawed", "Plain", event{Do: "sleep", N: 2500})
			return b.told(ctx, "then")
		}),
	}
}

func limitCases() []parity.Case {
	return []parity.Case{
		on("reserved-concurrency", func(ctx context.Context, b *bench) error {
			b.together(ctx, "three at once", "One", 3, event{Do: "sleep", N: 1000})
			b.together(ctx, "one by one", "One", 1, event{Do: "sleep", N: 1000})
			return nil
		}),
		on("reserved-concurrency-of-zero", func(ctx context.Context, b *bench) error {
			b.invoke(ctx, "invoke", "Off", event{Do: "echo"})
			b.event(ctx, "an event is taken", "Off", encode(event{Do: "echo"}))
			return nil
		}),
		on("account-concurrency", func(ctx context.Context, b *bench) error {
			// 1,000 without what two functions have reserved.
			b.together(ctx, "1,000 at once", "Plain", 1000, event{Do: "sleep", N: 1000})
			b.together(ctx, "998 at once", "Plain", 998, event{Do: "sleep", N: 1000})
			return nil
		}),
	}
}

func asyncCases() []parity.Case {
	return []parity.Case{
		on("event-is-tried-three-times", func(ctx context.Context, b *bench) error {
			b.event(ctx, "accepted", "Plain", encode(event{Do: "fail", Text: "no"}))
			return b.at(ctx, time.Second, 59*time.Second, 61*time.Second, 179*time.Second, 181*time.Second, 12*time.Hour)
		}),
		on("event-succeeds-later", func(ctx context.Context, b *bench) error {
			b.event(ctx, "accepted", "Plain", encode(event{Do: "fail at first", N: 1}))
			return b.at(ctx, time.Second, time.Hour)
		}),
		on("event-timed-out-is-retried", func(ctx context.Context, b *bench) error {
			b.event(ctx, "accepted", "Plain", encode(event{Do: "sleep", N: 60_000}))
			return b.at(ctx, 10*time.Second, time.Hour)
		}),
		on("event-waits-for-concurrency", func(ctx context.Context, b *bench) error {
			for range 8 { // one at a time, the others are throttled and tried again
				b.event(ctx, "accepted", "One", encode(event{Do: "sleep and note", N: 2900}))
			}
			return b.at(ctx, time.Second, time.Hour)
		}),
	}
}
