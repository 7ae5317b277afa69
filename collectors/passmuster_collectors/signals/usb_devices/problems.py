"""The words for every problem with an attached device."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.signal import ProblemText
from passmuster_collectors.signals.usb_devices.rule import Problem


def _everywhere(*steps: str) -> Mapping[Platform, Remedy]:
    return dict.fromkeys(Platform, Remedy(steps))


UNPLUG = _everywhere(
    "Unplug “{device}”.",
    "Do you need it for work? Ask IT to approve it and name {ids}.",
)
UNPLUG_AND_TELL = _everywhere(
    "Unplug “{device}” and do not plug it in again.",
    "Tell IT where it came from, and hand it over to them.",
)
REPLUG = _everywhere(
    "Unplug “{device}”, wait a moment and plug it in again.",
    "If this message stays, leave it unplugged and ask IT to look at {ids}.",
)

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.FORBIDDEN: ProblemText(
        worker="IT has forbidden “{device}”.",
        admin="A device that IT has forbidden: “{device}” ({ids}).",
        remedy=_everywhere("Unplug “{device}”.", "Ask IT why, if you need one like it for work."),
    ),
    Problem.UNKNOWN_STORAGE: ProblemText(
        worker="“{device}” can store data, and IT has not approved it yet.",
        admin="External storage that is not on the list of known devices: “{device}” ({ids}).",
        remedy=UNPLUG,
    ),
    Problem.UNKNOWN_KEYBOARD: ProblemText(
        worker="“{device}” can type like a keyboard, and IT has not approved it yet.",
        admin="External keyboard that is not on the list of known devices: “{device}” ({ids}).",
        remedy=UNPLUG,
    ),
    Problem.UNCLEAR_STORAGE: ProblemText(
        worker="Passmuster could not find out whether “{device}” can store data.",
        admin="What “{device}” ({ids}) can do could not be read, so it may be storage.",
        remedy=REPLUG,
    ),
    Problem.UNCLEAR_KEYBOARD: ProblemText(
        worker="Passmuster could not find out whether “{device}” can type like a keyboard.",
        admin="“{device}” ({ids}) is a human interface device whose reports could not be read, so "
        "it may be a keyboard.",
        remedy=REPLUG,
    ),
    Problem.KEYBOARD_AND_STORAGE: ProblemText(
        worker="“{device}” is a keyboard and a USB stick in one. Attack tools look like that.",
        admin="One device with a keyboard and storage, the shape of a keystroke injector that "
        "brings or takes files: “{device}” ({ids}).",
        remedy=UNPLUG_AND_TELL,
    ),
    Problem.KEYBOARD_AND_NETWORK: ProblemText(
        worker="“{device}” is a keyboard and a network card in one. Attack tools look like that.",
        admin="One device with a keyboard and a network card, the shape of a keystroke injector "
        "that redirects traffic: “{device}” ({ids}).",
        remedy=UNPLUG_AND_TELL,
    ),
    Problem.KEYBOARD_AND_SERIAL: ProblemText(
        worker="“{device}” is a keyboard that can be programmed over a second connection. Attack "
        "tools look like that.",
        admin="One device with a keyboard and a serial port, the shape of a development board or a "
        "keystroke injector: “{device}” ({ids}).",
        remedy=UNPLUG_AND_TELL,
    ),
    Problem.SECOND_KEYBOARD: ProblemText(
        worker="“{device}” is one more keyboard beside the one you plugged in before.",
        admin="A further external keyboard appeared while another one was attached: “{device}” "
        "({ids}). Malicious cables and sticks do this.",
        remedy=_everywhere(
            "Unplug “{device}” if it is not a keyboard that you use.",
            "If it is a keyboard that you use, ask IT to approve it and name {ids}.",
        ),
    ),
    Problem.IDENTITY_CHANGED_ON_PORT: ProblemText(
        worker="What you plugged in calls itself “{device}” now and something else before.",
        admin="The device on this port changed what it claims to be faster than anybody swaps "
        "plugs, and one of the two can type: “{device}” ({ids}).",
        remedy=UNPLUG_AND_TELL,
    ),
    Problem.KNOWN_ATTACK_ID: ProblemText(
        worker="“{device}” looks like a tool that is made for attacks.",
        admin="The ids of “{device}” ({ids}) are those of a penetration-testing tool, or of a "
        "development board that can type.",
        remedy=UNPLUG_AND_TELL,
    ),
    Problem.VANISHED_KEYBOARD: ProblemText(
        worker="“{device}” was plugged in for a moment. It could type like a keyboard, and this "
        "computer had never seen it before.",
        admin="An external keyboard that was never seen here before came and left within a minute: "
        "“{device}” ({ids}). Keystroke injectors do this. It is told for an hour.",
        remedy=_everywhere(
            "Do not plug “{device}” in again.",
            "Tell IT where it came from. Do you use this keyboard? Then ask IT to approve {ids}.",
        ),
    ),
    Problem.CLONED_IDENTITY: ProblemText(
        worker="“{device}” pretends to be another product.",
        admin="“{device}” ({ids}) claims an identity that is not its own: the maker has no product "
        "of this shape, the same serial number is attached twice, or a device with that serial "
        "number could not type when it was here before.",
        remedy=UNPLUG_AND_TELL,
    ),
    Problem.UNREADABLE: ProblemText(
        worker="Passmuster could not see which USB devices are plugged in. {reason}",
        admin="The attached USB devices could not be read completely. {reason}",
        remedy={
            Platform.LINUX: Remedy(
                (
                    "Unplug the USB devices that you do not need.",
                    "Restart the computer. If this message stays, ask IT for help.",
                )
            ),
            Platform.MACOS: Remedy(
                (
                    "Unplug the USB devices that you do not need.",
                    "Restart the Mac. If this message stays, ask IT for help.",
                )
            ),
            Platform.WINDOWS: Remedy(
                (
                    "Unplug the USB devices that you do not need.",
                    "Restart the computer. If this message stays, ask IT for help.",
                )
            ),
        },
    ),
}
