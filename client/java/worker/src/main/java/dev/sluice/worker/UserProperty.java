package dev.sluice.worker;

import java.util.Objects;

/**
 * An MQTT 5 user property. The same name may come several times; the order is kept.
 *
 * @param name its name
 * @param value its value
 */
public record UserProperty(String name, String value) {
  /** Neither may be null. */
  public UserProperty {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(value, "value");
  }
}
