package rulego

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	ruleendpoint "github.com/rulego/rulego/endpoint"
	"github.com/rulego/rulego/endpoint/impl"
)

const endpointMQTT = types.EndpointTypePrefix + "mqtt"

// Endpoint stands in RuleGo's registry in the place of its MQTT endpoint. Its messages come from a Sluice gateway: a
// message of the gateway's route X goes to the router with the id X, and to nobody's when there is none.
//
// The connection of its configuration (server, username, …) is the gateway's business, and is not looked at here.
type Endpoint struct {
	impl.BaseEndpoint
	table *routers
	id    string

	changing sync.Mutex // Held while a router is added or removed, here and at the gateways.
	asking   calls
}

var _ endpoint.Endpoint = (*Endpoint)(nil)

// Type is RuleGo's: "endpoint/mqtt".
func (e *Endpoint) Type() string { return endpointMQTT }

// New makes another of the same worker.
func (e *Endpoint) New() types.Node { return &Endpoint{table: e.table} }

// Init takes the server for the endpoint's id, as RuleGo's endpoint does.
func (e *Endpoint) Init(config types.Config, configuration types.Configuration) error {
	e.id, _ = configuration["server"].(string)
	e.Logger = config.Logger
	return nil
}

// Id is the server of its configuration, as RuleGo has it.
func (e *Endpoint) Id() string { return e.id }

// Start does nothing: messages come when the worker runs.
func (e *Endpoint) Start() error { return nil }

// AddRouter serves a router from now on. One with the same id in this endpoint is replaced; the id of another
// endpoint's is an error.
//
// With [Options.Admin] it returns when each gateway has a route of that id, and has stored it: the gateway subscribes then,
// whether or not its broker is there. A route of the gateway's file stays as it is. After an error the router is served
// if some gateway has taken it, and else as before; adding it again is right in either case. Without Admin the gateway
// must have a route of that id.
func (e *Endpoint) AddRouter(router endpoint.Router, _ ...any) (string, error) {
	if router == nil {
		return "", fmt.Errorf("a router is nil")
	}
	id := e.CheckAndSetRouterId(router)
	own, err := scoped(router)
	if err != nil {
		return "", err
	}
	ctx := e.asking.context()
	e.changing.Lock()
	defer e.changing.Unlock()
	before, was := e.table.get(id, e)
	// Before its messages come.
	if err := e.table.put(id, target{endpoint: e, router: own}); err != nil || e.table.gateways == nil {
		return id, err
	}
	taken, err := e.table.gateways.put(ctx, router)
	if err == nil || taken {
		return id, err
	}
	if was {
		_ = e.table.put(id, before)
	} else {
		e.table.remove(id, e)
	}
	return id, err
}

// RemoveRouter ends what AddRouter began. An id that is not there is an error.
//
// With [Options.Admin] it deletes the gateways' routes first: what they have taken in still comes, and is run by the
// route's chain. That is so for all workers of these gateways. A route of the gateway's file is an error; after an error
// the router is there as before, and removing it again is right.
func (e *Endpoint) RemoveRouter(id string, _ ...any) error {
	ctx := e.asking.context()
	e.changing.Lock()
	defer e.changing.Unlock()
	if _, is := e.table.get(id, e); !is {
		return fmt.Errorf("router: %s not found", id)
	}
	if e.table.gateways != nil {
		if err := e.table.gateways.remove(ctx, id); err != nil {
			return err
		}
	}
	e.table.remove(id, e)
	return nil
}

// Destroy removes all its routers from this worker; an AddRouter or RemoveRouter that waits for a gateway fails. The
// gateways' routes stay: their messages wait for the next worker.
func (e *Endpoint) Destroy() {
	e.asking.end()
	e.changing.Lock()
	defer e.changing.Unlock()
	e.table.removeAll(e)
	e.BaseEndpoint.Destroy()
}

// target is where a message goes: through the endpoint's interceptors to its router.
type target struct {
	endpoint *Endpoint
	router   endpoint.Router
}

// routers are those of all endpoints of a worker, by the id of the gateway's route, and one for each chain that no
// endpoint names. Thread-safe.
type routers struct {
	pool     types.RuleEnginePool
	config   types.Config
	gateways *gateways // Nil: their routes are theirs.
	plain    Endpoint  // Without interceptors.

	mu      sync.RWMutex
	byRoute map[string]target
	byChain map[[2]string]endpoint.Router // Chain and start node.
}

// Start nodes come from the gateway's configuration, or from a template of it: more than so many are not remembered.
const maxRemembered = 10000

func newRouters(pool types.RuleEnginePool, config types.Config) *routers {
	return &routers{pool: pool, config: config, byRoute: map[string]target{}, byChain: map[[2]string]endpoint.Router{}}
}

func (r *routers) put(id string, to target) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other, ok := r.byRoute[id]; ok && other.endpoint != to.endpoint {
		return fmt.Errorf("router %q of endpoint %q is there already, in endpoint %q; routes of a gateway have one id each",
			id, to.endpoint.id, other.endpoint.id)
	}
	r.byRoute[id] = to
	return nil
}

func (r *routers) get(id string, of *Endpoint) (target, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	to, is := r.byRoute[id]
	return to, is && to.endpoint == of
}

func (r *routers) remove(id string, of *Endpoint) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byRoute[id].endpoint != of {
		return false
	}
	delete(r.byRoute, id)
	return true
}

func (r *routers) removeAll(of *Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, to := range r.byRoute {
		if to.endpoint == of {
			delete(r.byRoute, id)
		}
	}
}

// find returns the router for a message that came by a route, for a chain, to begin at a node of it.
func (r *routers) find(route, chain, node string) (target, error) {
	key := [2]string{chain, node}
	r.mu.RLock()
	to, ok := r.byRoute[route]
	router := r.byChain[key]
	r.mu.RUnlock()
	if ok {
		return to, nil
	}
	if router != nil {
		return target{endpoint: &r.plain, router: router}, nil
	}
	if _, ok := r.pool.Get(chain); !ok {
		return target{}, fmt.Errorf("chain %q is not loaded here", chain)
	}
	router, err := plainRouter(r.pool, r.config, chain, node)
	if err != nil {
		return target{}, err
	}
	r.mu.Lock()
	if len(r.byChain) < maxRemembered {
		r.byChain[key] = router
	}
	r.mu.Unlock()
	return target{endpoint: &r.plain, router: router}, nil
}

// process hands a message to RuleGo's own code.
func (t target) process(ctx context.Context, exchange *endpoint.Exchange) {
	t.endpoint.DoProcess(ctx, t.router, exchange)
}

// loadEndpoints makes the endpoints of DSL files: one endpoint to a file, or a list of them.
func loadEndpoints(files []string, config types.Config, pool types.RuleEnginePool) error {
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var list []types.EndpointDsl
		if err := json.Unmarshal(text, &list); err != nil {
			list = make([]types.EndpointDsl, 1)
			if err := json.Unmarshal(text, &list[0]); err != nil {
				return fmt.Errorf("%s: %w", path, placed(text, err))
			}
		}
		for _, definition := range list {
			if !isMQTT(definition.Type) {
				return fmt.Errorf("%s: endpoint %q is a %q; sluice-rulego serves \"endpoint/mqtt\": run others in a program of their own",
					path, definition.Id, definition.Type)
			}
			definition.Type = endpointMQTT // As this worker has registered it; RuleGo's files may say "mqtt".
			_, err := ruleendpoint.NewFromDef(definition,
				endpoint.DynamicEndpointOptions.WithConfig(config),
				endpoint.DynamicEndpointOptions.WithRouterOpts(
					endpoint.RouterOptions.WithRuleGo(pool), endpoint.RouterOptions.WithRuleConfig(config)))
			if err != nil {
				return fmt.Errorf("%s: endpoint %q: %w", path, definition.Id, err)
			}
		}
	}
	return nil
}
