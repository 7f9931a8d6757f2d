import { status } from "@grpc/grpc-js";

import type { StatusCode } from "../status.js";

export function grpcNumber(code: StatusCode): status {
  return status[code];
}
