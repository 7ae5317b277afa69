"""What judges the laptops' reports, shows IT the fleet and answers the helpdesk's gate."""

from passmuster_collectors import __version__ as __version__
