package runner

import (
	"fmt"
	"strings"
	"time"

	"sluice.dev/conformance/internal/board"
)

const (
	defaultBound = 10 * time.Second
	// A process that has just been started may take this long, in addition, until the first thing happens: a virtual machine
	// starts, on a busy machine.
	startBound = 30 * time.Second
)

// kinds that expectations can name, and how their members are taken: those of `selects` say which record is meant, all others
// what it must hold. With `lenient` every member says which record is meant.
var kinds = map[string]struct {
	selects []string
	event   bool // Of the testee: the member "gateway" is its address.
	lenient bool
}{
	"connection": {}, "hello": {}, "frame": {lenient: true}, "other_call": {},
	"settle": {selects: []string{"delivery_id"}}, "reply": {selects: []string{"delivery_id", "reply_id"}},
	"extend": {selects: []string{"delivery_id"}}, "began": {selects: []string{"delivery_id"}},
	"window": {lenient: true}, "ping": {lenient: true}, "pong": {lenient: true}, "drain": {}, "half_close": {}, "lost": {}, "stream_over": {},
	"exit": {}, "ended": {event: true}, "stats": {event: true},
	"message": {event: true, selects: []string{"delivery_id"}}, "said": {event: true, selects: []string{"delivery_id", "text"}},
	"abandoned": {event: true, selects: []string{"delivery_id"}}, "sent": {event: true, selects: []string{"delivery_id"}},
	"result":    {event: true, selects: []string{"delivery_id", "reply_id"}},
	"connected": {event: true, lenient: true}, "disconnected": {event: true, lenient: true}, "connect_failed": {event: true, lenient: true},
	"chain_refused": {event: true, lenient: true}, "draining": {event: true, lenient: true}, "resolve_failed": {event: true, lenient: true},
	"item_refused": {event: true, lenient: true},
}

// kindOf: "expect_settle" and "expect_settles" wait for settles.
func kindOf(verb string) string {
	kind, ok := strings.CutPrefix(verb, "expect_")
	if !ok {
		return ""
	}
	for _, name := range []string{kind, strings.TrimSuffix(kind, "s"), strings.TrimSuffix(strings.Replace(kind, "ies", "y", 1), "s")} {
		if _, known := kinds[name]; known {
			return name
		}
	}
	return ""
}

func (a *arguments) query(kind string) board.Query {
	properties := kinds[kind]
	q := board.Query{Kind: kind, Select: map[string]any{}, Want: map[string]any{}, Count: int(a.number("count", 1))}
	if value, ok := a.take("gateway"); ok {
		if properties.event {
			q.Select["address"] = a.w.addresses[fmt.Sprint(value)]
		} else {
			q.Gateway = fmt.Sprint(value)
		}
	}
	if !properties.event {
		q.Stream = int(a.number("stream", 0))
	}
	if value, ok := a.take("of"); ok {
		q.Select["delivery_id"] = a.id(value)
	}
	if value, ok := a.take("peek"); ok {
		q.Peek = value == true
	}
	for name, value := range a.members {
		selects := properties.lenient
		for _, one := range properties.selects {
			selects = selects || one == name
		}
		if selects {
			q.Select[name] = value
		} else {
			q.Want[name] = value
		}
		delete(a.members, name)
	}
	return q
}

// expect waits for records. It returns when the last of them came.
func (w *world) expect(kind string, of any) (time.Time, error) {
	a := w.arguments(of)
	bound := a.duration("within_ms", defaultBound)
	since, _ := a.take("since")
	minimum, maximum := a.number("min_ms", -1), a.number("max_ms", -1)
	list, several := a.members["of"].([]any)
	if several {
		delete(a.members, "of")
	}
	q := a.query(kind)
	if err := a.done(); err != nil {
		return time.Time{}, err
	}
	queries := []board.Query{q}
	if several {
		queries = nil
		for _, one := range list {
			each := q
			each.Select = map[string]any{}
			for name, value := range q.Select {
				each.Select[name] = value
			}
			each.Select["delivery_id"] = a.id(one)
			queries = append(queries, each)
		}
		if a.err != nil {
			return time.Time{}, a.err
		}
	}
	if w.fresh && w.board.Empty() {
		bound += startBound
	}
	var last time.Time
	for _, each := range queries {
		found, err := w.board.Expect(each, w.stretch(bound))
		if err != nil {
			return time.Time{}, err
		}
		for _, record := range found {
			if record.At.After(last) {
				last = record.At
			}
		}
	}
	return last, w.checkTime(last, since, minimum, maximum)
}

// stretch makes a bound longer where everything is slow.
func (w *world) stretch(bound time.Duration) time.Duration {
	return time.Duration(float64(bound) * w.patience)
}

func (w *world) checkTime(at time.Time, since any, minimum, maximum int64) error {
	if minimum < 0 && maximum < 0 {
		return nil
	}
	mark, ok := w.marks[fmt.Sprint(since)]
	if !ok {
		return fmt.Errorf("no step is marked %v", since)
	}
	took := at.Sub(mark)
	if minimum >= 0 && took < time.Duration(minimum)*time.Millisecond {
		return fmt.Errorf("it came %v after %q, which is too early: at least %d ms", took.Round(time.Millisecond), since, minimum)
	}
	if maximum >= 0 && took > w.stretch(time.Duration(maximum)*time.Millisecond) {
		return fmt.Errorf("it came %v after %q, which is too late: at most %d ms", took.Round(time.Millisecond), since, maximum)
	}
	return nil
}

// expectNone is a window in which nothing of a kind may come.
func (w *world) expectNone(of any) error {
	a := w.arguments(of)
	kind := a.text("kind", "")
	if _, ok := kinds[kind]; !ok {
		return fmt.Errorf("there is no kind %q", kind)
	}
	if _, said := a.members["for_ms"]; !said {
		return fmt.Errorf("for_ms is missing")
	}
	window := a.duration("for_ms", 0)
	q := a.query(kind)
	// Members are what must not come.
	for name, value := range q.Want {
		q.Select[name] = value
	}
	q.Want = nil
	if err := a.done(); err != nil {
		return err
	}
	return w.board.ExpectNone(q, window)
}
