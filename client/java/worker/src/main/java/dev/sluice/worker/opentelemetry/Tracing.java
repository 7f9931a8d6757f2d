package dev.sluice.worker.opentelemetry;

import dev.sluice.worker.Answer;
import dev.sluice.worker.Context;
import dev.sluice.worker.Handler;
import dev.sluice.worker.Message;
import dev.sluice.worker.Middleware;
import dev.sluice.worker.Outcome;
import dev.sluice.worker.Reply;
import dev.sluice.worker.Settlement;
import dev.sluice.worker.SettlementException;
import dev.sluice.worker.UserProperty;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A span for each message, of the kind CONSUMER, by OpenTelemetry's conventions for messaging. It
 * continues the trace that the message's user properties carry ({@code traceparent}, {@code
 * tracestate}, or whatever else the propagator reads), and is current while the handler runs.
 *
 * <pre>{@code
 * Options.builder().middleware(Tracing.of(openTelemetry).intoReplies())
 * }</pre>
 *
 * <p>A RETRY and a REJECT are errors of the span; what a handler throws is recorded with it.
 */
public final class Tracing implements Middleware {
  private static final AttributeKey<String> SYSTEM = AttributeKey.stringKey("messaging.system");
  private static final AttributeKey<String> OPERATION =
      AttributeKey.stringKey("messaging.operation.name");
  private static final AttributeKey<String> OPERATION_TYPE =
      AttributeKey.stringKey("messaging.operation.type");
  private static final AttributeKey<String> DESTINATION =
      AttributeKey.stringKey("messaging.destination.name");
  private static final AttributeKey<String> MESSAGE_ID =
      AttributeKey.stringKey("messaging.message.id");
  private static final AttributeKey<Long> BODY_SIZE =
      AttributeKey.longKey("messaging.message.body.size");
  private static final AttributeKey<String> ERROR_TYPE = AttributeKey.stringKey("error.type");
  private static final AttributeKey<String> CHAIN = AttributeKey.stringKey("sluice.chain");
  private static final AttributeKey<String> ROUTE = AttributeKey.stringKey("sluice.route");
  private static final AttributeKey<Long> ATTEMPT = AttributeKey.longKey("sluice.attempt");
  private static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("sluice.outcome");

  private static final TextMapGetter<Message> PROPERTIES =
      new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(Message message) {
          return message.userProperties().stream().map(UserProperty::name).toList();
        }

        @Override
        public String get(Message message, String key) {
          return message.userProperty(key).orElse(null);
        }
      };

  private final OpenTelemetry openTelemetry;
  private final Tracer tracer;
  private final boolean intoReplies;

  private Tracing(OpenTelemetry openTelemetry, boolean intoReplies) {
    this.openTelemetry = openTelemetry;
    this.tracer = openTelemetry.getTracer("dev.sluice.worker");
    this.intoReplies = intoReplies;
  }

  /** Traces messages; replies are left as they are. */
  public static Tracing of(OpenTelemetry openTelemetry) {
    return new Tracing(openTelemetry, false);
  }

  /**
   * The same, and puts the span's context into the user properties of replies, so that who receives
   * them continues the trace. A reply that has such a property already keeps it.
   */
  public Tracing intoReplies() {
    return new Tracing(openTelemetry, true);
  }

  @Override
  public Handler around(Handler next) {
    return (message, context) -> handle(next, message, context);
  }

  private Answer handle(Handler next, Message message, Context context) throws Exception {
    io.opentelemetry.context.Context parent =
        propagator().extract(io.opentelemetry.context.Context.current(), message, PROPERTIES);
    Span span =
        tracer
            // Not with the topic: there may be as many as there are devices.
            .spanBuilder("process " + message.chain())
            .setParent(parent)
            .setSpanKind(SpanKind.CONSUMER)
            .setAttribute(SYSTEM, "mqtt")
            .setAttribute(OPERATION, "process")
            .setAttribute(OPERATION_TYPE, "process")
            .setAttribute(DESTINATION, message.topic())
            .setAttribute(MESSAGE_ID, message.messageId())
            .setAttribute(BODY_SIZE, (long) message.payload().length)
            .setAttribute(CHAIN, message.chain())
            .setAttribute(ROUTE, message.route())
            .setAttribute(ATTEMPT, (long) message.attempt())
            .startSpan();
    Scope current = span.makeCurrent();
    try {
      Context wrapped = intoReplies ? new TracedContext(context) : context;
      Answer answer = next.handle(message, wrapped);
      Settlement settlement = answer == null ? Settlement.ack() : answer.settlement();
      return finish(span, settlement);
    } catch (SettlementException wanted) {
      return finish(span, wanted.settlement());
    } catch (Exception | Error failure) {
      span.recordException(failure);
      span.setAttribute(ERROR_TYPE, failure.getClass().getName());
      span.setAttribute(OUTCOME, Outcome.RETRY.name());
      span.setStatus(StatusCode.ERROR);
      throw failure;
    } finally {
      current.close();
      span.end();
    }
  }

  private Settlement finish(Span span, Settlement settlement) {
    span.setAttribute(OUTCOME, settlement.outcome().name());
    if (settlement.outcome() == Outcome.RETRY || settlement.outcome() == Outcome.REJECT) {
      span.setAttribute(ERROR_TYPE, settlement.outcome().name());
      span.setStatus(StatusCode.ERROR, settlement.reason());
    }
    if (!intoReplies || settlement.replies().isEmpty()) {
      return settlement;
    }
    io.opentelemetry.context.Context within = io.opentelemetry.context.Context.root().with(span);
    List<Reply> replies =
        settlement.replies().stream().map(reply -> inject(reply, within)).toList();
    return settlement.withReplies(replies);
  }

  private TextMapPropagator propagator() {
    return openTelemetry.getPropagators().getTextMapPropagator();
  }

  private Reply inject(Reply reply, io.opentelemetry.context.Context within) {
    Reply.Builder builder = reply.toBuilder();
    propagator()
        .inject(
            within,
            builder,
            (into, key, value) -> {
              if (reply.userProperties().stream().noneMatch(each -> each.name().equals(key))) {
                builder.userProperty(key, value);
              }
            });
    return builder.build();
  }

  /** Replies ahead of the settlement carry the trace, too. */
  private final class TracedContext implements Context {
    private final Context inner;
    private final io.opentelemetry.context.Context within =
        io.opentelemetry.context.Context.current();

    TracedContext(Context inner) {
      this.inner = inner;
    }

    @Override
    public void send(Reply reply) {
      inner.send(inject(reply, within));
    }

    @Override
    public boolean abandoned() {
      return inner.abandoned();
    }

    @Override
    public CompletableFuture<Void> abandonment() {
      return inner.abandonment();
    }
  }
}
