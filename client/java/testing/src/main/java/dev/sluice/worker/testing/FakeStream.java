package dev.sluice.worker.testing;

import com.google.protobuf.ByteString;
import dev.sluice.v1.AcceptedChain;
import dev.sluice.v1.Delivery;
import dev.sluice.v1.Drain;
import dev.sluice.v1.Extend;
import dev.sluice.v1.GatewayFrame;
import dev.sluice.v1.Hello;
import dev.sluice.v1.Ping;
import dev.sluice.v1.Pong;
import dev.sluice.v1.Reply;
import dev.sluice.v1.Result;
import dev.sluice.v1.Revoke;
import dev.sluice.v1.Settle;
import dev.sluice.v1.Welcome;
import dev.sluice.v1.Window;
import dev.sluice.v1.WorkerFrame;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;

/** One worker's stream, as the {@link FakeGateway} sees it. Thread-safe. */
public final class FakeStream {
  private final FakeGateway gateway;
  private final ServerCall<WorkerFrame, GatewayFrame> call;
  private final Metadata headers;

  // Guarded by this.
  private final List<WorkerFrame> frames = new ArrayList<>(); // All, the Hello first.
  private final List<Settle> settles = new ArrayList<>(); // These and below: not yet expected.
  private final List<Reply> replies = new ArrayList<>();
  private final List<Extend> extends_ = new ArrayList<>();
  private final List<Long> began = new ArrayList<>();
  private final List<Window> windows = new ArrayList<>();
  private final List<Drain> drains = new ArrayList<>();
  private final List<Ping> pings = new ArrayList<>();
  private Hello hello;
  private boolean greeted;
  private boolean silent;
  private boolean halfClosed;
  private boolean ended; // By us, or lost.

  FakeStream(FakeGateway gateway, ServerCall<WorkerFrame, GatewayFrame> call, Metadata headers) {
    this.gateway = gateway;
    this.call = call;
    this.headers = headers;
  }

  synchronized void open() {
    call.sendHeaders(new Metadata());
    call.request(1);
  }

  ServerCall.Listener<WorkerFrame> listener() {
    return new ServerCall.Listener<>() {
      @Override
      public void onMessage(WorkerFrame frame) {
        take(frame);
      }

      @Override
      public void onHalfClose() {
        halfClose();
      }

      @Override
      public void onCancel() {
        lost();
      }
    };
  }

  private void take(WorkerFrame frame) {
    boolean greet;
    synchronized (this) {
      frames.add(frame);
      greet = !greeted && frame.hasHello();
      if (greet) {
        greeted = true;
        hello = frame.getHello();
        greet();
      }
      settles.addAll(frame.getSettlesList());
      replies.addAll(frame.getRepliesList());
      extends_.addAll(frame.getExtendsList());
      began.addAll(frame.getBeganList());
      if (frame.hasWindow()) {
        windows.add(frame.getWindow());
      }
      if (frame.hasDrain()) {
        drains.add(frame.getDrain());
      }
      if (frame.hasPing()) {
        pings.add(frame.getPing());
        if (!silent) {
          Pong pong = Pong.newBuilder().setNonce(frame.getPing().getNonce()).build();
          send(GatewayFrame.newBuilder().setPong(pong).build());
        }
      }
      notifyAll();
      if (!ended) {
        call.request(1);
      }
    }
    if (greet && gateway.refusal() == null) {
      gateway.arrived(this);
    }
  }

  private void greet() {
    Status refusal = gateway.refusal();
    if (refusal != null) {
      end(refusal);
      return;
    }
    Welcome.Builder welcome =
        Welcome.newBuilder()
            .setProtocolVersion(1)
            .setSessionId(gateway.nextSession())
            .setGateway("fake")
            .setHeartbeatIntervalMs(10_000)
            .setMaxFrameBytes(4 << 20)
            .addAllFeatures(hello.getFeaturesList());
    for (String chain : hello.getChainsList()) {
      welcome.addAcceptedChains(
          AcceptedChain.newBuilder().setChain(chain).setLeaseMs(30_000).setMaxLeaseMs(300_000));
    }
    gateway.changeWelcome(welcome);
    send(GatewayFrame.newBuilder().setWelcome(welcome).build());
  }

  private synchronized void halfClose() {
    halfClosed = true;
    if (!silent) {
      end(Status.OK);
    }
    notifyAll();
  }

  private synchronized void lost() {
    ended = true;
    notifyAll();
  }

  // ---- what the gateway does

  /** Sends any frame, also one that breaks the protocol's rules. */
  public synchronized void send(GatewayFrame frame) {
    if (!ended) {
      call.sendMessage(frame);
    }
  }

  /** Delivers a message of the worker's first chain; the result is its delivery id. */
  public long deliver(String topic, String payload) {
    return deliver(
        Delivery.newBuilder().setTopic(topic).setPayload(ByteString.copyFromUtf8(payload)));
  }

  /**
   * Delivers a message; the result is its delivery id. What it does not say of ids, chain, lease
   * and attempt is filled in.
   */
  public long deliver(Delivery.Builder delivery) {
    Delivery whole = fill(delivery);
    send(GatewayFrame.newBuilder().addDeliveries(whole).build());
    return whole.getDeliveryId();
  }

  /** Delivers several in one frame; the result is their ids. */
  public List<Long> deliverAll(List<Delivery.Builder> deliveries) {
    GatewayFrame.Builder frame = GatewayFrame.newBuilder();
    List<Long> ids = new ArrayList<>();
    for (Delivery.Builder delivery : deliveries) {
      Delivery whole = fill(delivery);
      frame.addDeliveries(whole);
      ids.add(whole.getDeliveryId());
    }
    send(frame.build());
    return ids;
  }

  private Delivery fill(Delivery.Builder delivery) {
    if (delivery.getDeliveryId() == 0) {
      delivery.setDeliveryId(gateway.nextId());
    }
    if (delivery.getMessageId().isEmpty()) {
      delivery.setMessageId(UUID.randomUUID().toString());
    }
    if (delivery.getChain().isEmpty()) {
      delivery.setChain(hello().getChains(0));
    }
    if (delivery.getLeaseMs() == 0) {
      delivery.setLeaseMs(30_000);
    }
    if (delivery.getAttempt() == 0) {
      delivery.setAttempt(1);
    }
    return delivery.build();
  }

  /** Says that a delivery is another worker's from now on. */
  public void revoke(long deliveryId, Revoke.Reason reason) {
    send(
        GatewayFrame.newBuilder()
            .addRevokes(Revoke.newBuilder().setDeliveryId(deliveryId).setReason(reason))
            .build());
  }

  /** Says what became of an item. */
  public void result(Result.Builder result) {
    send(GatewayFrame.newBuilder().addResults(result).build());
  }

  /** Asks the worker to go elsewhere; the stream ends when the worker has half-closed. */
  public void drain(Duration deadline) {
    send(
        GatewayFrame.newBuilder()
            .setDrain(
                Drain.newBuilder()
                    .setDeadlineMs((int) deadline.toMillis())
                    .setReason("the test says so"))
            .build());
  }

  /** Answers no Ping and no half-close any more, as a gateway that hangs. */
  public synchronized void fallSilent() {
    silent = true;
  }

  /** Loses the stream, as when the gateway's process dies. */
  public void lose() {
    end(Status.UNAVAILABLE.withDescription("the test has lost the stream"));
  }

  /** Ends the stream with a status. */
  public synchronized void end(Status status) {
    if (!ended) {
      ended = true;
      call.close(status, new Metadata());
      notifyAll();
    }
  }

  // ---- what is expected of the worker

  /** What the worker began with. */
  public Hello hello() {
    return expect("a Hello", stream -> stream.hello);
  }

  /** The call's metadata "authorization"; null: none. */
  public String authorization() {
    return headers.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER));
  }

  /** All frames so far, the Hello's first. */
  public synchronized List<WorkerFrame> frames() {
    return List.copyOf(frames);
  }

  /** The next settle, in the order they came. */
  public Settle expectSettle() {
    return expect("a settle", stream -> first(stream.settles));
  }

  /** The settle of this delivery. */
  public Settle expectSettle(long deliveryId) {
    return expect(
        "the settle of " + deliveryId,
        stream -> {
          for (Settle settle : stream.settles) {
            if (settle.getDeliveryId() == deliveryId) {
              stream.settles.remove(settle);
              return settle;
            }
          }
          return null;
        });
  }

  /** The next reply ahead of a settle. */
  public Reply expectReply() {
    return expect("a reply ahead of its settle", stream -> first(stream.replies));
  }

  /** The next extend. */
  public Extend expectExtend() {
    return expect("an extend", stream -> first(stream.extends_));
  }

  /** The next id of a delivery that the worker has begun. */
  public long expectBegan() {
    return expect("a began", stream -> first(stream.began));
  }

  /** The next window after the Hello's. */
  public Window expectWindow() {
    return expect("a window", stream -> first(stream.windows));
  }

  /** The worker's Drain. */
  public Drain expectDrain() {
    return expect("a Drain", stream -> first(stream.drains));
  }

  /** The next Ping. */
  public Ping expectPing() {
    return expect("a Ping", stream -> first(stream.pings));
  }

  /** Waits until the worker has half-closed. */
  public void expectHalfClose() {
    expect("a half-close", stream -> stream.halfClosed ? true : null);
  }

  /** Waits until the stream has ended, whoever ended it. */
  public void expectEnd() {
    expect("the stream's end", stream -> stream.ended ? true : null);
  }

  /** Settles that have come and that no expectation has taken. */
  public synchronized List<Settle> unexpectedSettles() {
    return List.copyOf(settles);
  }

  private static <T> T first(List<T> list) {
    return list.isEmpty() ? null : list.remove(0);
  }

  private <T> T expect(String what, Function<FakeStream, T> look) {
    Duration patience = gateway.patience();
    long deadline = System.nanoTime() + patience.toNanos();
    synchronized (this) {
      while (true) {
        T found = look.apply(this);
        if (found != null) {
          return found;
        }
        long millis = (deadline - System.nanoTime()) / 1_000_000;
        if (millis <= 0) {
          throw new AssertionError(
              "no "
                  + what.replaceFirst("^an? ", "")
                  + " in "
                  + patience
                  + "; the worker sent: "
                  + frames.subList(Math.min(1, frames.size()), frames.size())
                  + (ended ? ", and the stream has ended" : ""));
        }
        try {
          wait(millis);
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
          throw new AssertionError("interrupted while waiting for " + what, interrupted);
        }
      }
    }
  }
}
