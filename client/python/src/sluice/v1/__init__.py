"""Generated from proto/sluice/v1/worker.proto by client/python/dev."""
