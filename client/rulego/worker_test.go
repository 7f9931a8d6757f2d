package rulego

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/builtin/processor"
	"github.com/rulego/rulego/components/action"
	"github.com/rulego/rulego/engine"

	sluice "sluice.dev/client/go"
)

func TestMain(m *testing.M) {
	action.Functions.Register("test_panics", func(types.RuleContext, types.RuleMsg) { panic("oh") })
	processor.InBuiltins.Register("test_stops", func(endpoint.Router, *endpoint.Exchange) bool { return false })
	processor.InBuiltins.Register("test_panics", func(endpoint.Router, *endpoint.Exchange) bool { panic("ah") })
	processor.OutBuiltins.Register("test_twice", func(_ endpoint.Router, exchange *endpoint.Exchange) bool {
		exchange.Out.SetBody([]byte("once"))
		exchange.Out.SetBody([]byte("twice"))
		return true
	})
	os.Exit(m.Run())
}

// served is a worker with one chain "c"; its gateways are never dialled.
func served(t testing.TB, onError OnError, definition string, endpoints ...string) *Worker {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "c.json"), []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, text := range endpoints {
		path := filepath.Join(t.TempDir(), "endpoint.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	w, err := New(Options{Gateways: []string{"127.0.0.1:1"}, Chains: folder, Endpoints: files, OnError: onError,
		Logger: slog.New(slog.DiscardHandler), Worker: []sluice.Option{sluice.WithSecurity(sluice.SecurityPlaintext)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Stop)
	return w
}

func message() *sluice.Message {
	return &sluice.Message{MessageID: "m-1", Route: "r", Chain: "c", Topic: "plant/a", Payload: []byte(`{"n":1}`)}
}

const failing = `{"ruleChain":{"id":"c"},"metadata":{"nodes":[{"id":"a","type":"jsTransform","configuration":{"jsScript":"throw new Error('bad news')"}}]}}`

const panicking = `{"ruleChain":{"id":"c"},"metadata":{"nodes":[{"id":"a","type":"functions","configuration":{"functionName":"test_panics"}}]}}`

// A node that fails leads to one that panics, on the relation by which panics are told from failures.
const panickingAfterFailure = `{"ruleChain":{"id":"c"},"metadata":{"nodes":[
	{"id":"a","type":"jsTransform","configuration":{"jsScript":"throw new Error('bad news')"}},
	{"id":"b","type":"functions","configuration":{"functionName":"test_panics"}}],
	"connections":[{"fromId":"a","toId":"b","type":"Failure"}]}}`

func TestWhatGoesWrongIsWhatOnErrorSays(t *testing.T) {
	for name, definition := range map[string]string{"failure": failing, "panic": panicking, "panic after a failure": panickingAfterFailure} {
		for onError, outcome := range map[OnError]sluice.Outcome{Ack: sluice.OutcomeAck, Retry: sluice.OutcomeRetry, Reject: sluice.OutcomeReject} {
			t.Run(name+", "+string(onError), func(t *testing.T) {
				_, err := served(t, onError, definition).handle(context.Background(), message())
				if sluice.OutcomeOf(err) != outcome {
					t.Error(err)
				}
			})
		}
	}
}

func TestTheReasonIsTheNodes(t *testing.T) {
	_, err := served(t, Reject, failing).handle(context.Background(), message())
	if err == nil || !strings.Contains(err.Error(), "bad news") {
		t.Error(err)
	}
	_, err = served(t, Reject, panicking).handle(context.Background(), message())
	if err == nil || !strings.Contains(err.Error(), "a node panicked: oh") {
		t.Error(err)
	}
}

func TestAChainThatIsNotThereIsARetry(t *testing.T) {
	m := message()
	m.Chain = "other"
	_, err := served(t, Ack, chain("c", "1")).handle(context.Background(), m)
	if sluice.OutcomeOf(err) != sluice.OutcomeRetry || !strings.Contains(err.Error(), `chain "other" is not loaded here`) {
		t.Error(err)
	}
}

func TestAChainThatShutsDownIsARetry(t *testing.T) {
	w := served(t, Ack, chain("c", "1"))
	running, _ := w.pool.Get("c")
	running.Stop(context.Background())
	_, err := w.handle(context.Background(), message())
	if sluice.OutcomeOf(err) != sluice.OutcomeRetry {
		t.Error(err)
	}
}

func TestAChainGetsWhatRuleGoGivesIt(t *testing.T) {
	var got types.RuleMsg
	action.Functions.Register("test_sees", func(ctx types.RuleContext, msg types.RuleMsg) {
		got = msg.Copy()
		ctx.TellSuccess(msg)
	})
	w := served(t, Ack, strings.Replace(panicking, "test_panics", "test_sees", 1))
	m := message()
	m.Metadata = map[string]string{"site": "north"}
	m.DataType = sluice.DataTypeText
	if _, err := w.handle(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if got.Id != "m-1" || got.Type != "plant/a" || got.DataType != types.TEXT || got.GetData() != `{"n":1}` ||
		got.Metadata.GetValue("topic") != "plant/a" || got.Metadata.GetValue("site") != "north" {
		t.Errorf("%+v %v", got, got.Metadata.Values())
	}
}

type valueKey struct{}

func TestAChainSeesTheHandlersValuesAndEndsWithTheWorkerOnly(t *testing.T) {
	var value any
	began, ended := make(chan struct{}), make(chan error, 1)
	action.Functions.Register("test_waits", func(ctx types.RuleContext, msg types.RuleMsg) {
		value = ctx.GetContext().Value(valueKey{})
		close(began)
		<-ctx.GetContext().Done()
		ended <- ctx.GetContext().Err()
		ctx.TellSuccess(msg)
	})
	w := served(t, Ack, strings.Replace(panicking, "test_panics", "test_waits", 1))
	ctx, lose := context.WithCancel(context.WithValue(context.Background(), valueKey{}, "a span"))
	go func() { _, _ = w.handle(ctx, message()) }()
	<-began
	lose() // The gateway has given the message to another worker.
	select {
	case err := <-ended:
		t.Error("a lost delivery has ended its chain:", err)
	case <-time.After(20 * time.Millisecond):
	}
	w.Stop()
	if err := <-ended; !errors.Is(err, context.Canceled) || value != "a span" {
		t.Error(err, value)
	}
}

const router = `{"id":"e","type":"endpoint/mqtt","configuration":{"server":"x:1"},"routers":[
	{"id":"r","from":{"path":"plant/#","processors":[%s]},"to":{"path":"chain:c","processors":[%s]}}]}`

func TestARoutersProcessorsRun(t *testing.T) {
	w := served(t, Ack, chain("c", "1"), sprintf(router, `"setJsonDataType"`, `"test_twice"`))
	replies, err := w.handle(context.Background(), message())
	if err != nil || len(replies) != 2 || string(replies[0].Payload) != "once" || string(replies[1].Payload) != "twice" || replies[0].Topic != "out" {
		t.Error(replies, err)
	}
	other := message()
	other.Route = "another" // No router has this id: the chain's own way.
	replies, err = w.handle(context.Background(), other)
	if err != nil || len(replies) != 1 || string(replies[0].Payload) != `{"mark":1,"n":1}` {
		t.Error(replies, err)
	}
}

func TestAProcessorThatStopsAMessageDropsIt(t *testing.T) {
	_, err := served(t, Ack, chain("c", "1"), sprintf(router, `"test_stops"`, "")).handle(context.Background(), message())
	if sluice.OutcomeOf(err) != sluice.OutcomeDrop {
		t.Error(err)
	}
}

func TestAProcessorThatPanicsIsAnError(t *testing.T) {
	_, err := served(t, Reject, chain("c", "1"), sprintf(router, `"test_panics"`, "")).handle(context.Background(), message())
	if sluice.OutcomeOf(err) != sluice.OutcomeReject || !strings.Contains(err.Error(), "ah") {
		t.Error(err)
	}
}

func TestARouterMayNameAComponent(t *testing.T) {
	w := served(t, Ack, chain("c", "1"), strings.Replace(sprintf(router, "", `"responseToBody"`), "chain:c", "component:log", 1))
	if _, err := w.handle(context.Background(), message()); err != nil {
		t.Error(err)
	}
}

// RuleGo's own stories of an endpoint's routers (endpoint/mqtt, TestRouterId).
func TestRoutersComeAndGo(t *testing.T) {
	table := newRouters(engine.NewPool(), engine.NewConfig())
	one := &Endpoint{table: table}
	if err := one.Init(engine.NewConfig(), types.Configuration{"server": "one:1"}); err != nil || one.Id() != "one:1" || one.Type() != "endpoint/mqtt" {
		t.Fatal(one.Id(), err)
	}
	add := func(e *Endpoint, id, from string) (string, error) {
		r := newImplRouter(id, from)
		return e.AddRouter(r)
	}
	if id, err := add(one, "r1", "/device/info"); id != "r1" || err != nil {
		t.Error(id, err)
	}
	for range 2 {
		if id, err := add(one, "", "/device/info"); id != "/device/info" || err != nil {
			t.Error(id, err)
		}
	}
	other := &Endpoint{table: table, id: "other:1"}
	if _, err := add(other, "r1", "x"); err == nil || !strings.Contains(err.Error(), "one:1") {
		t.Error("the id of another endpoint's: ", err)
	}
	for _, id := range []string{"r1", "/device/info"} {
		if err := one.RemoveRouter(id); err != nil {
			t.Error(err)
		}
	}
	if err := one.RemoveRouter("/device/info"); err == nil || err.Error() != "router: /device/info not found" {
		t.Error(err)
	}
	if _, err := one.AddRouter(nil); err == nil {
		t.Error("a router that is nil")
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	folder := t.TempDir()
	for _, wrong := range []struct {
		options Options
		said    string
	}{
		{Options{}, "folder"},
		{Options{Chains: folder, OnError: "maybe"}, "ack, retry or reject"},
		{Options{Chains: folder}, "no chain that could be served"},
		{Options{Chains: filepath.Join(folder, "nosuch")}, "nosuch"},
	} {
		wrong.options.Gateways = []string{"127.0.0.1:1"}
		if _, err := New(wrong.options); err == nil || !strings.Contains(err.Error(), wrong.said) {
			t.Error(err)
		}
	}
	if _, err := New(Options{Gateways: []string{"no port at all:"}, Chains: chainsOf(t)}); err == nil {
		t.Error("a gateway that is none")
	} else if problem := (*sluice.OptionError)(nil); !errors.As(err, &problem) {
		t.Error(err)
	}
}
