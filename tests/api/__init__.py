"""The resources over HTTP, on a real socket and a real database."""
