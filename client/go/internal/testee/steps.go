package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"sluice.dev/client/go"
)

type step struct {
	Describe       bool            `json:"describe"`
	Say            *string         `json:"say"`
	SleepMs        int64           `json:"sleep_ms"`
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
	RetryAfterMs int64   `json:"retry_after_ms"`
	Replies      []reply `json:"replies"`
}

type reply struct {
	Topic           string            `json:"topic"`
	Payload         string            `json:"payload"`
	PayloadBase64   []byte            `json:"payload_base64"`
	PayloadBytes    int               `json:"payload_bytes"`
	QoS             *byte             `json:"qos"`
	Retain          bool              `json:"retain"`
	ReplyID         uint64            `json:"reply_id"`
	ContentType     string            `json:"content_type"`
	ResponseTopic   string            `json:"response_topic"`
	CorrelationData []byte            `json:"correlation_data_base64"`
	UserProperties  [][2]string       `json:"user_properties"`
	ExpiryS         *uint32           `json:"expiry_s"`
	Metadata        map[string]string `json:"metadata"`
}

func (r *reply) made() sluice.Reply {
	made := sluice.Reply{Topic: r.Topic, Payload: []byte(r.Payload), QoS: r.QoS, Retain: r.Retain, ReplyID: r.ReplyID,
		ContentType: r.ContentType, ResponseTopic: r.ResponseTopic, CorrelationData: r.CorrelationData, Metadata: r.Metadata}
	if r.PayloadBase64 != nil {
		made.Payload = r.PayloadBase64
	}
	if r.PayloadBytes > 0 {
		made.Payload = bytes.Repeat([]byte("x"), r.PayloadBytes)
	}
	for _, pair := range r.UserProperties {
		made.UserProperties = append(made.UserProperties, sluice.UserProperty{Name: pair[0], Value: pair[1]})
	}
	if r.ExpiryS != nil {
		expiry := time.Duration(*r.ExpiryS) * time.Second
		made.Expiry = &expiry
	}
	return made
}

func madeAll(replies []reply) sluice.Replies {
	var made sluice.Replies
	for i := range replies {
		made = append(made, replies[i].made())
	}
	return made
}

func (s *settlement) answer() (sluice.Replies, error) {
	replies := madeAll(s.Replies)
	switch s.Outcome {
	case "retry":
		return replies, sluice.RetryAfter(time.Duration(s.RetryAfterMs)*time.Millisecond, s.Reason)
	case "reject":
		return replies, sluice.Reject(s.Reason)
	case "drop":
		return replies, sluice.Drop(s.Reason)
	default:
		return replies, nil
	}
}

func returned(raw json.RawMessage) (sluice.Replies, error) {
	var many []reply
	if json.Unmarshal(raw, &many) == nil {
		return madeAll(many), nil
	}
	var one reply
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, err
	}
	return sluice.Replies{one.made()}, nil
}

// handle does what the message's payload says.
func (t *testee) handle(ctx context.Context, m *sluice.Message) (sluice.Replies, error) {
	var script struct {
		Steps []step `json:"steps"`
	}
	if json.Unmarshal(m.Payload, &script) != nil {
		return nil, nil
	}
	for i := range script.Steps {
		s := &script.Steps[i]
		switch {
		case s.Describe:
			t.describe(m)
		case s.Say != nil:
			t.tell("said", object{"text": *s.Say, "delivery_id": m.DeliveryID})
		case s.SleepMs > 0:
			time.Sleep(time.Duration(s.SleepMs) * time.Millisecond)
		case s.Gate != "":
			<-t.gate(s.Gate)
		case s.UntilAbandoned:
			<-ctx.Done()
			t.tell("abandoned", object{"delivery_id": m.DeliveryID})
		case s.Send != nil:
			t.tell("sent", object{"delivery_id": m.DeliveryID, "status": sendStatus(m.Send(ctx, s.Send.made()))})
		case s.Throw != nil:
			return nil, errors.New(*s.Throw)
		case s.Settle != nil:
			return s.Settle.answer()
		case s.Return != nil:
			return returned(s.Return)
		}
	}
	return nil, nil
}

func sendStatus(err error) string {
	switch {
	case err == nil:
		return "OK"
	case errors.Is(err, sluice.ErrNotSendable):
		return "INVALID_ARGUMENT"
	case errors.Is(err, sluice.ErrSendBufferFull):
		return "RESOURCE_EXHAUSTED"
	default:
		return "UNAVAILABLE"
	}
}

func (t *testee) describe(m *sluice.Message) {
	properties := [][2]string{}
	for _, p := range m.UserProperties {
		properties = append(properties, [2]string{p.Name, p.Value})
	}
	metadata := m.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	var expiry any
	if m.Expiry != nil {
		expiry = int64(*m.Expiry / time.Second)
	}
	t.tell("message", object{
		"delivery_id": m.DeliveryID, "message_id": m.MessageID, "route": m.Route, "chain": m.Chain, "start_node": m.StartNode,
		"topic": m.Topic, "payload_base64": notNil(m.Payload), "qos": m.QoS, "retain": m.Retain, "dup": m.Dup,
		"data_type": m.DataType.String(), "received_unix_ms": m.Received.UnixMilli(), "age_ms": m.Age.Milliseconds(),
		"lease_ms": m.Lease.Milliseconds(), "attempt": m.Attempt, "ordering_key": m.OrderingKey, "content_type": m.ContentType,
		"response_topic": m.ResponseTopic, "correlation_data_base64": notNil(m.CorrelationData), "user_properties": properties,
		"expiry_s": expiry, "metadata": metadata,
	})
}

// notNil bytes are written as "", not as null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
