"""The console's HTTP API: what IT sees and changes there, for programs."""
