package rulego

import (
	"context"
	"strings"
	"testing"

	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/endpoint/impl"
	ruletest "github.com/rulego/rulego/test"

	sluice "sluice.dev/client/go"
)

// RuleGo's own test of an endpoint's messages (endpoint/mqtt, TestMqttMessage).
func TestMessagesAreAsRuleGosEndpointsHaveThem(t *testing.T) {
	t.Run("request", func(t *testing.T) { ruletest.EndpointMessage(t, &request{message: &sluice.Message{}, run: &run{}}) })
	t.Run("response", func(t *testing.T) {
		ruletest.EndpointMessage(t, &branch{request: &request{message: &sluice.Message{}, run: &run{}}})
	})
}

// RuleGo's story of an endpoint in use (endpoint/mqtt, TestMqttEndpoint): an interceptor, a transform that looks at the
// request and answers by headers, routers that come and go while it runs.
func TestARouterMadeInCodeRuns(t *testing.T) {
	w := served(t, Reject, chain("c", "1"))
	own := &Endpoint{table: w.routers}
	intercepted := 0
	own.AddInterceptors(func(endpoint.Router, *endpoint.Exchange) bool {
		intercepted++
		return true
	})
	router := impl.NewRouter(endpoint.RouterOptions.WithRuleGo(w.pool), endpoint.RouterOptions.WithRuleConfig(w.config)).SetId("r")
	router.From("plant/a").Transform(func(_ endpoint.Router, exchange *endpoint.Exchange) bool {
		in, out := exchange.In, exchange.Out
		for what, got := range map[string]string{"its topic": in.From(), "the header": in.Headers().Get("topic"),
			"the metadata": in.GetMsg().Metadata.GetValue("topic"), "the response": out.From()} {
			if got != "plant/a" {
				t.Errorf("%s: %q", what, got)
			}
		}
		if in.GetMsg().GetData() != string(in.Body()) {
			t.Error(in.GetMsg().GetData())
		}
		out.SetStatusCode(0)
		out.Headers().Set("responseTopic", "plant/a/resp")
		out.Headers().Set("responseQos", "1")
		out.SetBody([]byte("ok"))
		return true
	}).To("chain:c").End()
	if _, err := own.AddRouter(router); err != nil {
		t.Fatal(err)
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	replies, err := w.handle(context.Background(), message())
	if err != nil || len(replies) != 1 || replies[0].Topic != "plant/a/resp" || replies[0].QoS == nil || *replies[0].QoS != 1 || string(replies[0].Payload) != "ok" || intercepted != 1 {
		t.Error(replies, err, intercepted)
	}
	if _, err := own.AddRouter(newImplRouter("later", "plant/b")); err != nil {
		t.Error(err)
	}
	own.Destroy()
	replies, err = w.handle(context.Background(), message()) // The chain's own way, without the router.
	if err != nil || len(replies) != 1 || strings.HasSuffix(replies[0].Topic, "resp") || intercepted != 1 {
		t.Error(replies, err, intercepted)
	}
}
