package dev.sluice.testee;

import java.util.HashSet;
import java.util.Set;

/** Where handlers wait until the suite lets them go on. Thread-safe. */
final class Gates {
  private Set<String> open = new HashSet<>();

  synchronized void release(String name) {
    open.add(name);
    notifyAll();
  }

  /** Of another worker's run. */
  synchronized void closeAll() {
    open = new HashSet<>();
  }

  synchronized void pass(String name) throws InterruptedException {
    Set<String> ours = open; // A later run's gates are not these handlers' matter.
    while (!ours.contains(name)) {
      wait();
    }
  }
}
