package dev.sluice.worker.testing;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.sluice.v1.Delivery;
import dev.sluice.v1.GatewayFrame;
import dev.sluice.v1.Settle;
import dev.sluice.v1.Welcome;
import dev.sluice.v1.WorkerFrame;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * A gateway within the test's own process, on loopback and a free port, without a broker behind it.
 * A test says what it does, and what is expected of the worker:
 *
 * <pre>{@code
 * try (FakeGateway gateway = FakeGateway.start();
 *     Worker worker = new Worker(
 *         Options.builder()
 *             .gateways(gateway.address())
 *             .chains("temperature")
 *             .security(Security.PLAINTEXT)
 *             .build(),
 *         handler)) {
 *   worker.start();
 *   gateway.deliver("plant/oven/temp", "93");
 *   Settle settle = gateway.expectSettle();
 *   assertEquals("hot", settle.getReplies(0).getPayload().toStringUtf8());
 * }
 * }</pre>
 *
 * <p>It greets whoever comes, answers Pings, and ends a stream with OK once the worker has
 * half-closed. It checks nothing else: no lease ends, and nothing is delivered twice. Everything
 * that waits does so for ten seconds at most ({@link #patience}), and then throws an
 * AssertionError. All methods are thread-safe.
 */
public final class FakeGateway implements AutoCloseable {
  private final Server server;
  private final BlockingQueue<FakeStream> arrivals = new LinkedBlockingQueue<>();
  private final AtomicLong ids = new AtomicLong();
  private final AtomicLong sessions = new AtomicLong();
  private volatile Duration patience = Duration.ofSeconds(10);
  private volatile Consumer<Welcome.Builder> welcome = builder -> {};
  private volatile io.grpc.Status refusal;
  private volatile FakeStream current;

  private FakeGateway(int port) throws IOException {
    MethodDescriptor<WorkerFrame, GatewayFrame> work =
        MethodDescriptor.newBuilder(
                new ProtoMarshaller<>(WorkerFrame.parser()),
                new ProtoMarshaller<>(GatewayFrame.parser()))
            .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
            .setFullMethodName("sluice.v1.WorkerService/Work")
            .build();
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .addService(
                ServerServiceDefinition.builder("sluice.v1.WorkerService")
                    .addMethod(work, this::accept)
                    .build())
            .build()
            .start();
  }

  /** One that listens on a free port. */
  public static FakeGateway start() {
    return startAt(0);
  }

  /** One that listens on this port, such as that of one that was closed. */
  public static FakeGateway startAt(int port) {
    try {
      return new FakeGateway(port);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private ServerCall.Listener<WorkerFrame> accept(
      ServerCall<WorkerFrame, GatewayFrame> call, Metadata headers) {
    FakeStream stream = new FakeStream(this, call, headers);
    stream.open();
    return stream.listener();
  }

  /** Where workers find it: HOST:PORT. */
  public String address() {
    return "127.0.0.1:" + port();
  }

  /** The port that it listens on. */
  public int port() {
    return server.getPort();
  }

  /** How long expectations wait from now on. Default: ten seconds. */
  public FakeGateway patience(Duration longest) {
    patience = longest;
    return this;
  }

  Duration patience() {
    return patience;
  }

  /**
   * Changes the Welcome of streams that come from now on. It begins with the worker's chains, a
   * heartbeat of ten seconds, frames of at most 4 MiB, and the worker's features.
   */
  public FakeGateway welcome(Consumer<Welcome.Builder> change) {
    welcome = change;
    return this;
  }

  void changeWelcome(Welcome.Builder builder) {
    welcome.accept(builder);
  }

  /**
   * Ends the streams that come from now on with this status, in place of a Welcome; null: no more.
   */
  public FakeGateway refuse(io.grpc.Status status) {
    refusal = status;
    return this;
  }

  io.grpc.Status refusal() {
    return refusal;
  }

  long nextId() {
    return ids.incrementAndGet();
  }

  String nextSession() {
    return "fake-" + sessions.incrementAndGet();
  }

  void arrived(FakeStream stream) {
    current = stream;
    arrivals.add(stream);
  }

  /**
   * The next stream, greeted, that was not yet given by this method.
   *
   * @throws AssertionError when none comes in time
   */
  public FakeStream expectStream() {
    try {
      FakeStream stream = arrivals.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
      if (stream == null) {
        throw new AssertionError("no worker has connected in " + patience);
      }
      return stream;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while waiting for a worker", interrupted);
    }
  }

  /** The last stream that was greeted; waits for the first. */
  public FakeStream stream() {
    FakeStream stream = current;
    return stream != null ? stream : expectStream();
  }

  /** See {@link FakeStream#deliver(String, String)}, of {@link #stream()}. */
  public long deliver(String topic, String payload) {
    return stream().deliver(topic, payload);
  }

  /** See {@link FakeStream#deliver(Delivery.Builder)}, of {@link #stream()}. */
  public long deliver(Delivery.Builder delivery) {
    return stream().deliver(delivery);
  }

  /** See {@link FakeStream#expectSettle()}, of {@link #stream()}. */
  public Settle expectSettle() {
    return stream().expectSettle();
  }

  /** See {@link FakeStream#lose()}, of {@link #stream()}. */
  public void loseStream() {
    stream().lose();
  }

  /** See {@link FakeStream#drain(Duration)}, of {@link #stream()}. */
  public void drain(Duration deadline) {
    stream().drain(deadline);
  }

  /** Ends all streams as a killed process would, and listens no more. */
  @Override
  public void close() {
    server.shutdownNow();
    try {
      server.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private record ProtoMarshaller<T extends MessageLite>(Parser<T> parser)
      implements MethodDescriptor.Marshaller<T> {
    @Override
    public InputStream stream(T value) {
      return value.toByteString().newInput();
    }

    @Override
    public T parse(InputStream stream) {
      try {
        return parser.parseFrom(stream);
      } catch (InvalidProtocolBufferException malformed) {
        throw io.grpc.Status.INVALID_ARGUMENT.withCause(malformed).asRuntimeException();
      }
    }
  }
}
