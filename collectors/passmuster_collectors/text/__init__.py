"""Parsers for shapes that several sources share."""
