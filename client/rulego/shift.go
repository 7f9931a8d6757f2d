package rulego

import (
	"context"
	"slices"

	sluice "sluice.dev/client/go"
)

// generation is a worker of the SDK with the set of chains that there was when it began. A set that has changed needs a
// new one: a stream says at its beginning which chains it serves.
type generation struct {
	worker *sluice.Worker
	chains []string
}

type ended struct {
	generation *generation
	err        error
}

// shift is the generation that serves, and those before it that still have work. For the goroutine of Run.
type shift struct {
	w       *Worker
	running []*generation // The last one serves.
	refused []string      // A set of chains that no worker could be made for.
	ended   chan ended
}

func (s *shift) begin() error {
	worker, err := s.w.worker()
	if err != nil {
		return err
	}
	g := &generation{worker: worker, chains: s.w.folder.chains()}
	s.running = append(s.running, g)
	go func() { s.ended <- ended{g, worker.Run(context.Background())} }()
	return nil
}

func (s *shift) each(act func(*sluice.Worker)) {
	for _, g := range s.running {
		act(g.worker)
	}
}

// leave forgets a generation that has ended. True: it was the one that serves.
func (s *shift) leave(g *generation) bool {
	served := g == s.running[len(s.running)-1]
	s.running = slices.DeleteFunc(s.running, func(one *generation) bool { return one == g })
	if len(s.running) == 1 {
		s.w.folder.sweep()
	}
	return served
}

// follow changes to a new generation if the chains are others: it connects while the former finishes what it has.
func (s *shift) follow() {
	chains := s.w.folder.chains()
	if len(chains) == 0 || slices.Equal(chains, s.running[len(s.running)-1].chains) || slices.Equal(chains, s.refused) {
		return
	}
	former := s.running[len(s.running)-1]
	if err := s.begin(); err != nil {
		s.refused = chains
		s.w.options.OnEvent(Event{Kind: FolderUnreadable, File: s.w.options.Chains, Err: err})
		return
	}
	s.refused = nil
	former.worker.Drain()
}
