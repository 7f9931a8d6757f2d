/** Which version of the SDK this is: that of the gateway it came with, and of all other SDKs. */
const VERSION = "0.1.0";

/** What it calls itself to gateways. */
export const SDK = `sluice-node/${VERSION}`;
