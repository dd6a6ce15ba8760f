"""Tests of the domain's decisions: what is booked, released, credited and paid."""
