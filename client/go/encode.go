package sluice

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"sluice.dev/client/go/internal/wire"
)

const (
	// maxFrameItems a frame may hold (worker.proto, "Frames"); one with more ends the stream.
	maxFrameItems  = 100_000
	maxReasonBytes = 1024
	maxRetryAfter  = time.Hour
)

// Field numbers of a WorkerFrame.
const (
	fieldExtends = 3
	fieldReplies = 4
	fieldSettles = 5
	fieldPong    = 7
	fieldBegan   = 9
)

// replyItems of a reply, as the bound counts them.
func replyItems(r *Reply) int { return 1 + len(r.UserProperties) + len(r.Metadata) }

func settleItems(replies []Reply) int {
	items := 1
	for i := range replies {
		items += replyItems(&replies[i])
	}
	return items
}

func pairSize(name, value string) int {
	return wire.BytesFieldSize(len(name)) + wire.BytesFieldSize(len(value))
}

// replySize counts one byte for a tag: all numbers are below 16.
func replySize(r *Reply, deliveryID uint64) int {
	size := wire.VarintFieldSize(deliveryID) + wire.VarintFieldSize(r.ReplyID) + wire.BytesFieldSize(len(r.Topic)) +
		wire.BytesFieldSize(len(r.Payload)) + wire.BytesFieldSize(len(r.ContentType)) +
		wire.BytesFieldSize(len(r.ResponseTopic))
	if r.QoS != nil {
		size += 1 + wire.VarintSize(uint64(*r.QoS))
	}
	if r.Retain {
		size += 2
	}
	if r.CorrelationData != nil {
		size += wire.BytesSize(len(r.CorrelationData))
	}
	for i := range r.UserProperties {
		size += wire.BytesSize(pairSize(r.UserProperties[i].Name, r.UserProperties[i].Value))
	}
	if r.Expiry != nil {
		size += 1 + wire.VarintSize(expirySeconds(*r.Expiry))
	}
	if len(r.Metadata) > 0 { // To range over none costs, too.
		for name, value := range r.Metadata {
			size += wire.BytesSize(pairSize(name, value))
		}
	}
	return size
}

func expirySeconds(expiry time.Duration) uint64 {
	if expiry <= 0 {
		return 0
	}
	const most = 1<<32 - 1
	return min(uint64((expiry-1)/time.Second)+1, most)
}

func appendPair(out []byte, number uint32, name, value string) []byte {
	out = wire.AppendHead(out, number, pairSize(name, value))
	out = wire.AppendBytesField(out, 1, name)
	return wire.AppendBytesField(out, 2, value)
}

func appendReply(out []byte, r *Reply, deliveryID uint64) []byte {
	out = wire.AppendVarintField(out, 1, deliveryID)
	out = wire.AppendVarintField(out, 2, r.ReplyID)
	out = wire.AppendBytesField(out, 3, r.Topic)
	if r.QoS != nil {
		out = wire.AppendVarint(out, 4, uint64(*r.QoS))
	}
	if r.Retain {
		out = wire.AppendVarint(out, 5, 1)
	}
	out = wire.AppendBytesField(out, 6, r.Payload)
	out = wire.AppendBytesField(out, 7, r.ContentType)
	out = wire.AppendBytesField(out, 8, r.ResponseTopic)
	if r.CorrelationData != nil {
		out = append(wire.AppendHead(out, 9, len(r.CorrelationData)), r.CorrelationData...)
	}
	for i := range r.UserProperties {
		out = appendPair(out, 10, r.UserProperties[i].Name, r.UserProperties[i].Value)
	}
	if r.Expiry != nil {
		out = wire.AppendVarint(out, 11, expirySeconds(*r.Expiry))
	}
	if len(r.Metadata) > 0 {
		for name, value := range r.Metadata {
			out = appendPair(out, 12, name, value)
		}
	}
	return out
}

// checkReply: a frame with a string that is not UTF-8 would end the stream.
func checkReply(r *Reply) error {
	texts := [...]struct{ field, value string }{
		{"Topic", r.Topic}, {"ContentType", r.ContentType}, {"ResponseTopic", r.ResponseTopic},
	}
	for i := range texts {
		if !utf8.ValidString(texts[i].value) {
			return fmt.Errorf("%w: its %s is not UTF-8", ErrNotSendable, texts[i].field)
		}
	}
	for i := range r.UserProperties {
		if p := &r.UserProperties[i]; !utf8.ValidString(p.Name) || !utf8.ValidString(p.Value) {
			return fmt.Errorf("%w: one of its UserProperties is not UTF-8", ErrNotSendable)
		}
	}
	if len(r.Metadata) == 0 {
		return nil
	}
	for name, value := range r.Metadata {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return fmt.Errorf("%w: one entry of its Metadata is not UTF-8", ErrNotSendable)
		}
	}
	return nil
}

// settleParts is a settle, measured.
type settleParts struct {
	deliveryID uint64
	outcome    Outcome
	reason     string
	retryMs    uint64
	replies    []Reply
	inner      int // Encoded bytes without the head.
}

func measureSettle(deliveryID uint64, s *settlement) settleParts {
	p := settleParts{deliveryID: deliveryID, outcome: s.outcome, replies: s.replies}
	if s.reason != "" {
		p.reason = cleanReason(s.reason)
	}
	if s.retryAfter > 0 {
		p.retryMs = uint64((min(s.retryAfter, maxRetryAfter) + time.Millisecond - 1) / time.Millisecond)
	}
	p.inner = wire.VarintFieldSize(deliveryID) + wire.VarintFieldSize(uint64(s.outcome)) +
		wire.BytesFieldSize(len(p.reason)) + wire.VarintFieldSize(p.retryMs)
	for i := range s.replies {
		p.inner += wire.BytesSize(replySize(&s.replies[i], 0))
	}
	return p
}

// size of the field in a frame.
func (p *settleParts) size() int { return wire.BytesSize(p.inner) }

func (p *settleParts) append(out []byte) []byte {
	out = wire.AppendHead(out, fieldSettles, p.inner)
	out = wire.AppendVarintField(out, 1, p.deliveryID)
	out = wire.AppendVarintField(out, 2, uint64(p.outcome))
	out = wire.AppendBytesField(out, 3, p.reason)
	out = wire.AppendVarintField(out, 4, p.retryMs)
	for i := range p.replies {
		out = wire.AppendHead(out, 5, replySize(&p.replies[i], 0))
		out = appendReply(out, &p.replies[i], 0)
	}
	return out
}

// cleanReason is valid UTF-8 of at most 1,024 bytes, cut between two characters.
func cleanReason(reason string) string {
	if !utf8.ValidString(reason) {
		reason = strings.ToValidUTF8(reason, "?")
	}
	if len(reason) <= maxReasonBytes {
		return reason
	}
	cut := maxReasonBytes
	for !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return reason[:cut]
}

func beganSize(ids []uint64) int {
	size := 0
	for _, id := range ids {
		size += wire.VarintSize(id)
	}
	return size
}

func appendBegan(out []byte, ids []uint64) []byte {
	out = wire.AppendHead(out, fieldBegan, beganSize(ids))
	for _, id := range ids {
		out = binary.AppendUvarint(out, id)
	}
	return out
}

func extendSize(e extension) int {
	return wire.VarintFieldSize(e.deliveryID) + wire.VarintFieldSize(uint64(e.lease/time.Millisecond))
}

func appendExtend(out []byte, e extension) []byte {
	out = wire.AppendHead(out, fieldExtends, extendSize(e))
	out = wire.AppendVarintField(out, 1, e.deliveryID)
	return wire.AppendVarintField(out, 2, uint64(e.lease/time.Millisecond))
}

func appendPong(out []byte, value uint64) []byte {
	out = wire.AppendHead(out, fieldPong, wire.VarintFieldSize(value))
	return wire.AppendVarintField(out, 1, value)
}
