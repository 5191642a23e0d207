// Package scheduler has the behaviour cases of its service; see package parity.
package scheduler

import "github.com/messageai/sluice/internal/localaws/parity"

// Cases returns all cases of the service.
func Cases() []parity.Case { return nil }
