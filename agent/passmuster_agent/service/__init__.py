"""How the agent runs by itself: as a service of Windows, by launchd on a Mac."""
