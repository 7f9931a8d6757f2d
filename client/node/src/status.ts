/** The outcome of a stream or of running a worker: gRPC's codes by their names. */
export type StatusCode =
  | "OK"
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

export interface Status {
  readonly code: StatusCode;
  /** For people; empty with OK. */
  readonly message: string;
}

export const OK: Status = { code: "OK", message: "" };

// At gRPC's numbers.
const NAMES: readonly StatusCode[] = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

export function statusCodeOf(grpcNumber: number): StatusCode {
  return NAMES[grpcNumber] ?? "UNKNOWN";
}

export function statusText(status: Status): string {
  return status.message === "" ? status.code : `${status.code}: ${status.message}`;
}

/** What every function of this package throws or rejects with. */
export class WorkerError extends Error {
  readonly code: StatusCode;

  constructor(code: StatusCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "WorkerError";
    this.code = code;
  }
}

/** The text of whatever was thrown. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  try {
    return String(error);
  } catch {
    return "something that cannot be shown was thrown";
  }
}
