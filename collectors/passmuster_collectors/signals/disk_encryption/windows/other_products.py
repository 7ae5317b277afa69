"""Products beside BitLocker that encrypt the whole disk, by the drivers that do it.

A driver of theirs that Windows starts while booting has something to decrypt; installed for files
and containers alone it starts later. What it decrypts Windows can't tell.
"""

from passmuster_collectors.host.base import Host, SourceError, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals.inquiry import Inquiry

SERVICES = r"SYSTEM\CurrentControlSet\Services"
BOOT = 0  # SERVICE_BOOT_START, winnt.h

PRODUCTS = {
    "veracrypt": "VeraCrypt",
    "truecrypt": "TrueCrypt",
    "dcrypt": "DiskCryptor",
    "bcfnt": "BestCrypt",
    "PGPwded": "Symantec Endpoint Encryption",
    "MfeEpePc": "Trellix Drive Encryption",
    "SafeBoot": "SafeBoot",
}


def find(host: Host, inquiry: Inquiry) -> str | None:
    """Return the name of such a product; None where there is none."""
    for service, product in PRODUCTS.items():
        try:
            start = host.registry_value(Hive.LOCAL_MACHINE, rf"{SERVICES}\{service}", "Start")
        except SourceMissingError:
            continue
        except SourceError as error:
            inquiry.sources.append(error.source())
            continue
        if type(start) is not int:
            inquiry.contradict(rf"{SERVICES}\{service}", "Start is no number")
        elif start == BOOT:
            return product
    return None
