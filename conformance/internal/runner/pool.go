package runner

import (
	"fmt"
	"sync"
	"time"

	"sluice.dev/conformance/internal/testee"
)

// Settings of a run.
type Settings struct {
	Command  []string        // Starts a testee.
	Jobs     int             // Cases at once.
	Patience float64         // Multiplies every bound; 1: as the cases say.
	Known    map[string]bool // Full names of cases that are known to fail.
	// Done is called for each outcome as it comes, one at a time.
	Done func(*Outcome)
}

// Run plays the cases and returns their outcomes in the cases' order.
func Run(all []*Case, settings Settings) []*Outcome {
	outcomes := make([]*Outcome, len(all))
	next := make(chan int)
	var telling sync.Mutex
	var workers sync.WaitGroup
	for job := range max(1, settings.Jobs) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			seat := &seat{settings: settings, job: job}
			defer seat.leave()
			for at := range next {
				outcome := seat.play(all[at])
				outcome.KnownFail = settings.Known[all[at].FullName()]
				outcomes[at] = outcome
				if settings.Done != nil {
					telling.Lock()
					settings.Done(outcome)
					telling.Unlock()
				}
			}
		}()
	}
	for at := range all {
		next <- at
	}
	close(next)
	workers.Wait()
	return outcomes
}

// seat plays one case at a time and keeps a testee for the next.
type seat struct {
	settings Settings
	job      int
	played   int
	process  *testee.Process
}

const closeBound = 5 * time.Second

func (s *seat) play(c *Case) *Outcome {
	own := c.Process == "own"
	if own {
		s.leave()
	}
	fresh := s.process == nil
	if fresh {
		process, err := testee.Start(s.settings.Command)
		if err != nil {
			return &Outcome{Case: c, Started: time.Now(), Failure: err.Error()}
		}
		s.process = process
	}
	s.played++
	outcome, reusable := play(c, s.process, fresh, fmt.Sprintf("%d.%d", s.job, s.played), s.settings.Patience)
	if own || !reusable {
		s.leave()
	}
	return outcome
}

func (s *seat) leave() {
	if s.process != nil {
		s.process.Close(closeBound)
		s.process = nil
	}
}
