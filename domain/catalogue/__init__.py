"""The catalogue: contracts of operators, locations, partners, tariffs and orders, each in versions with dates."""
