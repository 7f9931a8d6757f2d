// Package cases holds the suite's cases: data, one file a theme.
package cases

import "embed"

// Files are the YAML files of this folder.
//
//go:embed *.yaml
var Files embed.FS
