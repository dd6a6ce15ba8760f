"""A second, plain computation of what the engine settles, and generated networks to compare the two on."""
