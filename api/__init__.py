"""HTTP for people and partners: finance, pages, OCPI."""
