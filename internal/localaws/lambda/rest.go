package lambda

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/localaws/wire"
)

const apiPrefix = "/2015-03-31/functions"

// ServeHTTP serves the Lambda API: Invoke, ListFunctions, GetFunction and
// GetFunctionConfiguration. The caller comes from the wire.Call in the context.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := wire.FromContext(r.Context())
	if err := s.serve(w, r, call); err != nil {
		WriteError(w, call, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, call *wire.Call) error {
	rest, ok := strings.CutPrefix(r.URL.Path, apiPrefix)
	if !ok {
		return unknown(r)
	}
	name, action, _ := strings.Cut(strings.Trim(rest, "/"), "/")
	if i := strings.LastIndex(name, "function:"); i >= 0 { // an ARN, whole or partial
		name = name[i+len("function:"):]
	}
	if q := r.URL.Query().Get("Qualifier"); q != "" && q != "$LATEST" {
		return wire.Errorf(404, "ResourceNotFoundException", "Function not found: %s:%s (versions and aliases are not kept here)", name, q)
	}
	switch {
	case name == "" && r.Method == http.MethodGet:
		return s.list(w, call)
	case action == "invocations" && r.Method == http.MethodPost:
		return s.serveInvoke(w, r, call, name)
	case (action == "" || action == "configuration") && r.Method == http.MethodGet:
		return s.describe(w, call, name, action)
	}
	return unknown(r)
}

func unknown(r *http.Request) error {
	return wire.Errorf(404, "UnknownOperationException", "the local Lambda API has no %s %s", r.Method, r.URL.Path)
}

// authorize answers 403, where the JSON protocols answer 400.
func authorize(call *wire.Call, action, resource string) error {
	if call.Principal.Allows(action, resource) {
		return nil
	}
	return wire.Errorf(403, "AccessDeniedException",
		"User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		call.Principal.ARN, action, resource, action)
}

func (s *Service) arn(name string) string {
	return "arn:aws:lambda:" + s.opts.Region + ":" + s.opts.Account + ":function:" + name
}

func (s *Service) serveInvoke(w http.ResponseWriter, r *http.Request, call *wire.Call, name string) error {
	if err := authorize(call, "lambda:InvokeFunction", s.arn(name)); err != nil {
		return err
	}
	if _, err := s.find(name); err != nil {
		return err
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, maxSyncPayload+1))
	if err != nil {
		return wire.Errorf(400, "InvalidRequestContentException", "Could not read the request body")
	}
	switch kind := r.Header.Get("X-Amz-Invocation-Type"); kind {
	case "DryRun":
		write(w, call, http.StatusNoContent, nil)
	case "Event":
		id, err := s.InvokeAsync(name, payload)
		if err != nil {
			return err
		}
		w.Header().Set("X-Amzn-Requestid", id)
		write(w, call, http.StatusAccepted, nil)
	case "", "RequestResponse":
		result, err := s.Invoke(WithTrace(r.Context(), r.Header.Get(TraceHeader)), name, payload)
		if err != nil {
			return err
		}
		h := w.Header()
		h.Set("X-Amzn-Requestid", result.RequestID)
		h.Set("X-Amz-Executed-Version", "$LATEST")
		if result.FunctionError != "" {
			h.Set("X-Amz-Function-Error", result.FunctionError)
		}
		write(w, call, http.StatusOK, result.Payload)
	default:
		return wire.Errorf(400, "InvalidParameterValueException", "%q is not an invocation type", kind)
	}
	return nil
}

// configuration is the API's FunctionConfiguration, as far as it is known here.
type configuration struct {
	FunctionName string
	FunctionArn  string
	Role         string `json:",omitempty"`
	Runtime      string
	MemorySize   int
	Timeout      int
	State        string
	PackageType  string
	Version      string
	Environment  struct{ Variables map[string]string }
}

func (f *function) configuration() configuration {
	c := configuration{
		FunctionName: f.Name, FunctionArn: f.ARN, Runtime: "provided.al2023", MemorySize: f.MemoryMB,
		Timeout: int(f.Timeout.Seconds()), State: "Active", PackageType: "Zip", Version: "$LATEST",
	}
	c.Environment.Variables = f.Env
	if f.Role != nil {
		c.Role = f.Role.ARN
	}
	return c
}

func (s *Service) list(w http.ResponseWriter, call *wire.Call) error {
	if err := authorize(call, "lambda:ListFunctions", "*"); err != nil {
		return err
	}
	out := struct{ Functions []configuration }{[]configuration{}}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		out.Functions = append(out.Functions, s.functions[name].configuration())
	}
	return writeJSON(w, call, out)
}

func (s *Service) describe(w http.ResponseWriter, call *wire.Call, name, action string) error {
	operation := "lambda:GetFunction"
	if action == "configuration" {
		operation = "lambda:GetFunctionConfiguration"
	}
	if err := authorize(call, operation, s.arn(name)); err != nil {
		return err
	}
	f, err := s.find(name)
	if err != nil {
		return err
	}
	if action == "configuration" {
		return writeJSON(w, call, f.configuration())
	}
	out := struct {
		Configuration configuration
		Concurrency   *struct{ ReservedConcurrentExecutions int } `json:",omitempty"`
	}{Configuration: f.configuration()}
	if f.Reserved != nil {
		out.Concurrency = &struct{ ReservedConcurrentExecutions int }{*f.Reserved}
	}
	return writeJSON(w, call, out)
}

func writeJSON(w http.ResponseWriter, call *wire.Call, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	write(w, call, http.StatusOK, payload)
	return nil
}

// WriteError writes err in the REST-JSON protocol of the Lambda API.
func WriteError(w http.ResponseWriter, call *wire.Call, err error) {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		e = wire.Errorf(http.StatusInternalServerError, "ServiceException", "%s", err)
	}
	body := map[string]any{"Type": "User", "Message": e.Message}
	maps.Copy(body, e.Members)
	payload, merr := json.Marshal(body)
	if merr != nil {
		payload = []byte(`{}`)
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	write(w, call, e.Status, payload)
}

func write(w http.ResponseWriter, call *wire.Call, status int, payload []byte) {
	h := w.Header()
	if h.Get("X-Amzn-Requestid") == "" {
		h.Set("X-Amzn-Requestid", call.RequestID)
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(payload) // a client that hung up is not our error
}
