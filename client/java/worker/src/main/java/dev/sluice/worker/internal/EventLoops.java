package dev.sluice.worker.internal;

import io.grpc.netty.shaded.io.netty.channel.EventLoop;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The threads of streams, one for each. They are used again by later streams, so that a gateway
 * that is away costs no thread for each attempt. Thread-safe.
 */
final class EventLoops implements AutoCloseable {
  private final List<EventLoopGroup> groups = new ArrayList<>();
  private final ArrayDeque<EventLoop> free = new ArrayDeque<>();
  private boolean closed;

  /** Throws IllegalStateException when closed. */
  synchronized EventLoop take() {
    if (closed) {
      throw new IllegalStateException("the worker has ended");
    }
    if (!free.isEmpty()) {
      return free.pop();
    }
    EventLoopGroup group =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("sluice-stream", true), NioIoHandler.newFactory());
    groups.add(group);
    return group.next();
  }

  synchronized void give(EventLoop loop) {
    free.push(loop);
  }

  /** Waits for the threads' end, for a few seconds at most. */
  @Override
  public void close() {
    List<EventLoopGroup> all;
    synchronized (this) {
      closed = true;
      all = List.copyOf(groups);
    }
    for (EventLoopGroup group : all) {
      group.shutdownGracefully(0, 2, TimeUnit.SECONDS);
    }
    for (EventLoopGroup group : all) {
      group.terminationFuture().awaitUninterruptibly(3, TimeUnit.SECONDS);
    }
  }
}
