package rulego

import (
	"time"

	"github.com/rulego/rulego/api/types"
)

// Branches wait for one another no longer than this: a pool of the user's may have no room for all of them at once.
const forkPatience = 100 * time.Millisecond

// forks lets the branches behind a node begin together.
//
// RuleGo 0.37 counts a branch as it starts it. Where one has ended before the next is counted, the engine takes the
// message for done: it cancels the branches that are still to come, and tells whoever waits that all have ended, so that
// their replies would be lost. A branch of this aspect begins when all are counted.
type forks struct{}

var _ types.AroundAspect = forks{}

func (forks) Order() int        { return 1000 }
func (forks) New() types.Aspect { return forks{} }

// PointCut leaves out parts of a stream, which run one after the other in one goroutine.
func (forks) PointCut(ctx types.RuleContext, _ types.RuleMsg, relation string) bool {
	return relation != types.Stream && ctx != nil && ctx.From() != nil && ctx.GetContext() != nil
}

func (forks) Around(ctx types.RuleContext, msg types.RuleMsg, relation string) (types.RuleMsg, bool) {
	chain, ok := ctx.RuleChain().(interface {
		GetNextNodes(types.RuleNodeId, string) ([]types.NodeCtx, bool)
	})
	if !ok {
		return msg, true
	}
	from := ctx.From().GetNodeId()
	branches, _ := chain.GetNextNodes(from, relation)
	if len(branches) < 2 {
		return msg, true
	}
	if run, ok := ctx.GetContext().Value(runKey{}).(*run); ok {
		run.meet(fork{chain, from, relation}, len(branches), ctx.GetContext().Done())
	}
	return msg, true
}

// fork is where branches part.
type fork struct {
	chain    any
	from     types.RuleNodeId
	relation string
}

// meeting is of the branches of a fork that have come so far.
type meeting struct {
	come int
	all  chan struct{}
}

// meet returns when so many have come to a fork.
func (r *run) meet(at fork, branches int, cancelled <-chan struct{}) {
	r.mu.Lock()
	m := r.meetings[at]
	if m == nil {
		m = &meeting{all: make(chan struct{})}
		if r.meetings == nil {
			r.meetings = map[fork]*meeting{}
		}
		r.meetings[at] = m
	}
	m.come++
	if m.come == branches {
		delete(r.meetings, at) // A loop may come by again.
		r.mu.Unlock()
		close(m.all)
		return
	}
	r.mu.Unlock()
	late := time.NewTimer(forkPatience)
	defer late.Stop()
	select {
	case <-m.all:
	case <-cancelled:
	case <-late.C:
	}
}
