"""IT's pages beside the fleet: USB devices, the policy, and how things develop."""
