"""What tests/kubernetes/run plays, and on what."""
