package parity

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/builtin/processor"
	ruleendpoint "github.com/rulego/rulego/endpoint"
	"github.com/rulego/rulego/endpoint/impl"

	"sluice.dev/client/rulego"
)

// hears waits for these answers, in any order, each "TOPIC PAYLOAD".
func (w *world) hears(want ...string) {
	w.t.Helper()
	missing := map[string]int{}
	for _, one := range want {
		missing[one]++
	}
	for range want {
		select {
		case one := <-w.heard:
			missing[one.topic+" "+one.payload]--
		case <-time.After(patience):
			w.t.Fatalf("within %v there is no answer; missing are %v", patience, missing)
		}
	}
	for one, count := range missing {
		if count != 0 {
			w.t.Errorf("%q: %d missing", one, count)
		}
	}
}

// RuleGo's stories of routers that come and go (endpoint/mqtt, TestMqttEndpoint), as a program has them from RuleGo's
// registry: here they are routes of a real gateway.
func TestRoutersThatComeAndGoAreRoutesOfTheGateway(t *testing.T) {
	a := one{name: "a", nodes: nodes{js("n", "metadata['responseTopic']='out/a';")}}
	b := one{name: "b", nodes: nodes{js("n", "metadata['responseTopic']='out/b';")}}
	folder := written(t, map[string][]byte{"a": a.definition(), "b": b.definition()})
	w := newWorld(t, `- {id: own, from: {path: own, qos: 1}, to: {path: "chain:a"}}`, "")
	settings := config()
	worker := w.serve(rulego.Options{Chains: folder, Config: &settings,
		Admin: &rulego.Admin{Addresses: []string{"unix:" + filepath.Join(w.folder, "journal", "admin.sock")}}})
	made, err := ruleendpoint.Registry.New("endpoint/mqtt", settings, map[string]any{"server": "plant"})
	if err != nil {
		t.Fatal(err)
	}
	respond, _ := processor.OutBuiltins.Get("responseToBody")
	add := func(id, filter, chain string) error {
		router := impl.NewRouter(endpoint.RouterOptions.WithRuleGo(worker.Pool()), endpoint.RouterOptions.WithRuleConfig(settings)).SetId(id)
		router.From(filter).To("chain:" + chain).Process(respond).End()
		_, err := made.AddRouter(router)
		return err
	}
	subscribed := func(filter string) {
		w.gateway.says(`"event":"mqtt subscribed","connection":"plant","filter":"`+filter+`"`, 1)
	}
	for id, chain := range map[string]string{"one": "a", "two": "b"} {
		if err := add(id, "same", chain); err != nil {
			t.Fatal(err)
		}
	}
	subscribed("same")
	w.publish("same", 1, "1")
	w.hears("out/a 1", "out/b 1")
	// RuleGo ends both with either; here the other goes on.
	if err := made.RemoveRouter("one"); err != nil {
		t.Fatal(err)
	}
	w.publish("same", 1, "2")
	w.hears("out/b 2")
	// An equal id replaces.
	if err := add("two", "else", "b"); err != nil {
		t.Fatal(err)
	}
	subscribed("else")
	w.publish("else", 1, "3")
	w.hears("out/b 3")
	for _, id := range []string{"one", "nobody"} {
		if err := made.RemoveRouter(id); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("an unknown id: %v", err)
		}
	}
	if err := add("bad", "a/#/b", "a"); err == nil || !strings.Contains(err.Error(), "from.path") {
		t.Errorf("a wrong filter: %v", err)
	}
	// A route of the file stays; its router cannot be taken away.
	if err := add("own", "own", "a"); err != nil {
		t.Error(err)
	}
	if err := made.RemoveRouter("own"); err == nil || !strings.Contains(err.Error(), "stands in") {
		t.Errorf("a route of the file: %v", err)
	}
	if err := made.RemoveRouter("two"); err != nil {
		t.Error(err)
	}
}
