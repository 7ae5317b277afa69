"""The helpdesk's question and its answer, on every protocol."""
