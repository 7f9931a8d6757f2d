package parity

import (
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/components/action"

	sluice "sluice.dev/client/go"
	"sluice.dev/client/rulego"
)

// seen makes a chain "default" that tells the channel what it was handed.
func seen(name string) (map[string][]byte, chan string) {
	told := make(chan string, 100)
	action.Functions.Register(name, func(ctx types.RuleContext, msg types.RuleMsg) {
		told <- string(marshal(conf{"type": msg.Type, "dataType": msg.DataType, "data": msg.GetData(), "metadata": msg.Metadata.Values()}))
		ctx.TellSuccess(msg)
	})
	chain := one{name: "default", nodes: nodes{{"a", "functions", conf{"functionName": name}}, answer("b", "r")}, links: links{{"a", success, "b"}}}
	return map[string][]byte{"default": chain.definition()}, told
}

func several(t *testing.T, told chan string, count int) map[string]bool {
	got := map[string]bool{}
	for range count {
		select {
		case one := <-told:
			got[one] = true
		case <-time.After(patience):
			t.Fatalf("a chain was handed %d messages of %d", len(got), count)
		}
	}
	return got
}

// Its router takes everything to the chain "default" and names no processors, so nothing is answered: what the chain is
// handed is compared. The gateway's configuration is made of the file, too.
func TestTheEndpointOfRuleGosTestdata(t *testing.T) {
	gateway := program(t, "sluice-gateway")
	w := newBroker(t)
	t.Setenv("E_MQTT_01_PASSWORD", "admin")
	file := filepath.Join(testdata(t), "endpoint", "mqtt_01.json")
	made, err := exec.Command(gateway, "--import-rulego", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	w.config = w.write("gateway.yaml", strings.NewReplacer("127.0.0.1:1883", w.broker, "127.0.0.1:7443", w.workers,
		"127.0.0.1:9090", freePort(t), "path: sluice-data", "path: "+filepath.Join(w.folder, "journal")).Replace(string(made)))
	w.startGateway(gateway, 1)

	theirChain, theirs := seen("testdata_seen_by_rulego")
	ourChain, ours := seen("testdata_seen_by_sluice")
	startRuleGo(t, w.broker, theirChain, []router{{id: "r1", from: "#", to: "default"}})
	settings := config()
	w.serve(rulego.Options{Chains: written(t, ourChain), Endpoints: []string{file}, Config: &settings})
	for _, payload := range spoken {
		w.publish("plant/device", 1, payload)
	}
	reference, handed := several(t, theirs, len(spoken)), several(t, ours, len(spoken))
	if !maps.Equal(reference, handed) {
		t.Errorf("RuleGo in process hands the chain %q, Sluice %q", slices.Sorted(maps.Keys(reference)), slices.Sorted(maps.Keys(handed)))
	}
	if replies := w.answers(nil); len(replies) > 0 {
		t.Errorf("nobody has asked for an answer: %q", replies)
	}
}

func TestOtherEndpointsOfRuleGosTestdataAreRefused(t *testing.T) {
	gateway := program(t, "sluice-gateway")
	chain, _ := seen("testdata_never_seen")
	for file, what := range placed {
		if !strings.Contains(what.not, t.Name()) {
			continue
		}
		path := filepath.Join(testdata(t), filepath.FromSlash(file))
		if said, err := exec.Command(gateway, "--import-rulego", path).CombinedOutput(); err == nil || !strings.Contains(string(said), "the gateway speaks MQTT") {
			t.Errorf("%s: the gateway says %s", file, said)
		}
		_, err := rulego.New(rulego.Options{Gateways: []string{"127.0.0.1:1"}, Chains: written(t, chain), Endpoints: []string{path},
			Logger: slog.New(slog.DiscardHandler), Worker: []sluice.Option{sluice.WithSecurity(sluice.SecurityPlaintext)}})
		if err == nil || !strings.Contains(err.Error(), `sluice-rulego serves "endpoint/mqtt"`) {
			t.Errorf("%s: the worker says %v", file, err)
		}
	}
}
