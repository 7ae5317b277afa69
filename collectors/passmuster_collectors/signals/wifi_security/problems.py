"""The words for every problem with a network."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.signal import ProblemText
from passmuster_collectors.signals.wifi_security.rule import Problem

MACOS_WIFI = "x-apple.systempreferences:com.apple.wifi-settings-extension"
WINDOWS_WIFI = "ms-settings:network-wifi"
WINDOWS_LOCATION = "ms-settings:privacy-location"

OTHER_NETWORK: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Open the network menu and join a network that shows a padlock and WPA2 or WPA3.",
            "No such network here? Start your VPN, or share your phone's connection.",
        )
    ),
    Platform.MACOS: Remedy(
        (
            "Open System Settings, then Wi-Fi.",
            "Join a network that shows a padlock and WPA2 or WPA3.",
            "No such network here? Start your VPN, or share your phone's connection.",
        ),
        MACOS_WIFI,
    ),
    Platform.WINDOWS: Remedy(
        (
            "Open Settings, then Network & internet, then Wi-Fi.",
            "Join a network that is shown as secured with WPA2 or WPA3.",
            "No such network here? Start your VPN, or share your phone's connection.",
        ),
        WINDOWS_WIFI,
    ),
}

OWN_ROUTER: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "At home: open your router's settings and set Wi-Fi security to WPA2 or WPA3.",
            "Elsewhere: join another network, start your VPN, or share your phone's connection.",
        ),
        link,
    )
    for platform, link in (
        (Platform.LINUX, None),
        (Platform.MACOS, MACOS_WIFI),
        (Platform.WINDOWS, WINDOWS_WIFI),
    )
}

TELL_IT = "Still not clear? Tell IT: the agent could not read how this network is protected."
READ_AGAIN: Mapping[Platform, Remedy] = {
    **{
        platform: Remedy(
            ("Switch Wi-Fi off and on again, and wait until it has joined.", TELL_IT), link
        )
        for platform, link in ((Platform.LINUX, None), (Platform.MACOS, MACOS_WIFI))
    },
    # Windows 11 24H2 and later tells it to nobody else.
    Platform.WINDOWS: Remedy(
        (
            "Open Settings, Privacy & security, Location.",
            "Switch on “Location services” and “Let desktop apps access your location”.",
            "Windows tells how a network is protected only then. Passmuster asks for no location.",
            TELL_IT,
        ),
        WINDOWS_LOCATION,
    ),
}

SERVER_CHECK: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Ask IT for the certificate of your organisation's Wi-Fi and the server's name.",
            "Set both in the settings of this network, under its security, and join it again.",
        ),
        link,
    )
    for platform, link in (
        (Platform.LINUX, None),
        (Platform.MACOS, MACOS_WIFI),
        (Platform.WINDOWS, WINDOWS_WIFI),
    )
}

CHECK_VPN: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Join a network with WPA2 or WPA3; then the VPN does not matter.",
            "Or tell IT that Passmuster does not recognise your VPN.",
        ),
        link,
    )
    for platform, link in (
        (Platform.LINUX, None),
        (Platform.MACOS, MACOS_WIFI),
        (Platform.WINDOWS, WINDOWS_WIFI),
    )
}

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.OPEN: ProblemText(
        "The Wi-Fi network you are on is open: anybody nearby can read along.",
        "{interface}: open network, no VPN carries the traffic",
        OTHER_NETWORK,
    ),
    Problem.WEP: ProblemText(
        "The Wi-Fi network you are on uses WEP, which is broken within minutes.",
        "{interface}: WEP, no VPN carries the traffic",
        OWN_ROUTER,
    ),
    Problem.WPA1: ProblemText(
        "The Wi-Fi network you are on uses the outdated WPA1.",
        "{interface}: {security}, no VPN carries the traffic",
        OWN_ROUTER,
    ),
    Problem.FORBIDDEN: ProblemText(
        "Your organisation does not allow the kind of Wi-Fi network you are on ({security}).",
        "{interface}: {security} is forbidden by the policy",
        OTHER_NETWORK,
    ),
    Problem.WEAK_CIPHER: ProblemText(
        "The Wi-Fi network you are on still mixes in an outdated cipher.",
        "{interface}: TKIP or WEP in use beside a better cipher, or not known",
        OWN_ROUTER,
    ),
    Problem.SERVER_UNCHECKED: ProblemText(
        "The Wi-Fi network you are on does not have to prove that it is your organisation's: "
        "anybody can pose as it and get your password.",
        "{interface}: enterprise network whose server certificate is not checked, or by a public "
        "authority without a name",
        SERVER_CHECK,
    ),
    Problem.SERVER_UNCLEAR: ProblemText(
        "Passmuster could not find out whether the Wi-Fi network you are on has to prove that it "
        "is your organisation's.",
        "{interface}: enterprise network; the profile that says whether the server is checked "
        "could not be read",
        SERVER_CHECK,
    ),
    Problem.UNCLEAR: ProblemText(
        "Passmuster could not find out how the Wi-Fi network you are on is protected.",
        "{interface}: joined, but what was negotiated is not known",
        READ_AGAIN,
    ),
    Problem.UNCLEAR_VPN: ProblemText(
        "The Wi-Fi network you are on is not safe ({security}), and Passmuster can't tell whether "
        "a VPN protects you.",
        "{interface}: {security}, and whether a VPN carries the traffic is not known",
        CHECK_VPN,
    ),
    Problem.UNREADABLE: ProblemText(
        "Passmuster could not look at the Wi-Fi. {reason}",
        "The Wi-Fi could not be read completely. {reason}",
        READ_AGAIN,
    ),
}
