import dev.sluice.v1.Delivery;
import dev.sluice.v1.GatewayFrame;
import dev.sluice.v1.Hello;
import dev.sluice.v1.Pong;
import dev.sluice.v1.Reply;
import dev.sluice.v1.Settle;
import dev.sluice.v1.Window;
import dev.sluice.v1.WorkerFrame;
import dev.sluice.v1.WorkerServiceGrpc;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.io.File;
import java.util.concurrent.CompletableFuture;

/**
 * A worker on gRPC's library for Java: answers each message with its payload and ends when it is told to drain.
 *
 * <p>Worker HOST:PORT [CA_FILE [CERT_FILE KEY_FILE]]
 */
public final class Worker implements ClientResponseObserver<WorkerFrame, GatewayFrame> {
  private final CompletableFuture<Void> over = new CompletableFuture<>();
  private ClientCallStreamObserver<WorkerFrame> requests;

  public static void main(String[] args) throws Exception {
    ManagedChannel channel = Grpc.newChannelBuilder(args[0], credentials(args)).build();
    Worker worker = new Worker();
    WorkerServiceGrpc.newStub(channel).work(worker);
    Hello.Builder hello = Hello.newBuilder().setWorkerName("java").addChains("c");
    hello.setWindow(Window.newBuilder().setMessages(10));
    worker.requests.onNext(WorkerFrame.newBuilder().setHello(hello).build());
    worker.over.get();
    channel.shutdown();
  }

  private static ChannelCredentials credentials(String[] args) throws Exception {
    if (args.length == 1) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder().trustManager(new File(args[1]));
    if (args.length == 4) {
      tls.keyManager(new File(args[2]), new File(args[3]));
    }
    return tls.build();
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<WorkerFrame> stream) {
    requests = stream;
  }

  @Override
  public void onNext(GatewayFrame frame) {
    if (frame.hasPing()) {
      Pong.Builder pong = Pong.newBuilder().setNonce(frame.getPing().getNonce());
      requests.onNext(WorkerFrame.newBuilder().setPong(pong).build());
    }
    for (Delivery delivery : frame.getDeliveriesList()) {
      Reply.Builder reply = Reply.newBuilder().setTopic("reply").setPayload(delivery.getPayload());
      Settle.Builder settle = Settle.newBuilder().setDeliveryId(delivery.getDeliveryId()).addReplies(reply);
      requests.onNext(WorkerFrame.newBuilder().addSettles(settle).build());
    }
    if (frame.hasDrain()) {
      requests.onCompleted();
    }
  }

  @Override
  public void onError(Throwable error) {
    over.completeExceptionally(error);
  }

  @Override
  public void onCompleted() {
    over.complete(null);
  }
}
