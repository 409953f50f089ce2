"""Small model and tokenizer folders, each odd in one way, and what the libraries do with them."""
