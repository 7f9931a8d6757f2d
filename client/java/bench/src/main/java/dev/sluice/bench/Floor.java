package dev.sluice.bench;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.sluice.v1.Delivery;
import dev.sluice.v1.GatewayFrame;
import dev.sluice.v1.Hello;
import dev.sluice.v1.Reply;
import dev.sluice.v1.Settle;
import dev.sluice.v1.Window;
import dev.sluice.v1.WorkerFrame;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.util.concurrent.atomic.LongAdder;

/**
 * What a worker costs without an SDK: the generated code on gRPC's own thread, a frame of settles
 * for each frame of deliveries. Leases, heartbeats, reconnects, threads for handlers: nothing.
 */
final class Floor extends ClientCall.Listener<byte[]> {
  private final LongAdder settled;
  private final ManagedChannel channel;
  private final ClientCall<byte[], byte[]> call;

  Floor(int port, int inFrame, int window, LongAdder settled) {
    this.settled = settled;
    channel =
        NettyChannelBuilder.forAddress("127.0.0.1", port)
            .usePlaintext()
            .directExecutor()
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .build();
    call = channel.newCall(BareStream.WORK, CallOptions.DEFAULT);
    call.start(this, new Metadata());
    call.sendMessage(
        WorkerFrame.newBuilder()
            .setHello(
                Hello.newBuilder()
                    .setWorkerName(Integer.toString(inFrame))
                    .addChains("bench")
                    .setWindow(Window.newBuilder().setMessages(window)))
            .build()
            .toByteArray());
    call.request(1);
  }

  @Override
  public void onMessage(byte[] bytes) {
    try {
      GatewayFrame frame = GatewayFrame.parseFrom(bytes);
      if (frame.getDeliveriesCount() > 0) {
        WorkerFrame.Builder answer = WorkerFrame.newBuilder();
        for (Delivery delivery : frame.getDeliveriesList()) {
          answer.addSettles(
              Settle.newBuilder()
                  .setDeliveryId(delivery.getDeliveryId())
                  .addReplies(
                      Reply.newBuilder().setTopic("reply").setPayload(delivery.getPayload())));
        }
        call.sendMessage(answer.build().toByteArray());
        settled.add(frame.getDeliveriesCount());
      }
    } catch (InvalidProtocolBufferException malformed) {
      call.cancel("malformed", malformed);
    }
    call.request(1);
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    if (!status.isOk() && status.getCode() != Status.Code.CANCELLED) {
      System.err.println("floor: " + status);
    }
  }

  void close() {
    call.cancel("done", null);
    channel.shutdownNow();
  }
}
