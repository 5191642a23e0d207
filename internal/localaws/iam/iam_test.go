package iam_test

import (
	"testing"

	"github.com/messageai/sluice/internal/localaws/iam"
)

func TestAllows(t *testing.T) {
	t.Parallel()
	role := &iam.Principal{Statements: []iam.Statement{
		{Effect: "Allow", Actions: []string{"dynamodb:PutItem", "dynamodb:Get*"}, Resources: []string{"arn:aws:dynamodb:*:*:table/core", "arn:aws:dynamodb:*:*:table/core/index/?"}},
		{Effect: "Allow", Actions: []string{"s3:*"}, Resources: []string{"*"}},
		{Effect: "Deny", Actions: []string{"s3:DeleteObject"}, Resources: []string{"arn:aws:s3:::runs/keep/*"}},
	}}
	for _, c := range []struct {
		action, resource string
		want             bool
	}{
		{"dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:1:table/core", true},
		{"DynamoDB:getitem", "arn:aws:dynamodb:eu-west-1:1:table/core", true},
		{"dynamodb:DeleteItem", "arn:aws:dynamodb:eu-west-1:1:table/core", false},
		{"dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:1:table/Core", false},
		{"dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:1:table/core/index/a", true},
		{"dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:1:table/core/index/ab", false},
		{"s3:GetObject", "arn:aws:s3:::runs/keep/a", true},
		{"s3:DeleteObject", "arn:aws:s3:::runs/keep/a", false},
	} {
		if got := role.Allows(c.action, c.resource); got != c.want {
			t.Errorf("Allows(%q, %q) = %t, want %t", c.action, c.resource, got, c.want)
		}
	}
	if !(*iam.Principal)(nil).Allows("any:Thing", "anywhere") {
		t.Error("the root principal was refused")
	}
}
