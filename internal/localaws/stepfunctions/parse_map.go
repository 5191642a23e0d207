package stepfunctions

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
)

var labelPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// mapping parses what a Map state has of its own.
func (p *parser) mapping(name string, fields map[string]json.RawMessage, path string) *mapping {
	m := &mapping{
		items:          p.template(fields, "Items", path),
		selector:       p.template(fields, "ItemSelector", path),
		maxConcurrency: p.amount(fields, "MaxConcurrency", path),
		toleratedCount: p.amount(fields, "ToleratedFailureCount", path),
		toleratedShare: p.amount(fields, "ToleratedFailurePercentage", path),
	}
	at := path + "/ItemProcessor"
	if fields["ItemProcessor"] == nil {
		p.report(path, "The state needs an 'ItemProcessor'")
		m.processor = &graph{}
		return m
	}
	processor := p.object(fields["ItemProcessor"], at, "ProcessorConfig", "StartAt", "States", "Comment")
	mode, kind := "INLINE", ""
	if raw, ok := processor["ProcessorConfig"]; ok {
		config := p.object(raw, at+"/ProcessorConfig", "Mode", "ExecutionType")
		p.scalar(config, "Mode", at, &mode)
		p.scalar(config, "ExecutionType", at, &kind)
	}
	m.distributed = mode == "DISTRIBUTED"
	switch {
	case !m.distributed && mode != "INLINE":
		p.report(at+"/ProcessorConfig/Mode", "The value must be INLINE or DISTRIBUTED")
	case m.distributed && kind != "STANDARD":
		p.report(at+"/ProcessorConfig/ExecutionType", "Only STANDARD children run here: an EXPRESS child cannot wait for a task token")
	}
	m.processor = p.graph(processor, at)
	if !m.distributed {
		for _, only := range []string{"ItemReader", "ItemBatcher", "ResultWriter", "Label"} {
			if fields[only] != nil {
				p.report(path+"/"+only, "The field needs an ItemProcessor with mode DISTRIBUTED")
			}
		}
		return m
	}
	sum := sha256.Sum256([]byte(name))
	m.label = hex.EncodeToString(sum[:])[:36] // AWS makes one up, too
	p.scalar(fields, "Label", path, &m.label)
	if !labelPattern.MatchString(m.label) || p.labels[m.label] {
		p.report(path+"/Label", "The label must be unique and have 1 to 40 letters, digits, '-' and '_'")
	}
	p.labels[m.label] = true
	if raw, ok := fields["ItemReader"]; ok {
		if m.items != nil {
			p.report(path, "The state can have 'Items' or 'ItemReader', not both")
		}
		m.reader = p.reader(raw, path+"/ItemReader")
	}
	if raw, ok := fields["ItemBatcher"]; ok {
		at := path + "/ItemBatcher"
		b := p.object(raw, at, "MaxItemsPerBatch", "MaxInputBytesPerBatch", "BatchInput")
		m.batcher = &batcher{maxItems: p.amount(b, "MaxItemsPerBatch", at), maxBytes: p.amount(b, "MaxInputBytesPerBatch", at), input: p.template(b, "BatchInput", at)}
		if m.batcher.maxItems == nil && m.batcher.maxBytes == nil {
			p.report(at, "The batcher needs 'MaxItemsPerBatch' or 'MaxInputBytesPerBatch'")
		}
	}
	if raw, ok := fields["ResultWriter"]; ok {
		m.writer = p.writer(raw, path+"/ResultWriter")
	}
	return m
}

func (p *parser) reader(raw json.RawMessage, path string) *reader {
	fields := p.object(raw, path, "Resource", "ReaderConfig", "Arguments")
	r := &reader{arguments: p.template(fields, "Arguments", path), csvColumns: ','}
	var resource string
	p.scalar(fields, "Resource", path, &resource)
	if resource != resourceGet && resource != resourceList {
		p.report(path+"/Resource", "The resource must be s3:getObject or s3:listObjectsV2")
	}
	r.list = resource == resourceList
	if r.list {
		p.arguments(r.arguments, path, []string{"Bucket"}, "Prefix")
	} else {
		p.arguments(r.arguments, path, []string{"Bucket", "Key"})
	}
	config := map[string]json.RawMessage{}
	at := path + "/ReaderConfig"
	if fields["ReaderConfig"] != nil {
		config = p.object(fields["ReaderConfig"], at, "InputType", "MaxItems", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter")
	}
	r.maxItems = p.amount(config, "MaxItems", at)
	p.scalar(config, "InputType", at, &r.inputType)
	if r.list == (r.inputType != "") || !r.list && !slices.Contains([]string{"JSON", "JSONL", "CSV"}, r.inputType) {
		p.report(at+"/InputType", "s3:getObject needs an input type, JSON, JSONL or CSV; s3:listObjectsV2 has none")
	}
	if r.inputType != "CSV" {
		return r
	}
	location, delimiter := "FIRST_ROW", "COMMA"
	p.scalar(config, "CSVHeaderLocation", at, &location)
	p.scalar(config, "CSVHeaders", at, &r.headers)
	p.scalar(config, "CSVDelimiter", at, &delimiter)
	if location != "FIRST_ROW" && location != "GIVEN" || (location == "GIVEN") != (len(r.headers) > 0) {
		p.report(at+"/CSVHeaderLocation", "The value must be FIRST_ROW, or GIVEN with 'CSVHeaders'")
	}
	r.csvColumns = map[string]rune{"COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}[delimiter]
	if r.csvColumns == 0 {
		p.report(at+"/CSVDelimiter", "The value must be COMMA, PIPE, SEMICOLON, SPACE or TAB")
	}
	return r
}

func (p *parser) writer(raw json.RawMessage, path string) *writer {
	fields := p.object(raw, path, "Resource", "Arguments", "WriterConfig")
	w := &writer{arguments: p.template(fields, "Arguments", path), transformation: "NONE"}
	var resource string
	p.scalar(fields, "Resource", path, &resource)
	if resource != "" && resource != resourcePut || (resource == "") != (w.arguments == nil) {
		p.report(path+"/Resource", "The resource must be s3:putObject, with 'Arguments'")
	}
	if w.arguments != nil {
		p.arguments(w.arguments, path, []string{"Bucket"}, "Prefix")
	}
	output := "JSON"
	if fields["WriterConfig"] != nil {
		at := path + "/WriterConfig"
		config := p.object(fields["WriterConfig"], at, "Transformation", "OutputType")
		p.scalar(config, "Transformation", at, &w.transformation)
		p.scalar(config, "OutputType", at, &output)
	} else if w.arguments == nil {
		p.report(path, "The writer needs a 'Resource' or a 'WriterConfig'")
	}
	if !slices.Contains([]string{"NONE", "COMPACT", "FLATTEN"}, w.transformation) || output != "JSON" && output != "JSONL" {
		p.report(path+"/WriterConfig", "'Transformation' must be NONE, COMPACT or FLATTEN, 'OutputType' JSON or JSONL")
	}
	w.lines = output == "JSONL"
	return w
}
