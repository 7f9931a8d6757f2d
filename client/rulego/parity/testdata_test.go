package parity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/builtin/processor"
	"github.com/rulego/rulego/components/action"
	"github.com/rulego/rulego/engine"
	ruletest "github.com/rulego/rulego/test"

	"sluice.dev/client/rulego"
)

// theirs is a file of RuleGo's own testdata, and what becomes of it here.
type theirs struct {
	replies int      // To all of `spoken`, in each of `kinds`.
	as      []string // More names that other chains call it by.
	not     string   // Why it is not run in the two worlds beside each other.
}

// placed are all files of RuleGo's testdata. They are read where Go keeps modules; a file that is new there fails the
// test until it stands here.
var placed = map[string]theirs{
	"rule/chain_call_rest_api.json":          {replies: 15},
	"rule/chain_has_sub_chain_node.json":     {replies: 27},
	"rule/chain_msg_type_switch.json":        {replies: 20},
	"rule/filter_node.json":                  {replies: 15},
	"rule/not_debug_mode_chain.json":         {replies: 15},
	"rule/sub_chain.json":                    {replies: 18, as: []string{"sub_chain_01", "sub_chain_02"}},
	"rule/test_complex_join.json":            {replies: 15},
	"rule/test_conditional_branch_join.json": {replies: 15},
	"rule/test_context.json":                 {replies: 15},
	"rule/test_context_chain.json":           {replies: 15},
	"rule/test_debug_mode_chain.json":        {replies: 15},
	"rule/test_fork_direct_join.json":        {replies: 15},
	"rule/test_functions_node.json":          {replies: 45},
	"rule/test_functions_node2.json":         {replies: 15},
	"rule/test_group_filter_node.json":       {replies: 15},
	"rule/test_join_multi_branch.json":       {replies: 15},
	"rule/test_join_node.json":               {replies: 15},
	"rule/test_lca_complex_bug.json":         {replies: 15},
	"rule/test_metrics_chain.json":           {replies: 45},
	"rule/test_restore_complex.json":         {replies: 21},
	"rule/test_restore_fork_no_join.json":    {replies: 30},
	"rule/test_skip_fallback_aspect.json":    {replies: 15},
	"rule/test_wait.json":                    {replies: 20},
	"rule/with_http_endpoint.json":           {replies: 15},
	"rule/with_schedule_endpoint.json":       {replies: 15},
	"template/template_node_test.tpl":        {replies: 15},
	"endpoint/mqtt_01.json":                  {not: "its router answers nothing: TestTheEndpointOfRuleGosTestdata"},
	"endpoint/http_01.json":                  {not: "no MQTT: TestOtherEndpointsOfRuleGosTestdataAreRefused"},
	"endpoint/http_02.json":                  {not: "no MQTT: TestOtherEndpointsOfRuleGosTestdataAreRefused"},
	"endpoint/schedule_01.json":              {not: "no MQTT: TestOtherEndpointsOfRuleGosTestdataAreRefused"},
	"plugin/plugin.go":                       {not: "the source of a plugin, no chain: its nodes are those of test_context.json"},
	"sql/db_client_test_mysql_init.sql":      {not: "a script for a MySQL server, no chain"},
	"sql/db_client_test_pg_init.sql":         {not: "a script for a PostgreSQL server, no chain"},
}

// spoken is said to each chain, in each of the kinds that their switches know.
var (
	spoken = []string{`{"n":0,"temperature":41,"humidity":90,"productType":"p"}`, `{"n":1,"temperature":12,"humidity":10}`,
		`{"n":2,"temperature":80,"name":"ä","nameList":["x","y"]}`, "aa", "bb"}
	kinds = []string{"TEST_MSG_TYPE1", "TEST_MSG_TYPE2", "OTHER"}
)

// answering guards answers: RuleGo's branches share one, and its topic, QoS and body may be those of two of them.
var answering sync.Mutex

func init() {
	for _, name := range []string{"modifyMetadata", "tellNextRelationTypeEmpty", "doErr", "doSuccess"} {
		action.Functions.Register(name, func(ctx types.RuleContext, msg types.RuleMsg) {
			msg.Metadata.PutValue("function", name)
			switch name {
			case "doErr":
				ctx.TellFailure(msg, errors.New("error"))
			case "tellNextRelationTypeEmpty":
				ctx.TellNext(msg)
			default:
				ctx.TellSuccess(msg)
			}
		})
	}
	_ = engine.Registry.Register(&ruletest.UpperNode{})
	_ = engine.Registry.Register(&ruletest.TimeNode{})
	// The kind of a message is the last level of its topic.
	processor.InBuiltins.Register("testdata_kind", func(_ endpoint.Router, exchange *endpoint.Exchange) bool {
		exchange.In.GetMsg().Type = exchange.In.From()[strings.LastIndexByte(exchange.In.From(), '/')+1:]
		return true
	})
	// Each end of a chain tells all that it ends with, at a QoS that the message chooses.
	processor.OutBuiltins.Register("testdata_tell", func(_ endpoint.Router, exchange *endpoint.Exchange) bool {
		answering.Lock()
		defer answering.Unlock()
		told := conf{"to": string(exchange.In.Body())}
		if msg := exchange.Out.GetMsg(); msg != nil {
			told["type"], told["dataType"], told["data"], told["metadata"] = msg.Type, msg.DataType, msg.GetData(), msg.Metadata.Values()
		}
		if err := exchange.Out.GetError(); err != nil {
			told["error"] = err.Error()
		}
		var asked struct{ N int }
		_ = json.Unmarshal(exchange.In.Body(), &asked)
		exchange.Out.Headers().Set("responseTopic", strings.Replace(exchange.In.From(), "in/", "out/", 1))
		exchange.Out.Headers().Set("responseQos", fmt.Sprint(asked.N))
		exchange.Out.SetBody(marshal(told))
		return true
	})
}

// testdata is RuleGo's folder of that name, where Go keeps modules.
func testdata(t *testing.T) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/rulego/rulego").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "testdata")
}

func TestEachFileOfRuleGosTestdataHasItsPlace(t *testing.T) {
	folder := testdata(t)
	left := maps.Clone(placed)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if _, ok := left[name]; !ok {
			t.Errorf("testdata/%s of RuleGo is new: say in `placed` how often it answers, or why it is not run", name)
		}
		delete(left, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range left {
		t.Errorf("testdata/%s is RuleGo's no longer", name)
	}
}

// theirChains are the definitions of all chains that are run, by name: a file's, because some ids are those of several
// files. The service that two of them call is `service`.
func theirChains(t *testing.T, service string) map[string][]byte {
	folder := testdata(t)
	chains := map[string][]byte{}
	for file, what := range placed {
		if what.not != "" {
			continue
		}
		path := filepath.Join(folder, filepath.FromSlash(file))
		if filepath.Ext(file) != ".json" {
			made := one{name: chainOf(file), nodes: nodes{{"t", "text/template", conf{"template": "file:" + path}}}}
			chains[made.name] = made.definition()
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range append(what.as, chainOf(file)) {
			var definition conf
			if err := json.Unmarshal(text, &definition); err != nil {
				t.Fatal(file, ": ", err)
			}
			definition["ruleChain"].(map[string]any)["id"] = name
			chains[name] = []byte(strings.ReplaceAll(string(marshal(definition)), "http://192.168.136.26:9099", service))
		}
	}
	return chains
}

func chainOf(file string) string {
	return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
}

// varying is what is another in each run, however it is quoted: ids of messages and times.
var varying = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`(ts\W{1,9})\d{13}`), "${1}0"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`in/(inprocess|endpoints)/`), "in/"},
}

func TestRuleGosTestdataAnswersAsInProcess(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"served":true}`)) }))
	t.Cleanup(service.Close)
	definitions := theirChains(t, service.URL)
	theirRoutes, ordered := &strings.Builder{}, &strings.Builder{}
	var own, others []router
	for name := range definitions {
		fmt.Fprintf(theirRoutes, "  - {id: %s, connection: plant, from: {path: %s/+, qos: 2}, to: {path: \"chain:%s\"}}\n", name, topicOf(byRouters, name), name)
		fmt.Fprintf(ordered, "%s: {orderBy: topic}, ", name)
		one := router{id: name, to: "chain:" + name, in: []string{"testdata_kind"}, out: []string{"testdata_tell"}, wait: true}
		one.from = topicOf(inProcess, name) + "/+"
		others = append(others, one)
		one.from = topicOf(byRouters, name) + "/+"
		own = append(own, one)
	}
	w := newWorld(t, theirRoutes.String(), ordered.String())
	startRuleGo(t, w.broker, definitions, others)
	settings := config()
	w.serve(rulego.Options{Chains: written(t, definitions), Endpoints: []string{dsl(t, own)}, Config: &settings})

	wanted := 0
	for _, prefix := range []string{inProcess, byRouters} {
		for file, what := range placed {
			if what.not != "" {
				continue
			}
			for _, payload := range spoken {
				for _, kind := range kinds {
					w.publish(topicOf(prefix, chainOf(file))+"/"+kind, 1, payload)
				}
			}
			wanted += what.replies
		}
	}
	replies := w.answers(map[string]int{"": wanted})
	reference, ours := byChain(replies, inProcess), byChain(replies, byRouters)
	for file, what := range placed {
		if what.not != "" {
			continue
		}
		t.Run(chainOf(file), func(t *testing.T) {
			theirs, own := reference[chainOf(file)], ours[chainOf(file)]
			if count(theirs) != what.replies {
				t.Errorf("RuleGo in process gave %d replies, not %d", count(theirs), what.replies)
			}
			if count(own) != what.replies {
				t.Errorf("through Sluice there are %d replies, not %d", count(own), what.replies)
			}
			for topic := range theirs {
				sortBranches(theirs[topic])
				sortBranches(own[topic])
				if slices.ContainsFunc(theirs[topic], cancelled) {
					t.Logf("%s: RuleGo in process has lost a branch", topic)
					continue
				}
				if !slices.Equal(theirs[topic], own[topic]) {
					t.Errorf("%s: RuleGo in process gave\n%v\nthrough Sluice there is\n%v", topic, theirs[topic], own[topic])
				}
			}
		})
	}
}

// byChain are the replies below a prefix, by chain, then by topic and QoS: what MQTT keeps in order.
func byChain(replies []received, prefix string) map[string]map[string][]received {
	sorted := map[string]map[string][]received{}
	for _, one := range replies {
		topic, ok := strings.CutPrefix(one.topic, prefix)
		if !ok {
			continue
		}
		for _, v := range varying {
			one.payload = v.what.ReplaceAllString(one.payload, v.by)
		}
		one.topic, one.payload = topic, string(marshal(joined(one.payload)))
		chain, below, _ := strings.Cut(topic, "/")
		if sorted[chain] == nil {
			sorted[chain] = map[string][]received{}
		}
		key := fmt.Sprint(below, " at QoS ", one.qos)
		sorted[chain][key] = append(sorted[chain][key], one)
	}
	return sorted
}

// joined opens what is JSON in a text, however deep, and sorts what nodes have joined: RuleGo does it as branches end.
func joined(value any) any {
	switch value := value.(type) {
	case string:
		var inner any
		if json.Unmarshal([]byte(value), &inner) == nil {
			return joined(inner)
		}
	case map[string]any:
		for key, inner := range value {
			value[key] = joined(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = joined(inner)
		}
		if len(value) > 0 {
			if first, ok := value[0].(map[string]any); ok && first["nodeId"] != nil {
				slices.SortFunc(value, func(a, b any) int { return strings.Compare(string(marshal(a)), string(marshal(b))) })
			}
		}
	}
	return value
}

// sortBranches sorts the replies to one message, which branches give as they end; messages stay in their order.
func sortBranches(replies []received) {
	for begin := 0; begin < len(replies); {
		end := begin + 1
		for end < len(replies) && repliesTo(replies[end]) == repliesTo(replies[begin]) {
			end++
		}
		sortReplies(replies[begin:end])
		begin = end
	}
}

func repliesTo(one received) string {
	var told struct{ To any }
	_ = json.Unmarshal([]byte(one.payload), &told)
	return string(marshal(told.To))
}

// cancelled: see unhurried.
func cancelled(one received) bool {
	return strings.Contains(one.payload, "processing cancelled: context canceled")
}
