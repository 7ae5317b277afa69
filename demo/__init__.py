"""`make demo`: the whole product on this machine, from the kernel to the gate."""
