package dev.sluice.bench;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.sluice.v1.AcceptedChain;
import dev.sluice.v1.Delivery;
import dev.sluice.v1.GatewayFrame;
import dev.sluice.v1.Hello;
import dev.sluice.v1.Welcome;
import dev.sluice.v1.WorkerFrame;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * The other side, in a process of its own: sends the same encoded frame again and again, as long as
 * fewer messages than the window are unsettled. How many messages it holds stands in the worker's
 * name.
 */
public final class BenchGateway {
  // Says much of streams that are stopped in the middle of a frame, as they are here.
  private static final Logger GRPC = Logger.getLogger("io.grpc");

  private BenchGateway() {}

  /** Says its port, and ends with its standard input. */
  public static void main(String[] args) throws IOException {
    GRPC.setLevel(Level.OFF);
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .directExecutor()
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .addService(
                ServerServiceDefinition.builder("sluice.v1.WorkerService")
                    .addMethod(BareStream.WORK, BenchGateway::accept)
                    .build())
            .build()
            .start();
    System.out.println(server.getPort());
    while (System.in.read() >= 0) {
      // Until it ends.
    }
    System.exit(0);
  }

  private static ServerCall.Listener<byte[]> accept(
      ServerCall<byte[], byte[]> call, Metadata headers) {
    call.sendHeaders(new Metadata());
    call.request(1);
    return new Stream(call);
  }

  private static byte[] deliveries(Hello hello, int count) {
    GatewayFrame.Builder frame = GatewayFrame.newBuilder();
    for (int i = 1; i <= count; i++) {
      frame.addDeliveries(
          Delivery.newBuilder()
              .setDeliveryId(1_000_000 + i)
              .setMessageId(String.format("019a0000-0000-7000-8000-%012d", i))
              .setRoute("bench")
              .setChain(hello.getChains(0))
              .setTopic("plant/boiler/temp")
              .setPayload(ByteString.copyFrom(new byte[128]))
              .setQos(1)
              .setReceivedUnixMs(1_790_000_000_000L)
              .setAgeMs(1)
              .setLeaseMs(30_000)
              .setAttempt(1));
    }
    return frame.build().toByteArray();
  }

  private static final class Stream extends ServerCall.Listener<byte[]> {
    private final ServerCall<byte[], byte[]> call;
    private byte[] frame;
    private int inFrame;
    private int window;
    private int unsettled;

    Stream(ServerCall<byte[], byte[]> call) {
      this.call = call;
    }

    @Override
    public void onMessage(byte[] bytes) {
      try {
        if (frame == null) {
          greet(WorkerFrame.parseFrom(bytes).getHello());
        } else {
          unsettled -= settles(bytes);
        }
      } catch (InvalidProtocolBufferException malformed) {
        call.close(Status.INVALID_ARGUMENT, new Metadata());
        return;
      }
      send();
      call.request(1);
    }

    private void greet(Hello hello) {
      inFrame = Integer.parseInt(hello.getWorkerName());
      window = hello.getWindow().getMessages();
      frame = deliveries(hello, inFrame);
      call.sendMessage(
          GatewayFrame.newBuilder()
              .setWelcome(
                  Welcome.newBuilder()
                      .setProtocolVersion(1)
                      .setHeartbeatIntervalMs(60_000)
                      .setMaxFrameBytes(40 << 20)
                      .addFeatures("began")
                      .addAcceptedChains(
                          AcceptedChain.newBuilder()
                              .setChain(hello.getChains(0))
                              .setLeaseMs(30_000)))
              .build()
              .toByteArray());
    }

    private void send() {
      while (unsettled + inFrame <= window && call.isReady()) {
        unsettled += inFrame;
        call.sendMessage(frame);
      }
    }

    @Override
    public void onReady() {
      if (frame != null) {
        send();
      }
    }

    @Override
    public void onHalfClose() {
      call.close(Status.OK, new Metadata());
    }

    /** Counts the fields number 5. All fields of a worker's frame have a length. */
    private static int settles(byte[] bytes) {
      int count = 0;
      int at = 0;
      while (at < bytes.length) {
        if (bytes[at++] == (5 << 3 | 2)) {
          count++;
        }
        int length = 0;
        for (int shift = 0; ; shift += 7) {
          byte next = bytes[at++];
          length |= (next & 0x7F) << shift;
          if (next >= 0) {
            break;
          }
        }
        at += length;
      }
      return count;
    }
  }
}
