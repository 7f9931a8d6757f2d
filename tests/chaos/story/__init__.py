"""What tests/chaos/run plays."""
