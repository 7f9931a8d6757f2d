package rulego

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// adminListener stands for a gateway's: it knows routes, those of its file and those that were put.
type adminListener struct {
	address string

	mu     sync.Mutex
	put    map[string]string // By id, as it came.
	file   map[string]bool
	refuse error
	tokens []string
	called chan struct{} // One for each call.
	hold   chan struct{} // While it is open, calls wait; nil: they do not.
}

func newAdminListener(t *testing.T) *adminListener {
	a := &adminListener{put: map[string]string{}, file: map[string]bool{}, called: make(chan struct{}, 10000)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.address = listener.Addr().String()
	server := grpc.NewServer(grpc.ForceServerCodec(bytesCodec{}), grpc.UnknownServiceHandler(a.handle))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return a
}

func (a *adminListener) handle(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var request []byte
	if err := stream.RecvMsg(&request); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	a.called <- struct{}{}
	a.mu.Lock()
	hold := a.hold
	a.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
	answer, err := a.answer(method[strings.LastIndex(method, "/")+1:], request, stream.Context())
	if err != nil {
		return err
	}
	return stream.SendMsg(&answer)
}

func (a *adminListener) answer(method string, request []byte, ctx context.Context) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if headers, ok := metadata.FromIncomingContext(ctx); ok {
		a.tokens = append(a.tokens, headers.Get("authorization")...)
	}
	if kind, _ := field(request, itemKind); kind != kindRoute {
		return nil, status.Error(codes.InvalidArgument, "no route")
	}
	_, second := field(request, itemID)
	id := string(second)
	var route struct{ ID string }
	if method == "PutConfigurationItems" {
		if err := json.Unmarshal(second, &route); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		id = route.ID
	}
	switch {
	case method == "GetConfigurationItem":
		item := protowire.AppendVarint(protowire.AppendTag(nil, itemInFile, protowire.VarintType), map[bool]uint64{true: 1}[a.file[id]])
		return protowire.AppendBytes(protowire.AppendTag(nil, answerItem, protowire.BytesType), item), nil
	case a.refuse != nil:
		return nil, a.refuse
	case a.file[id]:
		return nil, status.Error(codes.FailedPrecondition, "stands in the file")
	case method == "PutConfigurationItems":
		a.put[id] = string(second)
	case a.put[id] == "":
		return nil, status.Error(codes.NotFound, "there is none")
	default:
		delete(a.put, id)
	}
	return nil, nil
}

func (a *adminListener) route(id string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.put[id]
}

func (a *adminListener) refusing(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = err
}

// endpointWith is an endpoint of a worker whose gateways these are.
func endpointWith(t *testing.T, admin Admin) *Endpoint {
	w := served(t, Ack, chain("c", "1"))
	if admin.Timeout == 0 {
		admin.Timeout = 30 * time.Second
	}
	var err error
	if w.routers.gateways, err = newGateways(&admin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.routers.gateways.close)
	return &Endpoint{table: w.routers, id: "e"}
}

func (e *Endpoint) serves(id string) bool {
	_, is := e.table.get(id, e)
	return is
}

func TestARouterBecomesARouteOfEachGateway(t *testing.T) {
	one, two := newAdminListener(t), newAdminListener(t)
	e := endpointWith(t, Admin{Addresses: []string{one.address, two.address}, Connection: "plant"})
	if _, err := e.AddRouter(leadingTo("r", "plant/+/temp", "chain:c:n")); err != nil {
		t.Fatal(err)
	}
	const want = `{"connection":"plant","from":{"path":"plant/+/temp"},"id":"r","to":{"path":"chain:c:n"}}`
	if one.route("r") != want || two.route("r") != want {
		t.Errorf("%s, %s", one.route("r"), two.route("r"))
	}
	// An equal id replaces.
	if _, err := e.AddRouter(leadingTo("r", "other/#", "chain:c")); err != nil || !strings.Contains(one.route("r"), "other/#") {
		t.Error(one.route("r"), err)
	}
	if err := e.RemoveRouter("r"); err != nil || one.route("r") != "" || two.route("r") != "" || e.serves("r") {
		t.Error(err)
	}
	if err := e.RemoveRouter("r"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Error("an unknown id: ", err)
	}
}

func TestARefusedRouterLeavesTheOneBefore(t *testing.T) {
	gateway := newAdminListener(t)
	e := endpointWith(t, Admin{Addresses: []string{gateway.address}})
	gateway.refusing(status.Error(codes.InvalidArgument, "route.from.path: wrong"))
	if _, err := e.AddRouter(leadingTo("r", "a", "chain:c")); err == nil || !strings.Contains(err.Error(), "route.from.path") || e.serves("r") {
		t.Error(err)
	}
	gateway.refusing(nil)
	if _, err := e.AddRouter(leadingTo("r", "a", "chain:c")); err != nil {
		t.Fatal(err)
	}
	gateway.refusing(status.Error(codes.Unavailable, "the disk"))
	if _, err := e.AddRouter(leadingTo("r", "b", "chain:c")); err == nil || !e.serves("r") || !strings.Contains(gateway.route("r"), `"a"`) {
		t.Error(err, gateway.route("r"))
	}
	if err := e.RemoveRouter("r"); err == nil || !e.serves("r") {
		t.Error("what could not be deleted is served on: ", err)
	}
}

func TestRoutesOfTheFileStayAsTheyAre(t *testing.T) {
	gateway := newAdminListener(t)
	gateway.file["r"] = true
	e := endpointWith(t, Admin{Addresses: []string{gateway.address}})
	if _, err := e.AddRouter(leadingTo("r", "a", "chain:c")); err != nil || !e.serves("r") {
		t.Error(err)
	}
	if err := e.RemoveRouter("r"); err == nil || !strings.Contains(err.Error(), "stands in the file") || !e.serves("r") {
		t.Error(err)
	}
}

func TestWhatAGatewayHasNoNameForIsRefusedByTheWorker(t *testing.T) {
	gateway := newAdminListener(t)
	e := endpointWith(t, Admin{Addresses: []string{gateway.address}})
	for want, router := range map[string]func() (string, error){
		"component":       func() (string, error) { return e.AddRouter(leadingTo("r", "a", "component:log")) },
		"no topic filter": func() (string, error) { return e.AddRouter(leadingTo("r", "", "chain:c")) },
		"no chain":        func() (string, error) { return e.AddRouter(newImplRouter("r", "a")) },
	} {
		if _, err := router(); err == nil || !strings.Contains(err.Error(), want) || e.serves("r") {
			t.Errorf("%s: %v", want, err)
		}
	}
	if len(gateway.called) != 0 {
		t.Error("a gateway was asked")
	}
}

// RuleGo's story of start, retry and destroy: an endpoint whose gateway does not answer is destroyed at once.
func TestDestroyEndsAnAddRouterThatWaits(t *testing.T) {
	gateway := newAdminListener(t)
	gateway.hold = make(chan struct{})
	e := endpointWith(t, Admin{Addresses: []string{gateway.address}})
	failed := make(chan error)
	go func() {
		_, err := e.AddRouter(leadingTo("r", "a", "chain:c"))
		failed <- err
	}()
	<-gateway.called
	e.Destroy()
	if err := <-failed; err == nil || e.serves("r") {
		t.Error("it was added: ", err)
	}
	close(gateway.hold)
	if _, err := e.AddRouter(leadingTo("r", "a", "chain:c")); err != nil || !e.serves("r") {
		t.Error("after Destroy it can be used again: ", err)
	}
}

// Whoever comes last, worker and gateway agree.
func TestRoutersThatComeAndGoAtOnceLeaveWorkerAndGatewayAgreeing(t *testing.T) {
	gateway := newAdminListener(t)
	e := endpointWith(t, Admin{Addresses: []string{gateway.address}})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				_, _ = e.AddRouter(leadingTo("r", "a", "chain:c"))
				_ = e.RemoveRouter("r")
			}
		})
	}
	all.Wait()
	if e.serves("r") || gateway.route("r") != "" {
		t.Errorf("the worker serves it: %v; the gateway has %q", e.serves("r"), gateway.route("r"))
	}
}

func TestAGatewayThatIsAwayIsAnErrorWhenTheTimeIsUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	e := endpointWith(t, Admin{Addresses: []string{address}, Timeout: 50 * time.Millisecond})
	if _, err := e.AddRouter(leadingTo("r", "a", "chain:c")); err == nil || !strings.Contains(err.Error(), address) || e.serves("r") {
		t.Error(err)
	}
}
