package dev.sluice.worker.internal;

import dev.sluice.worker.Options;
import dev.sluice.worker.Status;
import dev.sluice.worker.StatusCode;
import io.grpc.netty.shaded.io.netty.channel.EventLoop;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Opens the connections of streams, on threads of its own: files may lie on a slow disk, and the
 * user's source of tokens may ask another server.
 */
final class Dialer implements AutoCloseable {
  private final Options options;
  private final EventLoops loops = new EventLoops();
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "sluice-dial");
            thread.setDaemon(true);
            return thread;
          });

  Dialer(Options options) {
    this.options = options;
  }

  /** The stream hears how it went. */
  void dial(Stream stream) {
    threads.execute(() -> open(stream));
  }

  private void open(Stream stream) {
    EventLoop loop = null;
    try {
      String authorization = Authorization.of(options);
      loop = loops.take();
      EventLoop taken = loop;
      GrpcTransport transport =
          new GrpcTransport(
              loop, Channels.open(stream.address(), options, loop), () -> loops.give(taken));
      loop.execute(
          () -> {
            try {
              transport.begin(stream, authorization);
            } catch (Throwable failure) {
              transport.discard();
              stream.cancel(failed(failure));
            }
          });
    } catch (CredentialsException wrong) {
      giveBack(loop);
      stream.cancel(new Status(StatusCode.UNAVAILABLE, wrong.getMessage()));
    } catch (Throwable failure) {
      giveBack(loop);
      stream.cancel(failed(failure));
    }
  }

  private void giveBack(EventLoop loop) {
    if (loop != null) {
      loops.give(loop);
    }
  }

  private static Status failed(Throwable failure) {
    return new Status(StatusCode.INTERNAL, "cannot dial: " + failure);
  }

  @Override
  public void close() {
    threads.shutdownNow();
    try {
      // A source of tokens that does not return is left behind: its thread is a daemon.
      threads.awaitTermination(1, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    loops.close();
  }
}
