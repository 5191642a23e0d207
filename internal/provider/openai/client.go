package openai

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
	vendor "github.com/sashabaranov/go-openai"
)

// Client embeds texts with one model. It is safe for concurrent use.
type Client struct {
	api   *vendor.Client
	name  string
	model model
	price money.Price
	dims  int
	now   func() time.Time
}

// New builds the adapter from its settings.
func New(deps provider.Deps) (*Client, error) {
	table, err := Prices(deps.Settings)
	if err != nil {
		return nil, err
	}
	name := deps.Settings.Or("model", defaultModel)
	c := &Client{name: name, model: models()[name], price: table.Operations[provider.OpEmbed], now: deps.Now}
	c.dims = c.model.dims
	bad := func(message string) error { return fault.New(fault.InvalidInput, "openai.new", message) }
	if text := deps.Settings["dimensions"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > c.model.dims {
			return nil, bad(fmt.Sprintf("the setting dimensions must be 1 to %d for %s", c.model.dims, c.name))
		}
		if !c.model.shorten && n != c.model.dims {
			return nil, bad("vectors of " + c.name + " cannot be shortened; remove the setting dimensions")
		}
		c.dims = n
	}
	// The transport sets the key.
	config := vendor.DefaultConfig("")
	config.BaseURL = deps.Transport.BaseURL()
	config.HTTPClient = deps.Transport.HTTPClient(func(*http.Request) transport.Call {
		return transport.Call{Op: provider.OpEmbed} // a repetition is charged again
	})
	c.api = vendor.NewClientWithConfig(config)
	return c, nil
}

// Model implements [provider.Embedder]. A shortened vector is another model's
// for everything that is calibrated.
func (c *Client) Model() string {
	if c.dims != c.model.dims {
		return c.name + "/" + strconv.Itoa(c.dims)
	}
	return c.name
}

// Embed implements [provider.Embedder]. An empty text is a fault InvalidInput,
// as it has no meaning to compare.
func (c *Client) Embed(ctx context.Context, texts []string) ([][]float32, provider.Usage, error) {
	start := c.now()
	usage := provider.Usage{Op: provider.OpEmbed}
	cut := make([]string, len(texts))
	for i, text := range texts {
		if text == "" {
			return nil, usage, fault.New(fault.InvalidInput, "openai.embed", fmt.Sprintf("text %d of %d is empty; leave it out", i+1, len(texts)))
		}
		cut[i] = shorten(text)
	}
	vectors := make([][]float32, 0, len(texts))
	for len(cut) > 0 {
		n := c.fit(cut)
		batch, err := c.request(ctx, cut[:n], &usage)
		usage.Took = c.now().Sub(start)
		if err != nil {
			return nil, usage, err
		}
		vectors, cut = append(vectors, batch...), cut[n:]
	}
	return vectors, usage, nil
}

// shorten cuts a text at a whole character.
func shorten(text string) string {
	if len(text) <= maxTextBytes {
		return text
	}
	n := maxTextBytes
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// estimate is a cautious number of tokens: one for three bytes.
func estimate(text string) int { return (len(text) + 2) / 3 }

// fit is how many of the texts one request takes; at least one.
func (c *Client) fit(texts []string) int {
	most := min(maxTexts, max(1, maxAnswer/(c.dims*16/3+128))) // base64 of four bytes a number
	tokens := 0
	for n, text := range texts {
		tokens += estimate(text)
		if n == most || n > 0 && tokens > maxTokens {
			return n
		}
	}
	return len(texts)
}

// request embeds one batch; if OpenAI finds it too long it is halved.
func (c *Client) request(ctx context.Context, texts []string, usage *provider.Usage) ([][]float32, error) {
	req := vendor.EmbeddingRequestStrings{
		Input: texts, Model: vendor.EmbeddingModel(c.name), EncodingFormat: vendor.EmbeddingEncodingFormatBase64,
	}
	if c.dims != c.model.dims {
		req.Dimensions = c.dims
	}
	resp, err := c.api.CreateEmbeddings(ctx, req)
	if err != nil {
		if len(texts) > 1 && tooLong(err) {
			half := len(texts) / 2
			first, err := c.request(ctx, texts[:half], usage)
			if err != nil {
				return nil, err
			}
			second, err := c.request(ctx, texts[half:], usage)
			return append(first, second...), err
		}
		return nil, convert(err)
	}
	usage.Cost += c.price.For(float64(resp.Usage.TotalTokens) / million)
	return c.join(resp, len(texts))
}

// join puts vectors into the order of the texts and checks that each is there.
func (c *Client) join(resp vendor.EmbeddingResponse, n int) ([][]float32, error) {
	if len(resp.Data) != n {
		return nil, bad(fmt.Sprintf("%d vectors for %d texts", len(resp.Data), n))
	}
	vectors := make([][]float32, n)
	for _, d := range resp.Data {
		switch {
		case d.Index < 0 || d.Index >= n || vectors[d.Index] != nil:
			return nil, bad("an index that is out of range or comes twice")
		case len(d.Embedding) != c.dims:
			return nil, bad(fmt.Sprintf("a vector of %d numbers instead of %d", len(d.Embedding), c.dims))
		}
		if !normalize(d.Embedding) {
			return nil, bad("a vector without direction")
		}
		vectors[d.Index] = d.Embedding
	}
	return vectors, nil
}

// normalize brings a vector to unit length; false if it has none.
func normalize(v []float32) bool {
	square := 0.0
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if !(square > 0) || math.IsInf(square, 0) {
		return false
	}
	by := float32(1 / math.Sqrt(square))
	for i := range v {
		v[i] *= by
	}
	return true
}

func bad(what string) error {
	return &fault.Error{Kind: fault.BadResponse, Op: "openai.embed", Provider: "openai", Message: "OpenAI answered with " + what}
}

// tooLong reports a 400 that is about the length of the request.
func tooLong(err error) bool {
	e, ok := errors.AsType[*vendor.APIError](err)
	return ok && e.HTTPStatusCode == http.StatusBadRequest &&
		(e.Code == "max_tokens_per_request" || e.Code == "context_length_exceeded" || strings.Contains(e.Message, "token"))
}

// convert turns an error of the vendor's client into a fault. Its text may
// quote the input and is dropped.
func convert(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	out := &fault.Error{Kind: fault.BadResponse, Op: "openai.embed", Provider: "openai", Message: "the answer is not what OpenAI documents"}
	if e, ok := errors.AsType[*vendor.APIError](err); ok && e.HTTPStatusCode == http.StatusBadRequest {
		out.Kind, out.Message = fault.InvalidInput, "OpenAI did not accept the request"
		if tooLong(err) {
			out.Message = "a text is longer than the model reads, although it was cut"
		}
	} else if e, ok := errors.AsType[*vendor.RequestError](err); ok && e.HTTPStatusCode == http.StatusBadRequest {
		out.Kind, out.Message = fault.InvalidInput, "OpenAI did not accept the request"
	}
	return out
}
