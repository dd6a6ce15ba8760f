"""Proofs of the book: trees, anchors, keys, and the checker that comes with an export."""
