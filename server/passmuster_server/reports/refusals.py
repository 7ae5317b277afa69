"""What refuses a report of a device by what it is: the same words wherever it is found out."""

from passmuster_server.web.problems import RefusalError


def unknown_device() -> RefusalError:
    """Return the refusal of a device that nobody has enrolled."""
    return RefusalError(401, "unknown_device", "This device is not enrolled here.")


def bad_signature() -> RefusalError:
    """Return the refusal of what another key has signed."""
    return RefusalError(401, "bad_signature", "The report is not signed by the device's key.")


def in_conflict() -> RefusalError:
    """Return the refusal of a device whose key two laptops use."""
    return RefusalError(
        409, "identity_conflict", "Two laptops use this device's key. Enrol this one again."
    )
