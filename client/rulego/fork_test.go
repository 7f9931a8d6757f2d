package rulego

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/components/action"
	"github.com/rulego/rulego/engine"

	sluice "sluice.dev/client/go"
)

// hasty runs what it is given to its end before anything else happens, unless that takes longer than a moment: the
// worst that can befall branches that the engine counts as it starts them.
type hasty struct{}

func (hasty) Submit(task func()) error {
	done := make(chan struct{})
	go func() {
		task()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Millisecond):
	}
	return nil
}

func (hasty) Release() {}

func TestAForkLosesNoBranch(t *testing.T) {
	action.Functions.Register("test_answers", func(ctx types.RuleContext, msg types.RuleMsg) {
		msg.Metadata.PutValue("responseTopic", "out/"+ctx.GetSelfId())
		ctx.TellSuccess(msg)
	})
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "c.json"), []byte(`{"ruleChain":{"id":"c"},"metadata":{"nodes":[
		{"id":"a","type":"functions","configuration":{"functionName":"test_answers"}},
		{"id":"b","type":"functions","configuration":{"functionName":"test_answers"}},
		{"id":"c","type":"functions","configuration":{"functionName":"test_answers"}},
		{"id":"d","type":"functions","configuration":{"functionName":"test_answers"}}],
		"connections":[{"fromId":"a","toId":"b","type":"Success"},{"fromId":"a","toId":"c","type":"Success"},{"fromId":"a","toId":"d","type":"Success"}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	config := engine.NewConfig()
	config.Pool = hasty{}
	w, err := New(Options{Gateways: []string{"127.0.0.1:1"}, Chains: folder, OnError: Reject, Config: &config,
		Logger: slog.New(slog.DiscardHandler), Worker: []sluice.Option{sluice.WithSecurity(sluice.SecurityPlaintext)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Stop)
	for range 10 {
		replies, err := w.handle(context.Background(), message())
		if err != nil || len(replies) != 3 {
			t.Fatalf("%d of 3 branches have answered: %v", len(replies), err)
		}
	}
}
