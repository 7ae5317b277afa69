"""What the frozen agent's one executable runs: every command of `passmuster-agent`."""

from passmuster_agent.cli import main

raise SystemExit(main())
