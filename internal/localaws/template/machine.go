package template

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/messageai/sluice/internal/localaws/iam"
)

func (t *Template) stateMachine(r *resolver, res *resource, p *properties) {
	name := r.name(res.id, res)
	m := StateMachine{
		LogicalID: res.id, Name: name, ARN: arn("states", "stateMachine:%s")(r.opts, name),
		DefinitionURI: p.required("DefinitionUri"),
		Substitutions: p.textMap("DefinitionSubstitutions"),
	}
	p.oneOf("Type", "STANDARD")
	p.ignore("Name", "Tags")
	logging := p.object("Logging")
	m.LogLevel = logging.oneOf("Level", "OFF", "ERROR", "FATAL", "ALL")
	logging.ignore("IncludeExecutionData", "Destinations")
	logging.done()
	tracing := p.object("Tracing")
	tracing.flag("Enabled", false)
	tracing.done()
	m.Role = t.roleOf(r, res, p, func() []iam.Statement { return nil })
	t.StateMachines = append(t.StateMachines, m)
	t.machineEvents(r, m, p)
}

var substitution = regexp.MustCompile(`\$\{([A-Za-z0-9_]+)\}`)

// Define fills the machine's DefinitionSubstitutions into the text of its
// definition file. A placeholder without a substitution is an error, where SAM
// would leave it in the deployed definition.
func (m StateMachine) Define(text []byte) ([]byte, error) {
	var missing []string
	out := substitution.ReplaceAllFunc(text, func(match []byte) []byte {
		name := string(bytes.Trim(match, "${}"))
		v, ok := m.Substitutions[name]
		if !ok {
			missing = append(missing, name)
		}
		return []byte(v)
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s: %s uses %q, which DefinitionSubstitutions does not have", m.LogicalID, m.DefinitionURI, missing)
	}
	return out, nil
}

func (t *Template) httpAPI(r *resolver, res *resource, p *properties) {
	id := r.name(res.id, res)
	api := HTTPAPI{LogicalID: res.id, ID: id, Endpoint: apiEndpoint(r.opts, id)}
	p.oneOf("StageName", "$default")
	p.ignore("Name", "Description", "Tags", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "FailOnWarnings", "DisableExecuteApiEndpoint")
	switch v, _ := p.any("CorsConfiguration"); v := v.(type) {
	case nil:
	case bool:
		if v { // SAM: any origin, and nothing else
			api.CORS = &CORS{AllowOrigins: []string{"*"}}
		}
	default:
		cors := p.object("CorsConfiguration")
		api.CORS = &CORS{
			AllowOrigins:     cors.texts("AllowOrigins"),
			AllowMethods:     cors.texts("AllowMethods"),
			AllowHeaders:     cors.texts("AllowHeaders"),
			ExposeHeaders:    cors.texts("ExposeHeaders"),
			AllowCredentials: cors.flag("AllowCredentials", false),
			MaxAge:           cors.number("MaxAge", 0, 0, 86400),
		}
		cors.done()
	}
	t.APIs = append(t.APIs, api)
}
