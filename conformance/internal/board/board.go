// Package board keeps what happened in one case: everything that gateways and the testee saw, in one order.
package board

import (
	"fmt"
	"sync"
	"time"

	"sluice.dev/conformance/internal/values"
)

// Record is one thing that happened.
type Record struct {
	At      time.Time
	Kind    string // "settle", "hello", "event", "half_close", …
	Gateway string // Empty: the testee itself.
	Stream  int    // From 1; 0: none.
	Data    map[string]any
	Taken   bool // An expectation has been met by it.
}

// Entry is a line of the transcript.
type Entry struct {
	At   time.Time
	Text string
}

// Board is safe for concurrent use.
type Board struct {
	started time.Time

	mu         sync.Mutex
	changed    chan struct{}        // Closed and made anew when something is added.
	records    map[string][]*Record // By kind.
	entries    []Entry
	violations []string
	allowed    map[string]bool // Rules whose violation is not noted.
}

// New begins a case now.
func New() *Board {
	return &Board{started: time.Now(), changed: make(chan struct{}), records: map[string][]*Record{}, allowed: map[string]bool{}}
}

// Started is when the case began.
func (b *Board) Started() time.Time { return b.started }

func (b *Board) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Add records something that expectations can wait for.
func (b *Board) Add(kind, gateway string, stream int, data map[string]any) {
	b.AddAll([]*Record{{Kind: kind, Gateway: gateway, Stream: stream, Data: data}})
}

// AddAll records what came at once.
func (b *Board) AddAll(records []*Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, record := range records {
		record.At = now
		b.records[record.Kind] = append(b.records[record.Kind], record)
	}
	b.wake()
}

// Note adds a line to the transcript.
func (b *Board) Note(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, Entry{At: time.Now(), Text: text})
}

// Violate notes that the worker broke a rule. The case fails, whatever it was about.
func (b *Board) Violate(rule, format string, arguments ...any) {
	text := fmt.Sprintf("[%s] ", rule) + fmt.Sprintf(format, arguments...)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.allowed[rule] {
		return
	}
	b.violations = append(b.violations, text)
	b.entries = append(b.entries, Entry{At: time.Now(), Text: "!! " + text})
	b.wake()
}

// Allow lets the worker break these rules from now on, too: the case wants it so.
func (b *Board) Allow(rules ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rule := range rules {
		b.allowed[rule] = true
	}
}

// Violations returns what Violate was told.
func (b *Board) Violations() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.violations...)
}

// Transcript returns the lines so far.
func (b *Board) Transcript() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Entry(nil), b.entries...)
}

// Query names the records that an expectation is about.
type Query struct {
	Kind    string
	Gateway string // Empty: any.
	Stream  int    // 0: any.
	// Select holds the fields that say which record is meant, Want what it then must hold.
	Select, Want map[string]any
	// Count of records, at least 1.
	Count int
	// Peek leaves the records for later expectations.
	Peek bool
}

func (q Query) selects(r *Record) bool {
	return !r.Taken && (q.Gateway == "" || r.Gateway == q.Gateway) && (q.Stream == 0 || r.Stream == q.Stream) &&
		values.Match(q.Select, r.Data) == nil
}

// Expect waits until as many records as asked for are there, and takes them. It fails at once when one of them does not hold
// what it should, and when the worker has broken a rule meanwhile. One expectation waits at a time.
func (b *Board) Expect(q Query, bound time.Duration) ([]*Record, error) {
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	var found []*Record
	seen := 0
	for {
		b.mu.Lock()
		changed := b.changed
		err := b.find(q, &found, &seen)
		violated := len(b.violations) > 0
		b.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case len(found) >= q.Count:
			return found, nil
		case violated:
			return nil, fmt.Errorf("the worker broke a rule")
		}
		select {
		case <-changed:
		case <-deadline.C:
			return nil, fmt.Errorf("waited %v for %s%s, got %d of %d%s", bound, q.Kind, values.Show(q.Select), len(found), q.Count, b.others(q))
		}
	}
}

// find goes on where it stopped before: each record is looked at once.
func (b *Board) find(q Query, found *[]*Record, seen *int) error {
	records := b.records[q.Kind]
	for ; *seen < len(records) && len(*found) < q.Count; *seen++ {
		record := records[*seen]
		if !q.selects(record) {
			continue
		}
		if err := values.Match(q.Want, record.Data); err != nil {
			return fmt.Errorf("%s: %w; it is %s", q.Kind, err, values.Show(record.Data))
		}
		*found = append(*found, record)
	}
	if len(*found) >= q.Count && !q.Peek {
		for _, record := range *found {
			record.Taken = true
		}
	}
	return nil
}

// others tells what of the kind is there but was not selected.
func (b *Board) others(q Query) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, count := "", 0
	for _, record := range b.records[q.Kind] {
		if !record.Taken && !q.selects(record) {
			if count++; count <= 3 {
				text += fmt.Sprintf("\n    there is %s#%d %s", record.Gateway, record.Stream, values.Show(record.Data))
			}
		}
	}
	return text
}

// ExpectNone fails when a record of the kind comes before the window is over. What is there already, and not taken, counts too.
func (b *Board) ExpectNone(q Query, window time.Duration) error {
	q.Count, q.Peek = 1, true
	deadline := time.NewTimer(window)
	defer deadline.Stop()
	var found []*Record
	seen := 0
	for {
		b.mu.Lock()
		changed := b.changed
		err := b.find(q, &found, &seen)
		b.mu.Unlock()
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("nothing of the kind must come, but there is %s %s", q.Kind, values.Show(found[0].Data))
		}
		select {
		case <-changed:
		case <-deadline.C:
			return nil
		}
	}
}

// Latest returns the newest record of the kind, taken or not; nil: none.
func (b *Board) Latest(kind, gateway string, stream int) *Record {
	all := b.all(kind, gateway, stream)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// Empty: nothing has happened yet.
func (b *Board) Empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.records) == 0
}

// First returns the oldest record of the kind, taken or not; nil: none.
func (b *Board) First(kind, gateway string, stream int) *Record {
	all := b.all(kind, gateway, stream)
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

func (b *Board) all(kind, gateway string, stream int) []*Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []*Record
	for _, r := range b.records[kind] {
		if r.Gateway == gateway && r.Stream == stream {
			found = append(found, r)
		}
	}
	return found
}

// Forget takes all records of the kind that are there.
func (b *Board) Forget(q Query) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := 0
	for _, record := range b.records[q.Kind] {
		if q.selects(record) && values.Match(q.Want, record.Data) == nil {
			record.Taken = true
			count++
		}
	}
	return count
}
