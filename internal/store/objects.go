package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Steps of a chunk: the last path element of the rows after that step.
const (
	StepPrescored = "prescored"
	StepScored    = "scored"
	StepConverted = "converted"
)

// EnrichStep names a chunk's turn at a provider of the waterfall, from 0.
func EnrichStep(turn int, provider string) string {
	return enrichStep + strconv.Itoa(turn) + "-" + provider
}

const enrichStep = "enriched-"

// turnOf reads what [EnrichStep] wrote.
func turnOf(step string) (turn int, provider string, ok bool) {
	rest, ok := strings.CutPrefix(step, enrichStep)
	number, provider, cut := strings.Cut(rest, "-")
	turn, err := strconv.Atoi(number)
	return turn, provider, ok && cut && err == nil
}

// PlanKey is the object with one line per discovery shard.
func PlanKey(run string) string { return "runs/" + run + "/plan.jsonl" }

// ChunkPrefix is where a run's discovered chunks are; one object is one child execution.
func ChunkPrefix(run string) string { return "runs/" + run + "/chunks/" }

// ChunkKey is the object of one discovered chunk.
func ChunkKey(run, chunk string) string { return ChunkPrefix(run) + chunk }

// StepKey is the object of a chunk's rows after a step.
func StepKey(run, chunk, step string) string { return "runs/" + run + "/work/" + chunk + "/" + step }

// LaterKey is the object with the row of what was bought about a prospect on
// demand, after its run; id tells one such request from another.
func LaterKey(run, prospectID, id string) string {
	return "runs/" + run + "/later/" + prospectID + "/" + id
}

// LeadsKey is the object with the rows of a chunk's leads, or that of one lead
// which a person made, by the prospect's id. It is outside of runs/, which is
// deleted after 90 days: a lead's receipts stay.
func LeadsKey(run, name string) string { return "leads/" + run + "/" + name }

// RecordKey is the object with the answers that one turn of a chunk used; step
// is that of [EnrichStep]. It is outside of runs/, since it is deleted earlier:
// terms of providers bind it.
func RecordKey(run, chunk, step string) string {
	return "answers/" + run + "/" + chunk + "/" + strings.TrimPrefix(step, enrichStep)
}

// ChunkOf returns the chunk's name of a key made by [ChunkKey].
func ChunkOf(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

func pushKey(run, crm, chunk string) string { return "runs/" + run + "/push/" + crm + "/" + chunk }

func meaningKey(ref domain.Ref) string { return StepKey(ref.Run, ref.Chunk, "meaning") }

func profileKey(run string) string { return "runs/" + run + "/profile" }

// PutRows writes a chunk's rows, compressed and sealed: in CBOR under the JSON
// names, which takes two thirds of the time of JSON.
func (s *Store) PutRows(ctx context.Context, team, key string, rows []domain.Row) error {
	return failure("store.put_rows", s.putSealed(ctx, team, key, func(w io.Writer) error { return s.rows.write.NewEncoder(w).Encode(rows) }))
}

// Rows reads what [Store.PutRows] wrote. A missing object is a fault NotFound.
func (s *Store) Rows(ctx context.Context, team, key string) ([]domain.Row, error) {
	var rows []domain.Row
	err := s.getSealed(ctx, team, key, func(data []byte) error { return s.rows.read.Unmarshal(data, &rows) })
	return rows, failure("store.rows", err)
}

// PutMeaning keeps what an embedding model said about a chunk.
func (s *Store) PutMeaning(ctx context.Context, ref domain.Ref, meaning any) error {
	return failure("store.put_meaning", s.putSealed(ctx, ref.Team, meaningKey(ref), func(w io.Writer) error { return s.rows.write.NewEncoder(w).Encode(meaning) }))
}

// Meaning reads what [Store.PutMeaning] wrote; found is false if nothing was
// kept yet.
func (s *Store) Meaning(ctx context.Context, ref domain.Ref, meaning any) (found bool, err error) {
	err = s.getSealed(ctx, ref.Team, meaningKey(ref), func(data []byte) error { return s.rows.read.Unmarshal(data, meaning) })
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, failure("store.meaning", err)
}

// PutRecord writes what a step of a chunk was told by providers.
func (s *Store) PutRecord(ctx context.Context, ref domain.Ref, step string, record any) error {
	return failure("store.put_record", s.putSealed(ctx, ref.Team, RecordKey(ref.Run, ref.Chunk, step), func(w io.Writer) error { return s.rows.write.NewEncoder(w).Encode(record) }))
}

// Record reads what [Store.PutRecord] wrote; found is false if the step used no
// answer, or its record was deleted at the end of its life.
func (s *Store) Record(ctx context.Context, ref domain.Ref, step string, record any) (found bool, err error) {
	err = s.getSealed(ctx, ref.Team, RecordKey(ref.Run, ref.Chunk, step), func(data []byte) error { return s.rows.read.Unmarshal(data, record) })
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, failure("store.record", err)
}

// PutProfile writes what scoring needs to know about a run.
func (s *Store) PutProfile(ctx context.Context, team, run string, profile any) error {
	return failure("store.put_profile", s.putSealed(ctx, team, profileKey(run), inJSON(profile)))
}

// Profile reads what [Store.PutProfile] wrote.
func (s *Store) Profile(ctx context.Context, team, run string, profile any) error {
	return failure("store.profile", s.getJSON(ctx, team, profileKey(run), profile))
}

// PutReceipts writes the push receipts of a chunk.
func (s *Store) PutReceipts(ctx context.Context, team, run, crm, chunk string, receipts any) error {
	return failure("store.put_receipts", s.putSealed(ctx, team, pushKey(run, crm, chunk), inJSON(receipts)))
}

// Receipts reads what [Store.PutReceipts] wrote; found is false if nothing was pushed yet.
func (s *Store) Receipts(ctx context.Context, team, run, crm, chunk string, receipts any) (found bool, err error) {
	err = s.getJSON(ctx, team, pushKey(run, crm, chunk), receipts)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, failure("store.receipts", err)
}

// PutPlan writes the discovery plan as JSON lines, which the state machine reads.
func (s *Store) PutPlan(ctx context.Context, run string, lines []any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return fmt.Errorf("store.put_plan: %w", err)
		}
	}
	return failure("store.put_plan", s.putObject(ctx, PlanKey(run), buf.Bytes()))
}

func (s *Store) putObject(ctx context.Context, key string, body []byte) error {
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.opts.Bucket, Key: &key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body)))})
	return err
}

// inJSON writes v for [pack].
func inJSON(v any) func(io.Writer) error {
	return func(w io.Writer) error { return json.NewEncoder(w).Encode(v) }
}

func (s *Store) putSealed(ctx context.Context, team, key string, fill func(io.Writer) error) error {
	packed, err := pack(fill)
	if err != nil {
		return err
	}
	sealed, err := s.seal.seal(ctx, team, key, packed)
	if err != nil {
		return err
	}
	return s.putObject(ctx, key, sealed)
}

func (s *Store) getJSON(ctx context.Context, team, key string, v any) error {
	return s.getSealed(ctx, team, key, func(data []byte) error { return json.Unmarshal(data, v) })
}

// maxObject bounds what is read into memory: a chunk is well below it.
const maxObject = 64 << 20

// getSealed lends read what putSealed wrote.
func (s *Store) getSealed(ctx context.Context, team, key string, read func([]byte) error) error {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.opts.Bucket, Key: &key})
	if err != nil {
		if _, ok := errors.AsType[*s3types.NoSuchKey](err); ok {
			return fault.Wrap(fault.NotFound, "store.object", errors.New("no such object"))
		}
		return err
	}
	var sealed bytes.Buffer
	sealed.Grow(int(min(max(aws.ToInt64(out.ContentLength), 0), maxObject)) + bytes.MinRead)
	_, err = sealed.ReadFrom(io.LimitReader(out.Body, maxObject+1))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return err
	}
	if sealed.Len() > maxObject {
		return errors.New("object is larger than 64 MiB")
	}
	packed, err := s.seal.open(ctx, team, key, sealed.Bytes())
	if err != nil {
		return err
	}
	return unpack(packed, 4*maxObject, read)
}
