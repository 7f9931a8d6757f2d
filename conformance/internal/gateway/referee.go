package gateway

import (
	"sync"
	"time"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/board"
)

// referee knows what one stream holds, and the rules that hold in every case.
type referee struct {
	board *board.Board
	name  string

	mu       sync.Mutex
	holds    map[uint64]*holding
	gone     map[uint64]string // Deliveries of this stream that ended, and how: "settled", "revoked".
	limit    uint64            // Of a frame.
	features []string
	pings    map[uint64]bool // Nonces that a Pong may carry.
	drained  bool            // The worker has sent a Drain, or got one.
	// Of a worker that leaves by its own wish: nonces of its Pings, those that were new when it said so, and whether one of these
	// has been answered.
	asked          map[uint64]bool
	takeLeave      map[uint64]bool
	leaving        bool
	mayGo          bool
	over           bool
	serving        bool   // The Welcome has been sent: before it there is nothing to take leave of.
	window, widest uint32 // In force, and the largest that the Welcome grants; 0: none said.
	results        []*sluicev1.Result
}

type holding struct {
	delivery *sluicev1.Delivery
	at       time.Time
	began    bool
}

func newReferee(to *board.Board, name string) *referee {
	return &referee{board: to, name: name, holds: map[uint64]*holding{}, gone: map[uint64]string{}, pings: map[uint64]bool{}, asked: map[uint64]bool{},
		takeLeave: map[uint64]bool{}, limit: defaultMaxFrameBytes}
}

func (r *referee) welcomed(welcome *sluicev1.Welcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.greeted(welcome)
}

func (r *referee) greeted(welcome *sluicev1.Welcome) {
	r.limit, r.features, r.serving = welcome.MaxFrameBytes, welcome.Features, true
	r.widest = welcome.GetMaxWindow().GetMessages()
	r.opened(nil)
}

func (r *referee) sent(frame *sluicev1.GatewayFrame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if frame.Welcome != nil {
		r.greeted(frame.Welcome)
	}
	for _, delivery := range frame.Deliveries {
		r.holds[delivery.DeliveryId] = &holding{delivery: delivery, at: time.Now()}
	}
	for _, revoke := range frame.Revokes {
		if _, ok := r.holds[revoke.DeliveryId]; ok {
			delete(r.holds, revoke.DeliveryId)
			r.gone[revoke.DeliveryId] = "revoked"
		}
	}
	if frame.Ping != nil {
		r.pings[frame.Ping.Nonce] = true
	}
	if frame.Drain != nil {
		r.drained, r.mayGo = true, true
	}
	if frame.Pong != nil && r.takeLeave[frame.Pong.Nonce] {
		r.mayGo = true
	}
}

func (r *referee) held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.holds)
}

func (r *referee) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
}

func (r *referee) takeResults() []*sluicev1.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	results := r.results
	r.results = nil
	return results
}

// CountItems counts as the proto does.
func CountItems(frame *sluicev1.WorkerFrame) int {
	items := len(frame.Began) + len(frame.Settles) + len(frame.Extends)
	count := func(replies []*sluicev1.Reply) {
		for _, reply := range replies {
			items += 1 + len(reply.UserProperties) + len(reply.Metadata)
		}
	}
	count(frame.Replies)
	for _, settle := range frame.Settles {
		count(settle.Replies)
	}
	return items
}

const (
	maxItems      = 100_000
	maxHelloBytes = 1 << 20
	maxNameBytes  = 256
	maxSdkBytes   = 128
	maxChains     = 1000
)

// room is how many more messages the window lets in.
func (r *referee) room() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.drained {
		return 0
	}
	return max(0, int(r.window)-len(r.holds))
}

// opened sets the window, held to what the Welcome grants.
func (r *referee) opened(window *sluicev1.Window) {
	if window != nil {
		r.window = window.Messages
	}
	if r.widest > 0 {
		r.window = min(r.window, r.widest)
	}
}
