"""The wire: CloudEvents envelope, messages in and out, OCPI objects, upcasters."""
