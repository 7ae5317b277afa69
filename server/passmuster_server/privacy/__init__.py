"""How long what is stored is kept, and what is stored of one person."""
