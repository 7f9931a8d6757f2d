package dev.sluice.worker;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ThreadFactory;
import java.util.function.Consumer;

/**
 * Everything that can be set on a worker. Immutable; what each means, with default and range,
 * stands at the {@link Builder}.
 */
public final class Options {
  private final Builder set;

  private Options(Builder set) {
    this.set = set;
  }

  /** Where gateways and chains are still to be named. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that begins with these options. */
  public Builder toBuilder() {
    return set.copy();
  }

  /** See {@link Builder#gateways}. */
  public List<String> gateways() {
    return set.gateways;
  }

  /** See {@link Builder#chains}. */
  public List<String> chains() {
    return set.chains;
  }

  /** See {@link Builder#workerName}. */
  public String workerName() {
    return set.workerName;
  }

  /** See {@link Builder#instance}. */
  public String instance() {
    return set.instance;
  }

  /** Empty: by how long handlers take. See {@link Builder#windowMessages}. */
  public OptionalInt windowMessages() {
    return set.windowMessages;
  }

  /** See {@link Builder#windowBytes}. */
  public long windowBytes() {
    return set.windowBytes;
  }

  /** Empty: the machine's CPUs, at least 4. See {@link Builder#concurrency}. */
  public OptionalInt concurrency() {
    return set.concurrency;
  }

  /** Empty: the SDK's own. See {@link Builder#threads}. */
  public Optional<ThreadFactory> threads() {
    return set.threads;
  }

  /** See {@link Builder#lease}. */
  public Duration lease() {
    return set.lease;
  }

  /** See {@link Builder#security}. */
  public Security security() {
    return set.security;
  }

  /** See {@link Builder#tls}. */
  public Tls tls() {
    return set.tls;
  }

  /** See {@link Builder#tokenFile}. */
  public Optional<Path> tokenFile() {
    return set.tokenFile;
  }

  /** See {@link Builder#tokenSource}. */
  public Optional<TokenSource> tokenSource() {
    return set.tokenSource;
  }

  /** See {@link Builder#resolver}. */
  public Resolver resolver() {
    return set.resolver;
  }

  /** See {@link Builder#family}. */
  public Family family() {
    return set.family;
  }

  /** See {@link Builder#resolveInterval}. */
  public Duration resolveInterval() {
    return set.resolveInterval;
  }

  /** See {@link Builder#reconnectFirst}. */
  public Duration reconnectFirst() {
    return set.reconnectFirst;
  }

  /** See {@link Builder#reconnectLongest}. */
  public Duration reconnectLongest() {
    return set.reconnectLongest;
  }

  /** See {@link Builder#connectTimeout}. */
  public Duration connectTimeout() {
    return set.connectTimeout;
  }

  /** See {@link Builder#drainTimeout}. */
  public Duration drainTimeout() {
    return set.drainTimeout;
  }

  /** See {@link Builder#sendBufferBytes}. */
  public long sendBufferBytes() {
    return set.sendBufferBytes;
  }

  /** See {@link Builder#middleware}. */
  public List<Middleware> middleware() {
    return set.middleware;
  }

  /** See {@link Builder#onEvent}. */
  public Consumer<Event> onEvent() {
    return set.onEvent;
  }

  /** Empty: results are ignored, errors of items become events. See {@link Builder#onResult}. */
  public Optional<Consumer<ItemResult>> onResult() {
    return set.onResult;
  }

  /** Makes options. Not thread-safe. */
  public static final class Builder implements Cloneable {
    private List<String> gateways = List.of();
    private List<String> chains = List.of();
    private String workerName = "worker";
    private String instance = "";
    private OptionalInt windowMessages = OptionalInt.empty();
    private long windowBytes = 64L << 20;
    private OptionalInt concurrency = OptionalInt.empty();
    private Optional<ThreadFactory> threads = Optional.empty();
    private Duration lease = Duration.ZERO;
    private Security security = Security.TLS;
    private Tls tls = Tls.DEFAULT;
    private Optional<Path> tokenFile = Optional.empty();
    private Optional<TokenSource> tokenSource = Optional.empty();
    private Resolver resolver = Resolver.system();
    private Family family = Family.PREFER_IPV4;
    private Duration resolveInterval = Duration.ofSeconds(10);
    private Duration reconnectFirst = Duration.ofMillis(100);
    private Duration reconnectLongest = Duration.ofSeconds(30);
    private Duration connectTimeout = Duration.ofSeconds(10);
    private Duration drainTimeout = Duration.ofSeconds(20);
    private long sendBufferBytes = 16L << 20;
    private List<Middleware> middleware = List.of();
    private Consumer<Event> onEvent = Event::log;
    private Optional<Consumer<ItemResult>> onResult = Optional.empty();

    private Builder() {}

    private Builder copy() {
      try {
        return (Builder) clone();
      } catch (CloneNotSupportedException impossible) {
        throw new AssertionError(impossible);
      }
    }

    /**
     * "HOST:PORT", "[IPv6]:PORT" or "HOST" (port 7443); at least one. Each name is looked up for
     * all its addresses, and one stream is kept to each: list a headless Service, or every replica.
     */
    public Builder gateways(List<String> value) {
      gateways = List.copyOf(value);
      return this;
    }

    /** See {@link #gateways(List)}. */
    public Builder gateways(String... value) {
      return gateways(List.of(value));
    }

    /** The chains that this worker serves, 1 … 1,000, each at most 256 bytes. */
    public Builder chains(List<String> value) {
      chains = List.copyOf(value);
      return this;
    }

    /** See {@link #chains(List)}. */
    public Builder chains(String... value) {
      return chains(List.of(value));
    }

    /** What kind of worker this is, for people and logs; at most 256 bytes. Default: "worker". */
    public Builder workerName(String value) {
      workerName = Objects.requireNonNull(value);
      return this;
    }

    /** Which one of them, at most 256 bytes. Default, and when empty: "HOST-PROCESS". */
    public Builder instance(String value) {
      instance = Objects.requireNonNull(value);
      return this;
    }

    /**
     * How many messages one stream may have delivered but not settled, at least 1. Default: as many
     * as the handlers get through in 100 ms, by how long they have taken lately, shared by the
     * streams that have something to do; never fewer than there are threads for, never more than
     * 1,000 a stream. Fixed, a larger one keeps the worker busy over longer distances to the
     * gateway; a smaller one spreads a backlog more evenly over workers, and loses less time when
     * this one dies.
     */
    public Builder windowMessages(int value) {
      windowMessages = OptionalInt.of(value);
      return this;
    }

    /**
     * The same in bytes of payload, topic and properties; 0: no limit of its own. With the window
     * of messages it bounds the memory of this process: so much (and one message larger than that)
     * for each stream. Default: 64 MiB.
     */
    public Builder windowBytes(long value) {
      windowBytes = value;
      return this;
    }

    /**
     * How many handlers run at once, shared by all streams, 0 … 4,096. 0: handlers run on the
     * stream's own thread; the fastest for handlers of a few microseconds that never wait, but
     * while one waits, its stream neither reads nor sends. Default: the machine's CPUs, at least 4.
     */
    public Builder concurrency(int value) {
      concurrency = OptionalInt.of(value);
      return this;
    }

    /**
     * Makes the threads that run handlers, as many as {@link #concurrency}, once each. Default:
     * virtual threads where the runtime has them (Java 21), else daemon threads. Before Java 24 a
     * virtual thread that waits within {@code synchronized} keeps a CPU's thread to itself: for
     * handlers that do so give {@code Executors.defaultThreadFactory()}.
     */
    public Builder threads(ThreadFactory value) {
      threads = Optional.of(value);
      return this;
    }

    /**
     * How long a message is kept from other workers after this one has vanished without closing its
     * stream, at most a day. Default, and when zero: as the chain says. Long handlers need no long
     * lease: leases are extended at their half while a handler runs.
     */
    public Builder lease(Duration value) {
      lease = Objects.requireNonNull(value);
      return this;
    }

    /** Default: TLS. */
    public Builder security(Security value) {
      security = Objects.requireNonNull(value);
      return this;
    }

    /** Default: the runtime's roots, no certificate of the worker's own. */
    public Builder tls(Tls value) {
      tls = Objects.requireNonNull(value);
      return this;
    }

    /**
     * A file with a bearer token for the gateway ({@code workers.auth.jwt}), such as a projected
     * token of Kubernetes; blanks and line breaks around it do not count. Read by each attempt to
     * connect, so that a renewed token is taken up; a gateway asks for a new connection before the
     * token ends. With PLAINTEXT anyone on the way can take it. Default: none.
     */
    public Builder tokenFile(Path value) {
      tokenFile = Optional.of(value);
      return this;
    }

    /** Where a token comes from, in place of a file. Default: none. */
    public Builder tokenSource(TokenSource value) {
      tokenSource = Optional.of(value);
      return this;
    }

    /** Looks names up. Default: {@link Resolver#system()}. */
    public Builder resolver(Resolver value) {
      resolver = Objects.requireNonNull(value);
      return this;
    }

    /** Default: IPv4 where a name has both. */
    public Builder family(Family value) {
      family = Objects.requireNonNull(value);
      return this;
    }

    /**
     * How often names are looked up again, 1 s … a day. New addresses get a stream, vanished ones
     * are not dialled again. A name that cannot be found is looked up again after a pause as for
     * connections, if that is shorter. Default: 10 s.
     */
    public Builder resolveInterval(Duration value) {
      resolveInterval = Objects.requireNonNull(value);
      return this;
    }

    /**
     * The first pause before a connection is tried again, 1 ms … a day. It doubles up to {@link
     * #reconnectLongest}, each time held to a random half … whole of itself. What will not mend by
     * itself (a rejected identity, an unknown chain) waits the longest at once. Default: 100 ms.
     */
    public Builder reconnectFirst(Duration value) {
      reconnectFirst = Objects.requireNonNull(value);
      return this;
    }

    /** The longest pause, from {@link #reconnectFirst} to a day. Default: 30 s. */
    public Builder reconnectLongest(Duration value) {
      reconnectLongest = Objects.requireNonNull(value);
      return this;
    }

    /**
     * How long an attempt to connect may take, from reading the files to the gateway's Welcome, 1
     * ms … a day. Default: 10 s.
     */
    public Builder connectTimeout(Duration value) {
      connectTimeout = Objects.requireNonNull(value);
      return this;
    }

    /**
     * How long a drain waits for handlers and for the gateway to take their settlements, at most a
     * day. What is left is delivered again. Default: 20 s.
     */
    public Builder drainTimeout(Duration value) {
      drainTimeout = Objects.requireNonNull(value);
      return this;
    }

    /**
     * What may wait to be sent on one stream before {@link Context#send} waits: replies ahead of
     * their settlement, in bytes. Default: 16 MiB.
     */
    public Builder sendBufferBytes(long value) {
      sendBufferBytes = value;
      return this;
    }

    /** What is done around the handler; the first is the outermost. Default: nothing. */
    public Builder middleware(Middleware... value) {
      middleware = List.of(value);
      return this;
    }

    /**
     * Hears every event, one at a time, on the thread in {@link Worker#run()}; while it waits,
     * nothing is dialled and no lease is extended. Default: {@link Event#log}.
     */
    public Builder onEvent(Consumer<Event> value) {
      onEvent = Objects.requireNonNull(value);
      return this;
    }

    /**
     * Hears each result, in order for one stream, on the stream's thread: must be quick and
     * thread-safe. Default: results of replies are ignored, errors of items become events.
     */
    public Builder onResult(Consumer<ItemResult> value) {
      onResult = Optional.of(value);
      return this;
    }

    /**
     * The options.
     *
     * @throws IllegalArgumentException when one is out of its range; the text names it, what was
     *     found and what is allowed
     */
    public Options build() {
      Options options = new Options(copy());
      dev.sluice.worker.internal.OptionChecks.check(options);
      return options;
    }
  }
}
