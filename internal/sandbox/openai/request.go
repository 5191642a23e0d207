package openai

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// The limits of one request (vendor documentation as read in 2026-11).
const (
	maxInputs     = 2048
	maxTokens     = 8192
	maxTokensCall = 300_000
)

// request is a checked call: either texts or token ids.
type request struct {
	model  *model
	texts  []string
	ids    [][]int64
	dims   int
	base64 bool
	tokens int
	key    string // a hash of what was asked
}

func (r *request) count() int { return max(len(r.texts), len(r.ids)) }

func bad(param, code, message string) *refusal {
	return &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", param: param, code: code, message: message}
}

// parse reads and checks a call.
func (s *Server) parse(r *http.Request) (*request, *refusal) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bad("", "", "We could not read the body of your request.")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, bad("", "", "We could not parse the JSON body of your request.")
	}
	for name := range members {
		if !slices.Contains([]string{"model", "input", "encoding_format", "dimensions", "user"}, name) {
			return nil, bad(name, "unknown_parameter", "Unrecognized request argument supplied: "+name)
		}
	}
	var in struct {
		Model  string
		Format *string `json:"encoding_format"`
		Dims   *int    `json:"dimensions"`
		User   string
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, bad("", "invalid_type", "Invalid type for a request argument.")
	}
	if in.Model == "" {
		return nil, bad("", "", "you must provide a model parameter")
	}
	req := &request{model: s.models[in.Model]}
	if req.model == nil {
		return nil, &refusal{
			status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found",
			message: fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", in.Model),
		}
	}
	req.dims = req.model.dims
	switch {
	case in.Format != nil && *in.Format != "float" && *in.Format != "base64":
		return nil, bad("encoding_format", "invalid_value", "Invalid value: supported values are: 'float' and 'base64'.")
	case in.Dims != nil && !req.model.shorten:
		return nil, bad("dimensions", "", "This model does not support specifying dimensions.")
	case in.Dims != nil && (*in.Dims < 1 || *in.Dims > req.model.dims):
		return nil, bad("dimensions", "", fmt.Sprintf("Invalid value for 'dimensions' = %d. Must be between 1 and %d.", *in.Dims, req.model.dims))
	case in.Dims != nil:
		req.dims = *in.Dims
	}
	req.base64 = in.Format != nil && *in.Format == "base64"
	if !req.readInput(members["input"]) {
		return nil, bad("input", "", "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.")
	}
	sum := sha256.Sum256(append([]byte(fmt.Sprintf("%s/%d/", req.model.name, req.dims)), members["input"]...))
	req.key = hex.EncodeToString(sum[:16])
	return req, req.checkTokens()
}

// readInput understands the four forms of input: a text, texts, token ids, and
// lists of token ids.
func (r *request) readInput(raw json.RawMessage) bool {
	var text string
	var ids []int64
	switch {
	case len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		r.texts = []string{text}
	case json.Unmarshal(raw, &r.texts) == nil && len(r.texts) > 0:
	case bytes.Contains(raw, []byte("null")): // would become the token 0
		return false
	case json.Unmarshal(raw, &ids) == nil:
		if len(ids) > maxInputs {
			return false
		}
		r.texts, r.ids = nil, [][]int64{ids}
	case json.Unmarshal(raw, &r.ids) == nil:
		r.texts = nil
	default:
		return false
	}
	empty := slices.Contains(r.texts, "") || slices.ContainsFunc(r.ids, func(ids []int64) bool { return len(ids) == 0 })
	return r.count() > 0 && r.count() <= maxInputs && !empty
}

// checkTokens counts tokens and applies the two token limits.
func (r *request) checkTokens() *refusal {
	for i := range r.count() {
		var n int
		if r.texts != nil {
			n = tokens(r.texts[i])
		} else {
			n = len(r.ids[i])
		}
		if n > maxTokens {
			return bad("", "", fmt.Sprintf("This model's maximum context length is %d tokens, however you requested %d tokens (%d in your prompt; 0 for the completion). Please reduce your prompt; or completion length.", maxTokens, n, n))
		}
		r.tokens += n
	}
	if r.tokens > maxTokensCall {
		return &refusal{
			status: http.StatusBadRequest, kind: "max_tokens_per_request", code: "max_tokens_per_request", param: "",
			message: fmt.Sprintf("Requested %d tokens, max %d tokens per request", r.tokens, maxTokensCall),
		}
	}
	return nil
}
