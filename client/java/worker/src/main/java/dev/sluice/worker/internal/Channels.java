package dev.sluice.worker.internal;

import dev.sluice.worker.Options;
import dev.sluice.worker.Security;
import dev.sluice.worker.Tls;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NegotiationType;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoop;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;

/** Makes the channel of one attempt to connect, with what the files hold now. */
final class Channels {
  private Channels() {}

  /** Throws CredentialsException where a file is not as it should be. */
  static ManagedChannel open(Address address, Options options, EventLoop loop)
      throws CredentialsException {
    NettyChannelBuilder builder =
        NettyChannelBuilder.forAddress(address.socket())
            .eventLoopGroup(loop)
            .channelType(NioSocketChannel.class)
            // Callbacks run on the loop: decoding a frame costs less than handing it over.
            .directExecutor()
            // A frame over the limit would end the stream, and the gateway says only later how
            // large they can be.
            .maxInboundMessageSize(Integer.MAX_VALUE)
            .withOption(
                ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) options.connectTimeout().toMillis())
            .proxyDetector(target -> null)
            .disableRetry()
            .disableServiceConfigLookUp()
            .userAgent("sluice-worker-java");
    if (options.security() == Security.PLAINTEXT) {
      return builder.negotiationType(NegotiationType.PLAINTEXT).build();
    }
    // The address is dialled by number, the certificate is checked against the name.
    String name = options.tls().serverName();
    if (name.isEmpty()) {
      name = address.host().indexOf(':') >= 0 ? "[" + address.host() + "]" : address.host();
    }
    return builder
        .negotiationType(NegotiationType.TLS)
        .sslContext(context(options.tls()))
        .overrideAuthority(name)
        .build();
  }

  private static SslContext context(Tls tls) throws CredentialsException {
    SslContextBuilder builder = SslContextBuilder.forClient();
    if (tls.caFile().isPresent()) {
      builder.trustManager(Pem.certificates(tls.caFile().get()));
    }
    if (tls.certFile().isPresent() && tls.keyFile().isPresent()) {
      builder.keyManager(
          Pem.privateKey(tls.keyFile().get()), Pem.certificates(tls.certFile().get()));
    }
    try {
      // The runtime's own: netty's native one would have to be unpacked into a folder where code
      // may be run.
      return GrpcSslContexts.configure(builder, SslProvider.JDK).build();
    } catch (javax.net.ssl.SSLException | IllegalArgumentException failure) {
      throw new CredentialsException("TLS cannot be set up: " + failure.getMessage());
    }
  }
}
