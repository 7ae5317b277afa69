"""The tools that are looked for, and the names under which their programs run.

Only what serves the screen is listed, never what looks at another one. The names are those of the
vendors' own packages; they are compared without regard to case, and without `.exe`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ToolName(StrEnum):
    """What leaves the laptop of a tool."""

    ANYDESK = "anydesk"
    APPLE_SCREEN_SHARING = "apple_screen_sharing"
    BEYONDTRUST = "beyondtrust"
    CHROME_REMOTE_DESKTOP = "chrome_remote_desktop"
    DWSERVICE = "dwservice"
    GNOME_REMOTE_DESKTOP = "gnome_remote_desktop"
    HOPTODESK = "hoptodesk"
    KDE_REMOTE_DESKTOP = "kde_remote_desktop"
    LOGMEIN = "logmein"
    MESHCENTRAL = "meshcentral"
    NOMACHINE = "nomachine"
    PARSEC = "parsec"
    QUICK_ASSIST = "quick_assist"
    REMOTE_UTILITIES = "remote_utilities"
    RUSTDESK = "rustdesk"
    SCREENCONNECT = "screenconnect"
    SPLASHTOP = "splashtop"
    SUNSHINE = "sunshine"
    SUPREMO = "supremo"
    TEAMVIEWER = "teamviewer"
    ULTRAVIEWER = "ultraviewer"
    VNC = "vnc"
    WINDOWS_REMOTE_DESKTOP = "windows_remote_desktop"
    XRDP = "xrdp"


@dataclass(frozen=True)
class Tool:
    """A tool: what people call it, and its programs. `built_in` ones belong to the desktop.

    One with `ports` may run and let nobody in, unless it listens on one of them.
    """

    title: str
    programs: frozenset[str]
    built_in: bool = False
    ports: frozenset[int] = frozenset()


def _tool(
    title: str,
    *programs: str,
    built_in: bool = False,
    ports: frozenset[int] = frozenset(),
) -> Tool:
    return Tool(title, frozenset(programs), built_in, ports)


TOOLS: Mapping[ToolName, Tool] = {
    ToolName.ANYDESK: _tool("AnyDesk", "anydesk"),
    ToolName.APPLE_SCREEN_SHARING: _tool(
        "Screen Sharing", "screensharingd", "applevncserver", built_in=True
    ),
    ToolName.BEYONDTRUST: _tool("BeyondTrust Remote Support", "bomgar-scc", "sra-scc"),
    ToolName.CHROME_REMOTE_DESKTOP: _tool(
        "Chrome Remote Desktop",
        "chrome-remote-desktop-host",
        "remoting_me2me_host",
        "remoting_host",
        "remoting_desktop",
    ),
    ToolName.DWSERVICE: _tool("DWService", "dwagent", "dwagsvc"),
    ToolName.GNOME_REMOTE_DESKTOP: _tool(
        "GNOME's remote desktop",
        "gnome-remote-desktop-daemon",
        "gnome-remote-de",
        built_in=True,
        ports=frozenset((*range(3389, 3400), *range(5900, 5910))),
    ),
    ToolName.HOPTODESK: _tool("HopToDesk", "hoptodesk"),
    ToolName.KDE_REMOTE_DESKTOP: _tool("KDE's remote desktop", "krdpserver", "krfb", built_in=True),
    ToolName.LOGMEIN: _tool("LogMeIn", "logmein", "logmeinsystray", "lmiguardiansvc"),
    ToolName.MESHCENTRAL: _tool("MeshCentral", "meshagent"),
    ToolName.NOMACHINE: _tool("NoMachine", "nxserver.bin", "nxnode.bin", "nxserver", "nxd"),
    ToolName.PARSEC: _tool("Parsec", "parsecd", "pservice"),
    ToolName.QUICK_ASSIST: _tool("Quick Assist", "quickassist", "msra", built_in=True),
    ToolName.REMOTE_UTILITIES: _tool("Remote Utilities", "rutserv", "rfusclient"),
    ToolName.RUSTDESK: _tool("RustDesk", "rustdesk"),
    ToolName.SCREENCONNECT: _tool(
        "ScreenConnect", "screenconnect.clientservice", "screenconnect.windowsclient"
    ),
    ToolName.SPLASHTOP: _tool(
        "Splashtop", "srserver", "srservice", "srstreamer", "srmanager", "splashtop streamer"
    ),
    ToolName.SUNSHINE: _tool("Sunshine", "sunshine"),
    ToolName.SUPREMO: _tool("Supremo", "supremo", "supremoservice"),
    ToolName.TEAMVIEWER: _tool(
        "TeamViewer", "teamviewer", "teamviewerd", "teamviewer_service", "teamviewer_desktop"
    ),
    ToolName.ULTRAVIEWER: _tool("UltraViewer", "ultraviewer_desktop", "ultraviewer_service"),
    ToolName.VNC: _tool(
        "a VNC server",
        *("x11vnc", "xvnc", "xtigervnc", "xtightvnc", "x0vncserver", "x0tigervncserver"),
        *("vncserver", "vncserver-x11", "vncserver-x11-core", "wayvnc", "winvnc", "winvnc4"),
        *("tvnserver", "uvnc_service", "vncagent", "vino-server"),
    ),
    # No program of its own: Windows' readers look at its switch.
    ToolName.WINDOWS_REMOTE_DESKTOP: _tool("Remote Desktop", built_in=True),
    ToolName.XRDP: _tool("xrdp", "xrdp", "xrdp-sesman"),
}

BY_PROGRAM: Mapping[str, ToolName] = {
    program: name for name, tool in TOOLS.items() for program in tool.programs
}


def tool_of(program: str) -> ToolName | None:
    """Return the tool to which a running program belongs, by its name alone."""
    return BY_PROGRAM.get(program.casefold().removesuffix(".exe"))
