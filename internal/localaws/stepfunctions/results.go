package stepfunctions

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"
)

// results makes the result of a map run that ended, and writes it to S3 if the
// state says so. Doing it again gives the same.
func (f *frame) results(run *mapRun, p *plan) (json.RawMessage, *failure) {
	w := f.st.each.writer
	byStatus := map[string][]json.RawMessage{}
	full := w != nil && w.transformation == "NONE"
	for i := range run.inputs {
		run.mu.Lock()
		child := run.children[i]
		run.mu.Unlock()
		if child == nil {
			byStatus["PENDING"] = append(byStatus["PENDING"], fmt.Appendf(nil, `{"Input":%s,"InputDetails":{"Included":true},"StateMachineArn":%s,"Status":"PENDING"}`,
				quoted(string(run.inputs[i])), quoted(run.machineArn())))
			continue
		}
		child.mu.Lock()
		o := child.outcome
		child.mu.Unlock()
		switch {
		case o.status != statusSucceeded:
			byStatus[statusFailed] = append(byStatus[statusFailed], child.summary())
		case full:
			byStatus[statusSucceeded] = append(byStatus[statusSucceeded], child.summary())
		case w != nil && w.transformation == "FLATTEN" && typeOf(o.output) == "array":
			var parts []json.RawMessage
			if err := json.Unmarshal(o.output, &parts); err != nil {
				return nil, &failure{name: "States.ResultWriterFailed", cause: err.Error()}
			}
			byStatus[statusSucceeded] = append(byStatus[statusSucceeded], parts...)
		default:
			byStatus[statusSucceeded] = append(byStatus[statusSucceeded], o.output)
		}
	}
	if w == nil || w.arguments == nil {
		return join(byStatus[statusSucceeded], false), nil
	}
	return f.write(run, p, w, byStatus)
}

// write puts one object per status and the manifest that names them.
func (f *frame) write(run *mapRun, p *plan, w *writer, byStatus map[string][]json.RawMessage) (json.RawMessage, *failure) {
	objects, role := f.x.service.opts.Objects, f.x.service.role(f.x.revision.roleArn)
	if objects == nil {
		return nil, &failure{name: "States.ResultWriterFailed", cause: "This stack has no object store."}
	}
	folder := path.Join(p.resultPrefix, run.arn[strings.LastIndexByte(run.arn, ':')+1:])
	extension := "json"
	if w.lines {
		extension = "jsonl"
	}
	manifest := fmt.Appendf(nil, `{"DestinationBucket":%s,"MapRunArn":%s,"ResultFiles":{`, quoted(p.resultBucket), quoted(run.arn))
	for i, status := range []string{statusFailed, "PENDING", statusSucceeded} {
		if i > 0 {
			manifest = append(manifest, ',')
		}
		manifest = append(append(manifest, quoted(status)...), ":["...)
		if rows := byStatus[status]; len(rows) > 0 {
			key := fmt.Sprintf("%s/%s_0.%s", folder, status, extension)
			body := join(rows, w.lines)
			if err := objects.PutObject(f.ctx, role, p.resultBucket, key, body); err != nil {
				return nil, writeFailure(err)
			}
			manifest = fmt.Appendf(manifest, `{"Key":%s,"Size":%d}`, quoted(key), len(body))
		}
		manifest = append(manifest, ']')
	}
	manifest = append(manifest, "}}"...)
	key := folder + "/manifest.json"
	if err := objects.PutObject(f.ctx, role, p.resultBucket, key, manifest); err != nil {
		return nil, writeFailure(err)
	}
	return fmt.Appendf(nil, `{"MapRunArn":%s,"ResultWriterDetails":{"Bucket":%s,"Key":%s}}`, quoted(run.arn), quoted(p.resultBucket), quoted(key)), nil
}

func writeFailure(err error) *failure {
	return &failure{name: "States.ResultWriterFailed", cause: readFailure(err).cause}
}

// join makes a JSON array, or lines, of values.
func join(values []json.RawMessage, lines bool) json.RawMessage {
	var out json.RawMessage
	if !lines {
		out = append(out, '[')
	}
	for i, v := range values {
		if i > 0 && !lines {
			out = append(out, ',')
		}
		out = append(out, v...)
		if lines {
			out = append(out, '\n')
		}
	}
	if !lines {
		out = append(out, ']')
	}
	return out
}

// machineArn names the item processor as a machine.
func (run *mapRun) machineArn() string { return run.execution.revision.arn + "/" + run.label }

// summary describes a finished child as ResultWriter does.
func (x *execution) summary() json.RawMessage {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.outcome
	stamp := func(t time.Time) json.RawMessage { return quoted(t.Format("2006-01-02T15:04:05.000Z")) }
	out := fmt.Appendf(nil, `{"ExecutionArn":%s,"Input":%s,"InputDetails":{"Included":true},"Name":%s`, quoted(x.arn), quoted(string(x.input)), quoted(x.name))
	if o.status == statusSucceeded {
		out = fmt.Appendf(out, `,"Output":%s,"OutputDetails":{"Included":true}`, quoted(string(o.output)))
	} else {
		out = fmt.Appendf(out, `,"Cause":%s,"Error":%s`, quoted(o.cause), quoted(o.errorName))
	}
	return fmt.Appendf(out, `,"RedriveCount":%d,"StartDate":%s,"StateMachineArn":%s,"Status":%s,"StopDate":%s}`,
		x.redrive, stamp(x.started), quoted(x.parent.machineArn()), quoted(o.status), stamp(o.stopped))
}
