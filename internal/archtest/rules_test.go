package archtest_test

// rule says what one group of packages may import, tests apart. Inside the
// repository nothing else is allowed; outside it nothing but the standard
// library and what outside lists.
type rule struct {
	group   string // path below the repository root; a last element * is any folder, ** any folders
	inside  string // paths, * and ** as in group; a leading internal/ is left out
	outside string // import paths, or a prefix that ends in /
}

// The parts of modules that rules name.
const (
	awsSDK  = "github.com/aws/aws-sdk-go-v2/ github.com/aws/smithy-go github.com/aws/smithy-go/"
	lambda  = "github.com/aws/aws-lambda-go/"
	grpc    = "google.golang.org/grpc google.golang.org/grpc/"
	workers = "golang.org/x/sync/errgroup"
	vocab   = "domain fault money"
	uuid    = "github.com/google/uuid"
	unicode = "golang.org/x/text/"
)

// rules is the table of imports. It reads from the bottom of the program to its
// top; a group may import what its line names, never beside it or above it.
var rules = []rule{
	// Vocabulary.
	{group: "internal/fault"},
	{group: "internal/money"},
	{group: "internal/domain", inside: "fault money"},
	{group: "internal/config"},

	// Policies: no I/O.
	{group: "internal/normalize", inside: "fault", outside: unicode + " github.com/mozillazg/go-unidecode github.com/nyaruka/phonenumbers/v2 github.com/biter777/countries golang.org/x/net/idna golang.org/x/net/publicsuffix github.com/nlnwa/whatwg-url/"},
	{group: "internal/lexical", inside: "fault normalize provider"},
	{group: "internal/email", inside: "domain normalize", outside: unicode + " golang.org/x/net/idna"},
	{group: "internal/email/mx", inside: "email"},
	{group: "internal/email/pattern", inside: "normalize", outside: unicode},
	{group: "internal/quality", inside: vocab + " normalize"},
	{group: "internal/dedup", inside: vocab + " normalize", outside: "github.com/agnivade/levenshtein github.com/cespare/xxhash/v2"},
	{group: "internal/compliance", inside: vocab},
	{group: "internal/scoring", inside: vocab + " normalize lexical"},
	{group: "internal/listing", inside: vocab + " normalize dedup quality scoring lexical compliance", outside: unicode},
	{group: "internal/ratelimit", inside: "fault"},
	{group: "internal/breaker", inside: "fault"},
	{group: "internal/health", inside: "fault"},

	// Outside world: the store, the orchestrator, secrets, providers.
	{group: "internal/store", inside: vocab + " normalize ratelimit breaker health provider/transport", outside: awsSDK + " " + workers + " github.com/fxamacker/cbor/v2"},
	{group: "internal/orchestrate", inside: "fault", outside: awsSDK},
	{group: "internal/secrets", inside: "domain fault", outside: awsSDK},
	{group: "internal/provider/transport", inside: "fault ratelimit breaker", outside: grpc + " google.golang.org/genproto/googleapis/rpc/errdetails"},
	{group: "internal/provider", inside: vocab + " normalize provider/transport", outside: grpc},
	{group: "internal/provider/providertest", inside: vocab + " provider provider/transport ratelimit breaker", outside: grpc + " github.com/google/go-cmp/cmp"},
	{group: "internal/provider/catalog", inside: "money provider provider/transport provider/* !provider/providertest"},
	{group: "internal/provider/openai", inside: vocab + " provider provider/transport", outside: "github.com/sashabaranov/go-openai"},
	{group: "internal/provider/pinecone", inside: vocab + " provider provider/transport", outside: "github.com/pinecone-io/go-pinecone/v5/ google.golang.org/protobuf/ " + grpc},
	{group: "internal/provider/*", inside: vocab + " provider provider/transport normalize"},

	// Work.
	{group: "internal/budget", inside: vocab + " store"},
	{group: "internal/waterfall", inside: vocab + " email email/pattern normalize provider"},
	{group: "internal/bulk", inside: vocab + " budget email provider store waterfall", outside: workers},
	{group: "internal/replay", inside: vocab + " budget email lexical pipeline/convert pipeline/score provider scoring store task waterfall"},
	{group: "internal/task", inside: "domain fault", outside: lambda},
	{group: "internal/pipeline/*", inside: vocab + " budget compliance dedup email lexical normalize provider quality scoring store task waterfall", outside: lambda + " " + workers},

	// Doors.
	{group: "internal/lambdax", inside: "fault", outside: lambda},
	{group: "internal/api", inside: vocab + " breaker health pipeline/single ratelimit compliance provider scoring store task waterfall", outside: "github.com/danielgtaylor/huma/v2 github.com/danielgtaylor/huma/v2/ " + workers + " " + uuid},
	{group: "internal/app", inside: "** !localaws !localaws/** !sandbox !sandbox/** !practice !cli !archtest !provider/providertest", outside: awsSDK + " " + lambda + " " + uuid + " " + grpc},
	{group: "functions/*", inside: "app"},

	// This machine: the local stack, the simulated providers, the command.
	{group: "internal/localaws/**", inside: "localaws/**", outside: awsSDK + " " + lambda + " github.com/dop251/goja go.yaml.in/yaml/v3 github.com/cockroachdb/apd/v3 " + uuid + " " + workers},
	{group: "internal/sandbox/**", inside: "sandbox/** localaws/journal " + vocab + " normalize", outside: grpc + " google.golang.org/protobuf/ github.com/pinecone-io/go-pinecone/v5/"},
	{group: "internal/practice", inside: "** !archtest !cli !provider/providertest", outside: awsSDK + " " + lambda + " " + grpc + " " + uuid},
	{group: "internal/bench"},
	{group: "internal/sim"},
	{group: "internal/binaries", inside: "app domain money practice localaws/template"},
	{group: "internal/cli", inside: "** !archtest !provider/providertest !pipeline/*", outside: awsSDK + " " + lambda + " github.com/google/pprof/profile github.com/alecthomas/kong golang.org/x/term " + uuid + " " + workers},
	{group: "cmd/sluice", inside: "cli . config"},

	{group: "."}, // the deployed files, embedded
	{group: "statemachines"},
	{group: "internal/archtest"},
}

// Restrictions on the standard library and on big modules, by import path or
// prefix: which groups may import them, and why the others may not.
var restricted = []struct {
	path   string
	groups string
	why    string
}{
	{
		"net/http", "internal/provider/** internal/api internal/lambdax internal/app internal/cli internal/practice internal/localaws/** internal/sandbox/** internal/binaries",
		"calls go through provider/transport, which limits, breaks, meters and redacts",
	},
	{"net/http/httptest", "internal/provider/providertest", "it is for tests"},
	{"testing", "internal/provider/providertest", "test code does not belong in a binary"},
	{"os/exec", "internal/binaries", "nothing else here starts a process"},
	{"unsafe", "", "nothing here is worth it"},
	{"math/rand", "", "use math/rand/v2"},
	{
		"github.com/aws/aws-sdk-go-v2/", "internal/store internal/orchestrate internal/secrets internal/app internal/cli internal/practice internal/localaws/**",
		"the SDK stays behind the packages that own a service",
	},
	{"github.com/google/go-cmp/cmp", "internal/provider/providertest", "it is for tests"},
}

// adapterHTTP is what an adapter may name of net/http: it describes a call as a
// transport.Request, so it cannot go past limiter, breaker and redaction.
var adapterHTTP = []string{"Header", "Method*", "Status*"}

// sdkAdapters hand the client that transport gives them to a vendor's own SDK.
const sdkAdapters = "internal/provider/openai internal/provider/pinecone"

// sideEffects are the blank imports that are needed: by file, what for.
var sideEffects = map[string]string{
	"internal/sandbox/pinecone/server.go": "the client registers the descriptors that the simulated server speaks",
}

// environmentReaders may call os.Getenv and the like: config for the product,
// the command for what concerns the terminal.
const environmentReaders = "internal/config cmd/sluice internal/cli"

// forbiddenNames say nothing about what is inside.
var forbiddenNames = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "model", "shared", "base", "misc", "lib", "core", "interfaces"}
