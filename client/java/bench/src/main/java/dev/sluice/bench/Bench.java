package dev.sluice.bench;

/** Placeholder. */
public final class Bench {
  private Bench() {}

  /** Nothing yet. */
  public static void main(String[] args) {}
}
