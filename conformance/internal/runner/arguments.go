package runner

import (
	"fmt"
	"time"

	"sluice.dev/conformance/internal/gateway"
	"sluice.dev/conformance/internal/values"
)

// arguments are what stands behind a verb. Reading takes a member out; what is left at the end nobody knows.
type arguments struct {
	w       *world
	members map[string]any
	err     error
}

func (w *world) arguments(of any) *arguments {
	a := &arguments{w: w, members: map[string]any{}}
	switch of := w.expand(of).(type) {
	case map[string]any:
		for name, value := range of {
			a.members[name] = value
		}
	case nil, bool:
	default:
		a.members["_"] = of
	}
	return a
}

func (a *arguments) fail(format string, arguments ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, arguments...)
	}
}

func (a *arguments) take(name string) (any, bool) {
	value, ok := a.members[name]
	delete(a.members, name)
	return value, ok
}

// text is the member, or what stands behind the verb alone.
func (a *arguments) text(name, instead string) string {
	for _, key := range []string{name, "_"} {
		if value, ok := a.take(key); ok {
			return fmt.Sprint(value)
		}
	}
	return instead
}

func (a *arguments) number(name string, instead int64) int64 {
	value, ok := a.take(name)
	if !ok {
		return instead
	}
	number, ok := values.Number(value)
	if !ok {
		a.fail("%s is no number: %v", name, value)
	}
	return int64(number)
}

func (a *arguments) duration(name string, instead time.Duration) time.Duration {
	return time.Duration(a.number(name, instead.Milliseconds())) * time.Millisecond
}

// whether is true unless "false" stands behind the verb.
func whether(of any) bool { return of != false }

// gatewayName is the one named, or the first.
func (a *arguments) gatewayName() string {
	if value, ok := a.take("gateway"); ok {
		return fmt.Sprint(value)
	}
	return a.w.names[0]
}

func (a *arguments) gateway() *gateway.Gateway {
	name := a.gatewayName()
	g, ok := a.w.gateways[name]
	if !ok {
		a.fail("there is no gateway %q", name)
	}
	return g
}

func (a *arguments) stream() *gateway.Stream {
	number := int(a.number("stream", 0))
	g := a.gateway()
	if a.err != nil {
		return nil
	}
	s, err := g.Stream(number)
	if err != nil {
		a.err = err
	}
	return s
}

// delivery is an id by its label or as a number.
func (a *arguments) delivery(name string) uint64 {
	value, ok := a.take(name)
	if !ok {
		if value, ok = a.take("_"); !ok {
			a.fail("%s is missing", name)
			return 0
		}
	}
	return a.id(value)
}

func (a *arguments) id(value any) uint64 {
	if text, ok := value.(string); ok {
		id, known := a.w.labels[text]
		if !known {
			a.fail("no delivery is labelled %q", text)
		}
		return id
	}
	number, ok := values.Number(value)
	if !ok {
		a.fail("%v is no delivery", value)
	}
	return uint64(number)
}

// done is the first error, or one about members that nobody took.
func (a *arguments) done() error {
	if a.err == nil {
		for name := range a.members {
			return fmt.Errorf("unknown member %q", name)
		}
	}
	return a.err
}
