package localaws_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/localaws"
)

// BenchmarkGetItem is a call through the whole of it: SDK, front door, IAM,
// service and back.
func BenchmarkGetItem(b *testing.B) {
	s, err := localaws.New(b.Context(), localaws.Options{Dir: os.DirFS("testdata/app"), StackName: "app", Functions: factories()})
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := s.Config("ApiFunction")
	if err != nil {
		b.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: aws.String("app-ItemsTable"), Key: keyOf("x")}); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkInvoke is a warm invocation of a function that does nothing.
func BenchmarkInvoke(b *testing.B) {
	s, err := localaws.New(b.Context(), localaws.Options{Dir: os.DirFS("testdata/app"), StackName: "app", Functions: factories()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r, err := s.Functions().Invoke(b.Context(), "app-CheckFunction", []byte(`{"id":"x"}`)); err != nil || r.FunctionError != "" {
			b.Fatal(err, r)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
