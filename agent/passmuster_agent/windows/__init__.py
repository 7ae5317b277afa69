"""What the agent asks of Windows for itself: folders, accounts, rights on files."""
