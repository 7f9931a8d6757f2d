package dev.sluice.worker.internal;

import dev.sluice.worker.Options;
import java.util.List;

/**
 * What streams need of the options; durations in nanoseconds.
 *
 * @param fixedWindow 0: by how long handlers take
 * @param inline handlers run on the stream's thread
 */
record StreamSettings(
    String workerName,
    String instance,
    List<String> chains,
    int fixedWindow,
    long windowBytes,
    long lease,
    long connectTimeout,
    long sendBufferBytes,
    boolean inline) {
  static StreamSettings of(Options options, String instance, boolean inline) {
    return new StreamSettings(
        options.workerName(),
        instance,
        options.chains(),
        options.windowMessages().orElse(0),
        options.windowBytes(),
        Clock.nanos(options.lease()),
        Clock.nanos(options.connectTimeout()),
        options.sendBufferBytes(),
        inline);
  }

  /** Of windows: what comes beyond is not read. */
  int mostMessages() {
    return fixedWindow == 0 ? AutoWindow.MOST : fixedWindow;
  }
}
