package sluice

import (
	"sync"

	"google.golang.org/grpc/mem"
)

const (
	// Up to here a copy is cheaper than one more piece for gRPC to handle.
	copyBelow = 4096
	// pieceBytes is what small items gather in. A gateway with smaller frames gets smaller pieces.
	pieceBytes = 32 << 10
	// frameBytes: a larger frame gains nothing, and keeps the gateway waiting for its first settle.
	frameBytes = 1 << 20
)

// pieces are reused once gRPC has written them.
var pieces = piecePool{pool: sync.Pool{New: func() any {
	piece := make([]byte, 0, pieceBytes)
	return &piece
}}}

// piecePool is gRPC's way to give back what it has written.
type piecePool struct{ pool sync.Pool }

func (p *piecePool) Get(int) *[]byte {
	piece := p.pool.Get().(*[]byte)
	*piece = (*piece)[:0]
	return piece
}

func (p *piecePool) Put(piece *[]byte) {
	if cap(*piece) == pieceBytes {
		p.pool.Put(piece)
	}
}

// item is what sending a part of a frame means.
type item struct {
	count        int   // As maxFrameItems counts.
	settled      int   // Deliveries settled in it.
	settledBytes int64 // Their windowBytes.
}

// chunk is encoded fields of a WorkerFrame.
type chunk struct {
	item
	bytes     *[]byte
	endsFrame bool // What comes later must be in a later frame.
}

// outbox is what a stream has to say and cannot send yet: while one write is under way the next frame gathers here, in
// order. Not safe for several goroutines.
type outbox struct {
	chunks     []chunk
	size       int // Encoded bytes waiting.
	pieceLimit int // What small items may gather to.
}

func (o *outbox) empty() bool { return len(o.chunks) == 0 }

// room returns the chunk that takes `size` more bytes of the item; the caller appends them to its bytes.
func (o *outbox) room(size int, i item) *chunk {
	o.size += size
	if last := len(o.chunks) - 1; last >= 0 {
		c := &o.chunks[last]
		if size < copyBelow && !c.endsFrame && len(*c.bytes)+size <= o.pieceLimit && c.count+i.count <= maxFrameItems {
			c.count += i.count
			c.settled += i.settled
			c.settledBytes += i.settledBytes
			return c
		}
	}
	o.chunks = append(o.chunks, chunk{item: i})
	c := &o.chunks[len(o.chunks)-1]
	if size <= pieceBytes {
		c.bytes = pieces.Get(size)
	} else {
		piece := make([]byte, 0, size)
		c.bytes = &piece
	}
	return c
}

// add takes encoded bytes. A large slice is kept, not copied.
func (o *outbox) add(encoded []byte, i item, endsFrame bool) {
	if len(encoded) >= copyBelow {
		o.size += len(encoded)
		o.chunks = append(o.chunks, chunk{item: i, bytes: &encoded, endsFrame: endsFrame})
		return
	}
	c := o.room(len(encoded), i)
	*c.bytes = append(*c.bytes, encoded...)
	c.endsFrame = endsFrame
}

// frame is what goes to gRPC in one write.
type frame struct {
	item
	data mem.BufferSlice
}

// take the next frame: as much as fits into `limit` bytes and maxFrameItems, at least one chunk. Not when empty.
func (o *outbox) take(limit int) frame {
	var f frame
	size, taken := 0, 0
	for taken < len(o.chunks) {
		c := &o.chunks[taken]
		if taken > 0 && (size+len(*c.bytes) > limit || f.count+c.count > maxFrameItems) {
			break
		}
		size += len(*c.bytes)
		f.count += c.count
		f.settled += c.settled
		f.settledBytes += c.settledBytes
		f.data = append(f.data, mem.NewBuffer(c.bytes, &pieces))
		taken++
		if c.endsFrame {
			break
		}
	}
	o.size -= size
	rest := copy(o.chunks, o.chunks[taken:])
	clear(o.chunks[rest:])
	o.chunks = o.chunks[:rest]
	return f
}
