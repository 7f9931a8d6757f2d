package dev.sluice.worker.internal;

import java.util.ArrayList;
import java.util.List;

/** What the names among the gateways stand for, and what changes with each look-up. Pure. */
final class Names {
  /** Addresses that no look-up gave before, and that none gives any more. */
  record Changes(List<Address> added, List<Address> gone) {}

  private final List<Target> targets;
  private final List<List<Address>> found = new ArrayList<>(); // Per target.
  private final String[] errors; // Per target, as last reported; null: none.

  Names(List<Target> targets) {
    this.targets = targets;
    targets.forEach(target -> found.add(List.of()));
    errors = new String[targets.size()];
  }

  List<Target> targets() {
    return targets;
  }

  /** False: it has been said before. It is tried again every few seconds. */
  boolean failed(int target, String error) {
    if (error.equals(errors[target])) {
      return false;
    }
    errors[target] = error;
    return true;
  }

  Changes found(int target, List<Address> addresses) {
    errors[target] = null;
    List<Address> before = all();
    found.set(target, addresses);
    List<Address> after = all();
    return new Changes(Addresses.missing(after, before), Addresses.missing(before, after));
  }

  private List<Address> all() {
    List<Address> all = new ArrayList<>();
    found.forEach(all::addAll);
    return all;
  }
}
