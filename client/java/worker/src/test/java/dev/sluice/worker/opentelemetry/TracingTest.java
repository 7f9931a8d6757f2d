package dev.sluice.worker.opentelemetry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.worker.Context;
import dev.sluice.worker.DataType;
import dev.sluice.worker.Handler;
import dev.sluice.worker.Message;
import dev.sluice.worker.Reply;
import dev.sluice.worker.Settlement;
import dev.sluice.worker.SettlementException;
import dev.sluice.worker.UserProperty;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Spans, with a tracer that writes down what it is told. */
class TracingTest {
  private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
  private static final String OURS = "b7ad6b7169203331";

  private final List<String> told = new ArrayList<>();
  private final List<Reply> sent = new ArrayList<>();

  private final Context context =
      new Context() {
        @Override
        public void send(Reply reply) {
          sent.add(reply);
        }

        @Override
        public boolean abandoned() {
          return false;
        }

        @Override
        public CompletableFuture<Void> abandonment() {
          return new CompletableFuture<>();
        }
      };

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private final Span span =
      proxy(
          Span.class,
          (self, method, arguments) -> {
            switch (method.getName()) {
              case "getSpanContext":
                return SpanContext.create(
                    TRACE, OURS, TraceFlags.getSampled(), TraceState.getDefault());
              case "makeCurrent", "storeInContext":
                return InvocationHandler.invokeDefault(self, method, arguments);
              default:
                told.add(method.getName() + " " + (arguments == null ? "" : List.of(arguments)));
                return method.getReturnType() == Span.class ? self : null;
            }
          });

  private final SpanBuilder builder =
      proxy(
          SpanBuilder.class,
          (self, method, arguments) -> {
            if (method.getName().equals("startSpan")) {
              return span;
            }
            if (method.getName().equals("setParent")) {
              Span parent = Span.fromContext((io.opentelemetry.context.Context) arguments[0]);
              told.add("parent " + parent.getSpanContext().getSpanId());
            } else {
              told.add(method.getName() + " " + List.of(arguments));
            }
            return self;
          });

  private final OpenTelemetry openTelemetry =
      new OpenTelemetry() {
        @Override
        public TracerProvider getTracerProvider() {
          return new TracerProvider() {
            @Override
            public Tracer get(String name) {
              return spanName -> {
                told.add("span " + spanName);
                return builder;
              };
            }

            @Override
            public Tracer get(String name, String version) {
              return get(name);
            }
          };
        }

        @Override
        public ContextPropagators getPropagators() {
          return ContextPropagators.create(W3CTraceContextPropagator.getInstance());
        }
      };

  private static Message message() {
    return new Message(
        1,
        "id",
        "r",
        "temperature",
        "",
        "plant/temp",
        new byte[3],
        0,
        false,
        false,
        DataType.UNSPECIFIED,
        Instant.EPOCH,
        Duration.ZERO,
        Duration.ZERO,
        2,
        "",
        "",
        "",
        new byte[0],
        List.of(new UserProperty("traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01")),
        OptionalLong.empty(),
        Map.of());
  }

  @Test
  void aSpanContinuesTheTraceOfTheMessage() throws Exception {
    Handler handler =
        Tracing.of(openTelemetry)
            .around(
                (message, given) -> {
                  assertEquals(OURS, Span.current().getSpanContext().getSpanId());
                  return Reply.of("x");
                });
    Settlement settlement = handler.handle(message(), context).settlement();
    assertTrue(settlement.replies().get(0).userProperties().isEmpty());
    assertTrue(told.contains("span process temperature"), told.toString());
    assertTrue(told.contains("parent 00f067aa0ba902b7"), told.toString());
    assertTrue(told.contains("setSpanKind " + List.of(SpanKind.CONSUMER)), told.toString());
    assertTrue(told.contains("setAttribute [messaging.destination.name, plant/temp]"));
    assertTrue(told.contains("setAttribute [messaging.message.id, id]"));
    assertTrue(told.contains("setAttribute [sluice.outcome, ACK]"));
    assertEquals("end ", told.get(told.size() - 1));
  }

  @Test
  void repliesCarryTheTraceWhenAsked() throws Exception {
    String own = "00-" + TRACE + "-00000000000000aa-01";
    Handler handler =
        Tracing.of(openTelemetry)
            .intoReplies()
            .around(
                (message, given) -> {
                  given.send(Reply.of("early"));
                  return Settlement.ack(
                      Reply.of("late"), Reply.builder().userProperty("traceparent", own).build());
                });
    Settlement settlement = handler.handle(message(), context).settlement();
    UserProperty expected = new UserProperty("traceparent", "00-" + TRACE + "-" + OURS + "-01");
    assertEquals(List.of(expected), sent.get(0).userProperties());
    assertEquals(List.of(expected), settlement.replies().get(0).userProperties());
    assertEquals(
        List.of(new UserProperty("traceparent", own)),
        settlement.replies().get(1).userProperties());
  }

  @Test
  void failuresAreErrorsOfTheSpan() throws Exception {
    Tracing tracing = Tracing.of(openTelemetry);
    Handler failing =
        tracing.around(
            (message, given) -> {
              throw new IllegalStateException("oh");
            });
    assertThrows(IllegalStateException.class, () -> failing.handle(message(), context));
    assertTrue(told.stream().anyMatch(line -> line.startsWith("recordException")));
    assertTrue(told.contains("setStatus [ERROR]"), told.toString());

    Handler rejecting =
        tracing.around(
            (message, given) -> {
              throw new SettlementException(Settlement.reject("never"));
            });
    assertEquals("never", rejecting.handle(message(), context).settlement().reason());
    assertTrue(told.contains("setStatus [ERROR, never]"), told.toString());
    assertEquals("end ", told.get(told.size() - 1));
  }
}
