package runner_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice.dev/conformance/cases"
	"sluice.dev/conformance/internal/runner"
)

var binary string // The reference testee.

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "reference-testee-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(folder, "reference-testee")
	status := 1
	if output, err := exec.Command("go", "build", "-o", binary, "../../cmd/reference-testee").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, output)
	} else {
		status = m.Run()
	}
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

func load(t *testing.T, pattern string) []*runner.Case {
	t.Helper()
	all, err := runner.Load(cases.Files)
	if err != nil {
		t.Fatal(err)
	}
	matcher := regexp.MustCompile(pattern)
	return slices.DeleteFunc(all, func(c *runner.Case) bool { return !matcher.MatchString(c.FullName()) })
}

const jobs = 4

// Each wrong worker is caught by at least one of the cases that are named here; the right one passes them.
var mutations = map[string]string{
	"never_extends":              "leases/a-long-handler-is-extended",
	"never_says_began":           "leases/a-long-handler-is-said-to-have-begun",
	"settles_twice":              "life/a-message-is-settled|life/many-messages",
	"ignores_revoke":             "leases/a-revoked-delivery-is-given-up",
	"says_nothing_of_loss":       "loss/a-handler-hears-that-its-stream-is-lost",
	"half_closes_at_once":        "leaving/no-half-close-before-the-pong",
	"leaves_without_drain":       "leaving/the-worker-drains-with-nothing-in-hand",
	"answers_no_ping":            "pings/a-ping-is-answered-with-its-nonce",
	"reconnects_at_once":         "reconnect/pauses-are-kept",
	"fatal_is_no_different":      "fatal/unauthenticated-waits-the-longest",
	"ignores_frame_limit":        "large/settles-that-gather-while-nobody-reads",
	"waits_for_ever":             "silence/a-silent-gateway-is-given-up",
	"says_much_of_its_sdk":       "life/hello-comes-first",
	"says_odd_things_of_its_sdk": "life/hello-comes-first",
	"sends_no_heartbeat":         "silence/an-idle-worker-says-something-each-interval",
}

func TestWrongWorkersAreCaught(t *testing.T) {
	for mutation, pattern := range mutations {
		t.Run(mutation, func(t *testing.T) {
			t.Parallel()
			outcomes := runner.Run(load(t, pattern), runner.Settings{Command: []string{binary, "--mutation", mutation}, Jobs: 1, Patience: 0.5})
			if !slices.ContainsFunc(outcomes, func(o *runner.Outcome) bool { return o.Failure != "" }) {
				t.Errorf("it passes all of %d cases", len(outcomes))
			}
		})
	}
}

func TestTheRightWorkerPassesEveryCase(t *testing.T) {
	outcomes := runner.Run(load(t, ""), runner.Settings{Command: []string{binary}, Jobs: jobs, Patience: 3})
	if len(outcomes) < 60 {
		t.Errorf("there are only %d cases", len(outcomes))
	}
	for _, o := range outcomes {
		if o.Failure == "" {
			continue
		}
		var lines []string
		for _, entry := range o.Transcript {
			lines = append(lines, entry.Text)
		}
		t.Errorf("%s: %s\n%s", o.Case.FullName(), o.Failure, strings.Join(lines[max(0, len(lines)-40):], "\n"))
	}
}

func TestACommandThatCannotBeStartedFailsTheCase(t *testing.T) {
	outcomes := runner.Run(load(t, "life/a-message-is-settled"), runner.Settings{Command: []string{"/nowhere/testee"}, Jobs: 1, Patience: 1})
	if !strings.Contains(outcomes[0].Failure, "/nowhere/testee") {
		t.Errorf("the failure is %q", outcomes[0].Failure)
	}
}

func TestATesteeThatExitsFailsTheCase(t *testing.T) {
	outcomes := runner.Run(load(t, "life/a-message-is-settled"), runner.Settings{Command: []string{"false"}, Jobs: 1, Patience: 0.01})
	if outcomes[0].Failure == "" {
		t.Error("it passes")
	}
}

func TestATesteeThatWritesNoEventsIsToldSo(t *testing.T) {
	script := filepath.Join(t.TempDir(), "testee")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho hello\ncat >/dev/null\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	outcomes := runner.Run(load(t, "life/a-message-is-settled"), runner.Settings{Command: []string{script}, Jobs: 1, Patience: 0.01})
	if !strings.Contains(outcomes[0].Failure, "no event") {
		t.Errorf("the failure is %q", outcomes[0].Failure)
	}
}
