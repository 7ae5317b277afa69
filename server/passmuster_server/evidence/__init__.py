"""What an auditor is handed: figures of a period, and which controls each of them speaks for."""
