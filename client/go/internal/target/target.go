// Package target knows where gateways are: what the user named, what the names stand for now, and what changed since.
package target

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const defaultPort = 7443

// Target is "HOST:PORT" as the user gave it, taken apart.
type Target struct {
	Host    string // Without brackets.
	Port    uint16
	Literal bool // An IP address: nothing to look up.
}

// Parse takes "HOST:PORT", "[IPv6]:PORT" or "HOST". The port is 7443 where none is given.
func Parse(text string) (Target, error) {
	bad := func(why string) (Target, error) {
		return Target{}, errors.New(why + "; give HOST:PORT, [IPv6]:PORT or HOST")
	}
	host, port, hasPort := text, "", false
	if strings.HasPrefix(text, "[") {
		inside, rest, closed := strings.Cut(text[1:], "]")
		if !closed {
			return bad("the closing ] is missing")
		}
		host = inside
		if rest != "" {
			if port, hasPort = strings.CutPrefix(rest, ":"); !hasPort {
				return bad("only :PORT may follow the ]")
			}
		}
	} else if strings.Count(text, ":") == 1 {
		host, port, hasPort = strings.Cut(text, ":")
	}
	if host == "" {
		return bad("the host is missing")
	}
	if strings.Contains(host, "/") {
		return bad("it is not a URL")
	}
	number := uint64(defaultPort)
	if hasPort {
		var err error
		if number, err = strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return bad("the port is not a number from 1 to 65535")
		}
	}
	_, err := netip.ParseAddr(host)
	literal := err == nil
	if !literal && strings.Contains(host, ":") {
		return bad("it is no IPv6 address")
	}
	return Target{Host: host, Port: uint16(number), Literal: literal}, nil
}

// Address is one gateway replica to dial.
type Address struct {
	IP   string
	Port uint16
	Host string // The name it was found under: what its certificate must carry.
}

// String returns "192.0.2.7:7443" or "[2001:db8::7]:7443".
func (a Address) String() string {
	return net.JoinHostPort(a.IP, strconv.Itoa(int(a.Port)))
}

// Replica tells addresses apart: the same one under two names is one.
type Replica struct {
	IP   string
	Port uint16
}

// Replica of the address.
func (a Address) Replica() Replica { return Replica{a.IP, a.Port} }

// Choose makes addresses of what a look-up has found, by families: of each wanted kind, or of the other where there are
// none. Sorted, without duplicates. What is no IP address is an error.
func Choose(t Target, found []string, want4, want6 bool) ([]Address, error) {
	var v4, v6 []Address
	for _, text := range found {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, errors.New(strconv.Quote(text) + " is no IP address")
		}
		ip = ip.Unmap()
		address := Address{IP: ip.String(), Port: t.Port, Host: t.Host}
		if ip.Is4() {
			v4 = append(v4, address)
		} else {
			v6 = append(v6, address)
		}
	}
	var chosen []Address
	if want4 || len(v6) == 0 {
		chosen = append(chosen, v4...)
	}
	if want6 || len(v4) == 0 {
		chosen = append(chosen, v6...)
	}
	if len(chosen) == 0 {
		return nil, errors.New("the name has no address")
	}
	slices.SortFunc(chosen, func(a, b Address) int { return strings.Compare(a.IP, b.IP) })
	return slices.Compact(chosen), nil
}
