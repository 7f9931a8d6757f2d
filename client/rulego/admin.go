package rulego

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/endpoint/impl"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Admin says how to reach the gateways' admin listeners (admin.listen). With it AddRouter and RemoveRouter put and delete
// the gateways' routes, besides the worker's routers.
type Admin struct {
	// Addresses are "HOST:PORT" or "unix:PATH", one of each gateway: each has routes of its own.
	Addresses []string
	// TLS to a HOST:PORT; nil, the default, is plain text.
	TLS *tls.Config
	// TokenFile holds a bearer token with the role operator; read anew for each call. Empty, the default: none.
	TokenFile string
	// Connection of the gateway that routes are put on. Empty, the default: the only one of its file.
	Connection string
	// Timeout of one AddRouter or RemoveRouter, 10 s by default. A gateway that is away is tried again until then.
	Timeout time.Duration
}

// gateways puts and deletes routes. Thread-safe; null: there are none.
type gateways struct {
	admin       Admin
	connections []*grpc.ClientConn // As admin.Addresses.
}

func newGateways(admin *Admin) (*gateways, error) {
	if admin == nil || len(admin.Addresses) == 0 {
		return nil, nil
	}
	g := &gateways{admin: *admin}
	if g.admin.Timeout == 0 {
		g.admin.Timeout = 10 * time.Second
	}
	for _, address := range admin.Addresses {
		secure := insecure.NewCredentials()
		if admin.TLS != nil && !strings.HasPrefix(address, "unix:") {
			secure = credentials.NewTLS(admin.TLS)
		}
		connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(secure),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{}), grpc.WaitForReady(true)))
		if err != nil {
			g.close()
			return nil, fmt.Errorf("the admin address %q: %w", address, err)
		}
		g.connections = append(g.connections, connection)
	}
	return g, nil
}

func (g *gateways) close() {
	for _, connection := range g.connections {
		_ = connection.Close()
	}
}

// put makes the router a route of each gateway; one of the gateway's file stays as it is. `taken`: some gateway has it
// now, also after an error.
func (g *gateways) put(ctx context.Context, router endpoint.Router) (taken bool, err error) {
	route, err := g.routeOf(router)
	if err != nil {
		return false, err
	}
	return g.each(ctx, func(ctx context.Context, call caller) error {
		_, err := call(ctx, "PutConfigurationItems", putRequest(route, "the router "+router.GetId()))
		if status.Code(err) != codes.FailedPrecondition {
			return err
		}
		answer, problem := call(ctx, "GetConfigurationItem", itemRequest(router.GetId()))
		if problem == nil && inFile(answer) {
			return nil
		}
		return err
	})
}

// remove deletes the route of each gateway. One that is gone already is no error.
func (g *gateways) remove(ctx context.Context, id string) error {
	_, err := g.each(ctx, func(ctx context.Context, call caller) error {
		_, err := call(ctx, "DeleteConfigurationItem", itemRequest(id))
		if status.Code(err) == codes.NotFound {
			return nil
		}
		return err
	})
	return err
}

type caller func(ctx context.Context, method string, request []byte) ([]byte, error)

func (g *gateways) each(ctx context.Context, act func(context.Context, caller) error) (some bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, g.admin.Timeout)
	defer cancel()
	if g.admin.TokenFile != "" {
		token, err := os.ReadFile(g.admin.TokenFile)
		if err != nil {
			return false, err
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	var problems []error
	for i, connection := range g.connections {
		call := func(ctx context.Context, method string, request []byte) (answer []byte, err error) {
			err = connection.Invoke(ctx, "/sluice.v1.AdminService/"+method, &request, &answer)
			return answer, err
		}
		if err := act(ctx, call); err != nil {
			problems = append(problems, fmt.Errorf("the gateway at %s: %w", g.admin.Addresses[i], err))
		} else {
			some = true
		}
	}
	return some, errors.Join(problems...)
}

// routeOf is the route, as JSON. Its processors are the router's, and run in the worker.
func (g *gateways) routeOf(router endpoint.Router) (string, error) {
	from := router.GetFrom()
	if from == nil || from.ToString() == "" {
		return "", fmt.Errorf("router %q has no topic filter", router.GetId())
	}
	to, ok := from.GetTo().(*impl.To)
	if !ok || to == nil {
		return "", fmt.Errorf("router %q leads to no chain, and a gateway's route does", router.GetId())
	}
	if strings.HasPrefix(to.To, "component:") {
		return "", fmt.Errorf("router %q leads to %q: a component has no name that a gateway could hand messages to; make it a chain of one node", router.GetId(), to.To)
	}
	route := map[string]any{"id": router.GetId(), "from": map[string]any{"path": from.ToString()}, "to": map[string]any{"path": to.To}}
	if g.admin.Connection != "" {
		route["connection"] = g.admin.Connection
	}
	text, err := json.Marshal(route)
	return string(text), err
}

// calls are what an endpoint is asking gateways. The zero value is ready.
type calls struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
}

func (c *calls) context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(context.Background())
	}
	return c.ctx
}

// end lets those under way fail; later ones do not.
func (c *calls) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
	c.ctx, c.cancel = nil, nil
}
