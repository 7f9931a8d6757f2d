package dev.sluice.worker.internal;

/**
 * A bidirectional gRPC call, as a stream needs it. Everything but cancel() and execute() is called
 * on the transport's own thread, on which it calls its listener, too.
 */
interface Transport {
  /** Whether a frame that is sent now leaves soon; the listener hears when it becomes true. */
  boolean isReady();

  /** The bytes are taken when this returns. */
  void send(Outbox.Frame frame);

  void halfClose();

  /** One more frame may come. */
  void request();

  /** Ends the call at once; the listener hears of it. From any thread. */
  void cancel(String why);

  /** Runs a task on the transport's thread. From any thread. */
  void execute(Runnable task);

  /** What a transport tells. */
  interface Listener {
    void onFrame(byte[] frame);

    void onReady();

    /** Once; nothing follows. Possibly on another thread. */
    void onClosed(dev.sluice.worker.Status status);
  }
}
