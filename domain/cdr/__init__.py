"""OCPI CDRs and credit CDRs as documents: their costs, periods, taxes, location, and both versions of OCPI."""
