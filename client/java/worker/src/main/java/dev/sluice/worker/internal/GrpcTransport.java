package dev.sluice.worker.internal;

import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Drainable;
import io.grpc.KnownLength;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.netty.shaded.io.netty.channel.EventLoop;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

/** A call on a channel of its own, served by an event loop of its own. */
final class GrpcTransport extends ClientCall.Listener<byte[]> implements Transport {
  private static final MethodDescriptor<Outbox.Frame, byte[]> WORK =
      MethodDescriptor.newBuilder(new FrameMarshaller(), new BytesMarshaller())
          .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
          .setFullMethodName("sluice.v1.WorkerService/Work")
          .build();
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final EventLoop loop;
  private final ManagedChannel channel;
  private final Runnable onClosed;
  private ClientCall<Outbox.Frame, byte[]> call; // Set on the loop.
  private volatile boolean cancelled;
  private Listener listener;
  private final AtomicBoolean closed = new AtomicBoolean();

  /** `onClosed`: the loop is free again. */
  GrpcTransport(EventLoop loop, ManagedChannel channel, Runnable onClosed) {
    this.loop = loop;
    this.channel = channel;
    this.onClosed = onClosed;
  }

  /** On the loop. `authorization`: the call's metadata of that name; empty: none. */
  void begin(Stream stream, String authorization) {
    Metadata headers = new Metadata();
    if (!authorization.isEmpty()) {
      headers.put(AUTHORIZATION, authorization);
    }
    listener = stream;
    call = channel.newCall(WORK, CallOptions.DEFAULT);
    call.start(this, headers);
    if (!stream.start(this)) {
      call.cancel("not wanted any more", null);
    }
  }

  /** Gives up the connection and the loop; idempotent. */
  void discard() {
    channel.shutdownNow();
    if (!closed.getAndSet(true)) {
      onClosed.run();
    }
  }

  @Override
  public boolean isReady() {
    return call.isReady();
  }

  @Override
  public void send(Outbox.Frame frame) {
    unlessCancelled(() -> call.sendMessage(frame));
  }

  @Override
  public void halfClose() {
    unlessCancelled(call::halfClose);
  }

  /** gRPC does not take anything for a call that another thread has just cancelled. */
  private void unlessCancelled(Runnable action) {
    try {
      action.run();
    } catch (IllegalStateException refused) {
      if (!cancelled) {
        throw refused;
      }
    }
  }

  @Override
  public void request() {
    call.request(1);
  }

  @Override
  public void cancel(String why) {
    cancelled = true;
    call.cancel(why, null);
  }

  @Override
  public void execute(Runnable task) {
    try {
      loop.execute(task);
    } catch (RejectedExecutionException ended) {
      // The worker has come to its end, and with it this stream.
    }
  }

  @Override
  public void onMessage(byte[] message) {
    listener.onFrame(message);
  }

  @Override
  public void onReady() {
    listener.onReady();
  }

  @Override
  public void onClose(io.grpc.Status status, Metadata trailers) {
    discard();
    listener.onClosed(convert(status));
  }

  static Status convert(io.grpc.Status status) {
    String text = status.getDescription() == null ? "" : status.getDescription();
    Throwable cause = status.getCause();
    if (cause != null) {
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      String why = cause.getMessage() == null ? cause.getClass().getName() : cause.getMessage();
      text = text.isEmpty() ? why : text.contains(why) ? text : text + ": " + why;
    }
    return new Status(StatusCode.values()[status.getCode().value()], text);
  }

  private static final class BytesMarshaller implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      throw new UnsupportedOperationException();
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream instanceof KnownLength
            ? stream.readNBytes(stream.available())
            : stream.readAllBytes();
      } catch (IOException failure) {
        throw new UncheckedIOException(failure);
      }
    }
  }

  private static final class FrameMarshaller implements MethodDescriptor.Marshaller<Outbox.Frame> {
    @Override
    public InputStream stream(Outbox.Frame value) {
      return new FrameStream(value);
    }

    @Override
    public Outbox.Frame parse(InputStream stream) {
      throw new UnsupportedOperationException();
    }
  }

  /** The pieces of a frame, which gRPC copies from where they are. */
  private static final class FrameStream extends InputStream implements Drainable, KnownLength {
    private final Outbox.Frame frame;
    private int piece;
    private int at; // In the piece.
    private int left;

    FrameStream(Outbox.Frame frame) {
      this.frame = frame;
      this.left = frame.bytes;
    }

    @Override
    public int drainTo(OutputStream target) throws IOException {
      int drained = left;
      for (; piece < frame.pieces.size(); piece++, at = 0) {
        WireBuffer buffer = frame.pieces.get(piece).buffer;
        target.write(buffer.bytes, at, buffer.size - at);
      }
      left = 0;
      return drained;
    }

    @Override
    public int available() {
      return left;
    }

    @Override
    public int read() {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] into, int from, int most) {
      if (most == 0) {
        return 0;
      }
      while (piece < frame.pieces.size()) {
        WireBuffer buffer = frame.pieces.get(piece).buffer;
        int count = Math.min(most, buffer.size - at);
        if (count > 0) {
          System.arraycopy(buffer.bytes, at, into, from, count);
          at += count;
          left -= count;
          return count;
        }
        piece++;
        at = 0;
      }
      return -1;
    }
  }
}
