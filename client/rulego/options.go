package rulego

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/engine"

	sluice "sluice.dev/client/go"
)

// OnError says what becomes of a message when a node panicked, or when the chain failed and no branch answered.
type OnError string

const (
	// Ack: the message is done, as RuleGo has it.
	Ack OnError = "ack"
	// Retry: it is delivered again, here or elsewhere; after the chain's `maxAttempts` it goes to the dead letters.
	Retry OnError = "retry"
	// Reject: it goes to the dead letters at once.
	Reject OnError = "reject"
)

// Options of a worker. Those without a default are needed.
type Options struct {
	// Gateways as "HOST:PORT"; a name stands for all its addresses.
	Gateways []string
	// Chains is a folder of rule chains, one to a file that ends in ".json". It is looked at every Interval: a changed
	// file is taken up without losing a message.
	Chains string
	// Endpoints are files of endpoint DSL of the type "endpoint/mqtt": their routers, with all their processors, take the
	// messages of the gateway's routes of the same ids. Without them the gateway's routes say it all.
	Endpoints []string
	// Admin of the gateways, for endpoints' AddRouter and RemoveRouter. Nil, the default: they change this worker only.
	Admin *Admin
	// NodePool is a file of shared nodes, as RuleGo's node_pool loads it. Empty: none.
	NodePool string
	// OnError: [Ack] by default.
	OnError OnError
	// Config is RuleGo's: udf, properties (globals), the key of secrets, a parser. By default engine.NewConfig with the
	// default pool of goroutines. Embedded endpoints are switched off: they would open MQTT connections of their own.
	Config *types.Config
	// Interval between two looks at the folder, 250 ms by default.
	Interval time.Duration
	// Concurrency: how many messages are in chains at once, 256 by default. A chain that waits (for a service, a delay)
	// holds its place.
	Concurrency int
	// Logger for what RuleGo says and for events; slog's default.
	Logger *slog.Logger
	// OnEvent hears what happens to chains. By default a line of the log.
	OnEvent func(Event)
	// Worker are options of the SDK: TLS, tokens, windows, names.
	Worker []sluice.Option
}

func (o *Options) complete() error {
	switch o.OnError {
	case "":
		o.OnError = Ack
	case Ack, Retry, Reject:
	default:
		return fmt.Errorf("on-error is %q; it may be ack, retry or reject", o.OnError)
	}
	if o.Chains == "" {
		return fmt.Errorf("no folder of chains is named")
	}
	if o.Interval == 0 {
		o.Interval = 250 * time.Millisecond
	}
	if o.Interval < 10*time.Millisecond {
		return fmt.Errorf("the interval is %v; at least 10 ms", o.Interval)
	}
	if o.Concurrency == 0 {
		o.Concurrency = 256
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.OnEvent == nil {
		o.OnEvent = LogEvents(o.Logger)
	}
	if o.Config == nil {
		config := engine.NewConfig(types.WithDefaultPool())
		config.Logger = EngineLogger(o.Logger)
		o.Config = &config
	}
	return nil
}
