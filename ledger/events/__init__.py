"""The schema `event_store`: events appended and read, how they are written as bytes, and the head of each stream."""
