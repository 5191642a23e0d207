// Package sluice holds what is deployed beside the code: the SAM template and
// the state machines, so that the command can run the very stack that they
// describe. It is for nothing else.
package sluice

import "embed"

// Deploy has template.yaml and statemachines/.
//
//go:embed template.yaml statemachines/*.asl.json
var Deploy embed.FS
