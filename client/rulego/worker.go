package rulego

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	ruleendpoint "github.com/rulego/rulego/endpoint"
	"github.com/rulego/rulego/engine"
	"github.com/rulego/rulego/node_pool"

	sluice "sluice.dev/client/go"
)

// Worker serves the chains of a folder. Its methods may be called by any goroutine.
//
// RuleGo's registry of endpoints is the process's: while a worker with endpoints is made, no other may be.
type Worker struct {
	options Options
	config  types.Config
	pool    *engine.Pool
	folder  *folder
	routers *routers

	unreadable string // What was wrong with the folder at the last look.

	drain, stop         chan struct{}
	drainOnce, stopOnce sync.Once

	chains    context.Context // Of all messages' chains; ends with Stop and Run.
	endChains context.CancelFunc
}

// New loads the chains and endpoints. A chain that cannot run is an event, and is served when its file is mended; an
// error is what no change of a file would mend: a folder that cannot be read or holds no chain, a wrong option.
func New(options Options) (*Worker, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	w := &Worker{options: options, config: *options.Config, pool: engine.NewPool(), drain: make(chan struct{}), stop: make(chan struct{})}
	w.chains, w.endChains = context.WithCancel(context.Background())
	w.config.EndpointEnabled = false
	if options.NodePool != "" {
		if err := w.loadNodePool(options.NodePool); err != nil {
			return nil, err
		}
	}
	w.routers = newRouters(w.pool, w.config)
	var err error
	if w.routers.gateways, err = newGateways(options.Admin); err != nil {
		return nil, err
	}
	w.folder = newFolder(options.Chains, w.config, w.pool, options.OnEvent)
	if _, err := w.folder.scan(); err != nil {
		return nil, err
	}
	if len(w.folder.chains()) == 0 {
		return nil, fmt.Errorf("%s: no chain that could be served", options.Chains)
	}
	if len(options.Endpoints) > 0 || w.routers.gateways != nil {
		_ = ruleendpoint.Registry.Unregister(endpointMQTT)
		if err := ruleendpoint.Registry.Register(&Endpoint{table: w.routers}); err != nil {
			return nil, err
		}
		if err := loadEndpoints(options.Endpoints, w.config, w.pool); err != nil {
			return nil, err
		}
	}
	// Made once for its errors: a wrong option is told before anything runs.
	if _, err := w.worker(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Worker) loadNodePool(path string) error {
	definition, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	nodes := node_pool.NewNodePool(w.config)
	w.config.NodePool = nodes
	if _, err := nodes.Load(definition); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Chains are the names of the chains that are loaded, as of the last look at the folder before Run, sorted.
func (w *Worker) Chains() []string { return w.folder.chains() }

// Pool holds the chains, for routers that a program makes: endpoint.RouterOptions.WithRuleGo(worker.Pool()).
func (w *Worker) Pool() types.RuleEnginePool { return w.pool }

func (w *Worker) worker() (*sluice.Worker, error) {
	options := append([]sluice.Option{sluice.WithWorkerName("sluice-rulego"), sluice.WithConcurrency(w.options.Concurrency)}, w.options.Worker...)
	return sluice.NewWorker(w.options.Gateways, w.folder.chains(), w.handle, options...)
}

// Run serves until Drain or Stop, over lost connections and changed files. Nil: everything in work was settled. The
// errors are those of the SDK's Worker.Run.
func (w *Worker) Run() error {
	defer w.pool.Stop()
	defer w.endChains()
	if w.routers.gateways != nil {
		defer w.routers.gateways.close()
	}
	shift := shift{w: w, ended: make(chan ended)}
	if err := shift.begin(); err != nil {
		return err
	}
	ticker := time.NewTicker(w.options.Interval)
	defer ticker.Stop()
	drain, stop, ticks := w.drain, w.stop, ticker.C
	var first error
	for len(shift.running) > 0 {
		select {
		case <-stop:
			stop, ticks = nil, nil
			shift.each((*sluice.Worker).Stop)
		case <-drain:
			drain, ticks = nil, nil
			shift.each((*sluice.Worker).Drain)
		case one := <-shift.ended:
			if shift.leave(one.generation) || first == nil {
				first = one.err
			}
		case <-ticks:
			w.look()
			shift.follow()
		}
	}
	return first
}

// look takes up changed files. That the folder cannot be read is told once.
func (w *Worker) look() {
	problem := ""
	if _, err := w.folder.scan(); err != nil {
		problem = err.Error()
		if problem != w.unreadable {
			w.options.OnEvent(Event{Kind: FolderUnreadable, File: w.options.Chains, Err: err})
		}
	}
	w.unreadable = problem
}

// RunUntilSignal is Run; the first SIGTERM or SIGINT drains, the second stops.
func (w *Worker) RunUntilSignal() error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for _, act := range []func(){w.Drain, w.Stop} {
			select {
			case <-signals:
				act()
			case <-done:
				return
			}
		}
	}()
	return w.Run()
}

// Drain takes no new messages, lets chains finish, and lets Run return. It returns at once.
func (w *Worker) Drain() { w.drainOnce.Do(func() { close(w.drain) }) }

// Stop ends the streams as they are, and the context of chains; what is in work will be delivered again.
func (w *Worker) Stop() {
	w.stopOnce.Do(func() {
		close(w.stop)
		w.endChains()
	})
}

// handle runs one message through its router.
func (w *Worker) handle(ctx context.Context, message *sluice.Message) (replies sluice.Replies, err error) {
	to, err := w.routers.find(message.Route, message.Chain, message.StartNode)
	if err != nil {
		return nil, &sluice.RetryError{Err: err}
	}
	run := &run{}
	in := &request{message: message, run: run, body: message.Payload}
	exchange := &endpoint.Exchange{In: in, Out: &response{branch{request: in}}}
	defer func() {
		// Of a processor: nodes' panics are caught by the engine.
		if problem := recover(); problem != nil {
			w.options.Logger.Error("a processor panicked", "route", message.Route, "panic", problem, "stack", string(debug.Stack()))
			replies, err = w.wrong(nil, fmt.Errorf("a processor panicked: %v", problem))
		}
	}()
	to.process(&chainContext{w.chains, ctx, run}, exchange)
	return w.outcome(run, exchange)
}

// outcome is what became of a run.
func (w *Worker) outcome(run *run, exchange *endpoint.Exchange) (sluice.Replies, error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	switch {
	case run.never != nil:
		return nil, &sluice.RetryError{Reason: "the chain could not run: " + run.never.Error(), Err: run.never}
	case run.panicked != nil:
		return w.wrong(run.replies, fmt.Errorf("a node panicked: %w", run.panicked))
	case run.failed != nil && len(run.replies) == 0:
		return w.wrong(nil, run.failed)
	case run.ends > 0:
		return run.replies, nil
	case exchange.Out.GetError() != nil:
		return nil, &sluice.RetryError{Reason: "the chain could not run: " + exchange.Out.GetError().Error(), Err: exchange.Out.GetError()}
	case !run.started:
		return nil, sluice.Drop("a processor of the router has stopped the message")
	default:
		return w.wrong(run.replies, errors.New("a node ended without a word"))
	}
}

// wrong is what the options say of chains that went wrong.
func (w *Worker) wrong(replies sluice.Replies, problem error) (sluice.Replies, error) {
	switch w.options.OnError {
	case Retry:
		return nil, &sluice.RetryError{Err: problem}
	case Reject:
		return replies, &sluice.RejectError{Err: problem}
	default:
		return replies, nil
	}
}
