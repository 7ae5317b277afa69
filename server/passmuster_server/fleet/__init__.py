"""The pages IT works with."""
