"""Tariffs: OCPI tariff objects read strictly, their elements and restrictions, and what is warned about."""
