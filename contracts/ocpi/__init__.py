"""OCPI 2.2.1 objects on the wire: locations and tariffs that come in, CDRs that go out."""
