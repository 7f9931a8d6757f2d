package gateway

import (
	"net"
	"sync"
	"time"
)

// listener hands out connections that can go wrong on purpose.
type listener struct {
	net.Listener
	gateway *Gateway
}

func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, cutAfterWrites: -1, cutAfterReads: -1}
	c.changed = sync.NewCond(&c.mu)
	if l.gateway.accept(c) {
		return c, nil
	}
	return l.Accept()
}

// conn is the worker's TCP connection, below TLS.
type conn struct {
	net.Conn

	mu      sync.Mutex
	changed *sync.Cond
	frozen  bool // Nothing is read, and nothing written.
	closed  bool
	// What may still pass before the connection is cut; -1: all.
	cutAfterWrites, cutAfterReads int64
	slow                          Slow
}

// Slow makes a connection write in pieces with a pause after each.
type Slow struct {
	PieceBytes int
	Pause      time.Duration
}

func (c *conn) waitThawed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.frozen && !c.closed {
		c.changed.Wait()
	}
}

func (c *conn) Read(p []byte) (int, error) {
	c.waitThawed()
	n, err := c.Conn.Read(p)
	// What came while it was frozen stays unread for the server above.
	c.waitThawed()
	c.mu.Lock()
	cut := false
	if c.cutAfterReads >= 0 {
		c.cutAfterReads -= int64(n)
		cut = c.cutAfterReads <= 0
	}
	c.mu.Unlock()
	if cut {
		c.cut()
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.waitThawed()
	c.mu.Lock()
	slow, budget := c.slow, c.cutAfterWrites
	if budget >= 0 {
		c.cutAfterWrites = max(0, budget-int64(len(p)))
	}
	c.mu.Unlock()
	if budget >= 0 && int64(len(p)) >= budget {
		n, _ := c.Conn.Write(p[:budget])
		c.cutSoftly()
		return n, net.ErrClosed
	}
	if slow.PieceBytes == 0 {
		return c.Conn.Write(p)
	}
	written := 0
	for written < len(p) {
		n, err := c.Conn.Write(p[written:min(len(p), written+slow.PieceBytes)])
		written += n
		if err != nil {
			return written, err
		}
		time.Sleep(slow.Pause)
	}
	return written, nil
}

// cut resets the connection: what is under way is lost.
func (c *conn) cut() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// cutSoftly ends the connection after what has been written, so that the other side has the first half of a frame.
func (c *conn) cutSoftly() { _ = c.Close() }

func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	return c.Conn.Close()
}

func (c *conn) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	c.changed.Broadcast()
}
