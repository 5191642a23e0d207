package stepfunctions

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/messageai/sluice/internal/localaws/jsonata"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// readItems returns the items of a distributed map and where they came from.
func (f *frame) readItems(m *mapping, p *plan) ([]json.RawMessage, string, *failure) {
	if m.reader == nil {
		return p.items, "STATE_DATA", nil
	}
	objects := f.x.service.opts.Objects
	if objects == nil {
		return nil, "", &failure{name: "States.ItemReaderFailed", cause: "This stack has no object store."}
	}
	role := f.x.service.role(f.x.revision.roleArn)
	source := "S3://" + p.bucket
	var items []json.RawMessage
	if m.reader.list {
		for token := ""; ; {
			page, next, err := objects.ListObjects(f.ctx, role, p.bucket, p.key, token)
			if err != nil {
				return nil, "", readFailure(err)
			}
			for _, o := range page {
				items = append(items, o.item())
			}
			token = next
			if token == "" || p.maxItems > 0 && len(items) >= p.maxItems {
				break
			}
		}
	} else {
		source += "/" + p.key
		body, err := objects.GetObject(f.ctx, role, p.bucket, p.key)
		if err == nil {
			items, err = parseItems(m.reader, body)
		}
		if err != nil {
			return nil, "", readFailure(err)
		}
	}
	if p.maxItems > 0 && len(items) > p.maxItems {
		items = items[:p.maxItems]
	}
	return items, source, nil
}

func readFailure(err error) *failure {
	cause := err.Error()
	if e, ok := errors.AsType[*wire.Error](err); ok {
		cause = fmt.Sprintf("%s (Service: S3, Status Code: %d, Error Code: %s)", e.Message, e.Status, e.Code)
	}
	return &failure{name: "States.ItemReaderFailed", cause: cause}
}

// item is a listed object as children see it.
func (o Object) item() json.RawMessage {
	return fmt.Appendf(nil, `{"Etag":%s,"Key":%s,"LastModified":%d,"Size":%d,"StorageClass":%s}`,
		quoted(o.Etag), quoted(o.Key), o.LastModified, o.Size, quoted(o.StorageClass))
}

// parseItems splits the body of an object into items.
func parseItems(r *reader, body []byte) ([]json.RawMessage, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	switch r.inputType {
	case "JSON":
		var items []json.RawMessage
		if err := json.Unmarshal(body, &items); err != nil {
			return nil, errors.New("the object is not a JSON array")
		}
		return compact(items)
	case "JSONL":
		var items []json.RawMessage
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				items = append(items, line)
			}
		}
		return compact(items)
	}
	return parseCSV(r, body)
}

func compact(items []json.RawMessage) ([]json.RawMessage, error) {
	for i, item := range items {
		var b bytes.Buffer
		if err := json.Compact(&b, item); err != nil {
			return nil, fmt.Errorf("item %d of the object is not valid JSON", i+1)
		}
		items[i] = b.Bytes()
	}
	return items, nil
}

// parseCSV makes an object of strings of each row.
func parseCSV(r *reader, body []byte) ([]json.RawMessage, error) {
	rows := csv.NewReader(bytes.NewReader(body))
	rows.Comma, rows.FieldsPerRecord, rows.LazyQuotes = r.csvColumns, -1, true
	headers := r.headers
	var items []json.RawMessage
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return nil, errors.New("the object is not valid CSV")
		}
		if headers == nil {
			headers = row
			continue
		}
		item := []byte{'{'}
		for i, name := range headers {
			if i > 0 {
				item = append(item, ',')
			}
			value := "" // a short row
			if i < len(row) {
				value = row[i]
			}
			item = jsonata.AppendString(append(jsonata.AppendString(item, name), ':'), value)
		}
		items = append(items, append(item, '}'))
	}
}
