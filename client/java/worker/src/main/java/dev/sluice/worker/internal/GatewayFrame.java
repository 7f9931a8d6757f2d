package dev.sluice.worker.internal;

import dev.sluice.worker.ItemResult;
import java.util.List;

/** A frame of the gateway, read. What is null was not there. */
final class GatewayFrame {
  /** The gateway accepts the worker. */
  record Welcome(
      int protocolVersion,
      String sessionId,
      String gateway,
      List<String> acceptedChains,
      List<Refused> refusedChains,
      long maxWindowMessages,
      long heartbeatMillis,
      long maxFrameBytes,
      List<String> features) {}

  /** A chain that nothing is delivered from. */
  record Refused(String chain, String reason) {}

  /** The gateway delivers no more. */
  record Drain(long deadlineMillis, String reason) {}

  Welcome welcome;
  Held[] deliveries = {};
  int deliveryCount; // Of the array, those that are there.
  List<ItemResult> results = List.of();
  List<Long> revokes = List.of(); // Delivery ids.
  Long ping; // Nonces.
  Long pong;
  Drain drain;
}
