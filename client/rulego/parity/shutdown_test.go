package parity

import (
	"fmt"
	"testing"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/components/action"

	"sluice.dev/client/rulego"
)

// RuleGo's stories of a graceful end (endpoint/mqtt, TestMqttEndpointGracefulShutdown): what is being worked at is
// finished, what comes later is not begun. Here the rest goes to another worker besides, and each is answered once.
func TestAWorkerThatLeavesFinishesAndTheRestGoesElsewhere(t *testing.T) {
	const messages, held = 100, 5
	begun, proceed := make(chan struct{}, messages), make(chan struct{})
	action.Functions.Register("parity_holds", func(ctx types.RuleContext, msg types.RuleMsg) {
		begun <- struct{}{}
		<-proceed
		ctx.TellSuccess(msg)
	})
	chain := one{name: "slow", nodes: nodes{{"h", "functions", conf{"functionName": "parity_holds"}}, js("a", "metadata['responseTopic']='out/'+msg.n;")},
		links: links{{"h", success, "a"}}}
	folder := written(t, map[string][]byte{"slow": chain.definition()})
	w := newWorld(t, chaosRoute, "")
	settings := config()
	first := w.serve(rulego.Options{Chains: folder, Config: &settings, Concurrency: held})
	for i := range messages {
		w.publish("in/slow", 1, fmt.Sprintf(`{"n":"%d"}`, i))
	}
	for range held {
		<-begun
	}
	first.Drain()
	w.gateway.says(`"event":"worker stream draining"`, 1)
	w.serve(rulego.Options{Chains: folder, Config: &settings})
	close(proceed)
	answered := map[string]bool{}
	replies := w.answers(map[string]int{"": messages})
	for _, one := range replies {
		answered[one.topic] = true
	}
	if len(replies) != messages || len(answered) != messages {
		t.Errorf("%d replies came to %d of %d messages", len(replies), len(answered), messages)
	}
}
