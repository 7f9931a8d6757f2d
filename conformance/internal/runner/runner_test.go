package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"sluice.dev/conformance/internal/runner"
)

func loadText(text string) ([]*runner.Case, error) {
	return runner.Load(fstest.MapFS{"theme.yaml": &fstest.MapFile{Data: []byte(text)}})
}

func TestCasesAreRead(t *testing.T) {
	loaded, err := loadText("cases:\n  - name: one\n    rules: [W-1]\n    steps:\n      - expect_hello: {}\n        mark: m\n")
	if err != nil {
		t.Fatal(err)
	}
	if name := loaded[0].FullName(); name != "theme/one" {
		t.Errorf("its name is %q", name)
	}
	if len(loaded[0].Gateways) != 1 {
		t.Error("it has no gateway")
	}
}

func TestWrongCasesAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"an unknown verb":       {"cases: [{name: one, steps: [{dance: {}}]}]", "dance"},
		"an unknown kind":       {"cases: [{name: one, steps: [{expect_dance: {}}]}]", "expect_dance"},
		"two verbs in a step":   {"cases: [{name: one, steps: [{deliver: {}, ping: {}}]}]", "one verb"},
		"a step without a verb": {"cases: [{name: one, steps: [{mark: m}]}]", "no verb"},
		"an unknown need":       {"cases: [{name: one, needs: [wings], steps: [{ping: {}}]}]", "wings"},
		"no steps":              {"cases: [{name: one}]", "no steps"},
		"no name":               {"cases: [{steps: [{ping: {}}]}]", "no name"},
		"an unknown member":     {"cases: [{name: one, colour: red, steps: [{ping: {}}]}]", "colour"},
		"two of one name":       {"cases: [{name: one, steps: [{ping: {}}]}, {name: one, steps: [{ping: {}}]}]", "two cases"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := loadText(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Load says %v", err)
			}
		})
	}
}

func TestAKnownFailureThatIsNoCaseIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(path, []byte("life/long-forgotten\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runner.LoadKnownFailing(path, load(t, "")); err == nil {
		t.Error("it is taken")
	}
}

func TestAFailureThatIsKnownIsNoneAndAPassIsOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(path, []byte("# what is known\nlife/a-message-is-settled  # since March\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := runner.LoadKnownFailing(path, load(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	for mutation, bad := range map[string]bool{"": true, "settles_twice": false} {
		outcomes := runner.Run(load(t, "life/a-message-is-settled"), runner.Settings{
			Command: []string{binary, "--mutation", mutation}, Jobs: 1, Patience: 1, Known: known})
		if outcomes[0].Bad() != bad {
			t.Errorf("mutation %q: %q is bad: %v", mutation, outcomes[0].Failure, outcomes[0].Bad())
		}
	}
}

// The verbs that a case uses wrongly say so, whatever the worker does.
func TestVerbsSayWhatIsWrongWithThem(t *testing.T) {
	for name, c := range map[string]struct{ step, says string }{
		"no such gateway": {"deliver: {gateway: z}", `no gateway "z"`},
		"no such stream":  {"deliver: {stream: 7}", "no stream 7"},
		"no such label":   {"revoke: {of: nobody}", `labelled "nobody"`},
		"no such field":   {"deliver: {topik: a}", "topik"},
		"no such mark":    {"expect_connected: {since: never, max_ms: 5}", "marked never"},
		"no such status":  {"end_stream: {status: TIRED}", "TIRED"},
		"no such signal":  {"signal: HELLO", "HELLO"},
		"no such kind":    {"expect_no: {kind: dance, for_ms: 1}", "dance"},
		"no window":       {"expect_no: {kind: settle}", "for_ms"},
		"too much":        {"ping: {nonce: 1, colour: red}", "colour"},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := loadText("cases: [{name: one, steps: [{expect_hello: {}, mark: hello}, {" + c.step + "}]}]")
			if err != nil {
				t.Fatal(err)
			}
			outcomes := runner.Run(loaded, runner.Settings{Command: []string{binary}, Jobs: 1, Patience: 1})
			if !strings.Contains(outcomes[0].Failure, c.says) {
				t.Errorf("it says %q", outcomes[0].Failure)
			}
		})
	}
}

func TestWhatMustNotComeFailsTheCase(t *testing.T) {
	loaded, err := loadText(`cases: [{name: one, steps: [{expect_hello: {}}, {deliver: {as: m}}, {expect_no: {kind: settle, for_ms: 5000}, why: it comes}]}]`)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := runner.Run(loaded, runner.Settings{Command: []string{binary}, Jobs: 1, Patience: 1})
	if !strings.Contains(outcomes[0].Failure, "nothing of the kind must come") {
		t.Errorf("it says %q", outcomes[0].Failure)
	}
}

func TestTheTranscriptHasFramesBothWaysAndEvents(t *testing.T) {
	outcomes := runner.Run(load(t, "life/a-message-is-settled"), runner.Settings{Command: []string{binary}, Jobs: 1, Patience: 1})
	var text strings.Builder
	for _, entry := range outcomes[0].Transcript {
		text.WriteString(entry.Text + "\n")
	}
	for _, part := range []string{`a#1 <- {"hello"`, `a#1 -> {"welcome"`, `a#1 -> {"deliveries"`, `a#1 <- {"settles"`, `testee <- {"cmd":"run"`, `"event":"connected"`, "-- step 2: deliver"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("it has no %s:\n%s", part, text.String())
		}
	}
}
