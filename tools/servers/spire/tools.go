//go:build tools

// Package tools pins the SPIRE programs that the tests run.
package tools

import (
	_ "github.com/spiffe/spire/cmd/spire-agent"
	_ "github.com/spiffe/spire/cmd/spire-server"
	_ "github.com/spiffe/spire/support/oidc-discovery-provider"
)
