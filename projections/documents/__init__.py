"""What programs get: the JSON shapes of what people ask for, amounts as decimal texts; one module a subject."""
