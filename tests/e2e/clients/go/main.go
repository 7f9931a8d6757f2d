// A worker on gRPC's library for Go: answers each message with its payload and ends when it is told to drain.
//
//	worker HOST:PORT [CA_FILE [CERT_FILE KEY_FILE]]
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	pb "sluice.dev/tests/clients/go/sluicev1"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func transport(files []string) credentials.TransportCredentials {
	if len(files) == 0 {
		return insecure.NewCredentials()
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(must(os.ReadFile(files[0])))
	if len(files) == 3 {
		config.Certificates = []tls.Certificate{must(tls.LoadX509KeyPair(files[1], files[2]))}
	}
	return credentials.NewTLS(config)
}

func main() {
	connection := must(grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(transport(os.Args[2:]))))
	description := &grpc.StreamDesc{StreamName: "Work", ServerStreams: true, ClientStreams: true}
	stream := must(connection.NewStream(context.Background(), description, "/sluice.v1.WorkerService/Work"))
	send := func(frame *pb.WorkerFrame) { must(0, stream.SendMsg(frame)) }
	send(&pb.WorkerFrame{Hello: &pb.Hello{WorkerName: "go", Chains: []string{"c"}, Window: &pb.Window{Messages: 10}}})
	for {
		frame := &pb.GatewayFrame{}
		if err := stream.RecvMsg(frame); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		if frame.Ping != nil {
			send(&pb.WorkerFrame{Pong: &pb.Pong{Nonce: frame.Ping.Nonce}})
		}
		for _, delivery := range frame.Deliveries {
			reply := &pb.Reply{Topic: "reply", Payload: delivery.Payload}
			send(&pb.WorkerFrame{Settles: []*pb.Settle{{DeliveryId: delivery.DeliveryId, Replies: []*pb.Reply{reply}}}})
		}
		if frame.Drain != nil {
			must(0, stream.CloseSend())
		}
	}
}
