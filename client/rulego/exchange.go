package rulego

import (
	"net/textproto"
	"strconv"
	"strings"
	"sync"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"

	sluice "sluice.dev/client/go"
)

// The names that RuleGo's MQTT endpoint gives these things.
const (
	keyTopic         = "topic"
	keyResponseTopic = "responseTopic"
	keyResponseQoS   = "responseQos"
)

// request is the message as processors and chains see it: RuleGo's endpoint.Message, for one delivery.
type request struct {
	message *sluice.Message
	run     *run
	headers textproto.MIMEHeader
	body    []byte
	msg     *types.RuleMsg
	err     error
}

var _ endpoint.Message = (*request)(nil)

func (r *request) Body() []byte { return r.body }

// Headers are the topic and, which RuleGo's endpoint has not, the MQTT 5 user properties. Those that would steer the
// engine are left out, as the gateway does it.
func (r *request) Headers() textproto.MIMEHeader {
	if r.headers == nil {
		r.headers = textproto.MIMEHeader{}
		for _, property := range r.message.UserProperties {
			if !strings.HasPrefix(property.Name, "_") && !isReplyKey(property.Name) {
				r.headers.Set(property.Name, property.Value)
			}
		}
		r.headers.Set(keyTopic, r.message.Topic)
	}
	return r.headers
}

func isReplyKey(name string) bool {
	return strings.EqualFold(name, keyResponseTopic) || strings.EqualFold(name, keyResponseQoS)
}

func (r *request) From() string              { return r.message.Topic }
func (r *request) GetParam(string) string    { return "" }
func (r *request) SetMsg(msg *types.RuleMsg) { r.msg = msg }
func (r *request) SetStatusCode(int)         {}
func (r *request) SetBody(body []byte)       { r.body = body }
func (r *request) SetError(err error)        { r.err = err }
func (r *request) GetError() error           { return r.err }
func (r *request) Message() *sluice.Message  { return r.message }

// GetMsg makes RuleGo's message at the first call.
func (r *request) GetMsg() *types.RuleMsg {
	if r.msg == nil {
		metadata := types.BuildMetadata(r.message.Metadata)
		metadata.PutValue(keyTopic, r.message.Topic)
		dataType := dataTypeOf(r.message.DataType)
		r.msg = &types.RuleMsg{
			Ts:       r.message.Received.UnixMilli(),
			Id:       r.message.MessageID,
			Type:     r.message.Topic,
			DataType: dataType,
			Data:     types.NewSharedDataFromBytesWithType(r.body, dataType),
			Metadata: metadata,
		}
	}
	return r.msg
}

func dataTypeOf(dataType sluice.DataType) types.DataType {
	switch dataType {
	case sluice.DataTypeText:
		return types.TEXT
	case sluice.DataTypeBinary:
		return types.BINARY
	default:
		return types.JSON
	}
}

// run is one message on its way through a router, and what its branches have answered.
type run struct {
	mu       sync.Mutex
	replies  sluice.Replies
	ends     int   // Branches that came to their end.
	started  bool  // The target has been asked to work.
	never    error // Why the chain did not run at all.
	failed   error // The first branch that ended with an error.
	meetings map[fork]*meeting
	panicked error
}

// response is what a router's own processes answer to, outside of any branch.
type response struct {
	branch
}

// branch is the answer of one end of the chain: RuleGo's endpoint.Message, with headers of its own, so that the topic of
// one branch never meets the body of another.
type branch struct {
	request *request
	headers textproto.MIMEHeader
	body    []byte
	msg     *types.RuleMsg
	err     error
}

var (
	_ endpoint.Message        = (*branch)(nil)
	_ endpoint.HeaderModifier = (*branch)(nil)
)

func (b *branch) Body() []byte { return b.body }

func (b *branch) Headers() textproto.MIMEHeader {
	if b.headers == nil {
		b.headers = textproto.MIMEHeader{}
	}
	return b.headers
}

func (b *branch) From() string                { return b.request.message.Topic }
func (b *branch) GetParam(string) string      { return "" }
func (b *branch) SetMsg(msg *types.RuleMsg)   { b.msg = msg }
func (b *branch) GetMsg() *types.RuleMsg      { return b.msg }
func (b *branch) SetStatusCode(int)           {}
func (b *branch) SetError(err error)          { b.err = err }
func (b *branch) GetError() error             { return b.err }
func (b *branch) AddHeader(key, value string) { b.Headers().Add(key, value) }
func (b *branch) SetHeader(key, value string) { b.Headers().Set(key, value) }
func (b *branch) DelHeader(key string)        { b.Headers().Del(key) }
func (b *branch) GetMetadata() *types.Metadata {
	if b.msg == nil {
		return nil
	}
	return b.msg.Metadata
}

// SetBody is RuleGo's way to answer: each call is a reply, if there is a topic for it.
func (b *branch) SetBody(body []byte) {
	b.body = body
	topic := b.value(keyResponseTopic)
	if topic == "" {
		return
	}
	reply := sluice.Reply{Topic: topic, Payload: body}
	if text := b.value(keyResponseQoS); text != "" {
		// As in RuleGo, what is no number is 0; what is one goes to the gateway, which refuses what is no QoS.
		if level, err := strconv.Atoi(text); err == nil {
			reply.QoS = sluice.QoS(qosOf(level))
		}
	}
	if b.msg != nil {
		reply.Metadata = replyMetadata(b.msg.Metadata)
	}
	run := b.request.run
	run.mu.Lock()
	run.replies = append(run.replies, reply)
	run.mu.Unlock()
}

// value looks into the metadata first, then into the headers. An error answers only where a processor has said so.
func (b *branch) value(name string) string {
	if b.err == nil && b.msg != nil && b.msg.Metadata != nil {
		if value := b.msg.Metadata.GetValue(name); value != "" {
			return value
		}
	}
	if b.headers == nil {
		return ""
	}
	return b.headers.Get(name)
}

// qosOf keeps a level that is none distinguishable from those that are: RuleGo would send 256 as 0.
func qosOf(level int) byte {
	if level < 0 || level > 2 {
		return 3
	}
	return byte(level)
}

// replyMetadata is what the route's `metadataToHeaders` makes user properties of.
func replyMetadata(metadata *types.Metadata) map[string]string {
	if metadata == nil || metadata.Len() == 0 {
		return nil
	}
	values := make(map[string]string, metadata.Len())
	metadata.ForEach(func(key, value string) bool {
		if !isReplyKey(key) && !strings.HasPrefix(key, "_") {
			values[key] = value
		}
		return true
	})
	return values
}
