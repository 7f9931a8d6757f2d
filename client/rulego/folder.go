package rulego

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/engine"
	"github.com/rulego/rulego/utils/cache"
)

// folder is a folder of rule chains, one to a file, and the engines that run them.
//
// Not thread-safe: one goroutine loads it and looks for changes. The pool is.
type folder struct {
	path    string
	config  types.Config
	pool    *engine.Pool
	report  func(Event)
	loaded  map[string]*file // By path.
	gone    []string         // Chains that run and are served no longer.
	trial   types.Config     // As config, with a cache of its own: an engine that ends clears its chain's part of it.
	scratch *engine.Pool     // Where a definition is tried before it replaces what runs.
}

// file is what was last seen of a file.
type file struct {
	hash  [sha256.Size]byte
	chain string // Of what runs; empty: nothing does.
}

func newFolder(path string, config types.Config, pool *engine.Pool, report func(Event)) *folder {
	trial := config
	trial.Cache = cache.NewMemoryCache(time.Hour)
	return &folder{path: path, config: config, pool: pool, report: report, loaded: map[string]*file{}, trial: trial, scratch: engine.NewPool()}
}

// files are all that end in .json, also in folders below, in the order of their names. Names that begin with a dot are
// left out: a mounted ConfigMap keeps its former contents there.
func (f *folder) files() ([]string, error) {
	var paths []string
	err := filepath.WalkDir(f.path, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(entry.Name(), ".") && path != f.path:
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case strings.EqualFold(filepath.Ext(entry.Name()), ".json"):
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() { // Follows links.
				paths = append(paths, path)
			}
		}
		return nil
	})
	sort.Strings(paths)
	return paths, err
}

// scan takes up what has changed since the last scan. It returns whether the set of chains is another. What is wrong
// with a file is reported once for each of its contents; what ran before goes on.
func (f *folder) scan() (changed bool, err error) {
	paths, err := f.files()
	if err != nil {
		return false, err
	}
	for _, path := range paths {
		definition, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // Gone since: the next scan sees it.
		}
		if err != nil {
			return changed, err
		}
		known := f.loaded[path]
		hash := sha256.Sum256(definition)
		if known != nil && known.hash == hash {
			continue
		}
		if known == nil {
			known = &file{}
			f.loaded[path] = known
		}
		known.hash = hash
		added, err := f.take(path, known, definition)
		if err != nil {
			f.report(Event{Kind: ChainBroken, File: path, Chain: known.chain, Err: err})
		}
		changed = changed || added
	}
	for path, known := range f.loaded {
		if !slices.Contains(paths, path) {
			delete(f.loaded, path)
			if known.chain != "" {
				f.retire(path, known.chain)
				changed = true
			}
		}
	}
	return changed, nil
}

// take runs a new definition in the place of the former one. True: the set of chains is another.
func (f *folder) take(path string, known *file, definition []byte) (bool, error) {
	chain, err := f.check(path, definition)
	if err != nil {
		return false, err
	}
	former := known.chain
	if running, ok := f.pool.Get(chain); ok && (former == chain || slices.Contains(f.gone, chain)) {
		if err := running.ReloadSelf(definition, options(f.config)...); err != nil {
			return false, err
		}
		if former == chain {
			f.report(Event{Kind: ChainReloaded, File: path, Chain: chain})
			return false, nil
		}
	} else if _, err := f.pool.New(chain, definition, options(f.config)...); err != nil {
		return false, err
	}
	known.chain = chain
	if former != "" {
		f.retire(path, former)
	}
	f.gone = slices.DeleteFunc(f.gone, func(name string) bool { return name == chain })
	f.report(Event{Kind: ChainLoaded, File: path, Chain: chain})
	return true, nil
}

// retire keeps a chain running until sweep: messages of it may still be on their way.
func (f *folder) retire(path, chain string) {
	f.gone = append(f.gone, chain)
	f.report(Event{Kind: ChainRemoved, File: path, Chain: chain})
}

// sweep ends the chains that have been retired, when nobody serves them any more.
func (f *folder) sweep() {
	for _, chain := range f.gone {
		f.pool.Del(chain)
	}
	f.gone = nil
}

func options(config types.Config) []types.RuleEngineOption {
	return []types.RuleEngineOption{engine.WithConfig(config), types.WithAspects(panics{}, forks{})}
}

// check says whether a definition would run, and which chain it is.
func (f *folder) check(path string, definition []byte) (string, error) {
	var parsed types.RuleChain
	if err := json.Unmarshal(definition, &parsed); err != nil {
		return "", placed(definition, err)
	}
	chain := parsed.RuleChain.ID
	if chain == "" {
		chain = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	if len(chain) > 256 {
		return "", fmt.Errorf("ruleChain.id has %d bytes; a chain's name has at most 256", len(chain))
	}
	for other, known := range f.loaded {
		if other != path && known.chain == chain {
			return "", fmt.Errorf("ruleChain.id %q is that of %s; give one of them another", chain, other)
		}
	}
	if err := borrowed(&parsed); err != nil {
		return "", err
	}
	for _, node := range parsed.Metadata.Nodes {
		if what := stateful(node.Type); what != "" && !parsed.RuleChain.Disabled {
			f.report(Event{Kind: ChainHasState, File: path, Chain: chain, Node: node.Id, Text: what})
		}
	}
	// On trial: what is wrong with a node shows when it is made.
	if _, err := f.scratch.New(chain, definition, options(f.trial)...); err != nil {
		return "", err
	}
	f.scratch.Del(chain)
	return chain, nil
}

// borrowed refuses nodes that would use the MQTT connection of an endpoint: it is the gateway's now.
func borrowed(chain *types.RuleChain) error {
	for _, node := range chain.Metadata.Nodes {
		server, _ := node.Configuration["server"].(string)
		if node.Type == "mqttClient" && strings.HasPrefix(server, "ref://") {
			for _, endpoint := range chain.Metadata.Endpoints {
				if "ref://"+endpoint.Id == server && isMQTT(endpoint.Type) {
					return fmt.Errorf("node %q borrows the connection of endpoint %q (%s), which is the gateway's: name a server, "+
						"or end the branch with responseTopic in its metadata", node.Id, endpoint.Id, server)
				}
			}
		}
	}
	return nil
}

func isMQTT(endpointType string) bool { return endpointType == "mqtt" || endpointType == endpointMQTT }

// stateful says what a node keeps between messages, which is then each worker's own.
func stateful(nodeType string) string {
	switch nodeType {
	case "cacheGet", "cacheSet", "cacheDelete":
		return "it reads or writes a cache of this process"
	case "delay":
		return "it holds messages back in this process: they are delivered again when it ends before"
	case "aggregate", "aggregator", "x/streamAggregator":
		return "it sums up messages that came to this process"
	default:
		return ""
	}
}

// placed adds line and column to an error of the JSON decoder.
func placed(definition []byte, err error) error {
	offset := int64(-1)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(definition)) {
		return err
	}
	before := string(definition[:offset])
	return fmt.Errorf("line %d, column %d: %w", strings.Count(before, "\n")+1, offset-int64(strings.LastIndex(before, "\n")+1), err)
}

// chains are the names of all that run, sorted.
func (f *folder) chains() []string {
	var names []string
	for _, known := range f.loaded {
		if known.chain != "" {
			names = append(names, known.chain)
		}
	}
	sort.Strings(names)
	return names
}
