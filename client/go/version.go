package sluice

// Version is that of this module, of the gateway it came with, and of all other SDKs.
const Version = "0.1.0"

// sdk is what this SDK calls itself to gateways.
const sdk = "sluice-go/" + Version
