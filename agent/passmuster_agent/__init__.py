"""What runs on the laptop: reads the signals, signs them and reports them to the server."""

from passmuster_collectors import __version__ as __version__
