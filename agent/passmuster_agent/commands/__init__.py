"""The commands that a person types: how they are read, and what each does.

The parser imports every room of these, so what a command needs is imported when it runs.
"""
