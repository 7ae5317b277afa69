"""What a laptop says and what the server answers: shapes, words and bytes, standard library only."""
