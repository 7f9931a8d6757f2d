/**
 * For unit tests of workers: a gateway within the test's process.
 *
 * @packageDocumentation
 */
export { type MessageFields, type ReceivedReply, type ReceivedSettle, testMessage } from "./convert.js";
export { FakeGateway, type FakeGatewayOptions } from "./fake-gateway.js";
export { FakeStream } from "./fake-stream.js";
