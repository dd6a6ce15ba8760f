"""Files of banks: what is read out of them, what is refused, and what they make of a book."""
