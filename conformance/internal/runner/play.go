package runner

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sluice.dev/conformance/internal/board"
	"sluice.dev/conformance/internal/testee"
	"sluice.dev/conformance/internal/values"
)

// Outcome is what came of one case.
type Outcome struct {
	Case       *Case
	Took       time.Duration
	Failure    string // Empty: it passed.
	KnownFail  bool   // It stands in the list of cases known to fail.
	Started    time.Time
	Transcript []board.Entry
	Stderr     string
}

// Bad tells whether the outcome fails the run: a failure that nobody knew of, or a pass where a failure was known.
func (o *Outcome) Bad() bool { return (o.Failure != "") != o.KnownFail }

const endBound = 10 * time.Second

// play runs a case against a process. The process can serve another case when it returns true.
func play(c *Case, process *testee.Process, fresh bool, tag string, patience float64) (*Outcome, bool) {
	outcome := &Outcome{Case: c, Started: time.Now()}
	w, err := newWorld(c, process, tag, patience)
	if err != nil {
		outcome.Failure = err.Error()
		return outcome, true
	}
	defer w.close()
	w.fresh = fresh
	process.Attach(w.board)
	outcome.Started = w.board.Started()
	err = w.playSteps()
	reusable := w.endTestee(&err)
	process.Attach(nil)
	if broken := w.board.Violations(); len(broken) > 0 {
		text := strings.Join(broken, "\n    ")
		if err != nil {
			text = err.Error() + "\n    " + text
		}
		err = fmt.Errorf("%s", text)
	}
	if err != nil {
		outcome.Failure = err.Error()
	}
	outcome.Took = time.Since(outcome.Started)
	outcome.Transcript = w.board.Transcript()
	outcome.Stderr = process.Stderr()
	return outcome, reusable
}

func (w *world) playSteps() error {
	if err := w.startGateways(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- w.doSteps() }()
	select {
	case err := <-done:
		return err
	case <-time.After(w.stretch(w.c.timeout() + startBound)):
		// What the step waits for ends with its own bound; the case does not wait for it.
		return fmt.Errorf("the case is not through after %v", w.stretch(w.c.timeout()+startBound))
	}
}

func (w *world) doSteps() error {
	if w.c.Run != "manual" {
		if err := w.run(w.c.Options); err != nil {
			return err
		}
	}
	for at, step := range w.c.Steps {
		verb, of, err := verbOf(step)
		if err != nil {
			return err
		}
		w.board.Note("-- step %d: %s %s", at+1, verb, values.Show(of))
		when := time.Now()
		if do, ok := verbs[verb]; ok {
			err = do(w, of)
		} else {
			when, err = w.expect(kindOf(verb), of)
		}
		if err == nil && len(w.board.Violations()) > 0 {
			err = fmt.Errorf("the worker broke a rule")
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", at+1, verb, err)
		}
		if mark, ok := step["mark"]; ok {
			w.marks[fmt.Sprint(mark)] = when
		}
	}
	return nil
}

// endTestee stops the worker, if it still runs. False: the process cannot be used again.
func (w *world) endTestee(failure *error) bool {
	if !w.process.Alive() {
		if w.c.Process != "own" && *failure == nil {
			*failure = fmt.Errorf("the testee has exited")
		}
		return false
	}
	if !w.process.Running() {
		return true
	}
	for gate := range w.gates {
		_ = w.process.Send(map[string]any{"cmd": "release", "gate": w.gate(gate)})
	}
	for _, g := range w.gateways {
		g.Freeze(false)
		g.StopReading(false)
	}
	w.board.Note("-- the end: the worker is stopped")
	if err := w.stop(); err != nil {
		return false
	}
	deadline := time.Now().Add(w.stretch(endBound))
	for w.process.Running() && time.Now().Before(deadline) {
		time.Sleep(2 * time.Millisecond)
	}
	if w.process.Running() {
		if *failure == nil {
			*failure = fmt.Errorf("the worker has not ended %v after it was stopped", w.stretch(endBound))
		}
		return false
	}
	return w.process.Alive()
}

// LoadKnownFailing reads full names of cases, one a line; "#" begins a comment. A name that none of the cases has is an error.
func LoadKnownFailing(path string, all []*Case) (map[string]bool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, line := range strings.Split(string(content), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !slices.ContainsFunc(all, func(c *Case) bool { return c.FullName() == line }) {
			return nil, fmt.Errorf("%s: there is no case %q", path, line)
		}
		known[line] = true
	}
	return known, nil
}
