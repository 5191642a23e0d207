package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/wire"
)

func bucketARN(name string) string        { return "arn:aws:s3:::" + name }
func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

func authorize(p *iam.Principal, action, resource string) error {
	if p.Allows(action, resource) {
		return nil
	}
	return wire.Errorf(http.StatusForbidden, "AccessDenied",
		"User: %s is not authorized to perform: %s on resource: %q because no identity-based policy allows the %s action", p.ARN, action, resource, action)
}

func notImplemented(what string) error {
	return wire.Errorf(http.StatusNotImplemented, "NotImplemented", "S3 request %q is not available on this machine", what)
}

func errPrecondition(condition string) error {
	return &wire.Error{
		Status: http.StatusPreconditionFailed, Code: "PreconditionFailed",
		Message: "At least one of the pre-conditions you specified did not hold", Members: map[string]any{"Condition": condition},
	}
}

// errNoKey is NoSuchKey, or AccessDenied for a caller who may not list the
// bucket: S3 does not tell such a caller what exists (reference of GetObject,
// permissions).
func errNoKey(p *iam.Principal, bucket string) error {
	if err := authorize(p, "s3:ListBucket", bucketARN(bucket)); err != nil {
		return err
	}
	return wire.Errorf(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

// timestamp formats t as S3's XML does.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func writeError(w http.ResponseWriter, r *request, err error) {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		e = wire.Errorf(http.StatusInternalServerError, "InternalError", "%v", err)
	}
	if r.Method == http.MethodHead || e.Status == http.StatusNotModified {
		w.WriteHeader(e.Status)
		return
	}
	condition, _ := e.Members["Condition"].(string)
	_ = writeXML(w, e.Status, struct { // a client that hung up is not our error
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Condition string `xml:",omitempty"`
		Resource  string
		RequestID string `xml:"RequestId"`
	}{Code: e.Code, Message: e.Message, Condition: condition, Resource: r.URL.Path, RequestID: r.id})
}

func writeXML(w http.ResponseWriter, status int, v any) error {
	body, err := xml.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), body...)) // a client that hung up is not our error
	return nil
}
