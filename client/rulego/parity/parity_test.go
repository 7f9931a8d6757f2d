// Package parity runs the same messages through RuleGo's own MQTT endpoint in this process, and through a Sluice
// gateway with a worker of package rulego, and compares what comes back.
package parity

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/builtin/processor"
	"github.com/rulego/rulego/components/action"
	"github.com/rulego/rulego/endpoint/impl"
	"github.com/rulego/rulego/endpoint/mqtt"
	"github.com/rulego/rulego/engine"

	"sluice.dev/client/rulego"
)

func TestMain(m *testing.M) {
	action.Functions.Register("parity_hello", func(ctx types.RuleContext, msg types.RuleMsg) {
		msg.SetData("hello " + msg.GetData())
		ctx.TellSuccess(msg)
	})
	action.Functions.Register("parity_panics", func(types.RuleContext, types.RuleMsg) { panic("parity") })
	os.Exit(m.Run())
}

func config() types.Config {
	config := engine.NewConfig(types.WithDefaultPool())
	config.Logger = rulego.EngineLogger(slog.New(slog.DiscardHandler))
	config.Properties = types.BuildProperties(types.Properties{"plant": "north"})
	config.RegisterUdf("parity_add", func(a, b int) int { return a + b })
	return config
}

// Where the same message is published for the three that answer it: topics tell nothing but this.
const (
	inProcess = "out/inprocess/" // RuleGo's endpoint.
	byGateway = "out/gateway00/" // The gateway's routes have the processors.
	byRouters = "out/endpoints/" // The worker's endpoints have them.
)

func topicOf(prefix, name string) string { return strings.Replace(prefix, "out/", "in/", 1) + name }

// replyTopic: chains answer below the topic that they were published to; the gateway would take that in again, so the
// devices listen to "in/…/+".
func listenTo(prefix string) string { return strings.Replace(prefix, "out/", "in/", 1) + "+/+" }

func routes() string {
	text := &strings.Builder{}
	for i := range cases {
		o := &cases[i]
		for prefix, processors := range map[string]bool{byGateway: true, byRouters: false} {
			from, to := "", ""
			if processors {
				if len(o.from) > 0 {
					from = fmt.Sprintf(", processors: [%s]", strings.Join(o.from, ", "))
				}
				to = fmt.Sprintf(", processors: [%s]", strings.Join(o.toProcessors(), ", "))
			}
			// What reaches the worker's endpoints goes by the route's id.
			id := o.name
			if processors {
				id = "gateway-" + o.name
			}
			fmt.Fprintf(text, "  - {id: %s, connection: plant, from: {path: %s, qos: 2%s}, to: {path: %q%s}}\n",
				id, topicOf(prefix, o.name), from, o.path(), to)
		}
	}
	return text.String()
}

// definitions are all chains, by name.
func definitions() map[string][]byte {
	chains := map[string][]byte{}
	for _, list := range [][]one{cases, subChains} {
		for i := range list {
			chains[list[i].name] = list[i].definition()
		}
	}
	return chains
}

// written puts chains into a folder.
func written(t *testing.T, definitions map[string][]byte) string {
	folder := t.TempDir()
	for name, definition := range definitions {
		if err := os.WriteFile(filepath.Join(folder, name+".json"), definition, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// router is one of an endpoint, RuleGo's or ours.
type router struct {
	id, from, to string
	in, out      []string // Processors.
	wait         bool
}

// routers are those of all cases, for the topics below a prefix.
func routers(prefix string) (list []router) {
	for i := range cases {
		o := &cases[i]
		list = append(list, router{o.name, topicOf(prefix, o.name), o.path(), o.from, o.toProcessors(), o.wait})
	}
	return list
}

// dsl writes routers as RuleGo's DSL, for a worker's endpoint.
func dsl(t *testing.T, routers []router) string {
	var list []conf
	for _, r := range routers {
		list = append(list, conf{"id": r.id, "from": conf{"path": r.from, "processors": r.in}, "to": conf{"path": r.to, "wait": r.wait, "processors": r.out}})
	}
	path := filepath.Join(t.TempDir(), "endpoint.json")
	if err := os.WriteFile(path, marshal(conf{"id": "parity", "type": "endpoint/mqtt", "configuration": conf{"server": "127.0.0.1:1883"}, "routers": list}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unhurried begins what the engine submits a little later. RuleGo's branches would be lost now and then: one that has
// ended before the next is counted ends the message, and what is to come is cancelled.
type unhurried struct{}

func (unhurried) Submit(task func()) error {
	time.AfterFunc(2*time.Millisecond, task)
	return nil
}

func (unhurried) Release() {}

// startRuleGo starts RuleGo's own endpoint with these chains, and returns when it has subscribed.
func startRuleGo(t *testing.T, broker string, definitions map[string][]byte, routers []router) {
	pool := engine.NewPool()
	config := config()
	config.EndpointEnabled = false // Of endpoints inside of chains: they would listen at ports of their own.
	config.Pool = unhurried{}
	for name, definition := range definitions {
		if _, err := pool.New(name, definition, engine.WithConfig(config)); err != nil {
			t.Fatal(name, ": ", err)
		}
	}
	own := &mqtt.Endpoint{}
	if err := own.Init(config, types.Configuration{"server": broker, "qos": 2, "clientId": "rulego"}); err != nil {
		t.Fatal(err)
	}
	for _, r := range routers {
		router := impl.NewRouter(endpoint.RouterOptions.WithRuleGo(pool), endpoint.RouterOptions.WithRuleConfig(config))
		from := router.SetId(r.id).From(r.from)
		for _, name := range r.in {
			process, _ := processor.InBuiltins.Get(name)
			from.Process(process)
		}
		to := from.To(r.to)
		to.Process(oneAtATime(r.out))
		if r.wait {
			to.Wait()
		}
		if _, err := own.AddRouter(router); err != nil {
			t.Fatal(err)
		}
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		own.Destroy()
		pool.Stop()
	})
}

// oneAtATime runs processors for one branch after the other. RuleGo 0.37's endpoint gives all branches of a message one map
// of headers and no lock: where two end at once, the process dies of "concurrent map writes". Here each has its own.
func oneAtATime(names []string) endpoint.Process {
	var processes []endpoint.Process
	for _, name := range names {
		process, _ := processor.OutBuiltins.Get(name)
		processes = append(processes, process)
	}
	var mutex sync.Mutex
	return func(router endpoint.Router, exchange *endpoint.Exchange) bool {
		mutex.Lock()
		defer mutex.Unlock()
		for _, process := range processes {
			if !process(router, exchange) {
				return false
			}
		}
		return true
	}
}

// sent publishes the messages of every case, and notes how many replies there should be below the topic of each.
func (w *world) sent(prefix string, count func(*one) int, wanted map[string]int) {
	for i := range cases {
		o := &cases[i]
		for _, payload := range o.send {
			w.publish(topicOf(prefix, o.name), o.qos, payload)
		}
		if replies := count(o); replies > 0 {
			wanted[topicOf(prefix, o.name)+"/"] = replies
		}
	}
}

// byCase sorts what came: for each case the replies of each topic in their order, without the prefix.
func byCase(prefix string, replies []received) map[string]map[string][]received {
	sorted := map[string]map[string][]received{}
	prefix = strings.Replace(prefix, "out/", "in/", 1)
	for _, one := range replies {
		name, below, _ := strings.Cut(strings.TrimPrefix(one.topic, prefix), "/")
		if sorted[name] == nil {
			sorted[name] = map[string][]received{}
		}
		one.payload = strings.ReplaceAll(one.payload, prefix, "")
		one.payload = strings.ReplaceAll(one.payload, strings.ToUpper(prefix), "")
		one.topic = below
		sorted[name][below] = append(sorted[name][below], one)
	}
	return sorted
}

func TestRepliesAreThoseOfRuleGoInProcess(t *testing.T) {
	ordered := &strings.Builder{} // RuleGo's `wait: true`.
	for i := range cases {
		if cases[i].wait {
			fmt.Fprintf(ordered, "%s: {orderBy: topic}, ", cases[i].name)
		}
	}
	w := newWorld(t, routes(), ordered.String())
	for _, prefix := range []string{inProcess, byGateway, byRouters} {
		w.subscribe(listenTo(prefix))
	}
	startRuleGo(t, w.broker, definitions(), routers(inProcess))
	settings := config()
	w.serve(rulego.Options{Chains: written(t, definitions()), Endpoints: []string{dsl(t, routers(byRouters))}, Config: &settings})

	// Of each case its own: where RuleGo's branches meet, there may be more of one while another is still to come.
	wanted := map[string]int{}
	w.sent(inProcess, func(o *one) int { return o.replies }, wanted)
	w.sent(byGateway, (*one).throughSluice, wanted)
	w.sent(byRouters, (*one).throughSluice, wanted)
	replies := w.answers(wanted)

	reference := byCase(inProcess, only(replies, inProcess))
	for _, prefix := range []string{byGateway, byRouters} {
		t.Run(strings.Trim(strings.TrimPrefix(prefix, "out/"), "/0"), func(t *testing.T) {
			ours := byCase(prefix, only(replies, prefix))
			for i := range cases {
				o := &cases[i]
				t.Run(o.name, func(t *testing.T) { compare(t, o, reference[o.name], ours[o.name]) })
			}
		})
	}
}

func only(replies []received, prefix string) []received {
	prefix = strings.Replace(prefix, "out/", "in/", 1)
	return slices.DeleteFunc(slices.Clone(replies), func(one received) bool { return !strings.HasPrefix(one.topic, prefix) })
}

func count(replies map[string][]received) (sum int) {
	for _, list := range replies {
		sum += len(list)
	}
	return sum
}

func compare(t *testing.T, o *one, reference, ours map[string][]received) {
	// Where RuleGo's branches meet, there may be more.
	if n := count(reference); n < o.replies || n > o.replies && o.differs == "" {
		t.Errorf("RuleGo in process gave %d replies, not %d: %v", count(reference), o.replies, reference)
	}
	if count(ours) != o.throughSluice() {
		t.Errorf("through Sluice there are %d replies, not %d: %v", count(ours), o.throughSluice(), ours)
	}
	if o.differs != "" {
		return
	}
	for topic := range maps.Keys(reference) {
		theirs, own := reference[topic], ours[topic]
		if !o.wait { // Nobody promises an order.
			sortReplies(theirs)
			sortReplies(own)
		}
		if !slices.Equal(theirs, own) {
			t.Errorf("…/%s: RuleGo in process gave %q, through Sluice there is %q", topic, theirs, own)
		}
	}
}

func sortReplies(replies []received) {
	slices.SortFunc(replies, func(a, b received) int { return strings.Compare(a.payload, b.payload) })
}
