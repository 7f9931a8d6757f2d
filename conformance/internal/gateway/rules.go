package gateway

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
)

// received holds a frame of the worker against the rules, in the order in which its parts take effect.
func (r *referee) received(frame *sluicev1.WorkerFrame, bytes int, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkFrame(frame, bytes, first)
	if frame.Hello != nil {
		r.opened(frame.Hello.Window)
	}
	r.opened(frame.Window)
	for _, id := range frame.Began {
		if r.known("W-25", "began", id) {
			r.holds[id].began = true
		} else {
			r.stale(0, id)
		}
	}
	for _, extend := range frame.Extends {
		if r.known("W-40", "an extend", extend.DeliveryId) {
			r.holds[extend.DeliveryId].began = true
		} else {
			r.stale(0, extend.DeliveryId)
		}
	}
	for _, reply := range frame.Replies {
		switch {
		case !r.known("W-23", "a reply ahead of its settle", reply.DeliveryId):
			r.stale(reply.ReplyId, reply.DeliveryId)
		case reply.ReplyId != 0:
			r.ok(reply.ReplyId, reply.DeliveryId)
		}
	}
	for _, settle := range frame.Settles {
		r.settled(settle)
	}
	if frame.Pong != nil && !r.pings[frame.Pong.Nonce] {
		r.board.Violate("W-24", "a Pong has nonce %d, which no Ping had", frame.Pong.Nonce)
	}
	if frame.Drain != nil {
		r.drained, r.leaving = true, true
	}
	if frame.Ping != nil {
		if r.leaving && !r.asked[frame.Ping.Nonce] {
			r.takeLeave[frame.Ping.Nonce] = true
		}
		r.asked[frame.Ping.Nonce] = true
	}
}

func (r *referee) checkFrame(frame *sluicev1.WorkerFrame, bytes int, first bool) {
	if first != (frame.Hello != nil) {
		r.board.Violate("W-1", "Hello must be in the first frame and only there")
	}
	if frame.Hello != nil {
		r.checkHello(frame.Hello)
	}
	if !first && uint64(bytes) > r.limit {
		r.board.Violate("W-17", "a frame has %d bytes; the Welcome allows %d", bytes, r.limit)
	}
	if items := CountItems(frame); items > maxItems {
		r.board.Violate("W-18", "a frame holds %d items; allowed are 100,000", items)
	}
}

func (r *referee) checkHello(hello *sluicev1.Hello) {
	if size := proto.Size(hello); size > maxHelloBytes {
		r.board.Violate("W-26", "Hello has %d bytes; allowed is 1 MiB", size)
	}
	if len(hello.WorkerName) > maxNameBytes || len(hello.Instance) > maxNameBytes {
		r.board.Violate("W-26", "worker_name has %d bytes and instance %d; allowed are 256", len(hello.WorkerName), len(hello.Instance))
	}
	if len(hello.Sdk) > maxSdkBytes || strings.ContainsFunc(hello.Sdk, func(c rune) bool { return c < ' ' || c > '~' }) {
		r.board.Violate("W-26", "sdk is %q; allowed are 128 bytes of printable ASCII", hello.Sdk)
	}
	if len(hello.Chains) == 0 || len(hello.Chains) > maxChains {
		r.board.Violate("W-26", "Hello names %d chains; allowed are 1 … 1,000", len(hello.Chains))
	}
	for _, chain := range hello.Chains {
		if len(chain) > maxNameBytes {
			r.board.Violate("W-26", "a chain's name has %d bytes; allowed are 256", len(chain))
		}
	}
}

// known: the delivery is held. What was never delivered here is a violation; what has ended meanwhile may be a matter of time.
func (r *referee) known(rule, what string, id uint64) bool {
	if _, ok := r.holds[id]; ok {
		return true
	}
	if _, ok := r.gone[id]; !ok {
		r.board.Violate(rule, "%s names delivery %d, which was never delivered on this stream", what, id)
	}
	return false
}

func (r *referee) settled(settle *sluicev1.Settle) {
	if r.gone[settle.DeliveryId] == "settled" {
		r.board.Violate("W-37", "delivery %d is settled a second time", settle.DeliveryId)
	}
	if !r.known("W-37", "a settle", settle.DeliveryId) {
		r.stale(0, settle.DeliveryId)
		return
	}
	delete(r.holds, settle.DeliveryId)
	r.gone[settle.DeliveryId] = "settled"
	for _, reply := range settle.Replies {
		switch {
		case settle.Outcome == sluicev1.Outcome_OUTCOME_RETRY:
			r.results = append(r.results, &sluicev1.Result{ReplyId: reply.ReplyId, DeliveryId: settle.DeliveryId, Code: sluicev1.Result_CODE_NOT_PUBLISHED})
		case reply.ReplyId != 0:
			r.ok(reply.ReplyId, settle.DeliveryId)
		}
	}
}

func (r *referee) halfClosed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.holds) > 0 && !r.over {
		r.board.Violate("W-10", "the worker half-closes while it holds %d deliveries", len(r.holds))
	}
	if r.leaving && !r.mayGo {
		r.board.Violate("W-9", "the worker half-closes before a Pong that answers a Ping with a new nonce, sent with its Drain or after it")
	}
	if r.serving && !r.drained {
		r.board.Violate("W-8", "the worker half-closes without a Drain of either side")
	}
}

func (r *referee) stale(replyID, deliveryID uint64) {
	r.results = append(r.results, &sluicev1.Result{ReplyId: replyID, DeliveryId: deliveryID, Code: sluicev1.Result_CODE_STALE,
		Message: "not in flight on this stream"})
}

func (r *referee) ok(replyID, deliveryID uint64) {
	r.results = append(r.results, &sluicev1.Result{ReplyId: replyID, DeliveryId: deliveryID, Code: sluicev1.Result_CODE_OK})
}
