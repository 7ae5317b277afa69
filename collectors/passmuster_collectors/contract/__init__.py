"""What a laptop says and what the server answers: shapes, words and bytes.

Standard library only: both sides import it.
"""
