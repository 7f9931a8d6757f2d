package parity

import "encoding/json"

// A chain in short: nodes as {id, type, configuration}, connections as {from, relation, to}.
type (
	node  [3]any
	nodes []node
	links [][3]string
	conf  map[string]any
)

// one is a case: a chain, how messages come to it, and what it answers to each of its messages.
type one struct {
	name    string
	nodes   nodes
	links   links
	options conf     // More of ruleChain.
	from    []string // Processors of the router's from.
	to      []string // Of its to; nil: metadataToHeaders and responseToBody.
	target  string   // Of the router; empty: the chain.
	wait    bool
	qos     byte // Of the messages.
	send    []string
	// Of the replies to all messages of the case, as RuleGo in process gives them.
	replies int
	// What differs on purpose: replies through Sluice, where they are others than in process. -1: as many.
	differs string
	sluice  int
}

const (
	success = "Success"
	failure = "Failure"
)

// js is a transform that ends with the message, metadata and type that `body` leaves.
func js(id, body string) node {
	return node{id, "jsTransform", conf{"jsScript": body + "\nreturn {'msg':msg,'metadata':metadata,'msgType':msgType};"}}
}

// answer sets the topic below the one that was published to.
func answer(id, topic string) node {
	return js(id, "metadata['responseTopic']=metadata['topic']+'/"+topic+"';")
}

func answerAt(id, topic, qos string) node {
	return js(id, "metadata['responseTopic']=metadata['topic']+'/"+topic+"';metadata['responseQos']='"+qos+"';")
}

var objects = []string{`{"n":1,"temperature":41}`, `{"n":2,"temperature":12}`, `{"n":3,"temperature":80,"name":"ä"}`}

// cases are chains of all kinds of nodes that need nothing outside of the process.
var cases = []one{
	{name: "one_node", nodes: nodes{answer("a", "r")}, send: objects, replies: 3},
	{name: "qos_1", nodes: nodes{answerAt("a", "r", "1")}, send: objects, replies: 3, qos: 1},
	{name: "qos_2", nodes: nodes{answerAt("a", "r", "2")}, send: objects, replies: 3, qos: 1},
	{name: "qos_no_number", nodes: nodes{answerAt("a", "r", "high")}, send: objects, replies: 3},
	{name: "no_topic", nodes: nodes{js("a", "metadata['x']='y';")}, send: objects, replies: 0},
	{name: "wait", nodes: nodes{answer("a", "r")}, wait: true, send: objects, replies: 3, qos: 1},
	{name: "two_ends", nodes: nodes{js("a", "msg.a=1;"), answer("b", "b"), answer("c", "c")},
		links: links{{"a", success, "b"}, {"a", success, "c"}}, wait: true, send: objects, replies: 6},
	{name: "three_ends_one_silent", nodes: nodes{js("a", "msg.a=1;"), answer("b", "b"), answer("c", "c"), js("d", "")},
		links: links{{"a", success, "b"}, {"a", success, "c"}, {"a", success, "d"}}, wait: true, send: objects, replies: 6,
		differs: "the topic of one branch never meets the body of another", sluice: 6},
	{name: "end_node", nodes: nodes{answer("a", "r"), {"e", "end", conf{}}, js("b", "msg.more=1;")},
		links: links{{"a", success, "e"}, {"a", success, "b"}}, send: objects, replies: 3},
	{name: "failure_branch", nodes: nodes{node{"a", "jsTransform", conf{"jsScript": "throw new Error('bad '+msg.n);"}}, answer("f", "failed")},
		links: links{{"a", failure, "f"}}, send: objects, replies: 3},
	{name: "failure_unanswered", nodes: nodes{node{"a", "jsTransform", conf{"jsScript": "throw new Error('bad');"}}}, send: objects, replies: 0},
	{name: "js_filter", nodes: nodes{{"a", "jsFilter", conf{"jsScript": "return msg.temperature>40;"}}, answer("t", "hot"), answer("f", "cold")},
		links: links{{"a", "True", "t"}, {"a", "False", "f"}}, send: objects, replies: 3},
	{name: "js_switch", nodes: nodes{{"a", "jsSwitch", conf{"jsScript": "return [msg.temperature>40?'hot':'cold','all'];"}}, answer("h", "hot"), answer("c", "cold"), answer("l", "all")},
		links: links{{"a", "hot", "h"}, {"a", "cold", "c"}, {"a", "all", "l"}}, send: objects, replies: 6},
	{name: "expr_filter", nodes: nodes{{"a", "exprFilter", conf{"expr": "msg.temperature > 40"}}, answer("t", "hot")},
		links: links{{"a", "True", "t"}}, send: objects, replies: 2},
	{name: "expr_transform", nodes: nodes{{"a", "exprTransform", conf{"mapping": conf{"twice": "msg.temperature*2", "up": "upper(metadata.topic)"}}}, answer("t", "r")},
		links: links{{"a", success, "t"}}, send: objects, replies: 3},
	{name: "metadata_transform", nodes: nodes{{"a", "metadataTransform", conf{"mapping": conf{"responseTopic": "metadata.topic + '/m'", "t": "string(msg.temperature)"}}}},
		send: objects, replies: 3},
	{name: "template", nodes: nodes{{"a", "text/template", conf{"template": "{{ .msg.temperature }} at {{ .metadata.topic }}"}}, answer("t", "r")},
		links: links{{"a", success, "t"}}, send: objects, replies: 3},
	{name: "switch", nodes: nodes{{"a", "switch", conf{"cases": []conf{{"case": "msg.temperature>=50", "then": "high"}, {"case": "msg.temperature>=20", "then": "middle"}}}},
		answer("h", "high"), answer("m", "middle"), answer("d", "low")},
		links: links{{"a", "high", "h"}, {"a", "middle", "m"}, {"a", "Default", "d"}}, send: objects, replies: 3},
	{name: "inclusive", nodes: nodes{{"a", "inclusive", conf{"cases": []conf{{"case": "msg.temperature>=50", "then": "high"}, {"case": "msg.temperature>=20", "then": "warm"}}}},
		answer("h", "high"), answer("w", "warm"), answer("d", "low")},
		links: links{{"a", "high", "h"}, {"a", "warm", "w"}, {"a", "Default", "d"}}, send: objects, replies: 4},
	{name: "msg_type_switch", nodes: nodes{{"a", "msgTypeSwitch", conf{}}, answer("d", "other")}, links: links{{"a", "Default", "d"}}, send: objects, replies: 3},
	{name: "field_filter", nodes: nodes{{"a", "fieldFilter", conf{"checkAllKeys": true, "dataNames": "temperature,name"}}, answer("t", "all"), answer("f", "missing")},
		links: links{{"a", "True", "t"}, {"a", "False", "f"}}, send: objects, replies: 3},
	{name: "group_filter", nodes: nodes{{"g", "groupFilter", conf{"allMatches": true, "nodeIds": "x,y"}}, {"x", "jsFilter", conf{"jsScript": "return msg.n>1;"}},
		{"y", "exprFilter", conf{"expr": "msg.temperature>40"}}, answer("t", "both"), answer("f", "not")},
		links: links{{"g", "True", "t"}, {"g", "False", "f"}}, send: objects, replies: 3},
	{name: "fork_join", nodes: nodes{{"k", "fork", conf{}}, js("b", "msg.b=1;"), js("c", "msg.c=1;"), {"j", "join", conf{"timeout": 5}},
		node{"r", "jsTransform", conf{"jsScript": "metadata['responseTopic']=metadata['topic']+'/joined';return {'msg':{'parts':msg.length},'metadata':metadata,'msgType':msgType};"}}},
		links: links{{"k", success, "b"}, {"k", success, "c"}, {"b", success, "j"}, {"c", success, "j"}, {"j", success, "r"}}, send: objects, replies: 3},
	{name: "delay", nodes: nodes{{"d", "delay", conf{"delayMs": "50"}}, answer("a", "late")}, links: links{{"d", success, "a"}}, send: objects, replies: 3},
	{name: "sub_chain", nodes: nodes{{"s", "flow", conf{"targetId": "sub_doubles"}}, js("t", "msg={'parts':msg.length,'data':msg[0].msg.data};"), answer("a", "sub")},
		links: links{{"s", success, "t"}, {"t", success, "a"}}, send: objects, replies: 3},
	{name: "sub_chain_extended", nodes: nodes{{"s", "flow", conf{"targetId": "sub_doubles", "extend": true}}, answer("a", "sub")},
		links: links{{"s", success, "a"}}, send: objects, replies: 3},
	{name: "loop", nodes: nodes{{"f", "for", conf{"range": "1..3", "do": "b", "mode": 1}}, js("b", "msg={'item':1};"), answer("a", "loop")},
		links: links{{"f", success, "a"}}, send: objects, replies: 3},
	{name: "group_action", nodes: nodes{{"g", "groupAction", conf{"nodeIds": "x,y", "matchNum": 2, "mergeToMap": true}}, js("x", "msg.x=1;"), js("y", "msg.y=1;"), answer("a", "group")},
		links: links{{"g", success, "a"}}, send: objects, replies: 3},
	{name: "node_output", nodes: nodes{js("a", "msg.first=msg.n;"), js("b", "msg={};"), {"o", "fetchNodeOutput", conf{"nodeId": "a"}}, answer("r", "fetched")},
		links: links{{"a", success, "b"}, {"b", success, "o"}, {"o", success, "r"}}, send: objects, replies: 3},
	{name: "cache", nodes: nodes{{"s", "cacheSet", conf{"items": []conf{{"level": "chain", "key": "k", "value": "v"}}}},
		{"g", "cacheGet", conf{"keys": []conf{{"level": "chain", "key": "k"}}, "outputMode": 0}}, answer("r", "cached")},
		links: links{{"s", success, "g"}, {"g", success, "r"}}, send: objects, replies: 3},
	{name: "function", nodes: nodes{{"f", "functions", conf{"functionName": "parity_hello"}}, answer("r", "hello")}, links: links{{"f", success, "r"}}, send: objects, replies: 3},
	{name: "function_panics", nodes: nodes{{"f", "functions", conf{"functionName": "parity_panics"}}, answer("r", "never")}, links: links{{"f", success, "r"}}, send: objects, replies: 0},
	{name: "panic_beside_an_answer", nodes: nodes{js("a", ""), {"f", "functions", conf{"functionName": "parity_panics"}}, answer("r", "beside")},
		links: links{{"a", success, "f"}, {"a", success, "r"}}, send: objects, replies: 3},
	{name: "empty", send: objects, replies: 0},
	{name: "start_node", nodes: nodes{js("a", "msg.a=1;"), answer("b", "r")}, links: links{{"a", success, "b"}}, target: "chain:start_node:b", send: objects, replies: 3},
	{name: "text", nodes: nodes{node{"a", "jsTransform", conf{"jsScript": "metadata['responseTopic']=metadata['topic']+'/text';return {'msg':msg+'!','metadata':metadata,'msgType':msgType};"}}},
		from: []string{"setTextDataType"}, send: []string{"plain", `{"looks":"like json"}`, ""}, replies: 3},
	{name: "not_json", nodes: nodes{answer("a", "r")}, from: []string{"setJsonDataType"}, send: []string{"plain", "{broken"}, replies: 2},
	{name: "binary", nodes: nodes{{"a", "metadataTransform", conf{"mapping": conf{"responseTopic": "metadata.topic + '/raw'"}}}},
		from: []string{"setBinaryDataType"}, send: []string{"\x00\xff\x01", "abc"}, replies: 2},
	{name: "to_hex", nodes: nodes{node{"a", "jsTransform", conf{"jsScript": "metadata['responseTopic']=metadata['topic']+'/hex';return {'msg':msg,'metadata':metadata,'msgType':msgType};"}}},
		from: []string{"toHex"}, send: []string{"\x00\xffA", "abc"}, replies: 2},
	{name: "headers", nodes: nodes{js("a", "metadata['responseTopic']=metadata['topic']+'/h';msg.has=metadata['topic'];")}, from: []string{"headersToMetadata"}, send: objects, replies: 3},
	{name: "udf", nodes: nodes{js("a", "metadata['responseTopic']=metadata['topic']+'/udf';msg.sum=parity_add(msg.n,1);")}, send: objects, replies: 3},
	{name: "globals", nodes: nodes{js("a", "metadata['responseTopic']=metadata['topic']+'/g';msg.g=global.plant;")}, send: objects, replies: 3},
	{name: "metadata_alone", nodes: nodes{answer("a", "r")}, to: []string{"responseToBody"}, send: objects, replies: 0,
		differs: "RuleGo 0.37 publishes nothing where only the metadata names the topic, against its documentation", sluice: 3},
	{name: "qos_out_of_range", nodes: nodes{answerAt("a", "r", "256")}, send: objects, replies: 3,
		differs: "RuleGo cuts 256 to 0; the gateway refuses what is no QoS, and keeps it as a dead letter", sluice: 0},
}

// Chains that others call.
var subChains = []one{
	{name: "sub_doubles", nodes: nodes{js("d", "msg.double=msg.n*2;")}},
}

// definition is the chain as RuleGo's DSL.
func (o *one) definition() []byte {
	var list []conf
	for _, n := range o.nodes {
		list = append(list, conf{"id": n[0], "type": n[1], "name": n[0], "configuration": n[2]})
	}
	var connections []conf
	for _, l := range o.links {
		connections = append(connections, conf{"fromId": l[0], "type": l[1], "toId": l[2]})
	}
	chain := conf{"id": o.name, "name": o.name, "root": true}
	for key, value := range o.options {
		chain[key] = value
	}
	return marshal(conf{"ruleChain": chain, "metadata": conf{"nodes": list, "connections": connections}})
}

func marshal(value any) []byte {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic(err)
	}
	return text
}

func (o *one) path() string {
	if o.target != "" {
		return o.target
	}
	return "chain:" + o.name
}

func (o *one) toProcessors() []string {
	if o.to != nil {
		return o.to
	}
	return []string{"metadataToHeaders", "responseToBody"}
}

func (o *one) throughSluice() int {
	if o.differs != "" {
		return o.sluice
	}
	return o.replies
}
