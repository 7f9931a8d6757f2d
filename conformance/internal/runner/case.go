// Package runner plays cases: it reads them, starts gateways and a testee, does their steps and says what came of it.
package runner

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Case is one story of a worker.
type Case struct {
	// Theme is the file's name without ".yaml"; a case's full name is THEME/NAME.
	Theme string `yaml:"-"`
	Name  string `yaml:"name"`
	// Rules are the numbers in worker.proto that the case holds.
	Rules []string `yaml:"rules"`
	// Needs are what the testee must be able to do beyond the protocol; --without leaves such cases out.
	Needs []string `yaml:"needs"`
	// Process "own": a testee that serves no other case.
	Process string `yaml:"process"`
	// TimeoutMS bounds the whole case; default 30,000.
	TimeoutMS int `yaml:"timeout_ms"`
	// Gateways by name; none means one named "a".
	Gateways map[string]GatewaySpec `yaml:"gateways"`
	// Options of the worker. The gateways' addresses and one chain "test" are filled in where they are absent.
	Options map[string]any `yaml:"options"`
	// Run "manual": the first step does not find a worker running; a step "run" starts it.
	Run string `yaml:"run"`
	// Allow names rules of which the referee says nothing in this case.
	Allow []string         `yaml:"allow"`
	Steps []map[string]any `yaml:"steps"`
}

// GatewaySpec is how a gateway of a case begins.
type GatewaySpec struct {
	IP            string `yaml:"ip"`
	SamePortAs    string `yaml:"same_port_as"`
	Down          bool   `yaml:"down"` // Not there until a step "start" makes it.
	HeartbeatMS   uint32 `yaml:"heartbeat_ms"`
	MaxFrameBytes uint64 `yaml:"max_frame_bytes"`
	MaxWindow     *struct {
		Messages uint32 `yaml:"messages"`
		Bytes    uint64 `yaml:"bytes"`
	} `yaml:"max_window"`
	LeaseMS    uint32            `yaml:"lease_ms"`
	MaxLeaseMS uint32            `yaml:"max_lease_ms"`
	Features   []string          `yaml:"features"`
	Tls        string            `yaml:"tls"` // "server", or "mutual": a client certificate is required.
	Refused    map[string]string `yaml:"refused_chains"`
}

// Needs are the words that Case.Needs may hold; docs/conformance.md explains them.
var Needs = []string{"abandon", "began", "early-replies", "options", "resolver", "sdk", "signals", "tls", "token-callback", "token-file", "volume"}

const defaultTimeout = 30 * time.Second

// FullName is THEME/NAME.
func (c *Case) FullName() string { return c.Theme + "/" + c.Name }

func (c *Case) timeout() time.Duration {
	if c.TimeoutMS == 0 {
		return defaultTimeout
	}
	return time.Duration(c.TimeoutMS) * time.Millisecond
}

// Load reads all cases of a folder, in the order of files and within them.
func Load(folder fs.FS) ([]*Case, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var all []*Case
	seen := map[string]bool{}
	for _, name := range names {
		loaded, err := loadFile(folder, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, c := range loaded {
			if seen[c.FullName()] {
				return nil, fmt.Errorf("%s: there are two cases %q", name, c.Name)
			}
			seen[c.FullName()] = true
			all = append(all, c)
		}
	}
	return all, nil
}

func loadFile(folder fs.FS, name string) ([]*Case, error) {
	file, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var loaded struct {
		Cases []*Case `yaml:"cases"`
	}
	if err := decoder.Decode(&loaded); err != nil {
		return nil, err
	}
	for _, c := range loaded.Cases {
		c.Theme = strings.TrimSuffix(path.Base(name), ".yaml")
		if c.Name == "" {
			return nil, fmt.Errorf("a case has no name")
		}
		if len(c.Steps) == 0 {
			return nil, fmt.Errorf("%s has no steps", c.Name)
		}
		for _, need := range c.Needs {
			if !slices.Contains(Needs, need) {
				return nil, fmt.Errorf("%s needs %q, which nobody knows", c.Name, need)
			}
		}
		for at, step := range c.Steps {
			if _, _, err := verbOf(step); err != nil {
				return nil, fmt.Errorf("%s, step %d: %w", c.Name, at+1, err)
			}
		}
		if len(c.Gateways) == 0 {
			c.Gateways = map[string]GatewaySpec{"a": {}}
		}
	}
	return loaded.Cases, nil
}

// verbOf splits a step into its verb and what stands beside it.
func verbOf(step map[string]any) (verb string, arguments any, err error) {
	for name, value := range step {
		if name == "mark" || name == "why" {
			continue
		}
		if verb != "" {
			return "", nil, fmt.Errorf("a step has one verb, not both %q and %q", verb, name)
		}
		verb, arguments = name, value
	}
	if verb == "" {
		return "", nil, fmt.Errorf("a step has no verb")
	}
	if _, known := verbs[verb]; !known && kindOf(verb) == "" {
		return "", nil, fmt.Errorf("there is no verb %q", verb)
	}
	return verb, arguments, nil
}
