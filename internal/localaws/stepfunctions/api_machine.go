package stepfunctions

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// Characters that names must not have (StartExecution, API reference, 2026).
var namePattern = regexp.MustCompile("^[^\\s<>{}\\[\\]?*\"#%\\\\^|~`$&,;:/\\x00-\\x1f\\x7f-\\x{9f}\\x{fffe}\\x{ffff}]+$")

func validName(name string) error {
	if err := within("name", name, 1, 80); err != nil {
		return err
	}
	if !namePattern.MatchString(name) {
		return refuse("InvalidName", "Invalid Name: '%s'", name)
	}
	return nil
}

func (s *Service) createStateMachine(call *wire.Call) (any, error) {
	var in struct {
		Name, Definition, RoleArn, Type string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	arn := s.arn("stateMachine", in.Name)
	if err := call.Authorize("states:CreateStateMachine", arn); err != nil {
		return nil, err
	}
	if err := validName(in.Name); err != nil {
		return nil, err
	}
	if in.Type != "" && in.Type != "STANDARD" {
		return nil, refuse("StateMachineTypeNotSupported", "Only state machines of type STANDARD run here, not %s", in.Type)
	}
	if !strings.HasPrefix(in.RoleArn, "arn:") {
		return nil, refuse("InvalidArn", "Invalid Role Arn: '%s'", in.RoleArn)
	}
	g, err := parseDefinition(s.engine, in.Definition)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.machines[arn]; m != nil && !m.deleted {
		if m.current().definition != in.Definition { // another role is not looked at
			return nil, refuse("StateMachineAlreadyExists", "State Machine Already Exists: '%s'", arn)
		}
		return map[string]any{"stateMachineArn": arn, "creationDate": seconds(m.created)}, nil
	}
	r, err := s.addRevision(arn, in.Name, in.Definition, in.RoleArn, g)
	if err != nil {
		return nil, err
	}
	return map[string]any{"stateMachineArn": arn, "creationDate": seconds(r.made)}, nil
}

// addRevision records a revision. The caller holds mu.
func (s *Service) addRevision(arn, name, definition, roleArn string, g *graph) (*revision, error) {
	r := &revision{definition: definition, roleArn: roleArn, graph: g, made: time.Now().UTC()}
	if m := s.machines[arn]; m != nil {
		r.number = len(m.revisions)
	}
	err := s.append(entry{Type: entryMachine, Arn: arn, Name: name, Number: r.number, Definition: definition, RoleArn: roleArn, At: r.made.UnixNano()})
	if err != nil {
		return nil, err
	}
	s.revise(arn, name, r)
	return r, nil
}

func (m *machine) current() *revision { return m.revisions[len(m.revisions)-1] }

// machine returns the named machine. The caller holds mu.
func (s *Service) machine(arn string) (*machine, error) {
	if err := checkArn(arn, "stateMachine"); err != nil {
		return nil, err
	}
	m := s.machines[arn]
	if m == nil || m.deleted {
		return nil, refuse("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
	}
	return m, nil
}

func (s *Service) updateStateMachine(call *wire.Call) (any, error) {
	var in struct {
		StateMachineArn, Definition, RoleArn string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:UpdateStateMachine", in.StateMachineArn); err != nil {
		return nil, err
	}
	var g *graph
	if in.Definition != "" {
		var err error
		if g, err = parseDefinition(s.engine, in.Definition); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	r := m.current()
	if in.Definition == "" && in.RoleArn == "" {
		return nil, refuse("MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	if g == nil {
		in.Definition, g = r.definition, r.graph
	}
	if r, err = s.addRevision(m.arn, m.name, in.Definition, cmp.Or(in.RoleArn, r.roleArn), g); err != nil {
		return nil, err
	}
	return map[string]any{"updateDate": seconds(r.made), "revisionId": newID()}, nil
}

func (s *Service) deleteStateMachine(call *wire.Call) (any, error) {
	var in struct{ StateMachineArn string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:DeleteStateMachine", in.StateMachineArn); err != nil {
		return nil, err
	}
	s.mu.Lock()
	m, err := s.machine(in.StateMachineArn)
	if err == nil {
		if err = s.append(entry{Type: entryDeleted, Arn: m.arn}); err == nil {
			m.deleted = true
		}
	} else if wire.CodeOf(err) == "StateMachineDoesNotExist" {
		err = nil // deleting what is not there succeeds
	}
	var mine []*execution
	if m != nil {
		for _, x := range s.byID {
			if x.parent == nil && x.revision.arn == m.arn {
				mine = append(mine, x)
			}
		}
	}
	s.mu.Unlock()
	for _, x := range mine {
		x.stop(outcome{status: statusAborted})
	}
	return nil, err
}

func (s *Service) describeStateMachine(call *wire.Call) (any, error) {
	var in struct{ StateMachineArn string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:DescribeStateMachine", in.StateMachineArn); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	r := m.current()
	return map[string]any{
		"stateMachineArn": m.arn, "name": m.name, "status": "ACTIVE", "definition": r.definition, "roleArn": r.roleArn,
		"type": "STANDARD", "creationDate": seconds(m.created),
		"loggingConfiguration": map[string]any{"level": "OFF", "includeExecutionData": false},
		"tracingConfiguration": map[string]any{"enabled": false},
	}, nil
}

func (s *Service) listStateMachines(call *wire.Call) (any, error) {
	var in struct {
		MaxResults int
		NextToken  string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:ListStateMachines", "*"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*machine
	for _, m := range s.machines {
		if !m.deleted {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *machine) int { return cmp.Compare(a.name, b.name) })
	from, to, next, err := page(len(all), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, m := range all[from:to] {
		list = append(list, map[string]any{"stateMachineArn": m.arn, "name": m.name, "type": "STANDARD", "creationDate": seconds(m.created)})
	}
	return paged("stateMachines", list, next), nil
}

// validateStateMachineDefinition says what CreateStateMachine would refuse.
func (s *Service) validateStateMachineDefinition(call *wire.Call) (any, error) {
	var in struct{ Definition, Type string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:ValidateStateMachineDefinition", "*"); err != nil {
		return nil, err
	}
	_, problems := examine(s.engine, in.Definition)
	out, list := map[string]any{"result": "OK", "truncated": false}, []map[string]any{}
	for _, p := range problems {
		out["result"] = "FAIL"
		list = append(list, map[string]any{"severity": "ERROR", "code": p.code, "message": p.message, "location": p.path})
	}
	out["diagnostics"] = list
	return out, nil
}

// validInput compacts nothing: an execution's input is kept as it was given.
func validInput(input string) (json.RawMessage, error) {
	if input == "" {
		input = "{}"
	}
	if err := within("input", input, 0, maxPayload); err != nil {
		return nil, err
	}
	if len(input) > maxPayload || !json.Valid([]byte(input)) {
		return nil, refuse("InvalidExecutionInput", "Invalid State Machine Execution Input: 'the input is not JSON of at most 262144 bytes'")
	}
	return json.RawMessage(input), nil
}
