package reference

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sluice.dev/client/go/sluicev1"
)

type step struct {
	Describe       bool            `json:"describe"`
	Say            string          `json:"say"`
	SleepMS        int             `json:"sleep_ms"`
	Gate           string          `json:"gate"`
	UntilAbandoned bool            `json:"until_abandoned"`
	Send           *reply          `json:"send"`
	Throw          *string         `json:"throw"`
	Settle         *settlement     `json:"settle"`
	Return         json.RawMessage `json:"return"`
}

type settlement struct {
	Outcome      string  `json:"outcome"`
	Reason       string  `json:"reason"`
	RetryAfterMS uint32  `json:"retry_after_ms"`
	Replies      []reply `json:"replies"`
}

type reply struct {
	Topic           string            `json:"topic"`
	Payload         string            `json:"payload"`
	PayloadBase64   string            `json:"payload_base64"`
	PayloadBytes    int               `json:"payload_bytes"`
	Qos             *uint32           `json:"qos"`
	Retain          bool              `json:"retain"`
	ReplyID         uint64            `json:"reply_id"`
	ContentType     string            `json:"content_type"`
	ResponseTopic   string            `json:"response_topic"`
	CorrelationData *string           `json:"correlation_data_base64"`
	UserProperties  [][2]string       `json:"user_properties"`
	ExpiryS         *uint32           `json:"expiry_s"`
	Metadata        map[string]string `json:"metadata"`
}

func (r reply) proto() *sluicev1.Reply {
	out := &sluicev1.Reply{ReplyId: r.ReplyID, Topic: r.Topic, Qos: r.Qos, Retain: r.Retain, Payload: []byte(r.Payload), ContentType: r.ContentType,
		ResponseTopic: r.ResponseTopic, ExpiryS: r.ExpiryS, Metadata: r.Metadata}
	if r.PayloadBase64 != "" {
		out.Payload, _ = base64.StdEncoding.DecodeString(r.PayloadBase64)
	}
	if r.PayloadBytes > 0 {
		out.Payload = []byte(strings.Repeat("x", r.PayloadBytes))
	}
	if r.CorrelationData != nil {
		decoded, _ := base64.StdEncoding.DecodeString(*r.CorrelationData)
		out.CorrelationData = append([]byte{}, decoded...)
	}
	for _, pair := range r.UserProperties {
		out.UserProperties = append(out.UserProperties, &sluicev1.UserProperty{Name: pair[0], Value: pair[1]})
	}
	return out
}

func protos(replies []reply) []*sluicev1.Reply {
	var out []*sluicev1.Reply
	for _, one := range replies {
		out = append(out, one.proto())
	}
	return out
}

const maxReason = 1024

func cutReason(text string) string {
	text = strings.ToValidUTF8(text, "?")
	for len(text) > maxReason {
		runes := []rune(text[:maxReason+4])
		text = string(runes[:len(runes)-1])
		for len(text) > maxReason {
			runes = runes[:len(runes)-1]
			text = string(runes)
		}
		text = strings.TrimRight(text, "\uFFFD")
	}
	return text
}

// handle does what the payload says, and returns the settle.
func (s *stream) handle(h *holding) (settle *sluicev1.Settle) {
	t, d := s.worker.testee, h.delivery
	settle = &sluicev1.Settle{DeliveryId: d.DeliveryId}
	defer func() {
		if thrown := recover(); thrown != nil {
			settle = &sluicev1.Settle{DeliveryId: d.DeliveryId, Outcome: sluicev1.Outcome_OUTCOME_RETRY, Reason: cutReason(fmt.Sprint(thrown))}
		}
	}()
	var script struct {
		Steps []step `json:"steps"`
	}
	if json.Unmarshal(d.Payload, &script) != nil {
		return settle
	}
	for _, do := range script.Steps {
		switch {
		case do.Describe:
			t.say("message", describe(d))
		case do.Say != "":
			t.say("said", map[string]any{"text": do.Say, "delivery_id": d.DeliveryId})
		case do.SleepMS > 0:
			time.Sleep(time.Duration(do.SleepMS) * time.Millisecond)
		case do.Gate != "":
			<-t.gate(do.Gate)
		case do.UntilAbandoned:
			<-h.lost
			t.say("abandoned", map[string]any{"delivery_id": d.DeliveryId})
		case do.Send != nil:
			t.say("sent", map[string]any{"delivery_id": d.DeliveryId, "status": s.sendEarly(do.Send.proto(), d.DeliveryId)})
		case do.Throw != nil:
			panic(*do.Throw)
		case do.Settle != nil:
			settle.Outcome = map[string]sluicev1.Outcome{"": sluicev1.Outcome_OUTCOME_ACK, "ack": sluicev1.Outcome_OUTCOME_ACK, "retry": sluicev1.Outcome_OUTCOME_RETRY,
				"reject": sluicev1.Outcome_OUTCOME_REJECT, "drop": sluicev1.Outcome_OUTCOME_DROP}[do.Settle.Outcome]
			settle.Reason, settle.RetryAfterMs = cutReason(do.Settle.Reason), min(do.Settle.RetryAfterMS, 3_600_000)
			settle.Replies = protos(do.Settle.Replies)
			return settle
		case do.Return != nil:
			var one reply
			var list []reply
			if json.Unmarshal(do.Return, &list) != nil {
				_ = json.Unmarshal(do.Return, &one)
				list = []reply{one}
			}
			settle.Replies = protos(list)
			return settle
		}
	}
	return settle
}

func describe(d *sluicev1.Delivery) map[string]any {
	properties := [][2]string{}
	for _, one := range d.UserProperties {
		properties = append(properties, [2]string{one.Name, one.Value})
	}
	types := map[sluicev1.DataType]string{sluicev1.DataType_DATA_TYPE_JSON: "json", sluicev1.DataType_DATA_TYPE_TEXT: "text", sluicev1.DataType_DATA_TYPE_BINARY: "binary"}
	dataType, ok := types[d.DataType]
	if !ok {
		dataType = "unspecified"
	}
	metadata := d.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return map[string]any{
		"delivery_id": d.DeliveryId, "message_id": d.MessageId, "route": d.Route, "chain": d.Chain, "start_node": d.StartNode, "topic": d.Topic,
		"payload_base64": base64.StdEncoding.EncodeToString(d.Payload), "qos": d.Qos, "retain": d.Retain, "dup": d.Dup, "data_type": dataType,
		"received_unix_ms": d.ReceivedUnixMs, "age_ms": d.AgeMs, "lease_ms": d.LeaseMs, "attempt": d.Attempt, "ordering_key": d.OrderingKey,
		"content_type": d.ContentType, "response_topic": d.ResponseTopic, "user_properties": properties, "metadata": metadata,
		"correlation_data_base64": base64.StdEncoding.EncodeToString(d.CorrelationData), "expiry_s": d.ExpiryS,
	}
}
