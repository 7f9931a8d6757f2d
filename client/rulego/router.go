package rulego

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/builtin/processor"
	"github.com/rulego/rulego/endpoint/impl"
)

// scoped makes a router that does what `original` does, with two differences: it comes back when every branch has
// ended, and each end branch runs the target's processors with an answer of its own. Processors are handed `original`.
func scoped(original endpoint.Router) (endpoint.Router, error) {
	source, ok := original.(*impl.Router)
	if !ok {
		return nil, fmt.Errorf("router %q is a %T: make it with endpoint.NewRouter", original.GetId(), original)
	}
	if err := source.Err(); err != nil {
		return nil, fmt.Errorf("router %q: %w", source.GetId(), err)
	}
	router := impl.NewRouter(func(options endpoint.OptionsSetter) error {
		options.SetConfig(source.Config)
		options.SetRuleEnginePoolFunc(original.GetRuleGo)
		options.SetContextFunc(original.GetContextFunc())
		options.SetDefinition(original.Definition())
		return nil
	})
	router.SetId(original.GetId())
	router.SetParams(original.GetParams()...)
	if original.GetFrom() == nil {
		return router, nil
	}
	from := router.From(original.FromToString(), original.GetFrom().GetConfiguration())
	for _, process := range original.GetFrom().GetProcessList() {
		from.Process(func(_ endpoint.Router, exchange *endpoint.Exchange) bool { return process(original, exchange) })
	}
	from.Process(started)
	if original.GetFrom().GetTo() == nil {
		return router, nil
	}
	target, ok := original.GetFrom().GetTo().(*impl.To)
	if !ok {
		return nil, fmt.Errorf("router %q: its target is a %T", original.GetId(), original.GetFrom().GetTo())
	}
	to := from.To(target.To, target.Config)
	if err := router.Err(); err != nil {
		return nil, fmt.Errorf("router %q: %w (a component is named by its type, as in \"component:log\")", original.GetId(), err)
	}
	to.SetOpts(slices.Clip(target.GetOpts())...) // The executor appends to it, for many messages at once.
	to.Wait()
	to.Process(func(_ endpoint.Router, exchange *endpoint.Exchange) bool {
		answer(original, target.GetProcessList(), exchange)
		return true
	})
	return router, nil
}

// started notes that no processor has stopped the message before the target.
func started(_ endpoint.Router, exchange *endpoint.Exchange) bool {
	if in, ok := exchange.In.(*request); ok {
		in.run.mu.Lock()
		in.run.started = true
		in.run.mu.Unlock()
	}
	return true
}

// answer runs the target's processors for one end branch, or for an error before there was one.
func answer(router endpoint.Router, processes []endpoint.Process, exchange *endpoint.Exchange) {
	in, ok := exchange.In.(*request)
	if !ok {
		return // A processor has put a message of its own there: nobody waits for its answer.
	}
	branch := &branch{request: in, msg: exchange.Out.GetMsg(), err: exchange.Out.GetError()}
	in.run.end(branch.err)
	own := &endpoint.Exchange{In: exchange.In, Out: branch, Context: exchange.Context}
	for _, process := range processes {
		if !process(router, own) {
			break
		}
	}
}

func (r *run) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends++
	switch {
	case err == nil:
	case neverRan(err):
		r.never = err
	case r.failed == nil:
		r.failed = err
	}
}

// neverRan tells errors by which the engine refuses a message from those of a node.
func neverRan(err error) bool {
	return errors.Is(err, types.ErrEngineShuttingDown) || errors.Is(err, types.ErrEngineNotInitialized) ||
		errors.Is(err, types.ErrEngineReloadBackpressureLimit) || err.Error() == types.ErrEngineReloadTimeout.Error()
}

// runKey finds the run in a node's context.
type runKey struct{}

// panics sees a node that panicked: the engine ends its branch without a word to anybody else.
type panics struct{}

var _ types.AfterAspect = panics{}

func (panics) Order() int        { return 1000 }
func (panics) New() types.Aspect { return panics{} }

func (panics) PointCut(types.RuleContext, types.RuleMsg, string) bool { return true }

// After is called for each node that has ended. A panic is told as an error on another relation than Failure.
func (panics) After(ctx types.RuleContext, msg types.RuleMsg, err error, relation string) types.RuleMsg {
	if err == nil || relation == types.Failure || ctx == nil || ctx.GetContext() == nil {
		return msg
	}
	if run, ok := ctx.GetContext().Value(runKey{}).(*run); ok {
		run.mu.Lock()
		if run.panicked == nil {
			run.panicked = err
		}
		run.mu.Unlock()
	}
	return msg
}

// plainRouter is the router of a chain that no endpoint names: it starts at `node`, if that is not empty, and answers
// with what its branches end with. What the gateway's route says of processors the gateway has done.
func plainRouter(pool types.RuleEnginePool, config types.Config, chain, node string) (endpoint.Router, error) {
	router := impl.NewRouter(func(options endpoint.OptionsSetter) error {
		options.SetConfig(config)
		options.SetRuleEnginePool(pool)
		return nil
	})
	target := "chain:" + chain
	if node != "" {
		target += ":" + node
	}
	to := router.From("#").To(target)
	respond, ok := processor.OutBuiltins.Get("responseToBody")
	if !ok {
		return nil, errors.New("RuleGo's processor responseToBody has been unregistered")
	}
	to.Process(respond)
	return scoped(router)
}

// chainContext is what nodes see: the values of the message's context, and the end of the worker's, as RuleGo's endpoint
// hands its own to chains. That a delivery is lost does not cut a chain in the middle.
type chainContext struct {
	context.Context // The worker's; it has no values of anybody's.
	message         context.Context
	run             *run
}

// Value asks the worker's context first: package context looks there for what a derived one hangs on.
func (c *chainContext) Value(key any) any {
	if key == (runKey{}) {
		return c.run
	}
	if value := c.Context.Value(key); value != nil {
		return value
	}
	return c.message.Value(key)
}
